"""Images: guests that sandboxes start from."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import _dormouse, _options
from ._outcome import Outcome

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import Options, Path

__all__ = ["Image", "prepare", "run", "run_file", "snapshot"]

_LANGUAGES = {"python": "python", "py": "python", "javascript": "javascript"}
_LANGUAGES["js"] = "javascript"
_EXTENSIONS = {".py": "python", ".js": "javascript", ".mjs": "javascript"}

_kept: dict[tuple[str, bool], _dormouse.Image] = {}
_lock = threading.Lock()


def language_image(
    lang: str,
    seeded: bool = False,
    *,
    deadlines: bool = False,
    progress: Callable[[str], object] | None = None,
) -> _dormouse.Image:
    """A language's own image, which all of the process share."""
    try:
        language = _LANGUAGES[lang]
    except KeyError:
        raise ValueError(
            f"unknown language {lang!r}; there are python (py) and javascript (js)"
        ) from None
    key = (language, seeded)
    with _lock:
        kept = _kept.get(key)
    if kept is not None and not deadlines:
        return kept
    made = _dormouse.Image.language(language, seeded, deadlines, progress)
    with _lock:
        return _kept.setdefault(key, made)


def _forget() -> None:
    # Another thread may have held it when the process was forked.
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


class Image:
    """A guest, loaded and checked, from which any number of runs start.

    It can be pickled: by its path if it has one, else by its bytes.
    """

    def __init__(self, native: _dormouse.Image, origin: tuple[str, Any], name: str) -> None:
        self._native = native
        self._origin = origin
        self._name = name

    @classmethod
    def language(cls, lang: str, *, seeded: bool = False) -> Image:
        """The image of `"python"` or `"javascript"`, which waits for a program.

        The first time, it is fetched and captured, which takes seconds: see
        `prepare`.
        """
        native = language_image(lang, seeded)
        return cls(native, ("language", (lang, seeded)), _LANGUAGES[lang])

    @classmethod
    def wasm(cls, source: bytes | str, name: str = "module.wasm") -> Image:
        """A WASI program or another module, binary or text."""
        source = source.encode() if isinstance(source, str) else bytes(source)
        native = _dormouse.Image.wasm(name, source)
        return cls(native, ("wasm", source), name)

    @classmethod
    def load(cls, path: Path) -> Image:
        """The image, or module, in the file at `path`."""
        path = os.path.abspath(os.fspath(path))
        return cls(_dormouse.Image.open(path), ("path", path), os.path.basename(path))

    @classmethod
    def capture(
        cls,
        lang: str = "python",
        code: str | bytes | None = None,
        *,
        file: Path | None = None,
        args: Sequence[str | bytes] = (),
        point: str = "",
        **options: Unpack[Options],
    ) -> Image:
        """Runs a program up to a point, and keeps what it is then.

        The program is `code`, or what is in `file`. The point is where it calls
        `dormouse.snapshot_point()`; without that, after the imports that it begins
        with. Each run of the image goes on from there, with arguments, environment
        and grants of its own. In `lang="wasm"`, `point` may name another one:
        `"init:EXPORT"`, or `"MODULE.NAME[:argI=K][,nth=N]"` for a call of an import.
        """
        if (code is None) == (file is None):
            raise TypeError("give code or a file to capture")
        name = "-c" if file is None else os.fspath(file)
        if code is None:
            with open(name, "rb") as opened:
                code = opened.read()
        source = code.encode() if isinstance(code, str) else bytes(code)
        base = os.path.basename(name) if file is not None else "program"
        if lang in ("wasm", "wat"):
            image = _dormouse.Image.wasm(base, source)
            work = Job(image, "start", base, b"", args, None, options)
        else:
            image = language_image(lang, options.get("seed") is not None)
            host_path = None if file is None else name
            work = Job(image, "script", name, source, args, host_path, options)
        return cls(work.snapshot(point), ("bytes", None), base)

    def save(self, path: Path) -> None:
        """Writes it to a file, whole or not at all, for `load`. It is pickled by that
        path from then on."""
        path = os.path.abspath(os.fspath(path))
        self._native.save(path)
        self._origin = ("path", path)

    def to_bytes(self) -> bytes:
        """What `save` writes; `wasm` reads it."""
        return self._native.to_bytes()

    @property
    def name(self) -> str:
        """What it is called."""
        return self._name

    def run(
        self,
        code: str | bytes | None = None,
        *,
        args: Sequence[str | bytes] = (),
        invoke: str | None = None,
        **options: Unpack[Options],
    ) -> Outcome:
        """Runs `code` in a language's image; any other image goes on or starts.

        `invoke` names an export of a Wasm module, which is called with `args`.
        """
        return self._job(code, args, invoke, options).run()

    def _job(
        self,
        code: str | bytes | None,
        args: Sequence[str | bytes],
        invoke: str | None,
        options: Any,
    ) -> Job:
        if invoke is not None:
            return Job(self._native, "invoke", invoke, b"", args, None, options)
        if code is None:
            return Job(self._native, "start", self._name, b"", args, None, options)
        source = code.encode() if isinstance(code, str) else bytes(code)
        return Job(self._native, "code", "-c", source, args, None, options)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._origin[0] == "bytes":
            return _restore, (("wasm", self.to_bytes()), self._name)
        return _restore, (self._origin, self._name)

    def __repr__(self) -> str:
        return f"<dormouse.Image {self._name!r}>"


