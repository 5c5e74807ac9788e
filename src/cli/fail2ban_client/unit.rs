//! Starting and stopping, which is systemd's business: it is asked over D-Bus, as `systemctl` does
//! (org.freedesktop.systemd1(5)).

use futures_util::StreamExt as _;

use super::Refusal;

/// What to do with gaoler.service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnitVerb {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Both.
    Restart,
}

const UNIT: &str = "gaoler.service";

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Systemd {
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<zbus::OwnedObjectPath>;
    fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<zbus::OwnedObjectPath>;
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<zbus::OwnedObjectPath>;
    #[zbus(signal)]
    fn job_removed(
        &self,
        id: u32,
        job: zbus::ObjectPath<'_>,
        unit: &str,
        result: &str,
    ) -> zbus::Result<()>;
}

/// Has systemd do it, and waits until it is done.
pub(super) fn tell(verb: UnitVerb) -> Result<String, Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Refusal(error.to_string()))?;
    let failed = |error: zbus::Error| {
        Refusal(format!("systemd does not do that to {UNIT}: {error}; systemctl status gaoler"))
    };
    match runtime.block_on(ask(verb)).map_err(failed)?.as_str() {
        "done" => Ok(match verb {
            UnitVerb::Start | UnitVerb::Restart => "Server ready".to_owned(),
            UnitVerb::Stop => "Shutdown successful".to_owned(),
        }),
        result => Err(Refusal(format!("{UNIT}: {result}; journalctl -u gaoler tells why"))),
    }
}

/// How the job ended, in systemd's word: `done`, `failed`, ...
async fn ask(verb: UnitVerb) -> zbus::Result<String> {
    let bus = zbus::Connection::system().await?;
    let systemd = SystemdProxy::new(&bus).await?;
    let mut removed = systemd.receive_job_removed().await?;
    let job = match verb {
        UnitVerb::Start => systemd.start_unit(UNIT, "replace").await?,
        UnitVerb::Stop => systemd.stop_unit(UNIT, "replace").await?,
        UnitVerb::Restart => systemd.restart_unit(UNIT, "replace").await?,
    };
    while let Some(signal) = removed.next().await {
        let ended = signal.args()?;
        if ended.job.as_str() == job.as_str() {
            return Ok(ended.result.to_string());
        }
    }
    Ok("the bus went away".to_owned())
}
