"""Prepares a guest to be captured, so that a program starts soon after waking."""

import gc
import io
import marshal
import os
import sys

import absent
import leave
import park

MODULES = """
json re random tempfile datetime collections functools itertools math traceback linecache
asyncio dataclasses typing enum pathlib string base64 hashlib uuid struct copy decimal
subprocess socket urllib.parse logging argparse contextlib inspect textwrap statistics csv
""".split()


# Programs that go the ways that most go.
PROGRAMS = (
    ("code", "print(1)"),
    (
        "code",
        """
import json, random, re
from dataclasses import dataclass

class A:
    def __init__(self, x):
        self.x = x

    def __repr__(self):
        return f"A({self.x!r:>5})"

@dataclass
class B:
    y: int = 1

try:
    {}["key"]
except KeyError as error:
    print("no", error, [A(i) for i in range(3)], {i: str(i) for i in range(3)})
for line in sorted(re.findall("[a-z]+", "some words, %s" % B())):
    print(line, len(line), json.loads(json.dumps({"a": [1, 2.5, None, line]})))
""",
    ),
    ("file", b"def f(x):\n    return 1 / x\n\nif __name__ == '__main__':\n    f(0)\n"),
)

# How often: the interpreter adapts code to what it meets after a few times.
ROUNDS = 8


class Sink(io.RawIOBase):
    """Takes what is written, and forgets it."""

    def writable(self):
        return True

    def write(self, data):
        return len(data)


def capture(found, boot):
    """Imports what most programs do, and has `boot` run a few."""
    park.park(MODULES, found)
    argv, path, modules = sys.argv, sys.path[:], dict(sys.modules)
    streams, end = (sys.stdout, sys.stderr), leave.end
    sink = io.TextIOWrapper(io.BufferedWriter(Sink()), encoding="utf-8", write_through=False)
    sys.stdout = sys.stderr = leave.STDOUT = leave.STDERR = sink
    # It takes its arguments in the same way, and does nothing with them.
    leave.end = os.device_encoding
    gc.disable()
    for mode, source in PROGRAMS * ROUNDS:
        boot["fresh_main"]()
        request = marshal.dumps((mode, ["x"], ["/"], None, "/", False, source))
        gc.freeze()
        try:
            boot["start"](request)
        except SystemExit:
            pass
        sys.path[:] = path
        park.take_back()
    gc.enable()
    sys.stdout, sys.stderr = leave.STDOUT, leave.STDERR = streams
    leave.end = end
    sys.argv = sys.orig_argv = argv
    del sys.last_type, sys.last_value, sys.last_traceback, sys.last_exc
    absent.PATCHES.pop("linecache")
    absent.READY["linecache"].module.clearcache()
    for finder in sys.path_importer_cache.values():
        if hasattr(finder, "invalidate_caches"):
            finder.invalidate_caches()
    gc.unfreeze()
    gc.collect()
