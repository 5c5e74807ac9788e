#!/usr/bin/python3
"""What fail2ban's own reader makes of a configuration directory: JSON, for tests/fail2ban.rs.

Usage: oracle.py filters|jails DIR
"""
import glob, json, logging, os, re, sys

import fail2ban.tests
from fail2ban.client.filterreader import FilterReader
from fail2ban.client.jailsreader import JailsReader
from fail2ban.helpers import extractOptions

OPTIONS = ["usedns", "prefregex", "ignoreregex", "failregex", "maxlines", "datepattern", "journalmatch"]
SAMPLES = os.path.join(os.path.dirname(fail2ban.tests.__file__), "files", "logs")


def variants(name):
    """The parameters that a filter is tried with: what its samples ask for, and every mode."""
    found = [{}] + [{"mode": mode} for mode in ("normal", "ddos", "extra", "aggressive")]
    path = os.path.join(SAMPLES, name)
    if os.path.isfile(path):
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                asked = re.match(r"^#+ ?(?:file|filter)Options:(.+)$", line)
                if asked:
                    asked = json.loads(asked.group(1))
                    found += asked if isinstance(asked, list) else [asked]
    plain = [{k: v for k, v in one.items() if not k.startswith("test.")} for one in found]
    return [one for n, one in enumerate(plain) if one not in plain[:n]]


def strings(options):
    return {k: str(v) for k, v in options.items() if k in OPTIONS and v is not None}


def filters(directory):
    share = {}
    for path in sorted(glob.glob(os.path.join(directory, "filter.d", "*.conf"))):
        name = os.path.splitext(os.path.basename(path))[0]
        for given in variants(name):
            for backend in ("polling", "systemd"):
                spec = ",".join(f'{k}="{v}"' for k, v in given.items())
                spec = f"{name}[{spec}]" if spec else name
                name, options = extractOptions(spec)
                reader = FilterReader(name, "jail", options, share_config=share, basedir=directory)
                try:
                    reader.read()
                    reader.applyAutoOptions(backend)
                    reader.getOptions({})
                    expanded = strings(reader.getCombined())
                except Exception as error:
                    expanded = {"error": str(error)}
                yield {"spec": spec, "journal": backend == "systemd", "options": expanded}


def jails(directory):
    reader = JailsReader(basedir=directory, share_config={})
    reader.read()
    reader.getOptions(ignoreWrong=False)
    for jail in reader.jails:
        options = {k: str(v) for k, v in jail.options.items() if v is not None}
        own = dict(options)
        # What the server is told last holds; patterns add up.
        stream = [command for command in jail.convert(allow_no_files=True)]
        told = {}
        for command in stream:
            if command[0] == "set" and command[2].startswith(("addfail", "addignorer")):
                told.setdefault(command[2][3:], []).append(command[3])
            elif command[0] == "multi-set" and command[2].startswith(("addfail", "addignorer")):
                told.setdefault(command[2][3:], []).extend(command[3])
            elif command[0] == "set" and command[2] in ("prefregex", "maxlines", "datepattern", "usedns"):
                told[command[2]] = [str(command[3])]
        yield {"name": jail.getName(), "options": own, "told": told}


def main():
    logging.getLogger("fail2ban").setLevel(logging.CRITICAL + 1)
    asked, directory = sys.argv[1:]
    json.dump(list({"filters": filters, "jails": jails}[asked](directory)), sys.stdout)


main()
