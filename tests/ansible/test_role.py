"""The example role of docs/ansible, played for real: over ssh, on a host in a box that has no gaoler yet.

`make ansible` comes here. The steps are one story, so the tests run in the order of their names.
"""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOX = ROOT / "tests" / "host" / "box.sh"
ROLES = ROOT / "docs" / "ansible" / "roles"
NAME = f"p{os.getpid()}"
SERVER = "192.0.2.16"
# Where the inventory would have other addresses, and a vault the key.
CONFIG = {
    "defaults": {"ignoreip": ["127.0.0.0/8", "::1"], "bantime": "1h"},
    "jails": {
        "sshd": {"filter": "sshd", "maxretry": 3},
        "door": {"filter": "door", "logpath": ["/var/log/door.log"], "port": ["http"]},
    },
}
FILTERS = {
    "door": {
        "description": "A door that says who knocked in vain.",
        "failregex": ["^\\s*no entry for <ADDR>$"],
        "samples": [{"line": "2026-11-22T10:00:00Z no entry for 192.0.2.1", "address": "192.0.2.1"}],
    }
}


def box(verb, *arguments, check=True):
    """What a command of the box says; it must succeed, unless told otherwise."""
    done = subprocess.run([BOX, verb, NAME, *arguments], capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"box.sh {verb} {arguments}: {done.stdout}{done.stderr}")
    return done


def on_host(*command, check=True):
    return box("srv", *command, check=check)


