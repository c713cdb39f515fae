"""Plain Wasm: modules, calls, values, imports."""

import gc
import math
import struct
import threading
import time
import weakref

import pytest
from conftest import ADD, COUNTER, LOOP, add_binary

import dormouse


def test_an_export_is_called(runtime):
    module = runtime.instantiate(ADD)
    assert module.call("add", 5, 7) == [12]
    assert module.function("add")(5, 7) == 12


def test_modules_are_binary_or_text_bytes_or_str(runtime):
    for source in (ADD, ADD.encode(), add_binary(), bytearray(add_binary())):
        assert runtime.instantiate(source).call("add", 20, 22) == [42]


def test_modules_are_loaded_from_files(runtime, tmp_path):
    (tmp_path / "add.wat").write_text(ADD)
    (tmp_path / "add.wasm").write_bytes(add_binary())
    assert runtime.instantiate_file(tmp_path / "add.wat").call("add", 1, 2) == [3]
    assert runtime.instantiate_file(str(tmp_path / "add.wasm")).call("add", 1, 2) == [3]
    with pytest.raises(FileNotFoundError):
        runtime.instantiate_file(tmp_path / "missing.wasm")


def test_a_thousand_calls_take_milliseconds(add):
    began = time.perf_counter()
    for n in range(1000):
        assert add.call("add", n, 1) == [n + 1]
    # A generous bound: 0.3 ms are usual.
    assert time.perf_counter() - began < 0.5


def test_instances_have_a_state_of_their_own(runtime):
    compiled = runtime.compile(COUNTER)
    first, second = runtime.instantiate(compiled), runtime.instantiate(compiled)
    assert [first.call("next")[0] for _ in range(3)] == [1, 2, 3]
    assert second.call("next") == [1]
    assert first.call("next") == [4]


VALUES = """(module
    (func (export "i32") (param i32) (result i32) local.get 0)
    (func (export "i64") (param i64) (result i64) local.get 0)
    (func (export "f32") (param f32) (result f32) local.get 0)
    (func (export "f64") (param f64) (result f64) local.get 0)
    (func (export "v128") (param v128) (result v128) local.get 0)
    (func (export "externref") (param externref) (result externref) local.get 0)
    (func (export "funcref") (param funcref) (result funcref) local.get 0)
    (func (export "many") (param i32 i64 f32 f64) (result f64 f32 i64 i32)
        local.get 3 local.get 2 local.get 1 local.get 0)
    (func (export "nothing")))"""


def test_integers_are_signed_or_unsigned(runtime):
    module = runtime.instantiate(VALUES)
    for given, got in [(0, 0), (-(2**31), -(2**31)), (2**31 - 1, 2**31 - 1), (2**32 - 1, -1)]:
        assert module.call("i32", given) == [got]
    for given, got in [(-(2**63), -(2**63)), (2**63 - 1, 2**63 - 1), (2**64 - 1, -1)]:
        assert module.call("i64", given) == [got]
    assert module.call("i32", True) == [1]
    for name, wrong in [("i32", 2**32), ("i32", -(2**31) - 1), ("i64", 2**64), ("i32", 1.5)]:
        with pytest.raises(dormouse.ArgumentError, match=name):
            module.call(name, wrong)


def test_floats_keep_their_bits(runtime):
    module = runtime.instantiate(VALUES)
    for value in (0.0, -0.0, 1.5, -math.inf, 5e-324, 1.7976931348623157e308):
        (got,) = module.call("f64", value)
        assert struct.pack("d", got) == struct.pack("d", value)
    assert math.isnan(module.call("f64", math.nan)[0])
    assert module.call("f32", 0.1) == [struct.unpack("f", struct.pack("f", 0.1))[0]]
    assert module.call("f64", 3) == [3.0]
    with pytest.raises(dormouse.ArgumentError, match="'x' is no f64"):
        module.call("f64", "x")


