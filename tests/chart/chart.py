"""The chart as Helm renders it, without a cluster."""

import contextlib
import os
from pathlib import Path

import helm_python
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "gaoler"
GOLDEN = ROOT / "tests" / "golden" / "chart"
UPDATE = bool(os.environ.get("UPDATE"))

helm_python.disable_logging()


class Refused(Exception):
    """Helm does not take these values; the text is what it tells the user."""


@contextlib.contextmanager
def quiet():
    """Without the lines that Helm's own library writes about each link; failures are exceptions."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


with quiet():
    LOADED = helm_python.Chart.load(str(CHART))


def cases():
    """Values by name: the chart's own, and those of ci/."""
    found = {"default": {}}
    for path in sorted((CHART / "ci").glob("*-values.yaml")):
        found[path.name.removesuffix("-values.yaml")] = yaml.safe_load(path.read_text())
    return found


def texts(values, name="fort", namespace="gaoler"):
    """The files that templates come to, by name: manifests and NOTES.txt."""
    try:
        with quiet():
            rendered = LOADED.render(values, name=name, namespace=namespace)
    except helm_python.HelmError as error:
        raise Refused(str(error)) from error
    return {path.removeprefix("gaoler/templates/"): text for path, text in rendered.items()}


def objects(values, **release):
    """The objects that would be made, `helm test`'s pod among them."""
    found = []
    for path, text in texts(values, **release).items():
        if path.endswith(".yaml"):
            found += [document for document in yaml.load_all(text, Strict) if document]
    return found


def one(objects, kind, name=None):
    """The one object of a kind, and of a name where there are more."""
    [found] = [
        object
        for object in objects
        if object["kind"] == kind and name in (None, object["metadata"]["name"])
    ]
    return found


class Strict(yaml.CSafeLoader):
    """YAML in which no key is given twice: a cluster would refuse it or take either."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is given twice", node.start_mark
                )
        return super().construct_mapping(node, deep)
