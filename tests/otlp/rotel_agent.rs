//! rotel (Streamfold), a collector that others made: fetched once from `PyPI`.

use std::path::Path;
use std::process::Command;

/// Which one.
pub(crate) const VERSION: &str = "0.0.1a15";

/// The program, ready to be told what to do; `None` if it cannot be had. It is kept in a directory of
/// the build's.
pub(crate) fn command() -> Option<Command> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("rotel-{VERSION}"));
    let agent = directory.join("rotel/rotel-agent");
    if !agent.exists() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]);
        pip.arg("--target").arg(&directory).arg(format!("rotel=={VERSION}"));
        let output = pip.output().ok()?;
        if !output.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    let mut command = Command::new(&agent);
    let libraries = python("import sysconfig; print(sysconfig.get_config_var('LIBDIR'))")?;
    command.env("LD_LIBRARY_PATH", libraries);
    agent.exists().then_some(command)
}

fn python(program: &str) -> Option<String> {
    let output = Command::new("python3").args(["-c", program]).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