def test_vectors_are_wide_integers(runtime):
    module = runtime.instantiate(VALUES)
    assert module.call("v128", 2**128 - 1) == [2**128 - 1]


def test_references_are_python_objects(runtime):
    module = runtime.instantiate(VALUES)
    held = {"any": "thing"}
    assert module.call("externref", held)[0] is held
    assert module.call("externref", None) == [None]
    function = module.function("i32")
    assert module.call("funcref", function)[0](7) == 7
    assert module.call("funcref", None) == [None]
    other = runtime.instantiate(VALUES).function("i32")
    with pytest.raises(dormouse.CallError, match="another instance"):
        module.call("funcref", other)


def test_many_values_and_none(runtime):
    module = runtime.instantiate(VALUES)
    assert module.call("many", 1, 2, 3.0, 4.0) == [4.0, 3.0, 2, 1]
    assert module.function("many")(1, 2, 3.0, 4.0) == (4.0, 3.0, 2, 1)
    assert module.call("nothing") == []
    assert module.function("nothing")() is None
    wide = " ".join(f"local.get {n}" for n in range(20))
    types = "i32 " * 20
    module = runtime.instantiate(
        f'(module (func (export "wide") (param {types}) (result {types}) {wide}))'
    )
    assert module.call("wide", *range(20)) == list(range(20))


def test_functions_say_what_they_are(add):
    function = add.function("add")
    assert (function.name, function.params, function.results) == ("add", ["i32", "i32"], ["i32"])
    assert repr(function) == "<dormouse.Function add (i32, i32) -> (i32)>"
    assert add.exports == {"add": "function (i32, i32) -> (i32)"}


def test_wrong_calls_are_errors(add):
    with pytest.raises(dormouse.DormouseError, match='"nope"; there are add'):
        add.call("nope")
    with pytest.raises(dormouse.DormouseError):
        add.function("nope")
    for args in [(), (1,), (1, 2, 3), ("1", 2), (None, 1)]:
        with pytest.raises(dormouse.ArgumentError) as raised:
            add.call("add", *args)
        assert isinstance(raised.value, TypeError)
    with pytest.raises(TypeError):
        add.function("add")(1, 2, key=3)
    assert add.call("add", 1, 2) == [3]


@pytest.mark.parametrize("source", [b"", b"\0asm", "(module", b"\0asm\2\0\0\0", "not wasm"])
def test_what_is_no_module_is_refused(runtime, source):
    with pytest.raises(dormouse.ModuleError):
        runtime.instantiate(source)


def test_a_missing_import_is_named(runtime):
    with pytest.raises(dormouse.ModuleError, match="env.log"):
        runtime.instantiate('(module (import "env" "log" (func)))')


def test_traps_are_errors_and_the_module_lives_on(runtime):
    module = runtime.instantiate(
        '(module (func (export "div") (param i32 i32) (result i32)'
        " local.get 0 local.get 1 i32.div_s)"
        ' (func $f (export "deep") (call $f)))'
    )
    with pytest.raises(dormouse.TrapError, match="divide by zero"):
        module.call("div", 1, 0)
    with pytest.raises(dormouse.TrapError, match="call stack exhausted"):
        module.call("deep")
    assert module.call("div", 6, 2) == [3]


def test_what_is_closed_is_refused():
    with dormouse.Runtime() as runtime:
        with runtime.instantiate(ADD) as first:
            assert first.call("add", 1, 1) == [2]
        assert first.closed
        first.close()
        with pytest.raises(dormouse.DormouseError, match="closed"):
            first.call("add", 1, 1)
        second = runtime.instantiate(ADD)
        function = second.function("add")
    assert second.closed
    with pytest.raises(dormouse.DormouseError, match="closed"):
        function(1, 1)
    with pytest.raises(dormouse.DormouseError, match="closed"):
        runtime.instantiate(ADD)
    runtime.close()


