//! Where administrators are logged in from: the remote sessions that systemd-logind knows.
//!
//! A session begins after its user has proved who they are, so nobody gets one by knocking. Its
//! remote host is what the login program was told, and may be a name: only a literal address
//! counts, since whoever answers for a name could choose it. Only administrators count, since
//! others who may log in could shield their own attempts to become one.
//!
//! Source: org.freedesktop.login1(5).

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt, select};
use nix::unistd::{Group, Uid, User, getgrouplist};
use tokio::sync::mpsc;
use zbus::{OwnedObjectPath, OwnedVariant};

use super::event::Event;
use crate::control::access::ADMIN_GROUP;

/// How long a start waits for the first look: a ban of an administrator is not to be restored.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often it looks when nothing is said, or tries again to be told.
const INTERVAL: Duration = Duration::from_mins(1);
/// How long it waits after a look, however much is said.
const PAUSE: Duration = Duration::from_millis(250);
/// More sessions than that are not looked at.
const MOST: usize = 1_000;

/// The groups whose members administrate: those that sudoers(5) of RHEL and of Debian know, and
/// our own.
const ADMINISTRATORS: [&str; 3] = ["wheel", "sudo", ADMIN_GROUP];

/// A session as `ListSessions` has it: id, uid, user, seat, path.
type Listed = (String, u32, String, String, OwnedObjectPath);

#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Login {
    fn list_sessions(&self) -> zbus::Result<Vec<Listed>>;

    #[zbus(signal)]
    fn session_new(&self, id: String, path: OwnedObjectPath) -> zbus::Result<()>;

    #[zbus(signal)]
    fn session_removed(&self, id: String, path: OwnedObjectPath) -> zbus::Result<()>;
}

/// What matters of a session.
#[derive(Clone, Debug)]
struct Session {
    uid: u32,
    class: String,
    state: String,
    remote: bool,
    remote_host: String,
}

/// Looks who is logged in now, and goes on to tell of each change. An empty answer where logind
/// does not answer at once. `heeded`: whether any jail asks, and so anybody must be told of that.
pub(super) async fn watch(events: mpsc::Sender<Event>, heeded: bool) -> Vec<IpAddr> {
    let first = tokio::time::timeout(PATIENCE, async {
        let login = connect().await?;
        let now = look(&login).await?;
        Ok::<_, zbus::Error>((login, now))
    });
    let (login, now) = match first.await {
        Ok(Ok((login, now))) => (Some(login), now),
        Ok(Err(error)) => {
            unknown(&error, heeded);
            (None, Vec::new())
        }
        Err(_) => {
            unknown(&"systemd-logind is slow to answer", heeded);
            (None, Vec::new())
        }
    };
    tokio::spawn(keep_looking(login, events, heeded));
    now
}

async fn keep_looking(
    mut login: Option<LoginProxy<'static>>,
    events: mpsc::Sender<Event>,
    heeded: bool,
) {
    let mut well = login.is_some();
    loop {
        let told = match login.take() {
            Some(login) => follow(&login, &events).await,
            None => Err(zbus::Error::Failure("not connected".to_owned())),
        };
        let Err(error) = told else { return };
        if well {
            unknown(&error, heeded);
        }
        tokio::time::sleep(INTERVAL).await;
        login = connect().await.ok();
        well = login.is_some();
    }
}

/// Tells of the sessions at each change; ends without an error when nobody listens any more.
async fn follow(login: &LoginProxy<'static>, events: &mpsc::Sender<Event>) -> zbus::Result<()> {
    let mut changes = changes(login).await?;
    loop {
        let now = look(login).await?;
        if events.send(Event::Sessions(now)).await.is_err() {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
        match tokio::time::timeout(INTERVAL, changes.next()).await {
            Ok(Some(())) | Err(_) => {}
            Ok(None) => return Err(zbus::Error::Failure("the bus hung up".to_owned())),
        }
    }
}

async fn connect() -> zbus::Result<LoginProxy<'static>> {
    let builder = zbus::connection::Builder::system().method_timeout(TIMEOUT);
    LoginProxy::new(&builder.build().await?).await
}

/// Something whenever a session begins or ends.
async fn changes(login: &LoginProxy<'static>) -> zbus::Result<impl Stream<Item = ()> + Unpin> {
    let begins = login.receive_session_new().await?.map(drop);
    let ends = login.receive_session_removed().await?.map(drop);
    Ok(select(begins, ends))
}

/// The addresses that administrators are logged in from, sorted.
async fn look(login: &LoginProxy<'static>) -> zbus::Result<Vec<IpAddr>> {
    let mut sessions = Vec::new();
    for (_, uid, _, _, path) in login.list_sessions().await?.into_iter().take(MOST) {
        // It may have ended meanwhile.
        if let Ok(session) = session(login.inner().connection(), uid, path).await {
            sessions.push(session);
        }
    }
    // Asking for groups may go over the network (nsswitch.conf(5)).
    tokio::task::spawn_blocking(move || addresses(&sessions, is_administrator))
        .await
        .map_err(|error| zbus::Error::Failure(error.to_string()))
}

