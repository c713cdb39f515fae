"""Starts a Python program in the sandbox.

The interpreter runs this file. Whatever can be done before the program is
known is done at import; then the host is asked what to run, and it is run as
`__main__`, as the interpreter itself would have.
"""

import os
import sys
import time

FOLDER = os.path.dirname(__file__)
sys.path.insert(0, FOLDER)
import absent
import loop

sys.path.remove(FOLDER)
absent.install()
loop.install()
# A program may have modules of these names.
del sys.modules["absent"], sys.modules["loop"]

DEVICE = "/dev/host"


def mend_process_time():
    """Makes `time.process_time` count seconds.

    Where it is made of `times()`, this build's C library answers nanoseconds
    and the interpreter takes them for hundredths of a second.
    """
    if time.get_clock_info("process_time").implementation != "times()":
        return
    hundredths = time.process_time

    def process_time_ns():
        return round(hundredths() * 100)

    def process_time():
        return process_time_ns() / 1e9

    time.process_time, time.process_time_ns = process_time, process_time_ns


mend_process_time()


def main():
    request = ask()
    configure(request)
    run = run_module if request["mode"] == "module" else run_source
    try:
        run(request)
    except SystemExit:
        raise
    except BaseException as error:
        report(error)
        # What remains is what follows an uncaught exception anywhere:
        # `atexit`, flushing, and this exit code.
        sys.exit(1)


def ask():
    """The host's answer to `start`: what to run."""
    device = os.open(DEVICE, os.O_RDWR)
    os.write(device, b'{"fn":"start"}\n')
    parts = []
    while not parts or not parts[-1].endswith(b"\n"):
        part = os.read(device, 1 << 20)
        if not part:
            break
        parts.append(part)
    os.close(device)
    # The host writes JSON of which every string is a Python literal too, and
    # importing a JSON parser would take longer than all of this.
    names = {"__builtins__": {}, "null": None, "true": True, "false": False}
    answer = eval(b"".join(parts).decode(), names)
    return answer["data"]


def configure(request):
    """Makes the process look as if it had been started for this program."""
    for name in list(os.environ):
        del os.environ[name]
    os.environ.update(request["env"])
    args = [arg if isinstance(arg, str) else os.fsdecode(bytes(arg)) for arg in request["args"]]
    mode, name = request["mode"], request["name"]
    if mode == "file":
        sys.argv = [name, *args]
        path = [request["path0"] or "/"]
        sys.orig_argv = ["python", name, *args]
    else:
        flag = "-c" if mode == "code" else "-m"
        sys.argv = [flag, *args]
        path = [""]
        sys.orig_argv = ["python", flag, request.get("code", name), *args]
    path += [entry for entry in request["env"].get("PYTHONPATH", "").split(":") if entry]
    sys.path[:0] = path
    os.chdir(request["cwd"])


class SourceLoader:
    """Gives tracebacks and `inspect` the source of a program without a file."""

    def __init__(self, source):
        self._source = source

    def get_source(self, name):
        if name != "__main__":
            raise ImportError(f"this loader has no {name!r}")
        if isinstance(self._source, bytes):
            import importlib.util

            self._source = importlib.util.decode_source(self._source)
        return self._source

    def is_package(self, name):
        return False


def run_source(request):
    is_file = request["mode"] == "file"
    if "code_latin1" in request:
        source = request["code_latin1"].encode("latin-1")
    else:
        source = request["code"]
        if source.startswith("\ufeff"):
            source = source[1:]
    main = fresh_main()
    main.__spec__ = None
    filename = "<string>"
    if is_file:
        filename = main.__file__ = request["name"]
        main.__cached__ = None
        main.__loader__ = SourceLoader(source)
    code = compile(source, filename, "exec", dont_inherit=True)
    exec(code, main.__dict__)


def run_module(request):
    import runpy

    fresh_main()
    runpy._run_module_as_main(request["name"])


def fresh_main():
    """An empty `__main__`; ours stays alive through its functions."""
    main = type(sys)("__main__")
    main.__builtins__ = sys.modules["builtins"]
    main.__doc__ = None
    main.__package__ = None
    main.__annotations__ = {}
    sys.modules["__main__"] = main
    return main


def report(error):
    """Shows an uncaught exception as the interpreter would."""
    flush(sys.stdout)
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    error.__traceback__ = trace
    hook = sys.excepthook
    if hook is sys.__excepthook__:
        # The built-in one looks for source text in files only.
        import traceback

        hook = traceback.print_exception
    try:
        hook(type(error), error, trace)
    except SystemExit:
        raise
    except BaseException as second:
        import traceback

        print("Error in sys.excepthook:", file=sys.stderr)
        traceback.print_exception(second)
        print("\nOriginal exception was:", file=sys.stderr)
        traceback.print_exception(error)
    flush(sys.stderr)


def flush(stream):
    try:
        stream.flush()
    except Exception:
        # Closed or broken: the interpreter says so at its end.
        pass


main()
