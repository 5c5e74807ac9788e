"""Says what Python's re matches: reads [[regex, text], ...] and writes what the group `fid` captured of
each, null where there is no match, false where the regex is none."""

import json
import re
import sys
import warnings

warnings.simplefilter("ignore")


def told(regex, text):
    try:
        match = re.search(regex, text + "\n")
    except (re.error, OverflowError):
        return False
    return match and match.group("fid")


json.dump([told(*pair) for pair in json.load(sys.stdin)], sys.stdout)
