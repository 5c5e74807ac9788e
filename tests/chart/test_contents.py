"""What the chart promises: all alerts and dashboards, few privileges, upgrades, nothing left behind."""

import json
import subprocess
import tarfile
import tempfile
import tomllib
import unittest
from pathlib import Path

import yaml

import chart
from chart import CHART, ROOT, cases, objects, one, texts

EVERYTHING = cases()["monitoring"]


class Watched(unittest.TestCase):
    """Alerts and dashboards are those of the repository."""

    def rules(self, **values):
        rendered = objects({"prometheusRule": {"enabled": True, **values}})
        return one(rendered, "PrometheusRule")["spec"]["groups"]

    def test_every_rule_is_in_the_render(self):
        rules = yaml.safe_load((ROOT / "alerts" / "gaoler.rules.yaml").read_text())
        self.assertEqual(self.rules(), rules["groups"])

    def test_promtool_takes_the_rules_as_rendered(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump({"groups": self.rules(alertLabels={"team": "x"})}, file)
            file.flush()
            check = ["promtool", "check", "rules", "--lint=all", "--lint-fatal", file.name]
            said = subprocess.run(check, capture_output=True, text=True)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)

    def test_an_alert_is_left_out_and_the_others_labelled(self):
        def alerts(groups):
            return {
                rule["alert"]: rule["labels"] for group in groups for rule in group["rules"] if "alert" in rule
            }

        every, some = alerts(self.rules()), alerts(self.rules(disabledAlerts=["GaolerDown"]))
        self.assertEqual(set(every) - set(some), {"GaolerDown"})
        labelled = alerts(self.rules(alertLabels={"team": "x", "severity": "page"}))
        for name, labels in every.items():
            self.assertEqual(labelled[name], {**labels, "team": "x", "severity": "page"})

    def test_every_dashboard_is_in_the_render(self):
        rendered = [
            found
            for found in objects(EVERYTHING)
            if found["kind"] == "ConfigMap" and "grafana_dashboard" in found["metadata"]["labels"]
        ]
        files = {name: text for found in rendered for name, text in found["data"].items()}
        expected = {path.name: path.read_text() for path in (ROOT / "dashboards").glob("*.json")}
        self.assertEqual(files, expected)
        self.assertEqual(len({found["metadata"]["name"] for found in rendered}), len(expected))

    def test_the_job_that_the_alerts_ask_for(self):
        for kind, key, list_ in [
            ("ServiceMonitor", "serviceMonitor", "endpoints"),
            ("PodMonitor", "podMonitor", "podMetricsEndpoints"),
        ]:
            rendered = objects({"nameOverride": "other", key: {"enabled": True}}, name="r")
            [endpoint] = one(rendered, kind)["spec"][list_]
            labels = {rule["targetLabel"]: rule for rule in endpoint["relabelings"]}
            self.assertEqual(labels["job"]["replacement"], "gaoler")
            self.assertEqual(labels["instance"]["sourceLabels"], ["__meta_kubernetes_pod_node_name"])


class Privileges(unittest.TestCase):
    """What a mode asks of a node, and no more."""

    def pod(self, **values):
        return one(objects(values), "DaemonSet")["spec"]["template"]["spec"]

    def test_watching_needs_none(self):
        pod = self.pod()
        [container] = pod["containers"]
        self.assertEqual(container["securityContext"]["capabilities"], {"drop": ["ALL"]})
        self.assertTrue(pod["securityContext"]["runAsNonRoot"])
        self.assertNotIn("hostNetwork", pod)
        mounted = {volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume}
        self.assertEqual(mounted, {"/var/log", "/run/log", "/etc/machine-id"})
        writable = {m["name"] for m in container["volumeMounts"] if not m.get("readOnly")}
        self.assertEqual(writable, {"state", "run", "tmp"})

    def test_each_mode_asks_for_what_it_needs(self):
        expected = {
            "firewalld": ({"drop": ["ALL"]}, True),
            "nftables": ({"drop": ["ALL"], "add": ["NET_ADMIN"]}, False),
        }
        for mode, (capabilities, bus) in expected.items():
            with self.subTest(mode=mode):
                pod = self.pod(mode=mode, host={"sessions": False})
                [container] = pod["containers"]
                self.assertEqual(container["securityContext"]["capabilities"], capabilities)
                self.assertEqual(pod["securityContext"]["runAsUser"], 0)
                self.assertEqual(pod["securityContext"]["seLinuxOptions"], {"type": "spc_t"})
                self.assertTrue(pod["hostNetwork"] and pod["hostUsers"])
                self.assertEqual("bus" in {m["name"] for m in container["volumeMounts"]}, bus)

    def test_never_in_any_mode(self):
        for name, values in cases().items():
            for found in objects(values):
                if found["kind"] not in ("DaemonSet", "Pod"):
                    continue
                spec = found["spec"] if found["kind"] == "Pod" else found["spec"]["template"]["spec"]
                with self.subTest(values=name, kind=found["kind"]):
                    self.assertIs(spec["automountServiceAccountToken"], False)
                    self.assertIn("seccompProfile", spec["securityContext"])
                    self.assertFalse(spec.get("hostPID") or spec.get("hostIPC"))
                    for container in spec["containers"] + spec.get("initContainers", []):
                        context = container["securityContext"]
                        self.assertFalse(context.get("privileged"))
                        self.assertFalse(context["allowPrivilegeEscalation"])
                        self.assertTrue(context["readOnlyRootFilesystem"])
                        self.assertEqual(context["capabilities"]["drop"], ["ALL"])


