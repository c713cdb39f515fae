"""Plain Wasm: modules, their functions, memories and globals."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Union, overload

from . import _dormouse, _options
from ._dormouse import Compiled, Function
from ._errors import CallError, OutOfBounds

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._options import Options, Path

Imports = Mapping[str, Mapping[str, Union[Callable[..., object], int, float, None]]]

__all__ = ["Globals", "Memory", "Module", "Runtime"]

_PAGE = 64 << 10


class Memory:
    """A linear memory of a module.

    `memory[5]` is a byte, `memory[5:9]` are bytes, and both can be set; negative
    indexes count from the end. What is read is a copy: the guest may grow its memory,
    which moves it, and another thread may run the guest, so that a view of it, as of
    the buffer protocol, could show what is no longer there.
    """

    __slots__ = ("_module", "_name")

    def __init__(self, module: _dormouse.Module, name: str) -> None:
        self._module = module
        self._name = name

    def __len__(self) -> int:
        return self._module.memory_len(self._name)

    def read(self, at: int, length: int) -> bytes:
        """The `length` bytes at the address `at`."""
        return self._module.memory_read(self._name, _address(at), _address(length))

    def write(self, at: int, data: bytes | bytearray | memoryview) -> None:
        """Writes all of `data` to the address `at`, or nothing of it."""
        self._module.memory_write(self._name, _address(at), bytes(data))

    def grow(self, pages: int) -> int:
        """Adds pages of 64 KiB; how many there were before."""
        return self._module.memory_grow(self._name, _address(pages))

    @property
    def pages(self) -> int:
        """How many pages of 64 KiB it has."""
        return len(self) // _PAGE

    @overload
    def __getitem__(self, key: int) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> bytes: ...
    def __getitem__(self, key: int | slice) -> int | bytes:
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            if step == 1:
                return self.read(start, max(stop - start, 0))
            return self.read(0, len(self))[key]
        return self.read(self._index(key), 1)[0]

    @overload
    def __setitem__(self, key: int, value: int) -> None: ...
    @overload
    def __setitem__(self, key: slice, value: bytes | bytearray | memoryview) -> None: ...
    def __setitem__(self, key: int | slice, value: int | bytes | bytearray | memoryview) -> None:
        if isinstance(key, slice):
            if isinstance(value, int):
                raise TypeError("a slice is set to bytes")
            start, stop, step = key.indices(len(self))
            if step != 1:
                raise ValueError("only slices without a step can be set")
            if len(value) != max(stop - start, 0):
                raise ValueError(
                    f"a memory keeps its size: {max(stop - start, 0)} bytes can't be set to "
                    f"{len(value)}"
                )
            self.write(start, value)
        elif isinstance(value, int):
            self.write(self._index(key), bytes((value,)))
        else:
            raise TypeError("a byte is set to an int")

    def __bytes__(self) -> bytes:
        return self.read(0, len(self))

    def __repr__(self) -> str:
        return f"<dormouse.Memory {self._name!r} of {len(self)} bytes>"

    def _index(self, key: int) -> int:
        if key < 0:
            size = len(self)
            if key < -size:
                raise OutOfBounds(f"there is no byte {key} in a memory of {size}")
            key += size
        return key


def _address(given: int) -> int:
    if given < 0:
        raise OutOfBounds(f"{given} is no place or size in a memory")
    return given


class Globals(Mapping[str, Any]):
    """The globals that a module exports, by name; those that are variables can be set."""

    def __init__(self, module: _dormouse.Module) -> None:
        self._module = module

    def __getitem__(self, name: str) -> Any:
        if name not in set(self):
            raise KeyError(name)
        return self._module.global_get(name)

    def __setitem__(self, name: str, value: object) -> None:
        if name not in set(self):
            raise KeyError(name)
        self._module.global_set(name, value)

    def __iter__(self) -> Iterator[str]:
        for name, what in self._module.compiled.exports.items():
            if "global" in what.split()[:2]:
                yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Module:
    """An instance of a Wasm module, with a state of its own.

    One thread at a time runs it; others wait for their turn. `call` is the native
    method itself: nothing of Python is between it and the guest.
    """

    __slots__ = ("__weakref__", "_native", "call")

    call: Callable[..., list[Any]]
    """Calls an export: `module.call("add", 5, 7)` is `[12]`."""

    def __init__(self, native: _dormouse.Module) -> None:
        self._native = native
        self.call = native.call

    def function(self, name: str) -> Function:
        """An export that is a function: for many calls of it, and to pass to the guest.

        Called, it gives `None`, its result, or a tuple of its results.
        """
        return self._native.function(name)

    def run(self) -> int:
        """Runs a program's `_start`; its exit code."""
        return self._native.run()

    @property
    def exports(self) -> dict[str, str]:
        """What the module exports, by name, and what that is."""
        return self._native.compiled.exports

    @property
    def imports(self) -> dict[tuple[str, str], str]:
        """What it imports, by module and name, and what that is."""
        return self._native.compiled.imports

    @property
    def memory(self) -> Memory:
        """Its memory, if it exports one, or imports one, as `memory`."""
        return self.memory_named("memory")

    def memory_named(self, name: str) -> Memory:
        """Its memory of that name."""
        self._native.memory_len(name)
        return Memory(self._native, name)

    @property
    def globals(self) -> Globals:
        """Its globals."""
        return Globals(self._native)

    def take_stdout(self) -> bytes:
        """What it wrote to stdout since this was last asked, where that is kept."""
        return self._native.take_stdout()

    def take_stderr(self) -> bytes:
        """The same of its stderr."""
        return self._native.take_stderr()

    @property
    def fuel_used(self) -> int | None:
        """Fuel that the last call burnt, where that is limited."""
        return self._native.fuel_used

    def stop(self) -> None:
        """Stops, from another thread, the call under way, or else the next one."""
        self._native.stop()

    def close(self) -> None:
        """Ends it, and what it runs. A second time does nothing."""
        self._native.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._native.closed

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
        state = ", closed" if self.closed else ""
        return f"<dormouse.Module {self._native.compiled.name!r}{state}>"


