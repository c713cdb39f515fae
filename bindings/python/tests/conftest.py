"""What the tests share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import dormouse

ADD = """(module (func (export "add") (param i32 i32) (result i32)
    local.get 0 local.get 1 i32.add))"""
COUNTER = """(module (global $n (mut i32) (i32.const 0))
    (func (export "next") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (global.get $n)))"""
LOOP = '(module (func (export "loop") (loop (br 0))) (func (export "_start") (loop (br 0))))'


def unsigned(number: int) -> bytes:
    """`number` in LEB128, below 128."""
    assert number < 128
    return bytes((number,))


def add_binary() -> bytes:
    """The module of `ADD` in its binary form, made by hand."""
    sections = [
        (1, b"\x01\x60\x02\x7f\x7f\x01\x7f"),
        (3, b"\x01\x00"),
        (7, b"\x01\x03add\x00\x00"),
        (10, b"\x01\x07\x00\x20\x00\x20\x01\x6a\x0b"),
    ]
    body = b"".join(unsigned(n) + unsigned(len(s)) + s for n, s in sections)
    return b"\0asm\1\0\0\0" + body


@pytest.fixture
def runtime():
    with dormouse.Runtime() as runtime:
        yield runtime


@pytest.fixture
def add(runtime):
    return runtime.instantiate(ADD)


@pytest.fixture(scope="session")
def python_image():
    dormouse.prepare()
    return dormouse.Image.language("python")


def python(code: str, *args: str, timeout: float = 120, **options) -> subprocess.CompletedProcess:
    """Runs `code` in a new interpreter like this one."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
        **options,
    )


def resident() -> int:
    """Bytes of this process that are in memory."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
