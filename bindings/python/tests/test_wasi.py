"""WASI programs, plainly and in sandboxes."""

import pytest
from conftest import LOOP

import dormouse

# Copies stdin to stdout.
CAT = """(module
    (import "wasi_snapshot_preview1" "fd_read"
        (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write"
        (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (loop $again
            (i32.store (i32.const 0) (i32.const 1024))
            (i32.store (i32.const 4) (i32.const 4096))
            (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (i32.store (i32.const 4) (i32.load (i32.const 8)))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
            (br_if $again (i32.load (i32.const 8))))))"""

# Prints the file /data/a.txt, its first argument and a variable, each on its own call.
READER = """(module
    (import "wasi_snapshot_preview1" "path_open" (func $open
        (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read"
        (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 512) "data/a.txt")
    (func (export "open") (result i32)
        (call $open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 10) (i32.const 0)
            (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 600)))
    (func (export "read") (result i32)
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (i32.const 100))
        (drop (call $read (i32.load (i32.const 600)) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.load (i32.const 8)))
    (func (export "args") (result i32) (call $args (i32.const 2048) (i32.const 3072)))
    (func (export "env") (result i32) (call $env (i32.const 2048) (i32.const 3072))))"""

EXIT = """(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start") (call $exit (i32.const 7))))"""


def test_a_program_reads_and_writes(runtime):
    module = runtime.instantiate(CAT, stdin="hello")
    assert module.run() == 0
    assert module.take_stdout() == b"hello"
    assert module.take_stdout() == b""


def test_output_goes_to_a_function_as_text(runtime):
    said = []
    module = runtime.instantiate(CAT, stdin="h\u00e9llo\n", stdout=said.append)
    assert module.run() == 0
    assert "".join(said) == "h\u00e9llo\n"
    assert module.take_stdout() == b""


def test_mounts_arguments_and_variables(runtime, tmp_path):
    (tmp_path / "a.txt").write_text("in a file")
    module = runtime.instantiate(
        READER, "prog", mounts={"/data": tmp_path}, args=["x"], env={"NAME": "value"}
    )
    assert module.call("open") == [0]
    (count,) = module.call("read")
    assert module.memory[1024 : 1024 + count] == b"in a file"
    assert module.call("args") == [0]
    assert module.memory[3072:3079] == b"prog\0x\0"
    assert module.call("env") == [0]
    assert module.memory[3072:3083] == b"NAME=value\0"


def test_without_a_mount_there_is_no_file(runtime):
    assert runtime.instantiate(READER).call("open") != [0]
    with pytest.raises(dormouse.GrantError, match="nowhere"):
        runtime.instantiate(READER, mounts={"/data": "/nowhere/at/all"})


def test_exit_codes(runtime):
    module = runtime.instantiate(EXIT)
    assert module.run() == 7
    with pytest.raises(dormouse.GuestExit) as raised:
        runtime.instantiate(EXIT).call("_start")
    assert raised.value.code == 7


def test_programs_run_in_sandboxes():
    outcome = dormouse.run(CAT, lang="wasm", stdin=b"bytes \xff")
    assert outcome.ok and outcome.stdout_bytes == b"bytes \xff"
    assert outcome.stdout == "bytes \ufffd"
    assert dormouse.run(EXIT, lang="wasm").exit_code == 7
    image = dormouse.Image.wasm(LOOP)
    outcome = image.run(timeout=0.1)
    assert (outcome.status, outcome.limit, outcome.exit_code) == ("limit", "deadline", 124)


def test_an_export_is_invoked_in_a_sandbox():
    image = dormouse.Image.wasm(
        '(module (func (export "mul") (param f64 f64) (result f64)'
        " local.get 0 local.get 1 f64.mul)"
        ' (func (export "no") unreachable))'
    )
    assert image.run(invoke="mul", args=["1.5", "4"]).values == [6.0]
    outcome = image.run(invoke="no")
    assert outcome.status == "trap" and outcome.exit_code == 134
    with pytest.raises(dormouse.TrapError) as raised:
        outcome.check()
    assert raised.value.outcome is outcome
