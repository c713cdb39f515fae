"""Guests that stay."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _dormouse, _options
from ._image import Image, language_image
from ._outcome import Outcome

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._options import Limits, Options

__all__ = ["Session"]


class Session:
    """A guest of a language that runs code piece by piece, and keeps its state.

    Each piece has the deadline, the output and the fuel of the session's limits
    anew. An exception leaves the session as it is; an exit or a limit ends it
    (`SessionClosed` from then on). It runs a piece at a time, whichever thread it
    comes from, and refuses another one meanwhile (`SessionBusy`).
    """

    def __init__(
        self,
        lang: str = "python",
        *,
        image: Image | None = None,
        **options: Unpack[Options],
    ) -> None:
        native = _options.native(options)
        guest = (
            language_image(lang, options.get("seed") is not None)
            if image is None
            else image._native
        )
        self._limits: dict[str, Any] = native["limits"]
        self._native = _dormouse.Session(guest, native)

    def run(self, code: str, **limits: Unpack[Limits]) -> Outcome:
        """Runs `code`. A `timeout`, `max_output` or `fuel` is for this piece."""
        given = _options.limits(limits, self._limits) if limits else None
        return Outcome._of(self._native.run(code, given))

    def run_repl(self, code: str) -> Outcome:
        """Runs `code` as a prompt would: prints what its last expression gives."""
        return Outcome._of(self._native.run_repl(code))

    def check_complete(self, code: str) -> bool:
        """Whether `code` can be run as it is, or is only the beginning of something."""
        return self._native.check_complete(code)

    def complete(self, text: str, cursor: int | None = None) -> list[str]:
        """What the dotted name that ends at `cursor` (the end) may become."""
        return self._native.complete(text if cursor is None else text[:cursor])

    def fork(self) -> Self:
        """A copy of the session as it is now, which goes its own way."""
        copy = type(self).__new__(type(self))
        copy._limits = self._limits
        copy._native = self._native.fork()
        return copy

    def interrupt(self) -> None:
        """Stops what it runs, from another thread; the session goes on."""
        self._native.interrupt()

    def close(self) -> None:
        """Ends it, and what it runs. A second time does nothing."""
        self._native.close()

    @property
    def is_open(self) -> bool:
        """Whether it can still run something."""
        return self._native.is_open

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<dormouse.Session, {'open' if self.is_open else 'closed'}>"
