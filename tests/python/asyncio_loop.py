"""asyncio where there are no sockets to wait on."""

import asyncio
import concurrent.futures
import contextlib
import time


async def after(delay, value):
    await asyncio.sleep(delay)
    return value


async def gather():
    started = time.monotonic()
    assert await asyncio.gather(*(after(0.05, n) for n in range(20))) == list(range(20))
    assert time.monotonic() - started >= 0.05
    results = await asyncio.gather(after(0, 1), asyncio.to_thread(lambda: 1 / 0), return_exceptions=True)
    assert results[0] == 1 and isinstance(results[1], ZeroDivisionError)


async def queue():
    items, seen = asyncio.Queue(maxsize=2), []

    async def produce():
        for n in range(10):
            await items.put(n)
        await items.put(None)

    async def consume():
        while (n := await items.get()) is not None:
            seen.append(n)

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        group.create_task(consume())
    assert seen == list(range(10)), seen


async def timeouts():
    for wait in (lambda: asyncio.wait_for(after(60, 1), 0.02), lambda: within(0.02)):
        try:
            await wait()
        except TimeoutError:
            pass
        else:
            raise AssertionError("no timeout")


async def within(seconds):
    async with asyncio.timeout(seconds):
        await asyncio.sleep(60)


async def primitives():
    event, lock = asyncio.Event(), asyncio.Lock()
    asyncio.get_running_loop().call_later(0.01, event.set)
    async with lock:
        await event.wait()
    task = asyncio.create_task(after(60, 1))
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()

    async def numbers():
        for n in range(3):
            await asyncio.sleep(0)
            yield n

    assert [n async for n in numbers()] == [0, 1, 2]
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(None, pow, 2, 5) == 32


async def executors():
    """There are no threads, so functions run in place, at once."""
    loop = asyncio.get_running_loop()
    assert await asyncio.to_thread(sum, [1, 2]) == 3
    assert await loop.run_in_executor(None, sum, [1, 2]) == 3
    with concurrent.futures.ThreadPoolExecutor() as pool:
        assert await loop.run_in_executor(pool, sum, [1, 2]) == 3


async def generators():
    async def count(to):
        try:
            for n in range(to):
                await asyncio.sleep(0)
                yield n
        finally:
            closed.append(to)

    closed = []
    assert [n async for n in count(3)] == [0, 1, 2] and closed == [3]
    async for _ in count(5):
        break
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert closed == [3, 5], closed


async def refusals():
    for refused in (
        asyncio.open_connection("127.0.0.1", 80),
        asyncio.start_server(print, "127.0.0.1", 80),
        asyncio.create_subprocess_exec("ls"),
    ):
        try:
            await refused
        except OSError as error:
            assert "the sandbox has no" in str(error), error
        else:
            raise AssertionError("not refused")


for check in (gather, queue, timeouts, primitives, executors, generators, refusals):
    asyncio.run(check())
with asyncio.Runner(debug=True) as runner:
    assert runner.run(after(0, 7)) == 7
loop = asyncio.new_event_loop()
assert loop.run_until_complete(after(0, 8)) == 8
loop.close()
try:
    asyncio.run(asyncio.Event().wait())
except RuntimeError as error:
    assert "wait for ever" in str(error), error
else:
    raise AssertionError("a loop with nothing to wait for went on")
print("ok")
