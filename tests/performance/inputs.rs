//! The logs and the journal that everything is measured on: made once, the same on every machine.
//!
//! Seeds and times are fixed, so a file's bytes follow from its name and its length;
//! [`Input::checksum`] says that they are the same as elsewhere.

pub(crate) mod access;
pub(crate) mod auth;
pub(crate) mod random;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use flate2::Crc;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use self::access::Requests;
use self::auth::{Message, Messages};

/// When all logs end: 2026-11-22T10:00:00Z.
pub(crate) const END: i64 = 1_795_341_600;

const REMOTE: &str = "/lib/systemd/systemd-journal-remote";

/// One input: a log, or the export of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// syslog's file.
    Auth,
    /// httpd's file.
    Access,
    /// Entries of sshd alone, as `journalctl -o export` writes them.
    Journal,
}

/// An input that is there.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// The file, or the journal's directory.
    pub(crate) path: PathBuf,
    pub(crate) lines: u64,
    /// Of the log, or of the journal's export.
    pub(crate) bytes: u64,
    /// CRC-32 of them.
    pub(crate) checksum: u32,
}

/// Writes the first `count` lines of what has `whole` in all.
///
/// # Errors
///
/// As `to` has them.
pub(crate) fn write(kind: Kind, whole: u64, count: u64, to: &mut impl Write) -> io::Result<()> {
    let mut text = String::new();
    let mut next = writer(kind);
    for number in 0..count {
        text.clear();
        next(&mut text, number, whole);
        to.write_all(text.as_bytes())?;
    }
    Ok(())
}

/// Appends line after line: it is told a line's number, and of how many.
type Writer = Box<dyn FnMut(&mut String, u64, u64)>;

fn writer(kind: Kind) -> Writer {
    match kind {
        Kind::Auth => {
            let mut messages = Messages::new(7, 300);
            Box::new(move |text, number, of| {
                let at = time(SignedDuration::from_hours(1), number, of);
                text.push_str(&syslog(&messages.next().expect("there is no end"), at));
            })
        }
        Kind::Access => {
            let mut requests = Requests::new(42);
            Box::new(move |text, number, of| {
                let at = time(SignedDuration::from_hours(24), number, of);
                requests.write(text, Timestamp::from_second(at.as_second()).expect("in range"));
            })
        }
        Kind::Journal => {
            let mut messages = Messages::new(11, 1000);
            Box::new(move |text, number, of| {
                let at = time(SignedDuration::from_hours(1), number, of);
                text.push_str(&export(&messages.next().expect("there is no end"), number, at));
            })
        }
    }
}

/// When line `number` of so many is, where all of them take `span`.
fn time(span: SignedDuration, number: u64, of: u64) -> Timestamp {
    let span = span.as_micros();
    let after = span * i128::from(number) / i128::from(of.max(1));
    let at = i128::from(END) * 1_000_000 - span + after;
    Timestamp::from_microsecond(i64::try_from(at).expect("in range")).expect("in range")
}

/// As rsyslogd writes it.
fn syslog(message: &Message, at: Timestamp) -> String {
    let stamp = at.to_zoned(TimeZone::UTC).strftime("%b %e %H:%M:%S").to_string();
    let Message { identifier, pid, text: said, .. } = message;
    if *identifier == "kernel" {
        format!("{stamp} host1 {identifier}: {said}\n")
    } else {
        format!("{stamp} host1 {identifier}[{pid}]: {said}\n")
    }
}

