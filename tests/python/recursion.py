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



class Loop:
    """Each of these goes through C code and back."""

    def __init__(self, endless=False):
        if endless:
            Loop(True)

    def __getattr__(self, name):
        return getattr(self, name + "x")

    def __eq__(self, other):
        return self == other

    def __call__(self):
        return self()

    def __lt__(self, other):
        return sorted([self, other])

    def __str__(self):
        return str(self)


raises(RecursionError, lambda: Loop(True))
raises(RecursionError, lambda: Loop().x)
raises(RecursionError, lambda: Loop() == Loop())
raises(RecursionError, lambda: Loop()())
raises(RecursionError, lambda: Loop() < Loop())
raises(RecursionError, lambda: str(Loop()))


def substitute(_):
    return re.sub("a", substitute, "a")


raises(RecursionError, lambda: substitute(None))


class Tree:
    """Builds itself from the top down, through a constructor each."""

    def __init__(self, depth):
        self.child = Tree(depth - 1) if depth else None


Tree(150)

depth = 0


def count():
    global depth
    depth += 1
    count()


sys.setrecursionlimit(50_000)
raises(RecursionError, count)
assert depth > 49_000, depth
print("ok")
