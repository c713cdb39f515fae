"""What one call of an export costs, beside PyPI's `wasmtime` and `pywasm3`.

    pip install dormouse wasmtime pywasm3
    python benches/calls.py

All are measured in turns in one process, by the processor time of its thread, and the
medians of their turns are compared.
Two functions are called: `add`, which only adds, and `peek`, which reads a byte of
memory, so that no engine gets by without its interpreter or compiled code.
"""

from __future__ import annotations

import statistics
import sys
import time
import timeit
from typing import Any

import wasm3
import wasmtime

import dormouse

WAT = """(module
    (memory (export "memory") 1)
    (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
    (func (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0))))"""
TURNS = 25
CALLS = 20_000


def dormouse_calls() -> dict[str, Any]:
    module = dormouse.Runtime().instantiate(WAT)
    return {
        "keep": module,
        "call": module.call,
        "add": module.function("add").call,
        "peek": module.function("peek").call,
    }


def main() -> int:
    binary = bytes(wasmtime.wat2wasm(WAT))
    ours = dormouse_calls()
    environment = wasm3.Environment()
    runtime = environment.new_runtime(1 << 16)
    runtime.load(environment.parse_module(binary))
    theirs = {name: runtime.find_function(name) for name in ("add", "peek")}
    store = wasmtime.Store()
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, WAT), [])
    exports = instance.exports(store)
    cases = {
        "dormouse add(5, 7)": ("f(5, 7)", {"f": ours["add"]}),
        "dormouse module.call('add', 5, 7)": ("f('add', 5, 7)", {"f": ours["call"]}),
        "pywasm3 add(5, 7)": ("f(5, 7)", {"f": theirs["add"]}),
        "wasmtime add(store, 5, 7)": ("f(s, 5, 7)", {"f": exports["add"], "s": store}),
        "dormouse peek(8)": ("f(8)", {"f": ours["peek"]}),
        "pywasm3 peek(8)": ("f(8)", {"f": theirs["peek"]}),
        "wasmtime peek(store, 8)": ("f(s, 8)", {"f": exports["peek"], "s": store}),
    }
    turns: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(TURNS):
        for name, (statement, names) in cases.items():
            calls = CALLS // 20 if name.startswith("wasmtime") else CALLS
            # Of the processor, so that others who use it don't count.
            took = timeit.timeit(statement, timer=time.thread_time, globals=names, number=calls)
            turns[name].append(took / calls * 1e9)
    medians = {name: statistics.median(times) for name, times in turns.items()}
    print("| Call | Median | of ours |\n|---|---|---|")
    for name, median in medians.items():
        base = medians["dormouse peek(8)" if "peek" in name else "dormouse add(5, 7)"]
        print(f"| `{name}` | {median:,.0f} ns | {median / base:.2f} |")
    add = medians["dormouse add(5, 7)"]
    ahead = add < medians["pywasm3 add(5, 7)"] and add < medians["wasmtime add(store, 5, 7)"]
    return 0 if ahead else 1


if __name__ == "__main__":
    sys.exit(main())
