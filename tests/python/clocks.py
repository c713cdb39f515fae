"""Clocks go forward, at their pace, and sleeping takes its time."""

import datetime
import time

assert datetime.datetime.now().year >= 2024
assert time.tzname == ("UTC", "UTC")
wall, steady, busy = time.time(), time.monotonic(), time.process_time()
time.sleep(0.05)
assert time.time() - wall >= 0.04 and time.monotonic() - steady >= 0.05
sum(range(1_000_000))
assert 0 < time.process_time() - busy < 60 and time.process_time_ns() > 0
assert time.thread_time() > 0 if hasattr(time, "thread_time") else True
for clock in (time.monotonic, time.perf_counter, time.process_time):
    readings = [clock() for _ in range(100)]
    assert readings == sorted(readings) and readings[0] < readings[-1], clock
assert datetime.timedelta(seconds=time.perf_counter()) < datetime.timedelta(minutes=5)
print("ok")