def _restore(origin: tuple[str, Any], name: str) -> Image:
    kind, what = origin
    if kind == "language":
        return Image.language(what[0], seeded=what[1])
    if kind == "path":
        return Image.load(what)
    return Image.wasm(what, name)


class Job:
    """One run, which any thread may stop."""

    def __init__(
        self,
        image: _dormouse.Image,
        kind: str,
        name: str,
        text: bytes,
        args: Sequence[str | bytes],
        host_path: str | None,
        options: Any,
    ) -> None:
        if isinstance(args, (str, bytes)):
            raise TypeError(f"args is a list, not text: [{args!r}]")
        words = [os.fsencode(a) if isinstance(a, (str, bytes)) else str(a).encode() for a in args]
        native = _options.native(options)
        self._native = _dormouse.Job(image, kind, name, text, words, host_path, native)

    def run(self) -> Outcome:
        return Outcome._of(self._native.run())

    def snapshot(self, point: str) -> _dormouse.Image:
        return self._native.snapshot(point)

    def stop(self) -> None:
        self._native.stop()


def job(
    code: str | bytes,
    lang: str,
    args: Sequence[str | bytes],
    name: str | None,
    options: Any,
) -> Job:
    """A run of source code."""
    source = code.encode() if isinstance(code, str) else bytes(code)
    if lang in ("wasm", "wat"):
        image = _dormouse.Image.wasm(name or "module.wasm", source)
        return Job(image, "start", name or "module", b"", args, None, options)
    image = language_image(lang, options.get("seed") is not None)
    kind = "code" if name is None else "script"
    return Job(image, kind, name or "-c", source, args, None, options)


def run(
    code: str | bytes,
    lang: str = "python",
    *,
    args: Sequence[str | bytes] = (),
    name: str | None = None,
    **options: Unpack[Options],
) -> Outcome:
    """Runs `code` in a sandbox of its own.

    `lang` is `"python"`, `"javascript"`, or `"wasm"` for a WASI program; `name` what
    tracebacks call the code. What the guest does wrong is in the outcome.
    """
    return job(code, lang, args, name, options).run()


def run_file(
    path: Path,
    *args: str | bytes,
    lang: str | None = None,
    **options: Unpack[Options],
) -> Outcome:
    """Runs the `.py`, `.js`, `.mjs`, `.wasm` or `.wat` file at `path`, or an image."""
    path = os.fspath(path)
    language = lang or _EXTENSIONS.get(os.path.splitext(path)[1].lower())
    if language in (None, "wasm", "wat"):
        return Image.load(path).run(args=args, **options)
    with open(path, "rb") as file:
        source = file.read()
    image = language_image(language, options.get("seed") is not None)
    return Job(image, "script", path, source, args, path, options).run()


def prepare(
    *langs: str,
    progress: Callable[[str], object] | None = None,
) -> None:
    """Fetches and captures the guests of `langs`, by default of all, so that no run
    has to. `progress` is told what is being done."""
    for lang in langs or ("python", "javascript"):
        language_image(lang, deadlines=True, progress=progress)


def snapshot(
    path: Path,
    output: Path,
    *args: str | bytes,
    lang: str | None = None,
    point: str = "",
    **options: Unpack[Options],
) -> Image:
    """Captures the program in the file at `path`, as `Image.capture` does, and saves it
    to `output`; as the command `dormouse snapshot`."""
    name = os.fspath(path)
    language = lang or _EXTENSIONS.get(os.path.splitext(name)[1].lower(), "wasm")
    image = Image.capture(language, file=name, args=args, point=point, **options)
    image.save(output)
    return image
