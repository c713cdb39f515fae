"""Prepares a guest to be captured, so that a program starts soon after waking."""

import gc
import io
import marshal
import os
import sys

from _frozen_importlib_external import FileFinder

import absent
import leave
import park

# What most programs import. Loading a module takes a program so long (in ms, with
# what it needs beyond those before it, under a debug build on a busy machine),
# and adds so much to the memory that is captured, 9.3 MiB without any (in KiB; in
# the memory of a guest that is woken only what it uses is):
#
#   re, enum, functools  470  252 | uuid          36   68 | pickle         95  248
#   json                  90   12 | tempfile     135   76 | pprint         23    8
#   random                75  136 | logging      165  332 | queue          18    0
#   datetime              38    0 | argparse     130  420 | shlex          17    0
#   copy, string          85  144 | csv           30   12 | socket        110  168
#   dataclasses          480  924 | decimal       55   20 | subprocess    145  400
#   typing               180  548 | statistics   140  100 | asyncio       700 1044
#   textwrap, traceback  100   40 | secrets       30    0 | urllib.parse    5    0
#   pathlib              255  364 | glob          27    0 | base64         35   48
#
# The others (contextlib, inspect, hashlib, linecache, threading ...) come with
# these or are built in. Left out are those that few programs import:
#
#   html                 100  392 | unittest     190  168 | email         400  260
#   configparser         100   96 | zipfile      150  464 | http.client   205  276
#   difflib               45   28 | sqlite3       45    4 | urllib.request 150 540
#   xml.etree            160   60
MODULES = """
json re random tempfile datetime collections functools itertools math traceback linecache
asyncio dataclasses typing enum pathlib string base64 hashlib uuid struct copy decimal
subprocess socket urllib.parse logging argparse contextlib inspect textwrap statistics csv
secrets shutil operator heapq bisect fractions glob pickle pprint queue threading shlex
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
    argv, path = sys.argv, sys.path[:]
    streams, end = (sys.stdout, sys.stderr), leave.end
    sink = io.TextIOWrapper(io.BufferedWriter(Sink()), encoding="utf-8")
    sys.stdout = sys.stderr = leave.STDOUT = leave.STDERR = sink
    # It takes its arguments in the same way, and does nothing with them.
    leave.end = os.device_encoding
    gc.disable()
    try:
        for mode, source in PROGRAMS * ROUNDS:
            run(boot, mode, source)
            sys.path[:] = path
            park.take_back()
    finally:
        sys.stdout, sys.stderr = leave.STDOUT, leave.STDERR = streams
        leave.end = end
    sys.argv = sys.orig_argv = argv
    del sys.last_type, sys.last_value, sys.last_traceback, sys.last_exc
    del absent.PATCHES["linecache"]
    absent.READY["linecache"].module.clearcache()
    for finder in sys.path_importer_cache.values():
        # That of the archive with the standard modules would read all of its
        # directory anew, once per package; nobody can change it.
        if isinstance(finder, FileFinder):
            finder.invalidate_caches()
    gc.enable()
    gc.unfreeze()
    gc.collect()


def run(boot, mode, source):
    request = marshal.dumps((mode, ["x"], ["/"], None, "/", False, source, False))
    boot["fresh_main"]()
    # The programs must look as if they left little behind.
    gc.freeze()
    try:
        boot["start"](request)
    except SystemExit as left:
        # The last of them fails.
        if left.code != 1:
            raise
