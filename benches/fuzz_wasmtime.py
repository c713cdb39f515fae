"""What `benches/fuzz.rs` is compared with: a fresh wasmtime instance per input, without
coverage or mutation. `pip install wasmtime; python benches/fuzz_wasmtime.py TARGET [RUNS]`"""

import sys
import tempfile
import time

import wasmtime

target, runs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
engine = wasmtime.Engine()
module = wasmtime.Module.from_file(engine, target)
linker = wasmtime.Linker(engine)
linker.define_wasi()
with tempfile.NamedTemporaryFile() as file:
    file.write(b"abcdefghijklmnop")
    file.flush()
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(runs):
        store = wasmtime.Store(engine)
        wasi = wasmtime.WasiConfig()
        wasi.stdin_file = file.name
        store.set_wasi(wasi)
        instance = linker.instantiate(store, module)
        try:
            instance.exports(store)["_start"](store)
        except (wasmtime.ExitTrap, wasmtime.Trap):
            pass
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
print(f"fresh wasmtime instances: {runs / wall:.0f} a second, {runs / processor:.0f} of processor time")
