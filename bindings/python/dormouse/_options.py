"""Grants and limits, from keyword arguments."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, Union

from ._dormouse import default_limits

Path = Union[str, "os.PathLike[str]"]
Sink = Union[Literal["inherit", "discard"], Callable[[str], object], None]
Functions = Union[Mapping[str, Callable[..., object]], Iterable[Callable[..., object]], None]

__all__ = ["Limits", "Mount", "Options", "host_function"]

_NAME = "__dormouse_name__"


@dataclass(frozen=True)
class Mount:
    """A host folder or file, and what the guest may do with it.

    `"ro"`: read; `"rw"`: also change and remove what exists; `"rwc"`: also create
    and rename.
    """

    host: Path
    mode: Literal["ro", "rw", "rwc"] = "ro"


class Limits(TypedDict, total=False):
    """What bounds a guest; the defaults are those of the command."""

    timeout: float | None
    """Seconds, 30 by default; `None` for no deadline."""
    memory: int | str
    """Bytes of linear memory, or text such as `"64mb"`; 256 MiB."""
    max_output: int | str | None
    """Bytes on stdout and stderr together; 64 MiB."""
    fuel: int | None
    """Wasm instructions, about; not counted by default."""
    tmp: int | str
    """Bytes of the guest's private `/tmp`; 64 MiB."""
    http_max_body: int | str
    http_max_url: int | str
    http_timeout: float
    http_concurrency: int | None
    fs_max_file: int | str
    fs_max_write: int | str
    fs_max_path: int | str


class Options(Limits, total=False):
    """What a guest may reach, and what bounds it. Nothing is granted by default."""

    mounts: Mapping[str, Path | Mount]
    """Guest paths, and what they show of the host: read-only, or a `Mount`."""
    env: Mapping[str, str]
    """Environment variables."""
    kv: bool | Path
    """Values by key: `True` for as long as the run lasts, a path for a file."""
    allow_hosts: Iterable[str]
    """Hosts that it may send HTTP requests to, with their subdomains; `HOST:PORT`."""
    http_ca: Iterable[Path]
    """Files of certificates (PEM) to trust for `https`."""
    packages: Path
    """A folder that Python finds modules in, at `/packages`."""
    allow_packages: bool | Iterable[str]
    """Packages that it may have installed, such as `"requests>=2.32"`; `True`: any."""
    seed: int | None
    """Makes clocks and randomness the same for each run."""
    functions: Functions
    """Functions that it may call by name."""
    stdin: str | bytes | Literal["inherit"]
    """What it reads; nothing by default."""
    stdout: Sink
    """Where its output goes: kept (`None`), `"inherit"`, `"discard"`, or to a
    function, as text, as it comes."""
    stderr: Sink
    line_buffered: bool
    """Whether it writes each line when it ends."""


_UNITS = {"": 0, "b": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20}
_UNITS.update({"g": 30, "gb": 30, "gib": 30})
_SIZES = frozenset(
    "memory max_output tmp http_max_body http_max_url fs_max_file fs_max_write".split()
) | {"fs_max_path"}
_GRANTS = frozenset(Options.__annotations__) - frozenset(Limits.__annotations__)


def size(name: str, given: object) -> int:
    """Reads `64`, `"64mb"`; units are powers of 1024."""
    if isinstance(given, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", given)
        if found and found[2].lower() in _UNITS:
            return int(float(found[1]) * (1 << _UNITS[found[2].lower()]))
    elif isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return given
    raise ValueError(f"{name}={given!r} is no size: give bytes, or text such as '64mb'")


def limits(given: Mapping[str, Any], base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All limits: those that are `given`, else those of `base`."""
    every = default_limits() if base is None else dict(base)
    for name, value in given.items():
        if name not in every:
            raise TypeError(f"unknown limit {name!r}; there are {', '.join(sorted(every))}")
        if name in _SIZES and value is not None:
            value = size(name, value)
        elif name == "timeout" and value is not None and not value > 0:
            raise ValueError(f"timeout={value!r}: give seconds, or None for no deadline")
        every[name] = value
    return every


def native(given: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the native half asks for."""
    unknown = set(given) - _GRANTS - set(Limits.__annotations__)
    if unknown:
        raise TypeError(f"unknown option {sorted(unknown)[0]!r}")
    mounts = [_mount(guest, host) for guest, host in _items("mounts", given)]
    env = _items("env", given)
    packages = given.get("packages")
    if packages is not None:
        mounts.append(("/packages", os.fspath(packages), "ro"))
        path = dict(env).get("PYTHONPATH")
        env.append(("PYTHONPATH", f"{path}:/packages" if path else "/packages"))
    kv = given.get("kv", False)
    allowed = given.get("allow_packages", False)
    stdin = given.get("stdin", b"")
    return {
        "mounts": mounts,
        "env": env,
        "seed": given.get("seed"),
        "kv": kv is True,
        "kv_file": None if isinstance(kv, bool) else os.fspath(kv),
        "hosts": _texts("allow_hosts", given.get("allow_hosts", ())),
        "http_ca": [os.fspath(path) for path in given.get("http_ca", ())],
        "packages": packages,
        "install": bool(allowed),
        "allowed": [] if isinstance(allowed, bool) else _texts("allow_packages", allowed),
        "functions": functions(given.get("functions")),
        "stdin": None if stdin == "inherit" else _bytes(stdin),
        "stdout": _sink("stdout", given.get("stdout")),
        "stderr": _sink("stderr", given.get("stderr")),
        "line_buffered": given.get("line_buffered", False),
        "limits": limits({k: v for k, v in given.items() if k not in _GRANTS}),
    }


def _mount(guest: str, host: Path | Mount) -> tuple[str, str, str]:
    if isinstance(host, Mount):
        return guest, os.fspath(host.host), host.mode
    return guest, os.fspath(host), "ro"


def _items(name: str, given: Mapping[str, Any]) -> list[tuple[str, Any]]:
    items = given.get(name, {})
    if not isinstance(items, Mapping):
        raise TypeError(f"{name} is a dict, not {items!r}")
    return list(items.items())


def _texts(name: str, given: Iterable[str]) -> list[str]:
    if isinstance(given, str):
        raise TypeError(f"{name} is a list, not text: [{given!r}]")
    return list(given)


def _bytes(given: str | bytes) -> bytes:
    return given.encode() if isinstance(given, str) else bytes(given)


def _sink(name: str, given: Sink) -> object:
    if given is None or given in ("inherit", "discard"):
        return given
    if not callable(given):
        raise TypeError(f"{name} is 'inherit', 'discard', None or a function of text")
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    tell = given
    return lambda written: tell(decode(written))


def host_function(given: str | Callable[..., Any] | None = None) -> Any:
    """Marks a function for `functions=[…]`, by its name or by another one.

    Guests call it with arguments by name, any values of JSON, and get what it
    returns. It may be called from other threads, several at a time. What it raises
    is raised in the guest.
    """
    if callable(given):
        return given

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        if given is not None:
            setattr(function, _NAME, given)
        return function

    return mark


def functions(given: Functions) -> dict[str, Callable[..., object]]:
    """The functions by name."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        named = dict(given)
    else:
        named = {getattr(f, _NAME, None) or f.__name__: f for f in given}
    for name, function in named.items():
        if not callable(function):
            raise TypeError(f"the host function {name!r} can't be called: {function!r}")
    return named
