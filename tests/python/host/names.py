"""What is there without an import, and what a program's own names do to it."""

import builtins
import inspect
import pickle
import pydoc
import sys

assert not [name for name in globals() if name in ("kv", "http", "fs", "call")]
assert "kv" not in dir() and "json" not in sys.modules and "dormouse" not in sys.modules

from dormouse import *
from dormouse import HostError, NotGrantedError, call, fs, http, kv

import dormouse

assert kv is builtins.kv and http is builtins.http and fs is builtins.fs and call is builtins.call
assert set(dormouse.__all__) >= {"kv", "http", "fs", "call", "install_pkg", "snapshot_point", "HostError"}
for name in dormouse.__all__:
    value = getattr(dormouse, name)
    if callable(value):
        assert value.__module__ == "dormouse" and value.__name__ == name, name
        assert value.__doc__, name
        assert isinstance(value, type) or inspect.signature(value)
assert str(inspect.signature(kv.get)) == "(key, default=None)"
assert str(inspect.signature(call)) == "(name, /, **kwargs)"
assert inspect.iscoroutinefunction(kv.async_get) and inspect.iscoroutinefunction(async_call)
assert "Calls the host's function" in pydoc.plain(pydoc.render_doc(call))
assert "snapshot_point" in pydoc.plain(pydoc.render_doc(dormouse))

# The standard package, once it is imported, and only where it is.
del http
import http.client

assert http is sys.modules["http"] and builtins.http is dormouse.http


def elsewhere():
    import http

    return http.HTTPStatus.OK


assert elsewhere() == 200
assert eval("http.get", {}) == dormouse.http.get

# The program's own come first.
kv = {"a": 1}
assert kv["a"] == 1


class Shadow:
    def call(self, fs):
        return fs


assert Shadow().call(3) == 3
del kv
assert kv is dormouse.kv

error = pickle.loads(pickle.dumps(NotGrantedError("no")))
assert type(error) is NotGrantedError and str(error) == "no" and error.code == "not_granted"
assert isinstance(error, PermissionError) and isinstance(error, RuntimeError)
assert str(HostError()) == "" and repr(HostError("x")) == "HostError('x')"
print("ok")
