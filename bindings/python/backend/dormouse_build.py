"""Builds the wheel by maturin, so that it names no folder of this machine.

What panics names the source file it is in; those of crates lie in Cargo's home
folder, ours in the checkout. `--remap-path-prefix` has the compiler write another
name for each.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import maturin

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_wheel",
]


def folders() -> list[tuple[Path, str]]:
    """Folders that must not be named, and what is written instead. The last one that
    fits a path is what the compiler takes."""
    home = Path.home()
    cargo = Path(os.environ.get("CARGO_HOME") or home / ".cargo")
    rustup = Path(os.environ.get("RUSTUP_HOME") or home / ".rustup")
    above = Path(__file__).resolve().parents
    checkout = next((folder for folder in above if (folder / "Cargo.lock").exists()), above[1])
    known = [(home, "/host"), (rustup, "/rust"), (cargo, "/cargo"), (checkout, "/dormouse")]
    # As they are written, and as they are.
    return [(path, name) for folder, name in known for path in {folder, folder.resolve()}]


def flags() -> str:
    """What the compiler is told, beside what it is told already; in the form in which
    a folder may have a space in its name."""
    told = os.environ.get("CARGO_ENCODED_RUSTFLAGS")
    if told is None:
        told = "\x1f".join(os.environ.get("RUSTFLAGS", "").split())
    remaps = [f"--remap-path-prefix={folder}={name}" for folder, name in folders()]
    return "\x1f".join([*filter(None, [told]), *remaps])


def build_wheel(*args: Any, **kwargs: Any) -> str:
    os.environ["CARGO_ENCODED_RUSTFLAGS"] = flags()
    # C code, of what encrypts: its assertions name files, too.
    for name in ("CFLAGS", "CXXFLAGS"):
        maps = " ".join(f"-ffile-prefix-map={folder}={to}" for folder, to in folders())
        os.environ[name] = f"{os.environ.get(name, '')} {maps}".strip()
    return str(maturin.build_wheel(*args, **kwargs))


build_editable = maturin.build_editable
build_sdist = maturin.build_sdist
get_requires_for_build_editable = maturin.get_requires_for_build_editable
get_requires_for_build_sdist = maturin.get_requires_for_build_sdist
get_requires_for_build_wheel = maturin.get_requires_for_build_wheel
prepare_metadata_for_build_wheel = maturin.prepare_metadata_for_build_wheel

if __name__ == "__main__":
    # For `maturin build` by hand: `CARGO_ENCODED_RUSTFLAGS=$(python backend/…)`.
    sys.stdout.write(flags())
