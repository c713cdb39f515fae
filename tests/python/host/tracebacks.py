"""A traceback shows the program's frames, and those alone."""

import asyncio
import json
import traceback

import dormouse


def files(error):
    return [(frame.filename, frame.name) for frame in traceback.extract_tb(error.__traceback__)]


def asks():
    kv.get("x")


async def asks_later():
    await kv.async_get("x")


async def asks_in_a_group():
    async with asyncio.TaskGroup() as group:
        group.create_task(asks_later())


def run(check, *expected):
    try:
        check()
    except Exception as error:
        if isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        names = [name for file, name in files(error) if file == __file__]
        assert names[1:] == list(expected), names
        assert not [file for file, _ in files(error) if "/lib/dormouse/" in file], files(error)
        return error
    raise AssertionError("it failed")


run(asks, "asks")
run(lambda: http.get("http://x"), "<lambda>")
run(lambda: kv_get("x"), "<lambda>")
run(lambda: kv.set("x", object()), "<lambda>")
run(lambda: fs.read_text(), "<lambda>")
run(lambda: asyncio.run(asks_later()), "<lambda>", "asks_later")
error = run(lambda: asyncio.run(asks_in_a_group()))
assert [name for file, name in files(error)][-1] == "asks_later"

# What went wrong before is not lost.
try:
    try:
        1 / 0
    except ZeroDivisionError:
        kv.get("x")
except dormouse.HostError as error:
    assert isinstance(error.__context__, ZeroDivisionError) and not error.__suppress_context__


class Path:
    def __fspath__(self):
        raise ValueError("mine")


error = run(lambda: fs.read_text(Path()), "<lambda>", "__fspath__")
assert str(error) == "mine"
print("ok")
