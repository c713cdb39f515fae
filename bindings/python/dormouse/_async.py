"""Runs that an event loop waits for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._image import Image, Job, job
from ._outcome import Outcome

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import Options

__all__ = ["run_async"]


async def run_async(
    code: str | bytes | None = None,
    lang: str = "python",
    *,
    image: Image | None = None,
    args: Sequence[str | bytes] = (),
    name: str | None = None,
    **options: Unpack[Options],
) -> Outcome:
    """Runs as `run`, or `Image.run`, in a thread of its own. When its task is
    cancelled, the guest is stopped before that is raised."""
    if image is not None:
        work = image._job(code, args, None, options)
    elif code is not None:
        # It may have to be captured first.
        source = code
        work = await asyncio.to_thread(lambda: job(source, lang, args, name, options))
    else:
        raise TypeError("give code to run, or an image that has a program")
    return await _finish(work)


async def _finish(work: Job) -> Outcome:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Outcome] = loop.create_future()

    def tell(outcome: Outcome | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        elif outcome is not None:
            done.set_result(outcome)

    def run() -> None:
        outcome, error = None, None
        try:
            outcome = work.run()
        except BaseException as raised:
            error = raised
        try:
            loop.call_soon_threadsafe(tell, outcome, error)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            pass

    # Not the loop's executor: guests would wait for its few threads.
    thread = threading.Thread(target=run, name="dormouse-run", daemon=True)
    thread.start()
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        work.stop()
        await asyncio.wait([done])
        # It is told that it was stopped, which nobody needs to hear.
        if not done.cancelled():
            done.exception()
        raise
