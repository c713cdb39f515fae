"""The wheel itself: what it carries, its types, its documentation."""

import getpass
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import dormouse

HERE = Path(__file__).resolve().parent.parent
PACKAGE = Path(dormouse.__file__).parent


@pytest.fixture
def wheel():
    path = os.environ.get("DORMOUSE_WHEEL")
    if path is None:
        pytest.skip("DORMOUSE_WHEEL does not name the wheel")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_it_names_no_folder_of_the_machine_that_built_it(wheel):
    home = Path.home()
    cargo = Path(os.environ.get("CARGO_HOME", home / ".cargo"))
    checkout = os.environ["DORMOUSE_CHECKOUT"]
    secrets = {str(path) for path in (cargo, cargo.resolve(), checkout, Path(checkout).resolve())}
    secrets |= {f"{home}/", "/.cargo/", "/.rustup/", "/home/", "/Users/"}
    if getpass.getuser() != "root":
        secrets.add(getpass.getuser())
    found = []
    for name in wheel.namelist():
        data = wheel.read(name)
        for secret in secrets:
            at = data.find(secret.encode())
            if at >= 0:
                found.append((name, secret, data[max(at - 40, 0) : at + 80]))
    assert found == []


def test_it_has_what_it_needs_and_no_more(wheel):
    names = wheel.namelist()
    assert any(re.fullmatch(r"dormouse/_dormouse\.abi3\.so", name) for name in names)
    for name in ("dormouse/__init__.py", "dormouse/py.typed", "dormouse/_dormouse.pyi"):
        assert name in names
    assert not [name for name in names if re.search(r"test|bench|example|\.rs$|__pycache__", name)]
    assert not [name for name in names if not re.match(r"dormouse(-[\d.]+\.dist-info)?/", name)]
    (metadata,) = [wheel.read(name).decode() for name in names if name.endswith("METADATA")]
    assert "Requires-Python: >=3.10" in metadata and "# Dormouse for Python" in metadata
    assert "Requires-Dist" not in metadata


def test_it_is_the_one_that_is_tested(wheel):
    assert PACKAGE.is_relative_to(sys.prefix)


def snippets():
    text = (HERE / "README.md").read_text()
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def test_the_snippets_of_the_readme_run(python_image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "snippets"}
    assert len(snippets()) >= 5
    for code in snippets():
        exec(compile(code, "README.md", "exec"), names)


def test_everything_public_is_documented():
    for name in dormouse.__all__:
        assert getattr(dormouse, name).__doc__, name


def test_the_stubs_are_true(tmp_path):
    pytest.importorskip("mypy")
    ran = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "dormouse"],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_strict_types(tmp_path):
    pytest.importorskip("mypy")
    program = """
import dormouse
outcome: dormouse.Outcome = dormouse.run("1", timeout=1.5, mounts={"/a": "b"}, memory="1mb")
text: str = outcome.stdout
with dormouse.Session(kv=True) as session:
    session.run("1", fuel=5)
"""
    wrong = program + "dormouse.run('1', tiemout=5)\ndormouse.run('1', timeout='5')\n"
    for code, status in ((program, 0), (wrong, 1)):
        ran = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "-c", code],
            capture_output=True,
            text=True,
            timeout=300,
            cwd=tmp_path,
        )
        assert ran.returncode == status, ran.stdout + ran.stderr
