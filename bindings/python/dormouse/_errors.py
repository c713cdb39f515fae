"""What goes wrong, as exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._outcome import Outcome

__all__ = [
    "ArgumentError",
    "CallError",
    "DormouseError",
    "GrantError",
    "GuestExit",
    "GuestRaised",
    "GuestUnavailable",
    "ImageError",
    "LimitError",
    "ModuleError",
    "OutOfBounds",
    "ProgramError",
    "SessionBusy",
    "SessionClosed",
    "Stopped",
    "TrapError",
]


class DormouseError(Exception):
    """Anything that Dormouse could not do, or that a guest did wrong."""


class ModuleError(DormouseError):
    """A module is malformed, or imports what the host does not provide."""


class GrantError(DormouseError):
    """A grant cannot be given as asked, such as a mount whose folder is missing."""


class GuestUnavailable(DormouseError):
    """A language's guest could not be found, fetched, verified or stored."""


class ImageError(DormouseError):
    """An image is damaged, of another version, or can't be captured."""


class CallError(DormouseError):
    """A function, program or memory was used as it can't be."""


class ArgumentError(CallError, TypeError):
    """A function was given other arguments than it takes."""


class OutOfBounds(CallError, IndexError):
    """A place that a memory or table does not have."""


class SessionClosed(DormouseError):
    """A session has ended: it was closed, its program exited, or a limit ended it."""


class SessionBusy(DormouseError):
    """A session runs something already."""


class Stopped(DormouseError):
    """A run was stopped from another thread."""


class ProgramError(DormouseError):
    """What a guest did wrong. `outcome` is how its run ended, where it was one."""

    outcome: Outcome | None

    def __init__(self, message: str, outcome: Outcome | None = None) -> None:
        super().__init__(message)
        self.outcome = outcome

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (*self.args, self.outcome)


class TrapError(ProgramError):
    """A guest was aborted by a Wasm trap."""


class LimitError(ProgramError):
    """A limit stopped a guest: `deadline`, `memory`, `output` or `fuel`."""

    limit: str

    def __init__(self, message: str, limit: str, outcome: Outcome | None = None) -> None:
        super().__init__(message, outcome)
        self.limit = limit

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (*self.args, self.limit, self.outcome)


class GuestExit(ProgramError):
    """A guest exited with another code than 0."""

    code: int

    def __init__(self, message: str, code: int, outcome: Outcome | None = None) -> None:
        super().__init__(message, outcome)
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (*self.args, self.code, self.outcome)


class GuestRaised(ProgramError):
    """Nothing in a session's guest caught an exception: its `name` and `message`."""

    name: str
    message: str

    def __init__(self, name: str, message: str, outcome: Outcome | None = None) -> None:
        super().__init__(f"{name}: {message}" if message else name, outcome)
        self.name = name
        self.message = message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.message, self.outcome)
