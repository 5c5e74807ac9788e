"""What is rendered is what a cluster takes, in each Kubernetes version and of the operator's kinds."""

import sys
import unittest

import helm_python
import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1 as operator

from chart import CHART, GOLDEN, UPDATE, cases, objects, quiet, texts

# The newest that the schemas know, and two older ones that clusters still run.
VERSIONS = ("1.37.0", "1.34.0", "1.30.0")
KINDS = {"ConfigMap", "DaemonSet", "NetworkPolicy", "Pod", "Service", "ServiceAccount"}
OPERATORS = ("ServiceMonitor", "PodMonitor", "PrometheusRule")


class Manifests(unittest.TestCase):
    def test_lint_has_nothing_to_say(self):
        for name, values in cases().items():
            for version in VERSIONS:
                with self.subTest(values=name, version=version), quiet():
                    said = helm_python.lint(str(CHART), values, strict=True, kube_version=version)
                    self.assertEqual((said["messages"], said["errors"]), ([], []))

    def test_each_kubernetes_takes_every_object(self):
        checked = 0
        seen = []
        for name, values in cases().items():
            for found in objects(values):
                if found["apiVersion"].startswith("monitoring.coreos.com/") or found in seen:
                    continue
                seen.append(found)
                for version in VERSIONS:
                    with self.subTest(values=name, kind=found["kind"], version=version):
                        kubernetes_validate.validate(found, version, strict=True)
                        checked += 1
        print(f"{checked} checks of objects against Kubernetes {', '.join(VERSIONS)} ", end="", file=sys.stderr)
        self.assertEqual({found["kind"] for found in seen}, KINDS)

    def test_the_schemas_refuse_what_is_wrong(self):
        wrong = {"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": {"selektor": {}}}
        for version in VERSIONS:
            with self.assertRaises(kubernetes_validate.ValidationError):
                kubernetes_validate.validate(wrong, version, strict=True)

    def test_the_operator_takes_its_kinds(self):
        seen = set()
        for name, values in cases().items():
            for found in objects(values):
                if found["kind"] in OPERATORS:
                    with self.subTest(values=name, kind=found["kind"]):
                        self.assertEqual(unknown(found), [])
                        seen.add(found["kind"])
        self.assertEqual(seen, set(OPERATORS))

    def test_the_operators_models_refuse_what_is_wrong(self):
        wrong = {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "ServiceMonitor",
            "metadata": {"name": "x"},
            "spec": {"selector": {}, "endpoints": [{"port": "metrics", "intervall": "1s"}]},
        }
        self.assertEqual(unknown(wrong), [".spec.endpoints[0].intervall"])
        del wrong["spec"]["selector"]
        with self.assertRaises(ValueError):
            unknown(wrong)

    def test_golden(self):
        GOLDEN.mkdir(exist_ok=True)
        stale = {path.name for path in GOLDEN.iterdir()}
        for name, values in cases().items():
            path = GOLDEN / f"{name}.yaml"
            stale.discard(path.name)
            now = golden(values)
            if UPDATE:
                path.write_text(now)
            with self.subTest(values=name):
                self.assertEqual(path.read_text(), now, "UPDATE=1 takes it")
        self.assertEqual(stale, set(), "of no values")


def unknown(found):
    """Fields that the operator's model of this kind does not know; the model itself ignores them."""
    model = getattr(operator, found["kind"]).model_validate(found)
    known = model.model_dump(by_alias=True, exclude_unset=True, mode="json")
    return list(missing(found, known, ""))


def missing(given, known, path):
    if isinstance(given, dict) and isinstance(known, dict):
        for key, value in given.items():
            if key in known:
                yield from missing(value, known[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif isinstance(given, list) and isinstance(known, list):
        for at, (value, other) in enumerate(zip(given, known)):
            yield from missing(value, other, f"{path}[{at}]")


def golden(values):
    """All that is rendered, but for the rules and dashboards, which have tests of their own."""
    kept = []
    for path, text in sorted(texts(values).items()):
        documents = [document for document in text.split("\n---\n") if document.strip()]
        for document in documents if path.endswith(".yaml") else [text]:
            if path == "prometheusrule.yaml":
                document = document.split("  groups:")[0] + "  # groups: alerts/gaoler.rules.yaml\n"
            if path == "dashboards.yaml":
                document = document.split("data:")[0] + "# data: dashboards/*.json\n"
            if not path.endswith(".yaml"):
                document = "".join(f"# {line}\n".replace(" \n", "\n") for line in document.splitlines())
            if path != "NOTES.txt" and not yaml.safe_load(document):
                continue
            kept.append(f"# {path}\n{document.strip()}\n")
    return "---\n".join(kept)
