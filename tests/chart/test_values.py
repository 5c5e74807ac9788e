"""Values: each is described, changes what is rendered, and is refused in words when it is wrong."""

import copy
import json
import unittest

import yaml

import generate
from chart import CHART, Refused, cases, texts

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())

# Values that are refused, and what the message names.
BAD = [
    ({"mod": "watch"}, ["mod", "not allowed"]),
    ({"mode": "iptables"}, ["/mode", "'watch', 'firewalld', 'nftables'"]),
    ({"image": {"tag": "a b"}}, ["/image/tag"]),
    ({"image": {"digest": "sha256:1"}}, ["/image/digest"]),
    ({"image": {"pullPolicy": "Sometimes"}}, ["/image/pullPolicy", "'Always', 'IfNotPresent', 'Never'"]),
    ({"metrics": {"port": 99999}}, ["/metrics/port", "maximum", "65,535"]),
    ({"metrics": {"port": "http"}}, ["/metrics/port", "want integer"]),
    ({"host": {"logs": ["var/log"]}}, ["/host/logs/0"]),
    ({"host": {"journalGroup": "systemd-journal"}}, ["/host/journalGroup", "want integer"]),
    ({"state": {"type": "pvc"}}, ["/state/type", "'auto', 'hostPath', 'emptyDir'"]),
    ({"updateStrategy": {"rollingUpdate": {"maxSurge": 1}}}, ["/updateStrategy/rollingUpdate/maxSurge"]),
    ({"podLabels": {"app.kubernetes.io/name": "x"}}, ["/podLabels"]),
    ({"commonLabels": {"app.kubernetes.io/instance": "x"}}, ["/commonLabels"]),
    ({"confD": {"a.yml": {}}}, ["/confD", "a.yml"]),
    ({"filters": {"../sshd.yaml": {}}}, ["/filters", "../sshd.yaml"]),
    ({"tests": {"timeout": 0}}, ["/tests/timeout"]),
    # What gaoler itself would refuse, down to the key.
    ({"config": {"jails": {"sshd": {"maxretyr": 3}}}}, ["/config/jails/sshd", "maxretyr"]),
    ({"config": {"defaults": {"bantime": "soon"}}}, ["/config/defaults/bantime"]),
    ({"config": {"fail2ban": {"path": "/etc/fail2ban"}}}, ["/config/fail2ban", "path"]),
    # What the chart sets itself.
    ({"config": {"enforcement": {"backend": "none"}}}, ["config.enforcement.backend: the chart sets this; give mode"]),
    ({"config": {"state": {"path": "/x"}}}, ["config.state.path", "give state.hostPath"]),
    ({"config": {"control": {"socket": "/x"}}}, ["config.control.socket"]),
    ({"config": {"telemetry": {"listen": "off"}}}, ["config.telemetry.listen", "metrics.address and metrics.port"]),
    (
        {"config": {"telemetry": {"web": {"config_file": "/x"}}}},
        ["config.telemetry.web.config_file", "give webConfig.existingSecret"],
    ),
    # What does not go together.
    ({"mode": "nftables", "user": {"uid": 987}}, ["user.uid: 987", "CAP_NET_ADMIN", "mode: nftables"]),
    (
        {"mode": "firewalld", "user": {"uid": 987}, "config": {"jails": {"sshd": {"cut_established": True}}}},
        ["user.uid: 987", "CAP_NET_ADMIN", "cut_established: true"],
    ),
    ({"mode": "firewalld", "networkPolicy": {"enabled": True}}, ["networkPolicy.enabled", "mode: firewalld"]),
    ({"hostNetwork": True, "networkPolicy": {"enabled": True}}, ["networkPolicy.enabled", "hostNetwork: true"]),
    ({"mode": "nftables", "state": {"type": "emptyDir"}}, ["state.type: emptyDir forgets bans"]),
    ({"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}, ["scraped twice; choose one"]),
    ({"webConfig": {"tlsSecret": "x"}}, ["webConfig.tlsSecret", "give webConfig.existingSecret too"]),
    ({"webConfig": {"scheme": "HTTPS"}}, ["webConfig.scheme", "give webConfig.existingSecret too"]),
    ({"state": {"prepare": True}}, ["state.prepare: only a directory of the node", "state.type: hostPath"]),
    (
        {"prometheusRule": {"enabled": True, "disabledAlerts": ["GaolerUp"]}},
        ["prometheusRule.disabledAlerts: there is no alert GaolerUp", "GaolerDown"],
    ),
]

# Another value of each, where its schema does not say one.
OTHER = {
    "image.repository": "registry.example/gaoler",
    "image.tag": "1.2.3",
    "image.digest": "sha256:" + "0" * 64,
    "imagePullSecrets": [{"name": "x"}],
    "config": {"defaults": {"maxretry": 9}},
    "confD": {"x.yaml": {"defaults": {}}},
    "filters": {"x.yaml": "failregex: x"},
    "host.logs": ["/srv"],
    "host.machineId": "/x",
    "host.bus": "/x",
    "state.hostPath": "/x",
    "state.sizeLimit": "1Gi",
    "capabilities": ["SYS_TIME"],
    "env": [{"name": "X", "value": "x"}],
    "volumes": [{"name": "x", "emptyDir": {}}],
    "volumeMounts": [{"name": "x", "mountPath": "/x"}],
    "extraObjects": ["kind: X"],
    "updateStrategy.rollingUpdate": {"maxUnavailable": 2},
    "updateStrategy.rollingUpdate.maxSurge": 0,
    "updateStrategy.rollingUpdate.maxUnavailable": 3,
    "user.uid": 1234,
    "user.gid": 1234,
    "prometheusRule.disabledAlerts": ["GaolerDown"],
    "fullnameOverride": "x",
}
DURATIONS = ("interval", "scrapeTimeout")

# Together these switch everything on.
BASES = [
    {**cases()["monitoring"], "webConfig": {"existingSecret": "x"}},
    {**cases()["podmonitor"], "state": {"type": "hostPath"}},
    {"mode": "firewalld"},
]


class Values(unittest.TestCase):
    def test_bad_ones_are_refused_with_words_that_help(self):
        for values, words in BAD:
            with self.subTest(values=values):
                with self.assertRaises(Refused) as refused:
                    texts(values)
                for word in words:
                    self.assertIn(word, str(refused.exception))

    def test_every_value_is_in_the_schema_and_in_values_yaml(self):
        described = {path for path, _, text in generate.described(SCHEMA["properties"], VALUES) if text}
        # Of what Kubernetes has defaults for, values.yaml names some only.
        unset = {path for path in described if path.startswith(("probes.", "updateStrategy."))}
        self.assertEqual(described - unset - set(paths(VALUES)), set())
        whole = [path for path in described if is_free(path)]
        extra = [
            path
            for path in paths(VALUES)
            if path not in described and not any(path.startswith(f"{free}.") for free in whole)
        ]
        self.assertEqual(extra, [])

    def test_every_description_is_a_sentence(self):
        for path, _, text in generate.described(SCHEMA["properties"], VALUES):
            with self.subTest(value=path):
                self.assertRegex(text, r"^[A-Z0-9`].{2,}[^.]\.$")

    def test_every_value_changes_what_is_rendered(self):
        before = [texts(base) for base in BASES]
        for path, _, _ in generate.described(SCHEMA["properties"], VALUES):
            if schema_at(path).get("properties") and not is_free(path):
                continue
            if path == "updateStrategy.rollingUpdate.maxSurge":
                continue  # One value alone is taken.
            with self.subTest(value=path):
                changed = [render(merged(base, path)) for base in BASES]
                self.assertTrue(
                    any(now is not None and now != was for now, was in zip(changed, before)), "changes nothing"
                )

    def test_the_table_of_the_readme_is_of_today(self):
        self.assertEqual([str(path) for path in generate.outdated()], [], "make chart UPDATE=1")


def render(values):
    try:
        return texts(values)
    except Refused:
        return None


def merged(base, path):
    """The base with another value at the path."""
    values = copy.deepcopy(base)
    *above, last = path.split(".")
    at = values
    for name in above:
        at = at.setdefault(name, {})
    at[last] = other(path, schema_at(path), at.get(last, default_at(path)))
    return values


def other(path, schema, now):
    if path in OTHER:
        return OTHER[path]
    if "enum" in schema:
        return next(value for value in schema["enum"] if value != now)
    kind = schema["type"]
    if kind == "boolean":
        return not now
    if kind == "integer":
        return (now or schema["minimum"]) + 1
    if kind == "string":
        return "7s" if path.endswith(DURATIONS) else "x"
    return {"x": "y"} if kind == "object" else [{"x": "y"}]


def schema_at(path):
    schema = SCHEMA
    for name in path.split("."):
        schema = schema["properties"][name]
    return schema


def is_free(path):
    return "properties" not in schema_at(path)


def default_at(path):
    at = VALUES
    for name in path.split("."):
        at = (at or {}).get(name)
    return at


def paths(values, above=""):
    for name, value in values.items():
        yield above + name
        if isinstance(value, dict):
            yield from paths(value, f"{above}{name}.")