def test_modules_go_when_nobody_has_them(runtime):
    module = runtime.instantiate(ADD)
    gone = weakref.ref(module._native)
    assert module.call("add", 1, 1) == [2]
    del module
    gc.collect()
    assert gone() is None


def test_functions_of_python_are_imported(runtime):
    said = []
    module = runtime.instantiate(
        """(module
            (import "env" "say" (func $say (param i32 f64)))
            (import "env" "twice" (func $twice (param i64) (result i64)))
            (import "env" "both" (func $both (result i32 i32)))
            (import "env" "base" (global $base i32))
            (func (export "go") (param i64) (result i64)
                (call $say (global.get $base) (f64.const 0.5))
                (call $twice (local.get 0)))
            (func (export "sum") (result i32) (i32.add (call $both))))""",
        imports={
            "env": {
                "say": lambda *args: said.append(args),
                "twice": lambda number: number * 2,
                "both": lambda: (40, 2),
                "base": 1024,
            }
        },
    )
    assert module.call("go", 21) == [42]
    assert said == [(1024, 0.5)]
    assert module.call("sum") == [42]
    assert module.imports[("env", "twice")] == "function (i64) -> (i64)"


IMPORTING = """(module (import "env" "f" (func $f (param i32) (result i32)))
    (func (export "go") (param i32) (result i32) local.get 0 call $f))"""


def test_what_an_imported_function_raises_comes_out(runtime):
    def fail(number):
        raise KeyError(number)

    module = runtime.instantiate(IMPORTING, imports={"env": {"f": fail}})
    with pytest.raises(KeyError, match="5"):
        module.call("go", 5)
    with pytest.raises(KeyError):
        module.call("go", 6)
    module = runtime.instantiate(IMPORTING, imports={"env": {"f": lambda _: "text"}})
    with pytest.raises(dormouse.ArgumentError, match="'text' is no i32"):
        module.call("go", 5)
    module = runtime.instantiate(IMPORTING, imports={"env": {"f": lambda _: (1, 2)}})
    with pytest.raises(dormouse.ArgumentError):
        module.call("go", 5)


def test_an_imported_function_may_use_other_modules_not_its_own(runtime, add):
    module = runtime.instantiate(
        IMPORTING, imports={"env": {"f": lambda number: add.call("add", number, 1)[0]}}
    )
    assert module.call("go", 5) == [6]
    own = runtime.instantiate(
        IMPORTING, imports={"env": {"f": lambda number: own.call("go", number)[0]}}
    )
    with pytest.raises(dormouse.CallError, match="is running"):
        own.call("go", 5)


def test_a_deadline_ends_a_call(runtime):
    module = runtime.instantiate(LOOP, timeout=0.1)
    with pytest.raises(dormouse.LimitError) as raised:
        module.call("loop")
    assert raised.value.limit == "deadline"


def test_fuel_is_counted(runtime):
    module = runtime.instantiate(ADD, fuel=1000)
    assert module.call("add", 1, 1) == [2]
    assert 0 < module.fuel_used < 100
    module = runtime.instantiate(LOOP, fuel=100_000)
    with pytest.raises(dormouse.LimitError) as raised:
        module.call("loop")
    assert raised.value.limit == "fuel"


def test_another_thread_stops_a_call(runtime):
    module = runtime.instantiate(LOOP, timeout=None)
    threading.Timer(0.1, module.stop).start()
    with pytest.raises(dormouse.Stopped):
        module.call("loop")


def test_a_start_function_that_traps_is_an_error(runtime):
    with pytest.raises(dormouse.TrapError):
        runtime.instantiate("(module (func $f unreachable) (start $f))")


def test_the_version_is_that_of_the_package():
    from importlib.metadata import PackageNotFoundError, version

    assert dormouse.version() == dormouse.__version__
    try:
        assert version("dormouse") == dormouse.version()
    except PackageNotFoundError:
        pytest.skip("it is not installed")
