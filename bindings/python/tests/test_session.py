"""Sessions."""

import threading
import time

import pytest

import dormouse

pytestmark = pytest.mark.usefixtures("python_image")


def test_names_stay():
    with dormouse.Session() as session:
        assert session.run("x = 6\ndef f(n): return n * x").ok
        assert session.run("print(f(7))").stdout == "42\n"
        assert session.run_repl("f(2)").stdout == "12\n"
        assert session.run_repl("_ + 1").stdout == "13\n"
    with dormouse.Session("js") as session:
        session.run("let x = 6")
        assert session.run_repl("x * 7").stdout == "42\n"


def test_an_exception_leaves_the_session_as_it_is():
    with dormouse.Session() as session:
        outcome = session.run("x = 1; y = missing")
        assert outcome.error == dormouse.RaisedInGuest(
            "NameError", "name 'missing' is not defined"
        )
        assert outcome.exit_code == 1 and "Traceback" in outcome.stderr
        with pytest.raises(dormouse.GuestRaised) as raised:
            outcome.check()
        assert (raised.value.name, raised.value.outcome) == ("NameError", outcome)
        assert session.run("print(x)").stdout == "1\n"


def test_prompts_are_helped():
    with dormouse.Session() as session:
        assert session.check_complete("x = 1")
        assert not session.check_complete("def f():")
        session.run("number = 1; text = 'a'")
        assert "number" in session.complete("num")
        assert "number" in session.complete("print(num + 1)", cursor=9)
        assert "text.upper" in session.complete("text.up")


def test_a_copy_goes_its_own_way():
    with dormouse.Session() as session:
        session.run("items = [1]")
        with session.fork() as copy:
            copy.run("items.append(2)")
            assert copy.run("print(items)").stdout == "[1, 2]\n"
        assert not copy.is_open
        assert session.run("print(items)").stdout == "[1]\n"


def test_what_ends_a_session():
    session = dormouse.Session()
    assert session.is_open
    session.close()
    session.close()
    assert not session.is_open
    with pytest.raises(dormouse.SessionClosed):
        session.run("1")
    with dormouse.Session() as session:
        assert session.run("import sys; sys.exit(4)").exit_code == 4
        with pytest.raises(dormouse.SessionClosed, match="exited with 4"):
            session.run("1")
    with dormouse.Session(timeout=0.2) as session:
        assert session.run("while True: pass").limit == "deadline"
        with pytest.raises(dormouse.SessionClosed, match="deadline"):
            session.run("1")


def test_limits_of_one_piece():
    with dormouse.Session(timeout=60) as session:
        assert session.run("while True: pass", timeout=0.2).limit == "deadline"
    with dormouse.Session(fuel=10**9) as session:
        assert session.run("1").ok
        assert session.run("while True: pass", fuel=10**6).limit == "fuel"
    with dormouse.Session() as session, pytest.raises(TypeError, match="unknown limit"):
        session.run("1", tiemout=1)


def test_another_thread_interrupts():
    with dormouse.Session(timeout=60) as session:
        timer = threading.Timer(0.3, session.interrupt)
        timer.start()
        outcome = session.run("while True: pass")
        assert outcome.error is not None and outcome.error.name == "KeyboardInterrupt"
        assert session.run("print('on')").stdout == "on\n"


def test_who_comes_while_it_runs_is_refused():
    with dormouse.Session(timeout=60) as session:
        thread = threading.Thread(target=session.run, args=("import time; time.sleep(30)",))
        thread.start()
        busy = False
        until = time.monotonic() + 20
        while not busy and time.monotonic() < until:
            try:
                session.run("1")
            except dormouse.SessionBusy:
                busy = True
        assert busy
        session.interrupt()
        thread.join(20)
        assert not thread.is_alive()


def test_closing_ends_what_runs():
    session = dormouse.Session(timeout=60)
    raised = []

    def run():
        try:
            session.run("while True: pass")
        except dormouse.DormouseError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.3)
    session.close()
    thread.join(20)
    assert [type(error) for error in raised] == [dormouse.SessionClosed]


def test_grants_hold_for_a_session(tmp_path):
    (tmp_path / "a").write_text("given")
    said = []
    with dormouse.Session(
        mounts={"/data": tmp_path},
        functions={"double": lambda n: 2 * n},
        kv=True,
        stdout=said.append,
    ) as session:
        session.run("kv.set('k', call('double', n=21))")
        session.run("print(open('/data/a').read(), kv.get('k'))")
    assert "".join(said) == "given 42\n"


def test_only_languages_have_sessions():
    with pytest.raises(dormouse.DormouseError):
        dormouse.Session(image=dormouse.Image.wasm("(module)"))
    with pytest.raises(ValueError):
        dormouse.Session("cobol")
