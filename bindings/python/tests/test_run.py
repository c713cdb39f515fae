"""Runs of source code: outcomes, grants and limits."""

import http.server
import pickle
import threading

import pytest

import dormouse

pytestmark = pytest.mark.usefixtures("python_image")


def test_python_and_javascript_run():
    outcome = dormouse.run("print(6 * 7)")
    assert outcome.ok and outcome.stdout == "42\n" and outcome.exit_code == 0
    assert outcome.check() is outcome
    assert 0 < outcome.duration < 60
    assert dormouse.run("console.log(6 * 7)", lang="js").stdout == "42\n"
    with pytest.raises(ValueError, match="there are python"):
        dormouse.run("1", lang="cobol")


def test_what_the_guest_does_wrong_is_in_the_outcome():
    outcome = dormouse.run("import sys; print('x'); print('y', file=sys.stderr); sys.exit(3)")
    assert (outcome.stdout, outcome.stderr, outcome.exit_code) == ("x\n", "y\n", 3)
    with pytest.raises(dormouse.GuestExit) as raised:
        outcome.check()
    assert raised.value.code == 3 and raised.value.outcome is outcome
    outcome = dormouse.run("1 / 0")
    assert not outcome.ok and "ZeroDivisionError" in outcome.stderr
    with pytest.raises(dormouse.ProgramError, match="ZeroDivisionError: division by zero"):
        outcome.check()


def test_nothing_is_granted_by_default():
    code = """
import os
print(sorted(os.environ), os.path.exists('/etc/passwd'), os.listdir('/'))
try:
    kv.get('a')
except PermissionError as error:
    print(error)
"""
    outcome = dormouse.run(code)
    assert "HOME" not in outcome.stdout and "False" in outcome.stdout
    assert "not granted: kv_get" in outcome.stdout


def test_arguments_names_and_stdin():
    code = "import sys; print(sys.argv, input())"
    outcome = dormouse.run(code, args=["a", "b c"], stdin="typed\n")
    assert outcome.stdout == "['-c', 'a', 'b c'] typed\n"
    outcome = dormouse.run("1 / 0", name="calc.py")
    assert 'File "calc.py", line 1' in outcome.stderr
    with pytest.raises(TypeError, match="a list"):
        dormouse.run("1", args="text")


def test_files_run(tmp_path):
    (tmp_path / "a.py").write_text("import sys; print('python', sys.argv[1:])")
    (tmp_path / "a.js").write_text("print('javascript', scriptArgs[1])")
    (tmp_path / "a.wat").write_text('(module (func (export "_start")))')
    assert dormouse.run_file(tmp_path / "a.py", "x").stdout == "python ['x']\n"
    assert dormouse.run_file(tmp_path / "a.js", "x").stdout == "javascript x\n"
    assert dormouse.run_file(tmp_path / "a.wat").ok
    assert dormouse.run_file(tmp_path / "a.wat", lang="wasm").ok
    with pytest.raises(FileNotFoundError):
        dormouse.run_file(tmp_path / "missing.py")


def test_mounts(tmp_path):
    (tmp_path / "in").write_text("given")
    read = "print(open('/data/in').read())"
    write = "open('/data/out', 'w').write('made')"
    assert dormouse.run(read, mounts={"/data": tmp_path}).stdout == "given\n"
    refused = dormouse.run(write, mounts={"/data": str(tmp_path)})
    assert not refused.ok and not (tmp_path / "out").exists()
    mount = dormouse.Mount(tmp_path, "rwc")
    assert dormouse.run(write, mounts={"/data": mount}).ok
    assert (tmp_path / "out").read_text() == "made"
    with pytest.raises(ValueError, match="there are ro, rw and rwc"):
        dormouse.run(read, mounts={"/data": dormouse.Mount(tmp_path, "w")})
    with pytest.raises(dormouse.GrantError):
        dormouse.run(read, mounts={"/data": tmp_path / "missing"})


