"""Memories and globals, looked at from outside."""

import pytest

import dormouse

MEMORY = """(module (memory (export "memory") 1 3)
    (memory (export "other") 1)
    (data (i32.const 8) "hello")
    (global (export "n") (mut i32) (i32.const 7))
    (global (export "pi") f64 (f64.const 3.5))
    (func (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "grow") (result i32) (memory.grow (i32.const 1))))"""


@pytest.fixture
def module(runtime):
    return runtime.instantiate(MEMORY)


def test_bytes_and_slices_are_read_and_written(module):
    memory = module.memory
    assert len(memory) == 65536 and memory.pages == 1
    assert memory[8:13] == b"hello"
    assert memory[8] == ord("h")
    memory[8:13] = b"HELLO"
    memory[0] = 255
    assert module.call("peek", 8) == [ord("H")]
    assert module.call("peek", 0) == [255]
    memory[-1] = 9
    assert module.call("peek", 65535) == [9]
    assert memory[-1] == 9 and memory[-3:] == b"\0\0\x09"
    assert memory[8:13:2] == b"HLO"
    assert memory[12:7:-1] == b"OLLEH"
    assert memory[65530:99999] == b"\0\0\0\0\0\x09"
    assert memory[10:5] == b""
    assert len(bytes(memory)) == 65536
    memory.write(20, bytearray(b"abc"))
    memory.write(23, memoryview(b"def"))
    assert memory.read(20, 6) == b"abcdef"


def test_bounds_are_errors(module):
    memory = module.memory
    for wrong in (
        lambda: memory[65536],
        lambda: memory[-65537],
        lambda: memory.read(65535, 2),
        lambda: memory.read(-1, 1),
        lambda: memory.read(2**40, 1),
        lambda: memory.read(0, 2**40),
        lambda: memory.write(65535, b"ab"),
        lambda: memory.write(-1, b"a"),
        lambda: memory.grow(3),
    ):
        with pytest.raises(dormouse.OutOfBounds) as raised:
            wrong()
        assert isinstance(raised.value, IndexError)
    # A write that does not fit wrote nothing.
    assert memory[65535] == 0


def test_a_memory_keeps_its_size(module):
    with pytest.raises(ValueError):
        module.memory[0:4] = b"abc"
    with pytest.raises(ValueError):
        module.memory[0:4:2] = b"ab"
    with pytest.raises(ValueError):
        module.memory[0] = 256
    with pytest.raises(TypeError):
        module.memory[0:4] = 7
    with pytest.raises(TypeError):
        module.memory[0] = b"a"


def test_what_was_read_stays_when_the_memory_moves(module):
    memory = module.memory
    before = memory[8:13]
    assert memory.grow(1) == 1
    assert module.call("grow") == [2]
    assert len(memory) == 3 * 65536
    memory[8:13] = b"other"
    assert before == b"hello"
    # No view of it can be had, which could dangle.
    with pytest.raises(TypeError):
        memoryview(memory)


def test_memories_have_names(module):
    assert len(module.memory_named("other")) == 65536
    with pytest.raises(dormouse.CallError):
        module.memory_named("n")
    with pytest.raises(dormouse.CallError):
        module.memory_named("missing")


def test_an_imported_memory_is_there_too(runtime):
    module = runtime.instantiate(
        '(module (import "env" "memory" (memory 1))'
        ' (func (export "peek") (result i32) (i32.load8_u (i32.const 3))))'
    )
    module.memory[3] = 77
    assert module.call("peek") == [77]


def test_globals(module):
    assert dict(module.globals) == {"n": 7, "pi": 3.5}
    module.globals["n"] = 2**32 - 1
    assert module.globals["n"] == -1
    with pytest.raises(dormouse.CallError, match="constant"):
        module.globals["pi"] = 3.0
    with pytest.raises(KeyError):
        module.globals["missing"]
    with pytest.raises(KeyError):
        module.globals["missing"] = 1
    with pytest.raises(dormouse.ArgumentError):
        module.globals["n"] = "text"