class Runtime:
    """Makes modules, and closes those that are open when it is closed itself."""

    def __init__(self) -> None:
        self._modules: weakref.WeakSet[Module] = weakref.WeakSet()
        self._closed = False

    def compile(self, source: bytes | str, name: str = "module.wasm") -> Compiled:
        """Compiles a module, binary or text, for any number of instances."""
        source = source.encode() if isinstance(source, str) else bytes(source)
        return Compiled(source, name)

    def instantiate(
        self,
        source: bytes | str | Compiled,
        name: str = "module.wasm",
        *,
        imports: Imports | None = None,
        args: Sequence[str | bytes] = (),
        **options: Unpack[Options],
    ) -> Module:
        """An instance of a module: binary, text, or compiled before.

        `imports` are functions of Python and globals, `{"env": {"log": print}}`. A
        module that imports WASI has it, with the grants that are given. Limits hold
        for each call; memory for all of them.
        """
        if self._closed:
            raise CallError("the runtime is closed")
        compiled = source if isinstance(source, Compiled) else self.compile(source, name)
        given = [
            (module, name, what)
            for module, names in (imports or {}).items()
            for name, what in names.items()
        ]
        words = [os.fsencode(word) for word in args]
        module = Module(_dormouse.Module(compiled, words, given, _options.native(options)))
        self._modules.add(module)
        return module

    def instantiate_file(
        self,
        path: Path,
        *,
        imports: Imports | None = None,
        args: Sequence[str | bytes] = (),
        **options: Unpack[Options],
    ) -> Module:
        """The same of the module in the file at `path`."""
        with open(path, "rb") as file:
            source = file.read()
        name = os.path.basename(os.fspath(path))
        return self.instantiate(source, name, imports=imports, args=args, **options)

    def close(self) -> None:
        """Closes all of its modules. A second time does nothing."""
        self._closed = True
        for module in list(self._modules):
            module.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
