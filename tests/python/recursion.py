"""Recursion without end is an exception, not the end of the interpreter."""

import json
import pickle
import re
import sys


def raises(kind, call):
    try:
        call()
    except kind:
        return
    raise AssertionError(f"no {kind}: {call}")


def forever():
    return forever()


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


raises(RecursionError, forever)
raises(RecursionError, lambda: repr(nested(100_000)))
raises(RecursionError, lambda: json.loads("[" * 100_000))
raises(RecursionError, lambda: json.dumps(nested(100_000)))
raises(RecursionError, lambda: pickle.dumps(nested(100_000)))
raises(RecursionError, lambda: re.compile("(" * 5000 + ")" * 5000))
raises((RecursionError, MemoryError), lambda: compile("-" * 50_000 + "1", "x", "eval"))
raises(RecursionError, lambda: compile("+".join(["1"] * 5000), "x", "eval"))

depth = 0


def count():
    global depth
    depth += 1
    count()


sys.setrecursionlimit(50_000)
raises(RecursionError, count)
assert depth > 49_000, depth
print("ok")
