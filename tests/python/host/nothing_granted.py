"""Without a grant there is every name, and using it says what it takes."""

import asyncio
import builtins

import dormouse


def refused(flag, name, call):
    try:
        call()
    except RuntimeError as error:
        assert isinstance(error, PermissionError), error
        assert isinstance(error, dormouse.NotGrantedError) and error.code == "not_granted"
        assert str(error) == f"not granted: {name}; enable with {flag}", error
    else:
        raise AssertionError(f"{name} was not refused")


for flag, name, *calls in (
    ("--kv", "kv_get", lambda: kv.get("x"), lambda: kv.get("x", 1), lambda: kv_get("x"), lambda: call("kv_get", key="x")),
    ("--kv", "kv_set", lambda: kv.set("x", 1), lambda: kv_set("x", "y")),
    ("--kv", "kv_delete", lambda: kv.delete("x"), lambda: kv_delete("x")),
    ("--kv", "kv_keys", lambda: kv.keys(), lambda: kv_keys()),
    ("--allow-host", "http_get", lambda: http_get("http://localhost")),
    ("--allow-host", "http_request", lambda: http.get("http://localhost"), lambda: http.post("http://localhost", body="x")),
    ("--allow-pkg-install", "install_pkg", lambda: install_pkg("x"), lambda: install_pkg("x", ">=1")),
):
    for attempt in calls:
        refused(flag, name, attempt)


async def all_of_them():
    results = await asyncio.gather(
        kv.async_get("x"), http.async_get("http://localhost"), async_install_pkg("x"), return_exceptions=True
    )
    assert all(isinstance(result, dormouse.NotGrantedError) for result in results), results


asyncio.run(all_of_them())


def fetch():
    import urllib.request

    urllib.request.urlopen("http://127.0.0.1/")


try:
    fetch()
except OSError as error:
    assert "not granted: http_request; enable with --allow-host" in str(error), error
else:
    raise AssertionError("it was fetched")
try:
    call("nothing", key=1)
except dormouse.UnknownFunctionError as error:
    assert str(error) == "unknown function: nothing" and not isinstance(error, OSError)
else:
    raise AssertionError("nothing was called")
assert hasattr(builtins, "kv")
print("ok")
