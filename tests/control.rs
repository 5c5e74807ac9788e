//! The control socket, end to end: a real socket, the real server, the commands' own client.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gaoler::control::access::Access;
use gaoler::control::api::{Answer, Banned, Changed, Refused, Request, ResumeRequest, Resumed};
use gaoler::control::{Call, client, server};
use hyper::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// A socket whose daemon answers what `answer` says.
async fn serve(
    directory: &Path,
    answer: impl Fn(&Request) -> Result<Answer, Refused> + Send + 'static,
) -> PathBuf {
    let path = directory.join("gaoler.sock");
    let listener = server::bind(&path).await.unwrap();
    let (calls, mut called) = mpsc::channel::<Call>(8);
    tokio::spawn(server::serve(listener, Access::of_this_process().unwrap(), calls));
    tokio::spawn(async move {
        while let Some(call) = called.recv().await {
            let _ = call.reply.send(answer(&call.request));
        }
    });
    path
}

#[expect(clippy::unnecessary_wraps, reason = "an answer like any other")]
fn nobody(_: &Request) -> Result<Answer, Refused> {
    Ok(Answer::Banned(Banned { bans: Vec::new() }))
}

#[tokio::test]
async fn a_request_reaches_the_daemon_as_it_was_meant() {
    let directory = tempfile::tempdir().unwrap();
    let socket = serve(directory.path(), |request| match request {
        Request::Ban(ban) if ban.jail == "sshd" && ban.addresses.len() == 2 => {
            Ok(Answer::Changed(Changed { changed: 2, ..Changed::default() }))
        }
        other => Err(Refused::Invalid(format!("{other:?}"))),
    })
    .await;
    let body = br#"{"jail": "sshd", "addresses": ["192.0.2.7/32", "2001:db8::/64"], "for": {"seconds": 60}}"#;
    let changed: Changed =
        client::ask(&socket, Method::POST, "/api/v1/ban", body.to_vec()).await.unwrap();
    assert_eq!(changed.changed, 2);
}

#[tokio::test]
async fn an_explanation_is_asked_for_by_address_or_network() {
    let directory = tempfile::tempdir().unwrap();
    let socket = serve(directory.path(), |request| match request {
        Request::Explain { address } => Err(Refused::Invalid(format!("of {address}"))),
        other => Err(Refused::Invalid(format!("{other:?}"))),
    })
    .await;
    for (query, expected) in [
        ("?address=192.0.2.7", "of 192.0.2.7/32"),
        ("?address=192.0.2.0/24", "of 192.0.2.0/24"),
        ("?x&address=2001:db8::7", "of 2001:db8::7/128"),
        ("?address=::ffff:192.0.2.7", "of 192.0.2.7/32"),
        ("?address=nobody", "which address? ?address=192.0.2.7, or a network"),
        ("", "which address? ?address=192.0.2.7, or a network"),
    ] {
        let path = format!("/api/v1/explain{query}");
        let answer = client::ask::<Changed>(&socket, Method::GET, &path, Vec::new()).await;
        assert_eq!(answer.unwrap_err().to_string(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_resume_names_its_jail_and_hears_whether_it_was_open() {
    let directory = tempfile::tempdir().unwrap();
    let socket = serve(directory.path(), |request| match request {
        Request::Resume(ResumeRequest { jail }) => {
            Ok(Answer::Resumed(Resumed { jail: jail.clone(), was_open: true, withheld: 7 }))
        }
        other => Err(Refused::Invalid(format!("{other:?}"))),
    })
    .await;
    let ask = async |body: &[u8]| {
        client::ask::<Resumed>(&socket, Method::POST, "/api/v1/resume", body.to_vec()).await
    };
    let resumed = ask(br#"{"jail": "sshd"}"#).await.unwrap();
    assert_eq!(resumed, Resumed { jail: "sshd".into(), was_open: true, withheld: 7 });
    let told = ask(br#"{"jail": "sshd", "all": true}"#).await.unwrap_err().to_string();
    assert!(told.contains("unknown field `all`"), "{told}");
}

#[tokio::test]
async fn what_is_wrong_is_told_in_words() {
    let directory = tempfile::tempdir().unwrap();
    let socket = serve(directory.path(), |request| match request {
        Request::Banned { jail: Some(jail) } => Err(Refused::NoSuchJail(jail.clone())),
        _ => Ok(Answer::Changed(Changed::default())),
    })
    .await;
    let ask = async |method, path: &str, body: &[u8]| {
        let answer = client::ask::<serde_json::Value>(&socket, method, path, body.to_vec()).await;
        answer.unwrap_err().to_string()
    };
    let told = ask(Method::GET, "/api/v1/banned?jail=nosuch", b"").await;
    assert_eq!(told, "the jail `nosuch` does not exist; `gaoler status` lists them");
    let told = ask(Method::GET, "/api/v1/banned?jail=no such", b"").await;
    assert!(told.starts_with("the request cannot be made"), "{told}");
    let told = ask(Method::POST, "/api/v1/ban", b"{\"jail\": 1}").await;
    assert!(told.contains("invalid type: integer `1`, expected a string"), "{told}");
    let told = ask(Method::POST, "/api/v1/ban", &vec![b' '; 300 * 1024]).await;
    assert!(told.contains("cannot be read"), "{told}");
    assert_eq!(ask(Method::GET, "/api/v1/ban", b"").await, "wrong method");
    assert!(ask(Method::GET, "/etc/passwd", b"").await.starts_with("no such path"));
}

#[tokio::test]
async fn nobody_listening_is_told_with_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("none.sock");
    let asked = client::ask::<Banned>(&socket, Method::GET, "/api/v1/banned", Vec::new()).await;
    let told = asked.unwrap_err().to_string();
    assert!(told.contains("systemctl status gaoler"), "{told}");
}

#[tokio::test]
async fn a_second_daemon_does_not_take_the_socket_and_a_dead_ones_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let socket = serve(directory.path(), nobody).await;
    let told = server::bind(&socket).await.unwrap_err().to_string();
    assert!(told.contains("another gaoler is running"), "{told}");
    let dead = directory.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    assert!(dead.exists(), "a dead daemon leaves its socket behind");
    server::bind(&dead).await.unwrap();
}

#[tokio::test]
async fn the_socket_is_for_its_user_and_group_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let socket = serve(directory.path(), nobody).await;
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
}

/// A caller that says nothing is hung up on, and does not keep others from being answered.
#[tokio::test]
async fn stalled_callers_hold_nobody_up() {
    let directory = tempfile::tempdir().unwrap();
    let socket = serve(directory.path(), nobody).await;
    let mut stalled = Vec::new();
    for _ in 0..40 {
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        stream.write_all(b"GET /api/v1/ba").await.unwrap();
        stalled.push(stream);
    }
    let asked = client::ask::<Banned>(&socket, Method::GET, "/api/v1/banned", Vec::new());
    let answer = tokio::time::timeout(Duration::from_mins(1), asked).await;
    assert_eq!(answer.expect("answered once the stalled are hung up on").unwrap().bans, []);
    let mut said = Vec::new();
    let hung_up = stalled[0].read_to_end(&mut said);
    tokio::time::timeout(Duration::from_mins(1), hung_up).await.expect("hung up on").unwrap();
}
