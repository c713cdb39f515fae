"""Pools of processes, and what a fork leaves of a process that has run guests."""

import multiprocessing
import os
import pickle
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import pytest
from conftest import ADD, python

import dormouse

pytestmark = pytest.mark.usefixtures("python_image")

APP = "import sys, dormouse\nN = 6\ndormouse.snapshot_point()\nprint(N * int(sys.argv[1]))"


def run_image(image, word):
    return image.run(args=[word])


def run_code(code):
    return dormouse.run(code)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    image = dormouse.Image.capture(code=APP, timeout=None)
    image.save(tmp_path_factory.mktemp("images") / "app.dormouse")
    return image


def pool(method):
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method))


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_images_and_outcomes_go_to_pools_and_back(app, method):
    # What the parent has is as it is after many runs.
    assert app.run(args=["1"]).stdout == "6\n"
    with pool(method) as workers:
        futures = [workers.submit(run_image, app, str(n)) for n in range(20)]
        assert [f.result(timeout=120).stdout for f in futures] == [f"{6 * n}\n" for n in range(20)]
        failed = workers.submit(run_code, "1 / 0").result(timeout=120)
        assert failed.exit_code == 1 and "ZeroDivisionError" in failed.stderr


def test_functions_go_by_cloudpickle(app):
    cloudpickle = pytest.importorskip("cloudpickle")

    def work(n):
        # Of here: plain pickle would find no such function.
        return app.run(args=[str(n)]).stdout

    data = cloudpickle.dumps(work)
    assert len(data) < 10_000
    code = "import pickle, sys; print(pickle.loads(bytes.fromhex(sys.argv[1]))(7), end='')"
    assert python(code, data.hex()).stdout == "42\n"


def in_child(work) -> int:
    """Runs `work` in a fork of this process; the child's exit status."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print("child:", repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    raise AssertionError("the child hangs")


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_goes_on(app):
    """Runs, images, modules and sessions of the parent are the child's as well."""
    runtime = dormouse.Runtime()
    module = runtime.instantiate(ADD)
    assert module.call("add", 1, 2) == [3]
    assert dormouse.run("print(1)").ok
    with dormouse.Session() as session:
        session.run("x = 5")

        def child():
            assert dormouse.run("print(2)").stdout == "2\n"
            assert app.run(args=["7"]).stdout == "42\n"
            assert module.call("add", 20, 22) == [42]
            assert session.run("x += 1; print(x)").stdout == "6\n"
            with dormouse.Session() as other:
                assert other.run("print(3)").stdout == "3\n"
            # What ends it in time is the child's own, too.
            assert session.run("while True: pass", timeout=0.2).limit == "deadline"

        for _ in range(3):
            assert in_child(child) == 0
        # And the parent's are its own.
        assert session.run("print(x)").stdout == "5\n"
    assert module.call("add", 1, 2) == [3]


def test_what_is_alive_is_not_pickled():
    runtime = dormouse.Runtime()
    for alive in (runtime.instantiate(ADD), dormouse.Session()):
        with alive, pytest.raises(TypeError):
            pickle.dumps(alive)
