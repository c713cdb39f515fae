"""Each of the interpreter's operators in a long loop, on a small stack.

A release build must turn the calls between them into jumps, or the native stack
overflows. The modules and their sums are those of `tests/it/torture`, whose tests
leave them where the environment says.
"""

import os
import threading
from pathlib import Path

import pytest

import dormouse

ROUNDS = 200_000


def modules() -> list[Path]:
    """The modules that the command's tests left."""
    folder = os.environ.get("DORMOUSE_TORTURE", "")
    return sorted(Path(folder).glob("*.wat")) if folder else []


def sums() -> dict[str, int]:
    """What each module comes to."""
    root = os.environ.get("DORMOUSE_CHECKOUT", "")
    lines = (Path(root) / "tests/it/torture/expected.txt").read_text().splitlines()
    column = lines[0].split().index(str(ROUNDS))
    return {line.split()[0]: int(line.split()[column]) for line in lines[1:]}


@pytest.mark.skipif(not modules(), reason="`cargo test --test it torture::` makes the modules")
def test_every_operator_in_a_long_loop(runtime):
    expected = sums()
    found = {}

    def run() -> None:
        for file in modules():
            if file.stem in expected:
                [found[file.stem]] = runtime.instantiate_file(file).call("run", ROUNDS)

    before = threading.stack_size(1 << 20)
    thread = threading.Thread(target=run)
    thread.start()
    threading.stack_size(before)
    thread.join()
    assert found == expected
