"""Dormouse runs untrusted Python, JavaScript and any WASI program in a sandbox,
without ever generating code.

>>> import dormouse
>>> dormouse.run("print(6 * 7)").stdout
'42\\n'
"""

from ._async import run_async
from ._dormouse import Compiled, Function, version
from ._errors import (
    ArgumentError,
    CallError,
    DormouseError,
    GrantError,
    GuestExit,
    GuestRaised,
    GuestUnavailable,
    ImageError,
    LimitError,
    ModuleError,
    OutOfBounds,
    ProgramError,
    SessionBusy,
    SessionClosed,
    Stopped,
    TrapError,
)
from ._image import Image, prepare, run, run_file, snapshot
from ._options import Limits, Mount, Options, host_function
from ._outcome import Outcome, RaisedInGuest
from ._runtime import Globals, Memory, Module, Runtime
from ._session import Session

__version__ = version()

__all__ = [
    "ArgumentError",
    "CallError",
    "Compiled",
    "DormouseError",
    "Function",
    "Globals",
    "GrantError",
    "GuestExit",
    "GuestRaised",
    "GuestUnavailable",
    "Image",
    "ImageError",
    "LimitError",
    "Limits",
    "Memory",
    "Module",
    "ModuleError",
    "Mount",
    "Options",
    "OutOfBounds",
    "Outcome",
    "ProgramError",
    "RaisedInGuest",
    "Runtime",
    "Session",
    "SessionBusy",
    "SessionClosed",
    "Stopped",
    "TrapError",
    "host_function",
    "prepare",
    "run",
    "run_async",
    "run_file",
    "snapshot",
    "version",
]
