"""Makes what the chart has from elsewhere, and its README's table of values.

values.schema.json holds gaoler's own schema (config/gaoler.schema.json) as `$defs.config`, so that
Helm refuses a mistake in `config` before a node sees it. The rest of that file is written by hand.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "gaoler"
BEGIN, END = "<!-- values: made by `make chart UPDATE=1` -->\n", "<!-- end of values -->\n"


def outdated():
    """The files that are not what they would be made to: path and text."""
    made = {
        CHART / "values.schema.json": schema(),
        CHART / "README.md": readme(),
    }
    return {path: text for path, text in made.items() if path.read_text() != text}


def schema():
    """values.schema.json with gaoler's schema of today."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    config = json.loads((ROOT / "config" / "gaoler.schema.json").read_text())
    del config["$schema"]
    schema["$defs"]["config"] = config
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def readme():
    """README.md with the table of values between its marks."""
    import yaml

    text = (CHART / "README.md").read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    properties = json.loads((CHART / "values.schema.json").read_text())["properties"]
    rows = "".join(row(*value) for value in described(properties, values))
    table = "| value | default | meaning |\n|---|---|---|\n" + rows
    return before + BEGIN + "\n" + table + "\n" + END + after


def described(properties, values, above=""):
    """Each value: its path, its default, its description; sections go before what they hold."""
    for name, schema in properties.items():
        if name == "global":
            continue
        default = (values or {}).get(name)
        inner = schema.get("properties")
        yield above + name, None if inner else default, schema["description"]
        if inner:
            yield from described(inner, default, f"{above}{name}.")


def row(path, default, description):
    shown = "" if default is None else f"`{json.dumps(default, ensure_ascii=False)}`"
    if path == "config":
        shown = "the jail `sshd`"
    cells = (f"`{path}`", shown, description)
    return "| " + " | ".join(re.sub(r"\|", r"\\|", cell) for cell in cells) + " |\n"


if __name__ == "__main__":
    # Twice: the README's table is of the schema.
    for _ in range(2):
        for path, text in outdated().items():
            path.write_text(text)
