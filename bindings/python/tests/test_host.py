"""Functions of the host."""

import threading
import time

import pytest

import dormouse

pytestmark = pytest.mark.usefixtures("python_image")


def test_a_guest_calls_functions_by_name():
    @dormouse.host_function
    def greet(name, times=1):
        return [f"hello, {name}"] * times

    @dormouse.host_function("add-up")
    def add(**numbers):
        return {"sum": sum(numbers.values())}

    outcome = dormouse.run(
        "print(call('greet', name='x', times=2), call('add-up', a=1, b=2.5))",
        functions=[greet, add],
    )
    assert outcome.stdout == "['hello, x', 'hello, x'] {'sum': 3.5}\n"
    outcome = dormouse.run(
        "print(call('greet', {name: 'y'})[0])", "js", functions={"greet": greet}
    )
    assert outcome.stdout == "hello, y\n"


@pytest.mark.parametrize("value", [None, True, 0, -5, 1.5, "t\u00e9xt", [1, [2]], {"a": None}])
def test_values_come_and_go(value):
    got = []

    def keep(value):
        got.append(value)
        return value

    outcome = dormouse.run(
        "value = call('give'); assert call('keep', value=value) == value",
        functions={"give": lambda: value, "keep": keep},
    )
    assert outcome.ok, outcome.stderr
    assert got == [value]


@pytest.mark.parametrize(
    "exception,caught",
    [
        (ValueError("bad"), "ValueError"),
        (PermissionError("no"), "PermissionError"),
        (FileNotFoundError("gone"), "FileNotFoundError"),
        (TimeoutError("late"), "TimeoutError"),
        (ConnectionResetError("hung up"), "ConnectionError"),
        (KeyError("k"), "RuntimeError"),
    ],
)
def test_exceptions_are_raised_in_the_guest(exception, caught):
    def fail():
        raise exception

    code = f"""
try:
    call('fail')
except {caught} as error:
    print(type(error).__mro__[-1] is object, str(error))
"""
    outcome = dormouse.run(code, functions={"fail": fail})
    assert outcome.stdout == f"True {type(exception).__name__}: {exception}\n", outcome.stderr
    code = "try { call('fail') } catch (e) { print(e.name, e.message) }"
    outcome = dormouse.run(code, "js", functions={"fail": fail})
    assert f"{type(exception).__name__}: {exception}" in outcome.stdout


def test_wrong_arguments_and_results_are_errors_of_the_guest():
    code = """
for name in ('one', 'object'):
    try:
        call(name, b=2)
    except ValueError as error:
        print(error)
"""
    outcome = dormouse.run(code, functions={"one": lambda a: a, "object": lambda b: object()})
    first, second = outcome.stdout.splitlines()
    assert "unexpected keyword argument 'b'" in first
    assert "must be JSON" in second


def test_what_is_no_exception_ends_the_run():
    def leave():
        raise SystemExit(5)

    code = "while True:\n    try: call('leave')\n    except BaseException: pass"
    with pytest.raises(SystemExit):
        dormouse.run(code, functions={"leave": leave}, timeout=20)


def test_in_a_session_it_ends_the_piece():
    def leave():
        raise SystemExit(5)

    with dormouse.Session(functions={"leave": leave}, timeout=60) as session:
        with pytest.raises(SystemExit):
            session.run("while True: call('leave')")
        assert session.run("print('on')").stdout == "on\n"


def test_calls_of_a_batch_run_at_the_same_time():
    both = threading.Barrier(2, timeout=20)

    def meet(n):
        both.wait()
        return n

    code = """
import asyncio
from dormouse import async_call
async def main():
    print(await asyncio.gather(async_call('meet', n=1), async_call('meet', n=2)))
asyncio.run(main())
"""
    outcome = dormouse.run(code, functions={"meet": meet})
    assert outcome.stdout == "[1, 2]\n", outcome.stderr


def test_functions_are_those_of_their_run():
    assert dormouse.run("call('f')", functions={"f": lambda: 1}).ok
    assert not dormouse.run("call('f')").ok
    with pytest.raises(TypeError, match="can't be called"):
        dormouse.run("1", functions={"f": 5})


def test_a_function_may_run_a_guest_itself():
    def inner(code):
        return dormouse.run(code).stdout

    outcome = dormouse.run("print(call('inner', code='print(5)'))", functions={"inner": inner})
    assert outcome.stdout == "5\n\n"


def test_a_guest_waits_for_a_slow_function():
    began = time.monotonic()
    outcome = dormouse.run("call('slow')", functions={"slow": lambda: time.sleep(0.2)})
    assert outcome.ok and time.monotonic() - began >= 0.2
