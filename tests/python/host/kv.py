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

# However long an answer is, and wherever it has what ends another.
for size in (1, 190, 197, 198, 199, 200, 256, 9000):
    for value in ("x" * size, "\n" * size, "\n" * (size // 2) + "é", [10] * (size // 4), {"\n": [size, "\n"]}):
        assert kv.set("long", value) == "ok"
        assert kv.get("long") == value, (size, value)
kv.set("\n", "\n")
assert kv.get("\n") == "\n" and "\n" in kv.keys()
kv.delete("\n")
for size in (65_520, 65_534):
    kv.set("long", "\n" * (size // 2))
    assert kv.get("long") == "\n" * (size // 2)
names = [f"{name:05}" + "\n" * 200 for name in range(350)]
for name in names:
    kv.set(name, 0)
assert [name for name in kv.keys() if name in set(names)] == names
for name in names:
    kv.delete(name)

# What the shorter form does not have goes in the longer one.
deep = 1
for _ in range(100):
    deep = [deep]
for value, kept in (
    ((1, (2,)), [1, [2]]),
    ({1: 2, None: 3}, {"1": 2, "null": 3}),
    (type("Text", (str,), {})("a"), "a"),
    ([2**64 - 1, -(2**63), 2**70], [2**64 - 1, -(2**63), 2.0**70]),
    (deep, deep),
):
    assert kv.set("odd", value) == "ok"
    assert kv.get("odd") == kept, (value, kv.get("odd"))
    asyncio.run(kv.async_set("odd", value))
    assert asyncio.run(kv.async_get("odd")) == kept
for key, value, kind in (
    ("a", {1, 2}, TypeError),
    ("a", b"x", TypeError),
    ("a", ..., TypeError),
    ("a", float("nan"), ValueError),
    ("a", "\ud800", UnicodeEncodeError),
    (b"a", 1, TypeError),
    ("\ud800", 1, UnicodeEncodeError),
    (5, 1, ValueError),
):
    for ask in (
        lambda: kv.set(key, value),
        lambda: asyncio.run(kv.async_set(key, value)),
        *((lambda: kv.get(key), lambda: asyncio.run(kv.async_get(key))) if value == 1 else ()),
    ):
        try:
            ask()
        except kind:
            pass
        else:
            raise AssertionError((key, value))
try:
    call(1, key="a")
except ValueError as error:
    assert "must name a function" in str(error), error
else:
    raise AssertionError("1 is no name")
print("ok")
