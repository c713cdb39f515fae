"""Many threads."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ADD, COUNTER

import dormouse

# Both cores, where there are two.
SPIN = """(module (func (export "spin") (param i32) (result i32) (local i32)
    (loop
        (local.set 1 (i32.add (local.get 1) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get 1) (local.get 0))))
    (local.get 1)))"""


def test_eight_threads_run_guests(python_image):
    def work(n):
        return [dormouse.run(f"print({n} * {m})").stdout for m in range(10)]

    with ThreadPoolExecutor(8) as pool:
        for n, outputs in enumerate(pool.map(work, range(8))):
            assert outputs == [f"{n * m}\n" for m in range(10)]


def test_eight_threads_have_modules_of_their_own(runtime):
    compiled = runtime.compile(ADD)

    def work(n):
        module = runtime.instantiate(compiled)
        return sum(module.call("add", n, m)[0] for m in range(1000))

    with ThreadPoolExecutor(8) as pool:
        expected = [1000 * n + 499500 for n in range(8)]
        assert list(pool.map(work, range(8))) == expected


def test_eight_threads_share_a_module(runtime):
    module = runtime.instantiate(COUNTER)
    next_one = module.function("next")

    def work(_):
        return [next_one() for _ in range(1000)]

    with ThreadPoolExecutor(8) as pool:
        got = sorted(n for numbers in pool.map(work, range(8)) for n in numbers)
    assert got == list(range(1, 8001))


def test_threads_that_share_a_module_wait_for_long_calls(runtime):
    module = runtime.instantiate(SPIN)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda n: module.call("spin", n)[0], [3_000_000] * 8)) == [
            3_000_000
        ] * 8


@pytest.mark.parametrize("what", ["call", "run", "session"])
def test_the_interpreter_goes_on_while_a_guest_runs(runtime, python_image, what):
    """Guests and this thread take turns only where the lock is kept."""
    ended = threading.Event()

    def work():
        if what == "call":
            runtime.instantiate(SPIN).call("spin", 60_000_000)
        elif what == "run":
            dormouse.run("for i in range(10_000_000): pass", timeout=1)
        else:
            with dormouse.Session(timeout=1) as session:
                session.run("for i in range(10_000_000): pass")
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    longest, turns, last = 0.0, 0, time.monotonic()
    while not ended.is_set():
        time.sleep(0.001)
        now = time.monotonic()
        longest, last, turns = max(longest, now - last), now, turns + 1
    thread.join()
    assert turns > 20


def test_two_guests_are_under_way_at_the_same_time(python_image):
    both = threading.Barrier(2, timeout=30)
    code = "call('meet'); print('met')"

    def work(_):
        return dormouse.run(code, functions={"meet": lambda: both.wait() and None}).stdout

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, range(2))) == ["met\n", "met\n"]


def test_guests_compute_at_the_same_time(python_image, tmp_path):
    """Each spins until the other one has come as far, and no Python of ours runs."""
    code = """
import os, sys
mine, other = sys.argv[1:]
open(f'/data/{mine}', 'w').close()
while not os.path.exists(f'/data/{other}'):
    pass
print('met')
"""
    mounts = {"/data": dormouse.Mount(tmp_path, "rwc")}

    def work(names):
        return dormouse.run(code, args=names, mounts=mounts).stdout

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, [["a", "b"], ["b", "a"]])) == ["met\n", "met\n"]


def test_two_threads_use_two_cores(runtime):
    """Their processor time overlaps: together they take more of it than time passes."""
    if (os.cpu_count() or 1) < 2 or os.getloadavg()[0] > 1.5:
        pytest.skip("others use the processors")
    compiled = runtime.compile(SPIN)
    modules = [runtime.instantiate(compiled) for _ in range(2)]

    def overlap():
        wall, processor = time.monotonic(), time.process_time()
        threads = [
            threading.Thread(target=module.call, args=("spin", 200_000_000)) for module in modules
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return (time.process_time() - processor) / (time.monotonic() - wall)

    # On a busy machine somebody else may have the other core for a while.
    best = 0.0
    for _ in range(5):
        best = max(best, overlap())
        if best > 1.3:
            break
    assert best > 1.1
