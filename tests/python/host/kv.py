"""Values by key, with --kv."""

import asyncio

import dormouse

assert dormouse.kv is kv

# Objects: any JSON value.
for value in ("text", "", 1, -(2**53), 1.5, 0, 10**15, 0.1, -0.5, 2.5e17, 1e300, 5e-324, True, False, None, [], {}, [1, [None, {"a": "ä\n\0"}]], "\U0001f600"):
    assert kv.set("key", value) == "ok"
    got = kv.get("key", "default")
    assert got == value and type(got) is type(value), (value, got)
kv.set("tuple", (1, 2))
assert kv.get("tuple") == [1, 2]

# A missing key is not one that stands for null.
missing = object()
assert kv.get("no") is None
assert kv.get("no", missing) is missing
assert kv.get("no", default=[1]) == [1]
kv.set("null", None)
assert kv.get("null", missing) is None

assert sorted(kv.keys()) == ["key", "null", "tuple"]
assert kv.delete("null") == "ok" and kv.delete("null") == "ok"
assert kv.get("null", missing) is missing

# Functions: text.
assert kv_set("flat", "x") == "ok"
assert kv_get("flat") == "x" and kv.get("flat") == "x"
kv_set("flat", {"a": [1, "ä"]})
assert kv_get("flat") == '{"a":[1,"ä"]}'
assert kv_get("no") is None
assert kv_delete("flat") == "ok" and kv_get("flat") is None
assert sorted(kv_keys()) == ["key", "tuple"]


async def later():
    assert await kv.async_set("a", [1]) == "ok"
    assert await kv.async_get("a") == [1]
    assert await kv.async_get("no", missing) is missing
    assert sorted(await kv.async_keys()) == ["a", "key", "tuple"]
    assert await kv.async_delete("a") == "ok"
    assert await kv.async_get("a") is None
    return "done"


assert run_async(later()) == "done"
assert asyncio.run(later()) == "done"


def fails(kind, message, call):
    try:
        call()
    except kind as error:
        assert message in str(error), error
        return error
    raise AssertionError(f"no error: {message}")


error = fails(ValueError, "key required", lambda: kv.get(1))
assert isinstance(error, dormouse.HostError) and isinstance(error, RuntimeError)
assert error.code == "invalid"
fails(ValueError, "key required", lambda: kv_get(None))
fails(ValueError, "key required", lambda: kv.set(1, 2))
error = fails(dormouse.TooLargeError, "key too large", lambda: kv.set("k" * 257, 1))
assert error.code == "too_large"
fails(RuntimeError, "value too large", lambda: kv.set("k", "v" * (64 << 10)))
fails(TypeError, "Object of type object is not JSON serializable", lambda: kv.set("k", object()))
fails(ValueError, "JSON", lambda: kv.set("k", float("nan")))
fails(ValueError, "surrogates", lambda: kv.set("k", "\ud800"))
loop = []
loop.append(loop)
fails(ValueError, "Circular reference", lambda: kv.set("k", loop))
fails(TypeError, "missing 1 required positional argument", lambda: kv.set("k"))
assert kv.get("k") is None
print("ok")