/// As `journalctl -o export` writes it, with the fields that journald adds (systemd.journal-fields(7)).
fn export(message: &Message, number: u64, at: Timestamp) -> String {
    let Message { identifier, unit, pid, text: said } = message;
    let (usec, number) = (at.as_microsecond(), number + 1);
    let since_boot = number * 1000;
    let stamp = at.to_zoned(TimeZone::UTC).strftime("%b %e %H:%M:%S").to_string();
    format!(
        "__CURSOR=s=0123456789abcdef0123456789abcdef;i={number:x};\
         b=11111111111111111111111111111111;m={since_boot:x};t={usec:x};x={number:x}\n\
         __REALTIME_TIMESTAMP={usec}\n\
         __MONOTONIC_TIMESTAMP={since_boot}\n\
         _BOOT_ID=11111111111111111111111111111111\n\
         _TRANSPORT=syslog\n\
         SYSLOG_FACILITY=10\n\
         SYSLOG_IDENTIFIER={identifier}\n\
         SYSLOG_PID={pid}\n\
         SYSLOG_TIMESTAMP={stamp} \n\
         _PID={pid}\n\
         _UID=0\n\
         _GID=0\n\
         _COMM={identifier}\n\
         _EXE=/usr/sbin/{identifier}\n\
         _CMDLINE={identifier}: [accepted]\n\
         _CAP_EFFECTIVE=1ffffffffff\n\
         _SELINUX_CONTEXT=system_u:system_r:sshd_t:s0-s0:c0.c1023\n\
         _SYSTEMD_CGROUP=/system.slice/{unit}\n\
         _SYSTEMD_UNIT={unit}\n\
         _SYSTEMD_SLICE=system.slice\n\
         _SYSTEMD_INVOCATION_ID=fedcba98765432100123456789abcdef\n\
         _SOURCE_REALTIME_TIMESTAMP={}\n\
         _RUNTIME_SCOPE=system\n\
         PRIORITY=6\n\
         _MACHINE_ID=22222222222222222222222222222222\n\
         _HOSTNAME=host1\n\
         MESSAGE={said}\n\n",
        usec - 7
    )
}

/// The first `count` lines of a log of `whole`, in `directory`: made now, unless it is there.
///
/// # Errors
///
/// It cannot be written.
pub(crate) fn log(directory: &Path, kind: Kind, whole: u64, count: u64) -> Result<Input> {
    let name = if kind == Kind::Auth { "auth" } else { "access" };
    let path = directory.join(format!("{name}-{whole}-{count}.log"));
    made(&path, count, |file| write(kind, whole, count, file))?;
    let (bytes, checksum) = measure(&path)?;
    Ok(Input { path, lines: count, bytes, checksum })
}

/// A journal of so many entries of sshd, made by `systemd-journal-remote(8)`; `None`: it is not
/// installed.
///
/// # Errors
///
/// It cannot be written.
pub(crate) fn journal(directory: &Path, whole: u64, count: u64) -> Result<Option<Input>> {
    let exported = directory.join(format!("journal-{whole}-{count}.export"));
    let path = directory.join(format!("journal-{whole}-{count}"));
    if !Path::new(REMOTE).exists() {
        return Ok(None);
    }
    made(&exported, count, |file| write(Kind::Journal, whole, count, file))?;
    let (bytes, checksum) = measure(&exported)?;
    if !path.exists() {
        remote(&exported, &path)?;
    }
    Ok(Some(Input { path, lines: count, bytes, checksum }))
}

/// Has an export imported.
fn remote(exported: &Path, into: &Path) -> Result<()> {
    let unfinished = into.with_extension("unfinished");
    let _ = fs::remove_dir_all(&unfinished);
    fs::create_dir_all(&unfinished)?;
    let status = Command::new(REMOTE)
        .args(["--split-mode=none", "--compress=no", "--output"])
        .arg(unfinished.join("1.journal"))
        .arg("-")
        .stdin(File::open(exported)?)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context(REMOTE)?;
    ensure!(status.success(), "{REMOTE}: {status}");
    Ok(fs::rename(unfinished, into)?)
}

/// Has `write` make the file, unless it is there. What is half done never bears the name.
fn made(
    path: &Path,
    lines: u64,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    eprintln!("· making {} of {lines} lines", path.display());
    let unfinished = path.with_extension("unfinished");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&unfinished)?);
    write(&mut file)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?;
    fs::rename(&unfinished, path).with_context(|| path.display().to_string())
}

/// Its bytes, and their checksum. Reading it also has it in memory: no disk is measured.
fn measure(path: &Path) -> Result<(u64, u32)> {
    let mut sum = Checksum(Crc::new());
    let bytes = io::copy(&mut File::open(path)?, &mut sum)?;
    Ok((bytes, sum.0.sum()))
}

struct Checksum(Crc);

impl Write for Checksum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