def test_variables_packages_and_seeds(tmp_path):
    (tmp_path / "helper.py").write_text("VALUE = 5")
    code = "import os, random; print(os.environ.get('A'), random.random())"
    first = dormouse.run(code, env={"A": "1"}, seed=7)
    assert first.stdout == dormouse.run(code, env={"A": "1"}, seed=7).stdout
    assert dormouse.run(code).stdout != dormouse.run(code).stdout
    outcome = dormouse.run("import helper; print(helper.VALUE)", packages=tmp_path)
    assert outcome.stdout == "5\n"


def test_values_by_key(tmp_path):
    code = "kv.set('n', (kv.get('n') or 0) + 1); print(kv.get('n'))"
    assert dormouse.run(code, kv=True).stdout == "1\n"
    assert dormouse.run(code, kv=True).stdout == "1\n"
    path = tmp_path / "values.kv"
    assert [dormouse.run(code, kv=path).stdout for _ in range(2)] == ["1\n", "2\n"]


def test_hosts_that_are_allowed():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"hi")

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        port = server.server_address[1]
        code = f"print(http.get('http://127.0.0.1:{port}/').text)"
        assert dormouse.run(code, allow_hosts=["127.0.0.1"]).stdout == "hi\n"
        assert "not granted" in dormouse.run(code).stderr
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    with pytest.raises(TypeError, match="a list"):
        dormouse.run("1", allow_hosts="127.0.0.1")


@pytest.mark.parametrize("lang,code", [("python", "while True: pass"), ("js", "while (1);")])
def test_a_deadline(lang, code):
    outcome = dormouse.run(code, lang, timeout=0.2)
    assert (outcome.status, outcome.limit, outcome.exit_code) == ("limit", "deadline", 124)
    with pytest.raises(dormouse.LimitError) as raised:
        outcome.check()
    assert raised.value.limit == "deadline"


def test_memory_output_and_fuel():
    big = dormouse.run("x = bytes(100_000_000)", memory="48mb")
    assert not big.ok and big.memory_refused
    assert dormouse.run("x = bytes(1000)", memory=64 << 20).ok
    loud = dormouse.run("print('x' * 10_000)", max_output="1kb")
    assert loud.limit == "output" and loud.truncated and len(loud.stdout_bytes) == 1024
    hungry = dormouse.run("while True: pass", fuel=10_000_000, timeout=None)
    assert hungry.limit == "fuel" and 9_000_000 < hungry.fuel_used <= 10_000_000


@pytest.mark.parametrize(
    "options",
    [{"memory": "much"}, {"memory": -1}, {"timeout": 0}, {"timeout": -1.0}, {"memory": True}],
)
def test_limits_that_are_none(options):
    with pytest.raises(ValueError):
        dormouse.run("1", **options)


def test_unknown_options_are_refused():
    with pytest.raises(TypeError, match="unknown option 'tiemout'"):
        dormouse.run("1", tiemout=1)
    with pytest.raises(TypeError):
        dormouse.run("1", mounts=["/data"])


def test_output_comes_as_it_is_printed():
    said, warned = [], []
    code = "import sys; print('a\\u00e9'); print('b', file=sys.stderr)"
    outcome = dormouse.run(code, stdout=said.append, stderr=warned.append)
    assert ("".join(said), "".join(warned)) == ("a\u00e9\n", "b\n")
    assert outcome.stdout == "" and outcome.ok
    assert dormouse.run("print(1)", stdout="discard").stdout == ""
    with pytest.raises(TypeError):
        dormouse.run("print(1)", stdout=7)


def test_what_a_function_for_output_raises_ends_the_run():
    def fail(text):
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        dormouse.run("while True: print('x' * 10000)", stdout=fail, timeout=20)


def test_outcomes_and_errors_are_pickled():
    outcome = dormouse.run("print(1); raise SystemExit(2)")
    assert pickle.loads(pickle.dumps(outcome)) == outcome
    with pytest.raises(dormouse.GuestExit) as raised:
        outcome.check()
    again = pickle.loads(pickle.dumps(raised.value))
    assert (type(again), again.code, str(again)) == (dormouse.GuestExit, 2, str(raised.value))
    assert again.outcome == outcome
    for error in (
        dormouse.LimitError("m", "fuel"),
        dormouse.GuestRaised("ValueError", "m"),
        dormouse.TrapError("m"),
        dormouse.SessionClosed("m"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and str(again) == str(error)
        assert vars(again) == vars(error)
