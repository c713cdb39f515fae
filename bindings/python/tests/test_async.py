"""Runs that an event loop waits for."""

import asyncio
import threading
import time

import pytest

import dormouse

pytestmark = pytest.mark.usefixtures("python_image")


def test_a_run_is_awaited():
    outcome = asyncio.run(dormouse.run_async("print(6 * 7)"))
    assert outcome.stdout == "42\n"

    image = dormouse.Image.wasm('(module (func (export "_start")))')
    assert asyncio.run(dormouse.run_async(image=image)).ok
    with pytest.raises(TypeError):
        asyncio.run(dormouse.run_async())
    with pytest.raises(dormouse.GrantError):
        asyncio.run(dormouse.run_async("1", mounts={"/a": "/nowhere/at/all"}))


def test_the_loop_goes_on_meanwhile():
    async def main():
        ticks = 0
        task = asyncio.create_task(dormouse.run_async("import time; time.sleep(0.5)"))
        while not task.done():
            await asyncio.sleep(0.02)
            ticks += 1
        assert (await task).ok
        return ticks

    assert asyncio.run(main()) > 5


def test_guests_wait_beside_each_other():
    async def main():
        code = "import time; time.sleep(0.5); print(1)"
        return await asyncio.gather(*(dormouse.run_async(code) for _ in range(20)))

    began = time.monotonic()
    assert all(outcome.stdout == "1\n" for outcome in asyncio.run(main()))
    # One after the other they would take ten seconds.
    assert time.monotonic() - began < 8


def test_cancelling_the_task_stops_the_guest():
    said = []

    async def main():
        task = asyncio.create_task(
            dormouse.run_async("while True: pass", timeout=None, stdout=said.append)
        )
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    before = threading.active_count()
    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 10
    # Its thread has come to its end.
    until = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_a_timeout_of_the_loop_stops_the_guest():
    async def main():
        await asyncio.wait_for(dormouse.run_async("while True: pass", timeout=None), 0.3)

    began = time.monotonic()
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(main())
    assert time.monotonic() - began < 10
