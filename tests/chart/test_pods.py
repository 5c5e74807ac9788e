"""The pods of the chart at work: gaoler itself takes each configuration, watches, and bans."""

import os
import subprocess
import tempfile
import unittest

import yaml

from chart import CHART, ROOT, cases, objects, one
from node import Node, Pod, certificate, wait_until

ATTACK = [f"Failed password for root from 192.0.2.{host} port 4711 ssh2" for host in (7, 8) for _ in range(6)]
WEB = """tls_server_config: {cert_file: tls.crt, key_file: tls.key}
basic_auth_users:
  prometheus: $2y$10$n6U8BQQFzPzunrtvXuGEQuAQpfQrcr2sk3LdyVJCdLgmj8Kav7zkm
"""


def secrets():
    with tempfile.TemporaryDirectory() as directory:
        pair = certificate(directory)
    return {
        "gaoler-web": {"web-config.yml": WEB},
        "gaoler-tls": pair,
        "collector": {"token": "secret"},
    }


@unittest.skipIf(os.geteuid() != 0 and not os.environ.get("CI"), "pods need root")
class Pods(unittest.TestCase):
    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.close)

    def pod(self, values):
        """A pod that has been started."""
        pod = Pod(self.node, objects(values), secrets())
        pod.start()
        return pod

    def ready(self, pod):
        """Waits until a kubelet would find it alive and ready."""

        def answers():
            if pod.process.poll() is not None:
                self.fail(pod.log.read_text())
            return pod.probe("startupProbe")[0] and pod.probe("readinessProbe")[0]

        try:
            wait_until("ready", answers)
        except AssertionError:
            self.fail(f"{pod.probe('readinessProbe')}\n{pod.log.read_text()}")
        self.assertTrue(pod.probe("livenessProbe")[0])

    def test_gaoler_takes_every_configuration(self):
        (self.node.root / "run/log/journal").mkdir()
        for name, values in cases().items():
            with self.subTest(values=name):
                checked = Pod(self.node, objects(values), secrets()).once("check")
                self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_the_values_that_the_document_shows(self):
        text = (ROOT / "docs" / "kubernetes.md").read_text()
        blocks = [rest.split("```")[0] for rest in text.split("```yaml\n")[1:]]
        self.assertGreater(len(blocks), 3)
        (self.node.root / "var/lib/gaoler").mkdir()
        for block in blocks:
            with self.subTest(values=block):
                checked = Pod(self.node, objects(yaml.safe_load(block)), secrets()).once("check")
                self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_gaoler_refuses_what_no_schema_can_know(self):
        values = {"confD": {"x.yaml": "jails: {sshd: {filter: no-such}}"}}
        checked = Pod(self.node, objects(values)).once("check")
        self.assertEqual(checked.returncode, 1)
        self.assertIn("no-such", checked.stderr)

    def test_watching_sees_attackers_as_nobody_in_particular(self):
        self.node.log_journal(*ATTACK)
        pod = self.pod({})
        self.ready(pod)
        wait_until("both", lambda: "192.0.2.8" in pod.exec("gaoler", "banned", "--format", "json").stdout)
        own = pod.exec("sh", "-c", "grep -E '^(Uid|CapEff|NoNewPrivs):' /proc/self/status; touch /x").stdout
        self.assertRegex(own, r"Uid:\t65532\t.*\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n")
        pod.stop()

    def test_a_journal_of_another_group_is_told_of(self):
        self.node.log_journal(*ATTACK)
        pod = self.pod({"host": {"journalGroup": 999}})
        wait_until("alive", lambda: pod.probe("livenessProbe")[0])
        ready, told = pod.probe("readinessProbe")
        self.assertFalse(ready)
        self.assertIn("cannot be read", told)
        self.assertIn("permission denied", pod.log.read_text())

    def test_nftables_bans_and_another_pod_goes_on(self):
        self.node.log_journal(*ATTACK)
        values = cases()["nftables"]
        # As RHEL keeps it: nobody but root.
        httpd = self.node.root / "var/log/httpd"
        httpd.mkdir(mode=0o700)
        (httpd / "error_log").touch(mode=0o640)
        pod = self.pod(values)
        self.ready(pod)
        wait_until("a ban", lambda: "192.0.2.7" in self.table())
        pod.stop()
        self.assertIn("192.0.2.7", self.table(), "bans stay while there is no pod")
        self.node.run("nft", "delete", "table", "inet", "gaoler")
        again = self.pod(values)
        self.ready(again)
        wait_until("the ban again", lambda: "192.0.2.7" in self.table())
        freed = again.exec("gaoler", "unban", "192.0.2.7")
        self.assertEqual(freed.returncode, 0, freed.stderr)
        self.assertNotIn("192.0.2.7", self.table())

    def table(self):
        return subprocess.run(
            self.node.inside("nft", "list", "table", "inet", "gaoler"), capture_output=True, text=True
        ).stdout

    def test_the_nodes_firewalld_bans(self):
        self.node.start_firewalld()
        self.node.log_journal(*ATTACK)
        pod = self.pod(cases()["firewalld"])
        self.ready(pod)
        wait_until("a ban", lambda: "192.0.2.8" in self.node.run("firewall-cmd", "--list-rich-rules"))
        own = pod.exec("grep", "CapEff", "/proc/self/status").stdout
        self.assertEqual(own, "CapEff:\t0000000000000000\n")

    def test_firewalld_obeys_nobody_that_polkit_does_not_know(self):
        self.node.start_firewalld()
        self.node.log_journal(*ATTACK)
        # The bus hangs up on a number that the node has no user of.
        for uid, words in [(1, "Not Authorized"), (98765, "cannot reach D-Bus")]:
            with self.subTest(uid=uid):
                pod = self.pod({**cases()["firewalld-node-user"], "user": {"uid": uid}})
                wait_until("alive", lambda: pod.probe("livenessProbe")[0])
                wait_until("told", lambda: words in pod.probe("readinessProbe")[1])
                self.assertFalse(pod.probe("readinessProbe")[0])
                pod.stop()
        self.assertEqual(self.node.run("firewall-cmd", "--list-rich-rules"), "\n")

    def test_a_node_without_firewalld_is_not_ready_and_says_why(self):
        self.node.log_journal(*ATTACK)
        pod = self.pod({"mode": "firewalld"})
        wait_until("alive", lambda: pod.probe("livenessProbe")[0])
        ready, told = pod.probe("readinessProbe")
        self.assertFalse(ready)
        self.assertIn("firewall", told)

    def test_tls_and_passwords_and_probes_that_have_none(self):
        self.node.log_journal(*ATTACK)
        pod = self.pod(cases()["web"])
        self.ready(pod)
        url = "https://127.0.0.1:9642/metrics"
        self.assertIn("401", self.node.run("curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", url))
        # `helm test` has no password: that one is asked for is all it wants to know.
        [container] = one(objects(cases()["web"]), "Pod")["spec"]["containers"]
        told = self.ask(container, "127.0.0.1")
        self.assertEqual(told.returncode, 0, told.stdout + told.stderr)

    def test_a_directory_is_prepared_for_a_user_of_the_node(self):
        values = {"state": {"type": "hostPath", "prepare": True}}
        self.node.log_journal(*ATTACK)
        self.ready(self.pod(values))
        state = self.node.root / "var/lib/gaoler/state.db"
        self.assertEqual(state.stat().st_uid, 65532)

    def test_another_user_takes_the_state_over(self):
        self.node.log_journal(*ATTACK)
        pod = self.pod({"state": {"type": "hostPath", "prepare": True}})
        self.ready(pod)
        wait_until("both", lambda: "192.0.2.8" in pod.exec("gaoler", "banned").stdout)
        pod.stop()
        pod = self.pod({"mode": "nftables", "state": {"prepare": True}})
        self.ready(pod)
        wait_until("a ban", lambda: "192.0.2.8" in self.table())

    def test_helm_test_asks_every_node(self):
        self.node.log_journal(*ATTACK)
        pod = self.pod({})
        self.ready(pod)
        test = one(objects({"tests": {"timeout": 1}}), "Pod")
        [container] = test["spec"]["containers"]
        self.assertEqual(container["args"][0], (CHART / "files" / "test.sh").read_text())
        told = self.ask(container, "127.0.0.1")
        self.assertEqual(told.returncode, 0, told.stdout + told.stderr)
        self.assertIn("1 pods, 0 of them not ready", told.stdout)
        # Nobody answers at the second address.
        told = self.ask(container, "127.0.0.1", "127.0.0.9")
        self.assertEqual(told.returncode, 1, told.stdout)
        self.assertIn("2 pods, 1 of them not ready", told.stdout)
        self.assertEqual(self.ask(container).returncode, 1, "no pod at all")

    def ask(self, container, *addresses):
        """Runs the script with a name service that knows these addresses, in BusyBox's form."""
        answer = "Server:\\t10.96.0.10\\nAddress:\\t10.96.0.10:53\\n\\n" + "".join(
            f"Name:\\tx\\nAddress: {address}\\n" for address in addresses
        )
        stub = self.node.directory / "stub"
        stub.mkdir(exist_ok=True)
        (stub / "nslookup").write_text(f"#!/bin/sh\nprintf '{answer}'\n")
        (stub / "nslookup").chmod(0o755)
        variables = [f"{entry['name']}={entry['value']}" for entry in container["env"]]
        path = f"PATH={stub}:{os.environ['PATH']}"
        whole = self.node.inside("env", path, *variables, *container["command"], container["args"][0])
        return subprocess.run(whole, capture_output=True, text=True)
