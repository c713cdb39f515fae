"""Ctrl-C in the main thread."""

import signal
import threading
import time

import pytest
from conftest import LOOP, python

import dormouse

pytestmark = pytest.mark.usefixtures("python_image", "interruptible")


@pytest.fixture
def interruptible():
    """As in a terminal: who is started in the background has SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted(run):
    """What `run` is interrupted by; it must be soon."""

    def interrupt():
        time.sleep(0.3)
        signal.raise_signal(signal.SIGINT)

    # A signal of the process, whichever thread raises it, is the main thread's.
    thread = threading.Thread(target=interrupt)
    thread.start()
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            run()
    finally:
        thread.join()
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "code,lang",
    [
        ("while True: pass", "python"),
        ("import time; time.sleep(60)", "python"),
        ("while True:\n try:\n  while True: pass\n except BaseException: pass", "python"),
        ("while (1);", "js"),
        (LOOP, "wasm"),
    ],
)
def test_a_run_is_stopped(code, lang):
    interrupted(lambda: dormouse.run(code, lang, timeout=None))


def test_a_call_is_stopped_and_the_module_lives_on(runtime):
    module = runtime.instantiate(LOOP.replace("(module", '(module (func (export "nop"))'), timeout=None)
    interrupted(lambda: module.call("loop"))
    assert module.call("nop") == []
    interrupted(lambda: module.function("loop")())


def test_a_module_that_waits_is_stopped(runtime):
    sleeper = """(module
        (import "wasi_snapshot_preview1" "poll_oneoff"
            (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "sleep") (result i32)
            (i64.store (i32.const 24) (i64.const 60000000000))
            (i32.store (i32.const 16) (i32.const 1))
            (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200))))"""
    module = runtime.instantiate(sleeper, timeout=None)
    interrupted(lambda: module.call("sleep"))


def test_a_session_goes_on():
    with dormouse.Session(timeout=None) as session:
        session.run("x = 5")
        interrupted(lambda: session.run("while True: pass"))
        assert session.run("print(x)").stdout == "5\n"


def test_a_host_function_is_interrupted_with_its_guest():
    def slow():
        for _ in range(6000):
            time.sleep(0.01)

    def run():
        dormouse.run("call('slow')", functions={"slow": slow}, timeout=None)

    # The function is in another thread, where Python raises nothing: what it does is
    # waited for. So it is short here.
    began = time.monotonic()
    thread = threading.Timer(0.2, signal.raise_signal, (signal.SIGINT,))
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        dormouse.run("call('slow')", functions={"slow": lambda: time.sleep(0.5)}, timeout=None)
    assert time.monotonic() - began < 10


def test_a_process_ends_by_sigint():
    code = "import dormouse, sys; print('on', flush=True); dormouse.run('while True: pass', timeout=None)"
    import os
    import subprocess
    import sys

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert child.stdout.readline() == "on\n"
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=30)
    assert "KeyboardInterrupt" in stderr


def test_other_handlers_run_meanwhile():
    heard = []
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.append(time.monotonic()))
    timer = threading.Timer(0.2, signal.raise_signal, (signal.SIGUSR1,))
    try:
        timer.start()
        outcome = dormouse.run("import time; time.sleep(1); print('on')")
        ended = time.monotonic()
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    assert outcome.stdout == "on\n"
    assert len(heard) == 1 and heard[0] < ended - 0.3
    assert python("print(1)").stdout == "1\n"