class Upgrades(unittest.TestCase):
    """An upgrade is possible, and happens when something changed."""

    def test_selectors_hold_nothing_that_changes(self):
        expected = {"app.kubernetes.io/name": "gaoler", "app.kubernetes.io/instance": "fort"}
        for name, values in cases().items():
            if "nameOverride" in values:
                continue
            rendered = objects(values)
            daemonset = one(rendered, "DaemonSet")["spec"]
            with self.subTest(values=name):
                self.assertEqual(daemonset["selector"], {"matchLabels": expected})
                self.assertEqual(one(rendered, "Service")["spec"]["selector"], expected)
                labels = daemonset["template"]["metadata"]["labels"]
                self.assertEqual({**labels, **expected}, labels)

    def test_another_configuration_restarts_the_pods(self):
        def checksum(values):
            template = one(objects(values), "DaemonSet")["spec"]["template"]
            return template["metadata"]["annotations"]["checksum/config"]

        changed = [
            {},
            {"config": {"defaults": {"bantime": "1h"}}},
            {"confD": {"1.yaml": {"defaults": {"bantime": "1h"}}}},
            {"filters": {"sshd.yaml": "failregex: x <HOST>"}},
            {"mode": "firewalld"},
        ]
        self.assertEqual(len({checksum(values) for values in changed}), len(changed))
        self.assertEqual(checksum({"log": {"level": "debug"}}), checksum({}))

    def test_what_the_chart_brings_can_be_left_out(self):
        values = {"config": {"jails": {"sshd": None, "httpd-404": {"logpath": "/var/log/x"}}}}
        config = yaml.safe_load(one(objects(values), "ConfigMap")["data"]["gaoler.yaml"])
        self.assertEqual(list(config["jails"]), ["httpd-404"])
        self.assertEqual(config["defaults"]["maxretry"], 5)

    def test_state_outlives_the_pod_where_bans_do(self):
        for mode in ("firewalld", "nftables"):
            volumes = one(objects({"mode": mode}), "DaemonSet")["spec"]["template"]["spec"]["volumes"]
            [state] = [volume for volume in volumes if volume["name"] == "state"]
            self.assertEqual(state["hostPath"]["path"], "/var/lib/gaoler")

    def test_two_releases_do_not_meet(self):
        def names(release):
            return {(o["kind"], o["metadata"]["name"]) for o in objects(EVERYTHING, name=release)}

        self.assertEqual(names("a") & names("b"), set())

    def test_names_are_short_enough(self):
        for found in objects(EVERYTHING, name="a" * 53):
            self.assertLessEqual(len(found["metadata"]["name"]), 63)


class Package(unittest.TestCase):
    def test_it_holds_files_and_no_links(self):
        with tempfile.TemporaryDirectory() as directory:
            with chart.quiet():
                chart.LOADED.save(directory)
            [path] = Path(directory).iterdir()
            # A release keeps the chart in a Secret, of at most 1 MiB, in base64.
            self.assertLess(path.stat().st_size, 400_000)
            with tarfile.open(path) as package:
                members = {m.name.removeprefix("gaoler/"): m for m in package.getmembers()}
                text = package.extractfile(members["files/gaoler.rules.yaml"]).read()
        self.assertTrue(all(member.isfile() for member in members.values()))
        self.assertEqual(text, (ROOT / "alerts" / "gaoler.rules.yaml").read_bytes())
        self.assertFalse([name for name in members if name.startswith("ci/")])

    def test_the_version_is_gaolers(self):
        version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
        self.assertEqual(yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"], version)

    def test_it_has_one_heap_for_all_threads_as_the_unit(self):
        unit = (ROOT / "packaging" / "gaoler.service").read_text().splitlines()
        lines = [line.removeprefix("Environment=") for line in unit if line.startswith("Environment=")]
        wanted = [word for line in lines for word in line.split()]
        self.assertTrue(wanted)
        [container] = one(objects({}), "DaemonSet")["spec"]["template"]["spec"]["containers"]
        given = {f"{entry['name']}={entry.get('value')}" for entry in container["env"]}
        self.assertLessEqual(set(wanted), given)

    def test_notes_say_what_to_do(self):
        for name, values in cases().items():
            notes = texts(values)["NOTES.txt"]
            with self.subTest(values=name):
                self.assertIn("helm --namespace gaoler test fort", notes)
                self.assertEqual("It bans NOBODY" in notes, values.get("mode", "watch") == "watch")
                self.assertNotIn("<no value>", notes)
        self.assertIn("uid 0", texts({"mode": "firewalld"})["NOTES.txt"])
        own = texts({"mode": "firewalld", "user": {"uid": 987}})["NOTES.txt"]
        self.assertIn("polkit rule 45-gaoler.rules; else no ban is enforced", own)

    def test_the_schema_knows_the_settings_of_today(self):
        own = json.loads((CHART / "values.schema.json").read_text())["$defs"]["config"]
        theirs = json.loads((ROOT / "config" / "gaoler.schema.json").read_text())
        self.assertEqual(own, {k: v for k, v in theirs.items() if k != "$schema"}, "make chart UPDATE=1")
