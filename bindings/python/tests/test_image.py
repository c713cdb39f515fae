"""Images: captured, saved, loaded, pickled."""

import pickle

import pytest

import dormouse

pytestmark = pytest.mark.usefixtures("python_image")

APP = """
import json, sys
TABLE = [n * n for n in range(100)]
import dormouse
dormouse.snapshot_point()
print(json.dumps([TABLE[5], sys.argv[1:]]))
"""


@pytest.fixture(scope="module")
def app():
    return dormouse.Image.capture(code=APP, timeout=None)


def test_a_captured_program_goes_on(app, tmp_path):
    assert app.run(args=["x"]).stdout == '[25, ["x"]]\n'
    app.save(tmp_path / "app.dormouse")
    loaded = dormouse.Image.load(tmp_path / "app.dormouse")
    assert loaded.run(args=["y"]).stdout == '[25, ["y"]]\n'
    assert loaded.to_bytes() == app.to_bytes()
    again = dormouse.Image.wasm(app.to_bytes())
    assert again.run(args=["z"]).stdout == '[25, ["z"]]\n'
    with pytest.raises(dormouse.DormouseError, match="its own program"):
        app.run("print(1)")


def test_files_are_captured(tmp_path):
    (tmp_path / "app.js").write_text("const n = 6; await dormouse.snapshot_point(); print(n * 7)")
    image = dormouse.snapshot(tmp_path / "app.js", tmp_path / "js.dormouse")
    assert image.run().stdout == "42\n"
    assert dormouse.run_file(tmp_path / "js.dormouse").stdout == "42\n"


def test_modules_are_captured_at_a_point():
    counter = """(module (global $n (mut i32) (i32.const 0))
        (func (export "prepare") (global.set $n (i32.const 41)))
        (func (export "next") (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"""
    image = dormouse.Image.capture("wasm", counter, point="init:prepare")
    assert [image.run(invoke="next").values for _ in range(2)] == [[42], [42]]
    with pytest.raises(dormouse.DormouseError):
        dormouse.Image.capture("wasm", counter, point="init:missing")
    with pytest.raises(dormouse.DormouseError):
        dormouse.Image.capture("wasm", counter, point="what is this?")


def test_what_can_not_be_captured_says_why():
    with pytest.raises(dormouse.ImageError, match="snapshot_point"):
        dormouse.Image.capture(code="import dormouse\nif 1: raise SystemExit\ndormouse.snapshot_point()")
    with pytest.raises(TypeError):
        dormouse.Image.capture()


def test_damaged_images_are_refused(app, tmp_path):
    data = bytearray(app.to_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bad.dormouse").write_bytes(data)
    with pytest.raises(dormouse.DormouseError):
        dormouse.Image.load(tmp_path / "bad.dormouse")
    with pytest.raises(dormouse.DormouseError):
        dormouse.Image.load(tmp_path / "missing.dormouse")


def test_images_are_pickled_by_path_or_bytes(app, tmp_path):
    fresh = dormouse.Image.capture("wasm", '(module (func (export "_start")))', point="init:_start")
    assert pickle.loads(pickle.dumps(fresh)).to_bytes() == fresh.to_bytes()
    fresh.save(tmp_path / "fresh.dormouse")
    small = pickle.dumps(fresh)
    assert len(small) < 500 and str(tmp_path).encode() in small
    assert pickle.loads(small).to_bytes() == fresh.to_bytes()
    python = pickle.loads(pickle.dumps(dormouse.Image.language("py")))
    assert python.run("print(1)").stdout == "1\n"
    module = pickle.loads(pickle.dumps(dormouse.Image.wasm('(module (func (export "_start")))')))
    assert module.run().ok


def test_progress_is_told():
    told = []
    dormouse.prepare("python", progress=told.append)
    assert all(isinstance(step, str) for step in told)
    with pytest.raises(ValueError):
        dormouse.prepare("cobol")
