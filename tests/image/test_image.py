"""The container image, as it is run: not root, without a capability, on a root file system that nobody
can write. `make image-test` builds it and comes here; PODMAN says how to reach it.
"""

import json
import os
import shlex
import subprocess
import tempfile
import time
import unittest
import uuid
from pathlib import Path

PODMAN = shlex.split(os.environ["PODMAN"])
VERSION = os.environ["VERSION"]
IMAGE = f"localhost/gaoler:{VERSION}"
JOURNAL_GROUP = 190
DEADLINE = 60
# What a machine of a restricted kind allows too.
LIMITS = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=512:512"]
CLOSED = ["--network=none", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges"]


def podman(*arguments, check=True):
    """What podman says; it must succeed, unless told otherwise."""
    done = subprocess.run([*PODMAN, *arguments], capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"podman {shlex.join(arguments)}: {done.stdout}{done.stderr}")
    return done


def once(*command, options=()):
    """What a command in a new container says."""
    entry, *rest = command
    # Health checks by themselves are timers of systemd's.
    run = ["run", "--rm", "--no-healthcheck", *LIMITS, *CLOSED, *options, f"--entrypoint={entry}", IMAGE]
    return podman(*run, *rest).stdout


def wait_until(what, holds):
    """Waits for a condition, and fails when it does not come; gives what it gives."""
    until = time.monotonic() + DEADLINE
    while not (found := holds()):
        if time.monotonic() > until:
            raise AssertionError(f"in vain: {what}")
        time.sleep(0.1)
    return found


def inspect(name):
    return json.loads(podman("inspect", name).stdout)[0]


class Image(unittest.TestCase):
    """What the image says of itself, and what the chart needs in it."""

    def test_it_is_the_same_when_built_again(self):
        once, again = inspect(IMAGE), inspect(f"localhost/again:{VERSION}")
        # Not its id: with the health check goes the name of the container that it was made in.
        for part in ("RootFS", "Config", "History", "Created"):
            self.assertEqual(once[part], again[part])
        self.assertGreater(len(once["RootFS"]["Layers"]), 1)

    def test_it_says_what_it_is(self):
        config = inspect(IMAGE)["Config"]
        labels = {name.removeprefix("org.opencontainers.image."): text for name, text in config["Labels"].items()}
        self.assertEqual((labels["title"], labels["version"]), ("gaoler", VERSION))
        self.assertEqual(labels["licenses"], "Apache-2.0 OR MIT")
        for name in ("description", "revision", "created", "source", "documentation", "base.name"):
            self.assertNotIn(labels[name], ("", "unknown"), name)
        self.assertNotIn("1970", labels["created"])
        self.assertEqual(config["User"], "65532:65532")
        self.assertIn(VERSION, once("gaoler", "--version"))

    def test_it_has_one_heap_for_all_threads_as_the_unit(self):
        unit = Path("packaging/gaoler.service").read_text()
        wanted = [line.removeprefix("Environment=") for line in unit.splitlines() if line.startswith("Environment=")]
        self.assertTrue(wanted)
        self.assertLessEqual(set(" ".join(wanted).split()), set(inspect(IMAGE)["Config"]["Env"]))

    def test_it_has_certificates_time_zones_and_filters(self):
        self.assertIn("BEGIN CERTIFICATE", once("cat", "/etc/ssl/certs/ca-certificates.crt"))
        self.assertEqual(once("date", "-d", "@0", "+%Z", options=["--env=TZ=Asia/Tokyo"]), "JST\n")
        self.assertIn("sshd.yaml", once("ls", "/usr/share/gaoler/filters"))

    def test_the_charts_root_can_give_a_directory_away(self):
        options = ["--user=0", "--cap-add=CHOWN", "--cap-add=DAC_READ_SEARCH", "--tmpfs=/given:mode=0700"]
        # As helm/gaoler/templates/_pod.tpl has it.
        script = "chown -Rh 987:987 /given && stat -c %u:%g /given"
        self.assertEqual(once("sh", "-c", script, options=options), "987:987\n")


class Running(unittest.TestCase):
    """A container of the image on a host with a journal, as docs/container.md runs it."""

    OPTIONS = ()

    @classmethod
    def setUpClass(cls):
        if cls is Running:
            raise unittest.SkipTest("what others have in common")
        directory = tempfile.TemporaryDirectory(prefix="gaoler-image-")
        cls.addClassCleanup(directory.cleanup)
        cls.host = Path(directory.name)
        cls.host.chmod(0o755)
        journal(cls.host)
        volumes = {"journal": "/var/log/journal", "machine-id": "/etc/machine-id", **cls.furnish()}
        mounts = [f"--volume={cls.host / name}:{path}" for name, path in volumes.items()]
        closed = [*LIMITS, *CLOSED, *cls.OPTIONS, f"--group-add={JOURNAL_GROUP}"]
        cls.name = podman("run", "--detach", "--no-healthcheck", *closed, *mounts, IMAGE).stdout.strip()
        cls.addClassCleanup(podman, "rm", "--force", "--volumes", cls.name)
        wait_until("it answers", cls.is_healthy)

    @classmethod
    def furnish(cls):
        """What else the host has: paths in the container by name."""
        return {}

    @classmethod
    def is_healthy(cls):
        """What the health check of the image says."""
        kind, *command = inspect(IMAGE)["Healthcheck"]["Test"]
        assert kind == "CMD", kind
        return podman("exec", cls.name, *command, check=False).returncode == 0

    def gaoler(self, *arguments):
        return podman("exec", self.name, "gaoler", *arguments).stdout

    def within(self, *command):
        """A command of this machine's in the container's network, where there is nothing but loopback."""
        pid = str(inspect(self.name)["State"]["Pid"])
        return subprocess.run(["nsenter", f"--target={pid}", "--net", *command], capture_output=True, text=True).stdout

    def fetch(self, path):
        return self.within("curl", "--silent", f"http://127.0.0.1:9642{path}")


class Watching(Running):
    """The image's own configuration: it watches the host's journal, and bans nobody."""

    def status(self, field):
        text = podman("exec", self.name, "cat", "/proc/1/status").stdout
        [found] = [line.split(":")[1].split() for line in text.splitlines() if line.startswith(f"{field}:")]
        return found

    def test_it_reads_the_journal_and_shows_what_it_found(self):
        wanted = 'gaoler_failures_total{jail="sshd"} 6'
        wait_until(wanted, lambda: wanted in self.fetch("/metrics").splitlines())
        # The last one is in an entry that is compressed: journald does so from 512 bytes on.
        self.assertIn("203.0.113.7", self.gaoler("banned", "sshd"))
        self.assertEqual(self.fetch("/-/ready"), "gaoler is ready\n")

    def test_it_is_nobody_and_may_nothing(self):
        self.assertEqual(set(self.status("Uid")), {"65532"})
        self.assertEqual(self.status("CapEff"), ["0000000000000000"])
        self.assertEqual(self.status("NoNewPrivs"), ["1"])
        for path in ("/", "/etc/gaoler", "/usr/bin"):
            touch = podman("exec", "--user=0", self.name, "touch", f"{path}/x", check=False)
            self.assertIn("Read-only file system", touch.stderr)

    def test_a_health_check_fails_where_nobody_answers(self):
        gone = podman("exec", self.name, "gaoler", "status", "--socket=/nowhere", check=False)
        self.assertEqual(gone.returncode, 1)


class Banning(Running):
    """The same in a table of gaoler's own, which lives in the container's network."""

    OPTIONS = ("--user=0:0", "--cap-add=NET_ADMIN", "--tmpfs=/run/gaoler")

    @classmethod
    def furnish(cls):
        for name in ("etc", "state"):
            (cls.host / name).mkdir()
        config = "defaults: {ignoresessions: false}\nenforcement: {backend: nftables}\njails: {sshd: {}}\n"
        (cls.host / "etc" / "gaoler.yaml").write_text(config)
        return {"etc": "/etc/gaoler", "state": "/var/lib/gaoler"}

    def test_who_failed_is_in_the_kernel(self):
        dropped = lambda: "203.0.113.7" in self.within("nft", "list", "table", "inet", "gaoler")
        wait_until("a ban in the kernel", dropped)
        self.assertEqual(self.gaoler("unban", "203.0.113.7"), "1\n")
        self.assertFalse(dropped())
        self.assertTrue((self.host / "state" / "state.db").is_file())


def journal(directory):
    """A host's journal and machine-id: six failures of one address, the last in a long entry."""
    machine = uuid.uuid4().hex
    files = directory / "journal" / machine
    files.mkdir(parents=True)
    (directory / "machine-id").write_text(f"{machine}\n")
    now = int(time.time() * 1_000_000)
    failure = "Failed password for root from 203.0.113.7 port 4242 ssh2"
    messages = [failure] * 5 + [f"Failed password for invalid user {'x' * 700} from 203.0.113.7 port 4242 ssh2"]
    entries = "".join(
        f"__REALTIME_TIMESTAMP={now + at}\n__MONOTONIC_TIMESTAMP={1_000_000 + at}\n_BOOT_ID={uuid.uuid4().hex}\n"
        f"_MACHINE_ID={machine}\n_SYSTEMD_UNIT=sshd.service\n_UID=0\n_COMM=sshd\n_HOSTNAME=host\n_PID=4711\n"
        f"SYSLOG_PID=4711\nSYSLOG_IDENTIFIER=sshd\nMESSAGE={message}\n\n"
        for at, message in enumerate(messages)
    )
    file = str(files / "system.journal")
    remote = ["/lib/systemd/systemd-journal-remote", "-o", file, "-"]
    subprocess.run(remote, input=entries, text=True, check=True, capture_output=True)
    header = subprocess.run(["journalctl", "--header", "--file", file], capture_output=True, text=True).stdout
    assert "COMPRESSED-ZSTD" in header, header
    for path in (files.parent, files, *files.iterdir()):
        os.chown(path, 0, JOURNAL_GROUP)
        path.chmod(0o750 if path.is_dir() else 0o640)
    return directory
