"""Calls that are awaited at the same time are made at the same time.

The host's `wait` waits for so many milliseconds, `note` remembers a word,
`noted` tells them, `most` how many of `wait` ran at the same time at most.
"""

import asyncio
import time

import dormouse


async def ten_at_once():
    started = time.monotonic()
    assert await asyncio.gather(*(async_call("wait", ms=500, answer=n) for n in range(10))) == list(range(10))
    # One after the other they take 5 s.
    assert time.monotonic() - started < 4
    assert call("most") == 10


async def each_fails_alone():
    results = await asyncio.gather(
        async_call("wait", ms=1, answer=1),
        async_call("fail", message="one"),
        async_call("nothing"),
        async_call("fail", message="two"),
        async_call("wait"),
        return_exceptions=True,
    )
    assert results[0] == 1
    assert [str(result) for result in results[1:4]] == ["one", "unknown function: nothing", "two"]
    assert isinstance(results[4], ValueError)
    assert results[1] is not results[3]
    try:
        await async_call("fail", message="three")
    except RuntimeError as error:
        assert str(error) == "three"
    else:
        raise AssertionError("it failed")


async def many():
    answers = await asyncio.gather(*(async_call("wait", ms=0, answer=n) for n in range(1100)))
    assert answers == list(range(1100))
    text = "x" * (1 << 20)
    answers = await asyncio.gather(*(async_call("wait", ms=0, answer=n, text=text) for n in range(10)))
    assert answers == list(range(10))
    # Each weighs more in the host than it has text; all together, more than the
    # host takes in a batch.
    answers = await asyncio.gather(*(async_call("zeros", count=20_000) for _ in range(200)))
    assert answers == [[0] * 20_000] * 200


async def what_is_no_text():
    results = await asyncio.gather(
        async_call("wait", ms=0, answer="\ud800"), async_call("wait", ms=0, answer=1), return_exceptions=True
    )
    assert isinstance(results[0], UnicodeEncodeError) and results[1] == 1


async def groups():
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(async_call("wait", ms=100, answer=n)) for n in range(5)]
    assert [task.result() for task in tasks] == list(range(5))
    assert sorted([await task for task in asyncio.as_completed([async_call("wait", ms=1, answer=n) for n in range(5)])]) == list(range(5))
    assert await asyncio.wait_for(async_call("wait", ms=1, answer=1), 5) == 1
    assert await asyncio.to_thread(call, "wait", ms=1, answer=2) == 2
    done, pending = await asyncio.wait([asyncio.ensure_future(async_call("wait", ms=1, answer=3))])
    assert [task.result() for task in done] == [3] and not pending
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(async_call("fail", message="no"))
            group.create_task(async_call("wait", ms=1, answer=1))
    except* dormouse.HostError as errors:
        assert [str(error) for error in errors.exceptions] == ["no"]
    else:
        raise AssertionError("it failed")


async def cancelled():
    task = asyncio.create_task(async_call("note", word="cancelled"))
    await asyncio.sleep(0)
    task.cancel()
    others = await asyncio.gather(async_call("note", word="sent"), task, return_exceptions=True)
    assert others[0] == "ok" and isinstance(others[1], asyncio.CancelledError)
    assert call("noted") == ["sent"]


async def all_cancelled():
    task = asyncio.create_task(async_call("note", word="cancelled"))
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    await asyncio.sleep(0.01)
    assert call("noted") == ["sent"]


async def timers_fire_after():
    order = []
    loop = asyncio.get_running_loop()
    loop.call_later(0.05, order.append, "timer")
    await async_call("wait", ms=200, answer=None)
    order.append("call")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert order in (["call", "timer"], ["timer", "call"]), order
    # And none before its time.
    started = time.monotonic()
    await asyncio.gather(asyncio.sleep(0.1), async_call("wait", ms=1, answer=1))
    assert time.monotonic() - started >= 0.1


async def others_are_always_ready():
    task = asyncio.create_task(async_call("wait", ms=1, answer=7))
    for _ in range(10_000):
        if task.done():
            break
        await asyncio.sleep(0)
    assert task.done() and task.result() == 7


async def one_after_the_other():
    async def chain(n):
        for _ in range(3):
            n = await async_call("wait", ms=200, answer=n + 1)
        return n

    started = time.monotonic()
    assert await asyncio.gather(*(chain(n) for n in range(10))) == [n + 3 for n in range(10)]
    assert time.monotonic() - started < 5


def without_asyncio():
    """Whoever drives a coroutine himself gets its answer at once."""
    try:
        async_call("wait", ms=1, answer=5).send(None)
    except StopIteration as done:
        assert done.value == 5
    else:
        raise AssertionError("it did not end")


without_asyncio()
for check in (
    ten_at_once,
    each_fails_alone,
    many,
    what_is_no_text,
    groups,
    cancelled,
    all_cancelled,
    timers_fire_after,
    others_are_always_ready,
    one_after_the_other,
):
    asyncio.run(check())
assert run_async(async_call("wait", ms=1, answer=6)) == 6
assert run_async(asyncio.wait_for(async_call("wait", ms=1, answer=6), 5)) == 6
try:
    asyncio.run(asyncio.Event().wait())
except RuntimeError as error:
    assert "wait for ever" in str(error), error
else:
    raise AssertionError("a loop with nothing to wait for went on")
print("ok")