async fn session(bus: &zbus::Connection, uid: u32, path: OwnedObjectPath) -> zbus::Result<Session> {
    let properties = Some("org.freedesktop.DBus.Properties");
    let (service, interface) = (Some("org.freedesktop.login1"), "org.freedesktop.login1.Session");
    let answer = bus.call_method(service, path, properties, "GetAll", &(interface,)).await?;
    let all: HashMap<String, OwnedVariant> = answer.body().deserialize()?;
    let text = |key| value(&all, key).unwrap_or_default();
    Ok(Session {
        uid,
        class: text("Class"),
        state: text("State"),
        remote: value(&all, "Remote").unwrap_or_default(),
        remote_host: text("RemoteHost"),
    })
}

fn value<T: TryFrom<OwnedVariant>>(all: &HashMap<String, OwnedVariant>, key: &str) -> Option<T> {
    T::try_from(all.get(key)?.try_clone().ok()?).ok()
}

/// Where those of the sessions come from that are an administrator's.
fn addresses(sessions: &[Session], is_administrator: fn(u32) -> bool) -> Vec<IpAddr> {
    let mut known = HashMap::new();
    let mut addresses: Vec<IpAddr> = sessions
        .iter()
        .filter_map(|session| Some((session.uid, address(session)?)))
        .filter(|(uid, _)| *known.entry(*uid).or_insert_with(|| is_administrator(*uid)))
        .map(|(_, address)| address)
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// The address of a session of somebody who is logged in from elsewhere. A name is none.
fn address(session: &Session) -> Option<IpAddr> {
    let is_user = session.class == "user" || session.class.starts_with("user-");
    let is_on = session.remote && is_user && session.state != "closing";
    let address: IpAddr = session.remote_host.parse().ok()?;
    is_on.then(|| address.to_canonical())
}

/// Whether a user may become root, or command gaoler.
fn is_administrator(uid: u32) -> bool {
    let Ok(Some(user)) = User::from_uid(Uid::from_raw(uid)) else { return uid == 0 };
    let Ok(name) = std::ffi::CString::new(user.name) else { return uid == 0 };
    let groups = getgrouplist(&name, user.gid).unwrap_or_default();
    let administrates = |name: &&str| {
        Group::from_name(name).ok().flatten().is_some_and(|group| groups.contains(&group.gid))
    };
    uid == 0 || ADMINISTRATORS.iter().any(administrates)
}

fn unknown(error: &dyn std::fmt::Display, heeded: bool) {
    if !heeded {
        tracing::debug!("cannot ask systemd-logind who is logged in: {error}");
        return;
    }
    tracing::warn!(
        "cannot ask systemd-logind who is logged in, so that an administrator might be banned: {error}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(uid: u32, remote_host: &str) -> Session {
        Session {
            uid,
            class: "user".to_owned(),
            state: "active".to_owned(),
            remote: true,
            remote_host: remote_host.to_owned(),
        }
    }

    #[track_caller]
    fn check(sessions: &[Session], expected: &[&str]) {
        let found = addresses(sessions, |uid| uid == 0);
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn an_administrators_address_counts_once() {
        let sessions = [session(0, "203.0.113.7"), session(0, "203.0.113.7"), session(0, "::1:2")];
        check(&sessions, &["203.0.113.7", "::1:2"]);
        check(&[session(0, "::ffff:203.0.113.7")], &["203.0.113.7"]);
    }

    #[test]
    fn a_name_is_no_address_and_others_do_not_count() {
        check(&[session(0, "host.example"), session(0, ""), session(0, "fe80::1%eth0")], &[]);
        check(&[session(0, "203.0.113.7 "), session(0, "203.0.113.0/24")], &[]);
        check(&[session(1000, "203.0.113.7")], &[]);
    }

    #[test]
    fn only_a_session_that_is_on_and_a_persons_counts() {
        let on = session(0, "203.0.113.7");
        check(&[Session { state: "closing".into(), ..on.clone() }], &[]);
        check(&[Session { state: "opening".into(), ..on.clone() }], &["203.0.113.7"]);
        check(&[Session { class: "greeter".into(), ..on.clone() }], &[]);
        check(&[Session { class: "background".into(), ..on.clone() }], &[]);
        check(&[Session { class: "user-early".into(), ..on.clone() }], &["203.0.113.7"]);
        check(&[Session { remote: false, ..on }], &[]);
    }

    #[test]
    fn root_is_an_administrator_and_nobody_is_not() {
        assert!(is_administrator(0));
        assert!(!is_administrator(65_534));
    }
}
