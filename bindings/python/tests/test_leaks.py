"""Nothing is left of what has ended."""

import gc

import pytest
from conftest import ADD, resident

import dormouse

MIB = 1 << 20


def grown(work, warm: int, runs: int) -> int:
    """Bytes that `runs` times of `work` leave in memory, after `warm` of them."""
    for _ in range(warm):
        work()
    gc.collect()
    before = resident()
    for _ in range(runs):
        work()
    gc.collect()
    return resident() - before


def test_ten_thousand_runs():
    image = dormouse.Image.wasm('(module (memory 1) (func (export "_start")))')
    assert grown(lambda: image.run(), 500, 10_000) < 8 * MIB


def test_ten_thousand_instances():
    runtime = dormouse.Runtime()
    compiled = runtime.compile(ADD)

    def work():
        with runtime.instantiate(compiled) as module:
            assert module.call("add", 1, 2) == [3]

    assert grown(work, 500, 10_000) < 8 * MIB


def test_a_million_calls(add):
    call, function = add.call, add.function("add")

    def work():
        for n in range(1000):
            call("add", n, 1)
            function(n, 1)

    assert grown(work, 10, 500) < 4 * MIB


def test_calls_that_fail(add):
    def work():
        for args in (("add", "x", 1), ("nope",), ("add", 1)):
            with pytest.raises(dormouse.DormouseError):
                add.call(*args)

    assert grown(work, 200, 2000) < 4 * MIB


def test_hundreds_of_python_runs(python_image):
    def work():
        dormouse.run("import json; print(json.dumps([1]))", functions={"f": lambda: 1})

    assert grown(work, 100, 400) < 24 * MIB


def test_sessions(python_image):
    def work():
        with dormouse.Session() as session:
            session.run("x = 1")
            with session.fork() as copy:
                copy.run("x = 2")

    assert grown(work, 40, 100) < 24 * MIB