class Role(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="gaoler-play-")
        cls.addClassCleanup(directory.cleanup)
        cls.directory = Path(directory.name)
        os.environ["BOX_OWNER"] = str(os.getpid())
        cls.addClassCleanup(box, "down")
        subprocess.run([BOX, "up", NAME], check=True)
        cls.key = cls.directory / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", cls.key], check=True)
        public = cls.key.with_suffix(".pub").read_text()
        on_host("sh", "-ec", f"install -m 0700 -d /root/.ssh; echo '{public}' >/root/.ssh/authorized_keys")
        # What no host begins with, since a box begins as this machine is.
        on_host("sh", "-ec", "rm -rf /etc/gaoler /usr/bin/gaoler; echo >/var/log/door.log; chmod 0644 /var/log/door.log")

    def play(self, *options, succeeds=True, **variables):
        """Plays the role, and gives what it says of the host: how many tasks were ok, changed, failed."""
        playbook = self.directory / "playbook.yml"
        given = {"gaoler_archive": os.environ["ARCHIVE"], "gaoler_config": CONFIG, "gaoler_filters": FILTERS, **variables}
        given |= {"gaoler_reload_firewalld": True, "gaoler_watchers": ["alice"]}
        roles = [{"role": str(ROLES / "gaoler"), "vars": given}]
        playbook.write_text(json.dumps([{"hosts": "all", "become": True, "gather_subset": ["!all", "pkg_mgr"], "roles": roles}]))
        environment = {
            **os.environ,
            "ANSIBLE_HOME": str(self.directory / "ansible"),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_SSH_TRANSFER_METHOD": "piped",  # the sshd in the box has no sftp
            "ANSIBLE_SSH_ARGS": "-F none -o ControlMaster=auto -o ControlPersist=10s -o UserKnownHostsFile=/dev/null",
            "ANSIBLE_DEPRECATION_WARNINGS": "true",
            "ANSIBLE_NOCOLOR": "true",
        }
        ansible = [Path(os.environ["ANSIBLE"]) / "ansible-playbook", "-i", f"{SERVER},", "-u", "root"]
        ansible += ["--private-key", self.key, "-e", "ansible_python_interpreter=/usr/bin/python3", *options, playbook]
        client = ["ip", "netns", "exec", f"{NAME}-cli", *ansible]
        done = subprocess.run(client, env=environment, capture_output=True, text=True)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode == 0, succeeds, said)
        self.assertNotIn("DEPRECATION WARNING", said)
        [recap] = [line for line in done.stdout.splitlines() if line.startswith(SERVER) and "changed=" in line]
        counts = dict(word.split("=") for word in recap.split(":", 1)[1].split())
        return {name: int(count) for name, count in counts.items()}, said

    def test_1_a_bare_host_is_set_up(self):
        counts, said = self.play()
        self.assertGreater(counts["changed"], 3, said)
        self.assertEqual(on_host("systemctl", "is-active", "gaoler").stdout, "active\n")
        self.assertEqual(on_host("systemctl", "is-enabled", "gaoler").stdout, "enabled\n")
        self.assertIn("door, sshd", on_host("gaoler", "status").stdout)
        self.assertIn("Nothing to do", on_host("gaoler", "provision").stdout)
        self.assertNotIn("reload", on_host("gaoler", "provision").stdout)
        self.assertEqual(on_host("gaoler", "ban", "sshd", "192.0.2.150").stdout, "1\n")
        self.assertIn("192.0.2.150", on_host("sh", "-c", "nft list ruleset").stdout)
        self.assertIn("sshd", on_host("setpriv", "--reuid=alice", "--init-groups", "gaoler", "status").stdout)

    def test_2_a_second_play_changes_nothing(self):
        started = on_host("systemctl", "show", "-P", "ActiveEnterTimestampMonotonic", "gaoler").stdout
        counts, said = self.play("--diff")
        self.assertEqual((counts["changed"], counts["failed"]), (0, 0), said)
        self.assertEqual(on_host("systemctl", "show", "-P", "ActiveEnterTimestampMonotonic", "gaoler").stdout, started)

    def test_2_what_tools_are_told_is_idempotent(self):
        self.assertEqual(on_host("gaoler", "unban", "192.0.2.151").stdout, "0\n")
        self.assertEqual(on_host("gaoler", "ban", "sshd", "192.0.2.150").stdout, "1\n", "banned it is")
        plan = json.loads(on_host("gaoler", "provision", "--apply", "--format", "json").stdout)
        self.assertEqual((plan["steps"], plan["reload_due"]), ([], False))

    def test_3_a_mistake_ends_the_play_and_changes_nothing(self):
        before = on_host("cat", "/etc/gaoler/gaoler.yaml").stdout
        wrong = {**CONFIG, "jails": {"sshd": {"filter": "sshd", "maxretri": 3}}}
        counts, said = self.play(succeeds=False, gaoler_config=wrong)
        self.assertEqual((counts["changed"], counts["failed"]), (0, 1), said)
        self.assertIn("maxretry", said, "gaoler's own words")
        self.assertEqual(on_host("cat", "/etc/gaoler/gaoler.yaml").stdout, before)

    def test_4_a_change_is_shown_first_and_is_a_reload(self):
        started = on_host("systemctl", "show", "-P", "MainPID", "gaoler").stdout
        changed = {**CONFIG, "jails": {"sshd": {"filter": "sshd", "maxretry": 9}}}
        counts, said = self.play("--check", "--diff", gaoler_config=changed)
        self.assertIn("maxretry: 9", said)
        self.assertIn("door", on_host("gaoler", "status").stdout, "nothing is changed yet")
        counts, said = self.play(gaoler_config=changed)
        self.assertEqual(counts["changed"], 2, said)
        self.assertNotIn("door", on_host("gaoler", "status").stdout)
        self.assertEqual(on_host("systemctl", "show", "-P", "MainPID", "gaoler").stdout, started)
        self.assertIn("192.0.2.150", on_host("gaoler", "banned", "sshd").stdout, "bans outlive it")

    def test_5_a_deb_takes_the_archives_place(self):
        there = Path(f"/run/gaoler-box/{NAME}/root/root/gaoler.deb")
        shutil.copy(os.environ["DEB"], there)
        package = {"gaoler_archive": "", "gaoler_package": "/root/gaoler.deb"}
        before = on_host("systemctl", "show", "-P", "MainPID", "gaoler").stdout
        counts, said = self.play(**package)
        self.assertGreater(counts["changed"], 1, said)
        self.assertEqual(on_host("dpkg-query", "-W", "-f=${db:Status-Status}", "gaoler").stdout, "installed")
        self.assertNotEqual(on_host("systemctl", "show", "-P", "MainPID", "gaoler").stdout, before)
        self.assertIn("192.0.2.150", on_host("gaoler", "banned", "sshd").stdout, "bans outlive it")
        self.assertIn("door", on_host("gaoler", "status").stdout, "the configuration is the playbook's")
        counts, said = self.play(**package)
        self.assertEqual(counts["changed"], 0, said)
