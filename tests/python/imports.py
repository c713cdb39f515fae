"""Importing standard modules is as anywhere, also where they were loaded before
the program was known."""

import sys

START = """
__main__ _abc _codecs _collections_abc _frozen_importlib _frozen_importlib_external _imp _io
_signal _sitebuiltins _stat _thread _warnings _weakref abc builtins codecs encodings
encodings.aliases encodings.utf_8 genericpath io marshal os os.path posix posixpath site stat sys
time warnings zipimport zlib
""".split()
assert sorted(sys.modules) == START, sorted(sys.modules)
assert not hasattr(sys, "last_exc") and not hasattr(sys, "last_value")
assert [finder.__name__ for finder in sys.meta_path][1:4] == [
    "BuiltinImporter",
    "FrozenImporter",
    "PathFinder",
]

# A module brings in what it needs, and nothing else.
import json

JSON = """
_collections _functools _json _operator _sre collections copyreg enum functools itertools json
json.decoder json.encoder json.scanner keyword operator re re._casefix re._compiler re._constants
re._parser reprlib types
""".split()
assert sorted(set(sys.modules) - set(START)) == JSON, sorted(set(sys.modules) - set(START))
assert json.decoder and json.__spec__.name == "json" and json.__loader__ is json.__spec__.loader
assert "/json/__init__.py" in json.__file__ and json.__spec__.origin == json.__file__
import collections
import urllib

assert not hasattr(urllib, "parse") and not hasattr(collections, "abc")
import collections.abc
import urllib.parse

assert urllib.parse.quote("ä") == "%C3%A4" and collections.abc.Sized
import importlib.util
import itertools
import math
import random

assert random._log is math.log and isinstance(random._repeat(1), itertools.repeat)
spec = importlib.util.find_spec("csv")
assert "csv" not in sys.modules and "/csv.py" in spec.origin and spec.has_location
assert isinstance(spec.loader, type(json.__loader__)), spec.loader
assert "reader" in spec.loader.get_code("csv").co_names
import csv

assert csv.__loader__ is csv.__spec__.loader and type(csv.__loader__) is type(json.__loader__)

# What was taken out is loaded anew; a reload runs in place.
first = sys.modules.pop("json")
import json

assert json is not first and json.loads("[1]") == [1]
json.dumps = None
assert importlib.reload(json) is json and json.dumps([1]) == "[1]"
import traceback

del sys.modules["linecache"]
import linecache

assert traceback.linecache is not linecache

# A stand-in is used by whatever is imported later.
import types

sys.modules["textwrap"] = types.ModuleType("textwrap")
try:
    import argparse
    from argparse import _textwrap
except ImportError:
    pass
sys.modules["decimal"] = None
try:
    import decimal
except ModuleNotFoundError:
    pass
else:
    raise AssertionError("it was blocked")
del sys.modules["decimal"]


class Blocker:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "statistics":
            raise ModuleNotFoundError("blocked")


sys.meta_path.insert(0, Blocker)
try:
    import statistics
except ModuleNotFoundError as error:
    assert str(error) == "blocked"
sys.meta_path.remove(Blocker)

# One's own modules come first, also for the standard ones that need such.
import os

os.makedirs("/tmp/own/uuid")
for name in ("base64.py", "uuid/__init__.py", "bisect.py"):
    with open(f"/tmp/own/{name}", "w") as file:
        file.write("own = True\nraise_from_here = bisect = bisect_left = bisect_right = None\n")
sys.path.insert(0, "/tmp/own")
del sys.modules["random"], sys.modules["bisect"]
import base64
import uuid

assert base64.own and uuid.own
import statistics

assert statistics.bisect_left is None and sys.modules["bisect"].own
print("ok")
