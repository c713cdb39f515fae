"""How a run ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ._errors import GuestExit, GuestRaised, LimitError, TrapError

__all__ = ["Outcome", "RaisedInGuest"]

# The exit codes of the command, for what is no exit.
_LIMIT = 124
_TRAP = 134


@dataclass(frozen=True)
class RaisedInGuest:
    """What a piece of a session ended by that nothing caught."""

    name: str
    message: str


@dataclass(frozen=True)
class Outcome:
    """How a guest ended, and what it printed. It can be pickled."""

    status: str
    """`"exit"`, `"trap"` or `"limit"`."""
    exit_code: int
    """What the guest exited with; 134 for a trap, 124 for a limit, as the command."""
    limit: str | None
    """Which limit stopped it: `"deadline"`, `"memory"`, `"output"` or `"fuel"`."""
    trap: str | None
    """What trapped, in the specification's words."""
    stdout_bytes: bytes = field(repr=False)
    stderr_bytes: bytes = field(repr=False)
    truncated: bool
    """Whether output was lost to `max_output`."""
    memory_refused: bool
    """Whether the guest asked for more memory than it may have."""
    fuel_used: int | None
    """Fuel burnt, where it was counted."""
    values: list[Any]
    """Results of an invoked export; `...` for a reference, which went with the run."""
    error: RaisedInGuest | None
    """What a piece of a session raised that nothing caught."""
    duration: float
    """Seconds from the guest's first instruction to its last."""

    @classmethod
    def _of(cls, fields: dict[str, Any]) -> Outcome:
        status: str = fields["status"]
        trap: str | None = None
        if status == "trap":
            where = fields["function"]
            trap = fields["detail"] if where is None else f"{fields['detail']} in {where}"
        error = fields["error"]
        codes = {"exit": fields["code"], "trap": _TRAP, "limit": _LIMIT}
        return cls(
            status=status,
            exit_code=codes[status],
            limit=fields["detail"] if status == "limit" else None,
            trap=trap,
            stdout_bytes=fields["stdout"],
            stderr_bytes=fields["stderr"],
            truncated=fields["truncated"],
            memory_refused=fields["memory_refused"],
            fuel_used=fields["fuel_used"],
            values=fields["values"],
            error=None if error is None else RaisedInGuest(*error),
            duration=fields["duration"],
        )

    @property
    def stdout(self) -> str:
        """What the guest printed, as text; what is no UTF-8 is U+FFFD."""
        return self.stdout_bytes.decode("utf-8", "replace")

    @property
    def stderr(self) -> str:
        """The same of its stderr."""
        return self.stderr_bytes.decode("utf-8", "replace")

    @property
    def ok(self) -> bool:
        """Whether the guest came to its end, and exited with 0."""
        return self.status == "exit" and self.exit_code == 0

    def check(self) -> Outcome:
        """Raises what fits unless the outcome is `ok`, else gives it back."""
        if self.limit is not None:
            raise LimitError(f"stopped by the {self.limit} limit", self.limit, self)
        if self.trap is not None:
            raise TrapError(self.trap, self)
        if self.error is not None:
            raise GuestRaised(self.error.name, self.error.message, self)
        if self.exit_code != 0:
            lines = self.stderr.strip().splitlines()
            why = f": {lines[-1]}" if lines else ""
            raise GuestExit(f"exited with {self.exit_code}{why}", self.exit_code, self)
        return self
