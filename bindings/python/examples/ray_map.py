"""Maps a thousand untrusted scripts over Ray workers.

Each script runs in a sandbox of its own, which wakes from one image file: an
application that was captured with its imports done and its tables built, and waits
for a script to judge.

    pip install dormouse ray
    python examples/ray_map.py
"""

from __future__ import annotations

import collections
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ray

import dormouse

# The application: what all scripts find, prepared once.
APP = """
import json, math, re, statistics, sys

PRIMES = [n for n in range(2, 5000) if all(n % d for d in range(2, math.isqrt(n) + 1))]

import dormouse
dormouse.snapshot_point()

names = {"PRIMES": PRIMES, "statistics": statistics, "re": re}
exec(compile(sys.stdin.read(), "script", "exec"), names)
print(json.dumps(names["result"]))
"""


def script(number: int) -> str:
    """A script that somebody sent: of ten, one fails, one loops and one is greedy."""
    if number % 10 == 3:
        return "result = PRIMES[0] / 0"
    if number % 10 == 5:
        return "while True: pass"
    if number % 10 == 7:
        return "result = len(bytes(1 << 30))"
    return f"result = sum(p for p in PRIMES if p % 1000 == {number} % 1000)"


def judge(path: str, numbers: list[int]) -> list[dormouse.Outcome]:
    """A task of many scripts: what Ray does for one takes longer than some scripts."""
    image = dormouse.Image.load(path)
    return [
        image.run(stdin=script(number), timeout=0.5, memory="64mb", max_output="64kb")
        for number in numbers
    ]


def main(count: int = 1000, each: int = 25) -> int:
    folder = Path(tempfile.mkdtemp(prefix="dormouse-ray-"))
    image = dormouse.Image.capture(code=APP, timeout=None)
    image.save(folder / "app.dormouse")
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=80 << 20,
    )
    task: Any = ray.remote(num_cpus=1)(judge)
    try:
        began = time.monotonic()
        tasks = [
            task.remote(str(folder / "app.dormouse"), list(range(at, min(at + each, count))))
            for at in range(0, count, each)
        ]
        outcomes = [outcome for some in ray.get(tasks) for outcome in some]
        took = time.monotonic() - began
    finally:
        ray.shutdown()
    kinds = collections.Counter(outcome.limit or f"exit {outcome.exit_code}" for outcome in outcomes)
    print(f"{len(outcomes)} scripts in {took:.1f} s: {dict(sorted(kinds.items()))}")
    for number in (1, 3, 5, 7):
        outcome = outcomes[number]
        said = outcome.limit or (outcome.stdout or outcome.stderr).strip().splitlines()[-1]
        print(f"script {number}: {said}")
    # Nothing that one of them does is felt by another.
    return 0 if len(outcomes) == count and kinds["exit 0"] >= count * 7 // 10 else 1


if __name__ == "__main__":
    sys.exit(main())
