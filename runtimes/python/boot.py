"""Starts a Python program in the sandbox.

The interpreter runs this file, with the host's channel open. Whatever can be
done before the program is known is done first; then the host is asked what to
run, and it is run as `__main__`, as the interpreter itself would have. That
question is where a guest is captured, which is told by its argument `capture`.
"""

import sys

FOUND = frozenset(sys.modules)

import errno
import gc
import os
import time

# The interpreter's own way to show warnings looks for source text in files
# only; this module's does not, if it is there.
import warnings

from _frozen_importlib import BuiltinImporter
from itertools import repeat
from marshal import loads

FOLDER = os.path.dirname(__file__)
sys.path.insert(0, FOLDER)
import absent
import given
import host
import leave
import loop
import point
import session
import tls
import wire

OURS = "absent api capture given host leave loop park point session tls web wire".split()

CAPTURING = "capture" in sys.argv
if CAPTURING:
    import capture

sys.path.remove(FOLDER)
absent.install()
loop.install()
wire.install()
absent.STAND_INS["ssl"] = tls.fill
given.install()
host.channel = CHANNEL

# How much of what the host says is read at a time. Less means that there is no
# more.
PART = 1 << 14

# What shells report of a program that an interrupt ended.
INTERRUPTED = 130


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


def add_missing():
    """Adds to the modules what programs use without asking for it first."""

    def get_terminal_size(fd=1, /):
        # What it raises where there is no terminal; `shutil`'s has a default.
        raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))

    os.get_terminal_size = get_terminal_size
    os.umask = lambda mask, /: 0o022
    close_range = os.closerange

    def closerange(fd_low, fd_high, /):
        # What tidies up means files: not the folders by which they are opened
        # (3 and 4), nor the channel.
        close_range(fd_low, min(fd_high, 3))
        close_range(max(fd_low, 5), min(fd_high, CHANNEL))
        close_range(max(fd_low, CHANNEL + 1), fd_high)

    os.closerange = closerange
    if not hasattr(time, "thread_time"):
        time.thread_time, time.thread_time_ns = time.process_time, time.process_time_ns
    # Messages begin with it; there is nothing to be executed.
    sys.executable = "python"


add_missing()


def start(request):
    """Runs what the host asks for; whether that was all."""
    global names
    if session.main is not None:
        return go_on(request)
    # Nothing of ours may keep the program's objects at its end.
    main, names = names, None
    if len(request) == PART:
        request = whole(request)
    mode, argv, path, env, cwd, terminal, source, pauses = loads(request)
    sys.argv = argv
    sys.path[:0] = path
    if env:
        environment(env)
    if terminal:
        sys.stdout.reconfigure(line_buffering=True)
    if cwd != "/":
        os.chdir(cwd)
    if mode == "session":
        session.begin(main, globals())
        return False
    point.pending = wait if pauses else None
    status, uncaught = 0, None
    try:
        if mode == "code":
            sys.orig_argv = ["python", "-c", source, *argv[1:]]
            exec(compile(source, "<string>", "exec", dont_inherit=True), main)
        elif mode == "file":
            sys.orig_argv = ["python", *argv]
            run_file(argv[0], source, main)
        else:
            sys.orig_argv = ["python", "-m", source, *argv[1:]]
            del main
            run_module(source)
    except SystemExit as left:
        status = status_of(left)
    except BaseException as error:
        uncaught = error
    if uncaught is not None:
        report(uncaught)
        status = INTERRUPTED if isinstance(uncaught, KeyboardInterrupt) else 1
        uncaught = None
    return end(status)


def go_on(request):
    """Runs a piece of a session."""
    if len(request) == PART:
        request = whole(request)
    try:
        session.answer(*loads(request))
        return False
    except SystemExit as left:
        status = status_of(left)
    return end(status)


def status_of(left):
    """The status that an exit asks for; raises it again if it is not one."""
    status = left.code
    if status is None:
        return 0
    if type(status) is not int or not 0 <= status <= 255:
        raise left
    return status


def end(status):
    """Ends the process."""
    leave.leave(status)
    # What was there before the program goes like all the rest.
    gc.unfreeze()
    if status:
        sys.exit(status)
    return True


def wait():
    """Waits at the program's snapshot point, and makes of it what the host asks
    for then."""
    # What they hold would be written by each that goes on from here.
    for stream in (sys.stdout, sys.stderr, leave.STDOUT, leave.STDERR):
        if not getattr(stream, "closed", True):
            stream.flush()
    gc.collect()
    if leave.is_quiet(gc.get_objects()):
        # Nobody has to look at it again when the program ends.
        gc.freeze()
    try:
        # The snapshot is taken in this very call.
        os.fsync(CHANNEL)
        request = os.read(CHANNEL, PART)
    except OSError:
        request = b""
    point.freshen()
    if not request:
        # It is run by somebody else, who has nothing to say.
        return
    if len(request) == PART:
        request = whole(request)
    _, argv, path, env, cwd, terminal, _, _ = loads(request)
    sys.argv = argv
    sys.orig_argv = ["python", *argv]
    sys.path[1:1] = [entry for entry in path if entry not in sys.path]
    if not leave.STDOUT.closed:
        leave.STDOUT.reconfigure(line_buffering=terminal, write_through=False)
    os.environ.clear()
    if env:
        environment(env)
    os.chdir(cwd)


def whole(part):
    """The request that begins with `part`."""
    parts = [part]
    while len(part) == PART:
        part = os.read(CHANNEL, PART)
        parts.append(part)
    return b"".join(parts)


def environment(env):
    os.environ.update(env)
    if env.get("PYTHONUNBUFFERED"):
        sys.stdout.reconfigure(write_through=True)
    if filters := env.get("PYTHONWARNINGS"):
        sys.warnoptions += filters.split(",")
        warnings._processoptions(sys.warnoptions)


def prepare():
    """Makes the process look as if it had been started for a program."""
    # A program may have modules of our names.
    for name in OURS:
        sys.modules.pop(name, None)
    os.environ.clear()
    # Without a locale the interpreter would let through what is not text.
    sys.stdin.reconfigure(errors="strict")
    sys.stdout.reconfigure(errors="strict", line_buffering=False, write_through=False)
    if CAPTURING:
        capture.capture(FOUND | {"warnings"}, globals())
    # It finds what it would without us.
    for name in sys.modules.keys() - FOUND - {"warnings"}:
        del sys.modules[name]
    sys.path_importer_cache.pop(FOLDER, None)
    fresh_main()


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


def run_file(name, source, main):
    main["__file__"] = name
    main["__cached__"] = None
    main["__loader__"] = loader = SourceLoader(source)
    absent.PATCHES["linecache"] = lambda module: remember(module, name, loader)
    if "linecache" in absent.READY:
        remember(absent.READY["linecache"].module, name, loader)
    try:
        code = compile(source, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise completed(error, source, name) from None
    first, *rest = point.parts(source, name, code)
    exec(first, main)
    for part in rest:
        point.snapshot_point()
        exec(part, main)


def remember(linecache, filename, loader):
    """Lets `linecache` have the source where it gets only the name to go by."""
    linecache.cache[filename] = (lambda: loader.get_source("__main__"),)


def completed(error, source, filename):
    """A syntax error with what the interpreter would have found in the file."""
    if "null bytes" in error.msg:
        line = source.count(b"\n", 0, source.index(0)) + 1
        return SyntaxError("source code cannot contain null bytes", (filename, line, None, ""))
    if error.msg.startswith("(unicode error) 'utf-8' codec") and (place := not_utf8(source)):
        line = source.count(b"\n", 0, place) + 1
        return SyntaxError(
            f"Non-UTF-8 code starting with '\\x{source[place]:02x}' in file {filename} "
            f"on line {line}, but no encoding declared; "
            "see https://peps.python.org/pep-0263/ for details"
        )
    if error.msg.startswith("unknown encoding: "):
        return SyntaxError(error.msg.replace("unknown encoding", "encoding problem", 1))
    if error.text is None and error.lineno:
        error.text = standard("linecache").getline(filename, error.lineno) or None
    return error


def not_utf8(source):
    """Where `source` stops being UTF-8, or `None`."""
    try:
        source.decode()
    except UnicodeDecodeError as error:
        return error.start


def run_module(name):
    import runpy

    main = sys.modules["__main__"]
    del main.__spec__, main.__loader__
    runpy._run_module_as_main(name)


def fresh_main():
    """An empty `__main__`; ours stays alive through its functions."""
    global names
    main = type(sys)("__main__")
    main.__builtins__ = sys.modules["builtins"]
    main.__doc__ = None
    main.__package__ = None
    main.__annotations__ = {}
    main.__spec__ = None
    main.__loader__ = BuiltinImporter
    sys.modules["__main__"] = main
    names = main.__dict__


def standard(name):
    """A standard module, which the program need not come to see."""
    if name in absent.READY:
        return absent.READY[name].in_order()
    return __import__(name)


def report(error):
    """Shows an uncaught exception as the interpreter would."""
    flush(sys.stdout)
    trace = strip(error)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    sys.last_exc = error
    try:
        sys.excepthook(type(error), error, trace)
    except SystemExit:
        raise
    except BaseException as second:
        strip(second)
        print("Error in sys.excepthook:", file=sys.stderr)
        show(type(second), second, second.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        show(type(error), error, trace)
    flush(sys.stderr)


def strip(error):
    """Takes our own frames off a traceback."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(FOLDER):
        trace = trace.tb_next
    error.__traceback__ = trace
    return trace


def show(kind, error, trace, /):
    """Does what `sys.excepthook` does; that one looks for source in files only."""
    standard("traceback").print_exception(kind, error, trace)


def show_unraisable(unraisable, /):
    """Does what `sys.unraisablehook` does, likewise."""
    try:
        about, culprit = unraisable.err_msg, unraisable.object
        if culprit is not None:
            about = f"{about or 'Exception ignored in'}: {culprit!r}\n"
        else:
            about = f"{about}:\n" if about else ""
        trace = unraisable.exc_traceback
        # Called from here, where anywhere else nobody is.
        while trace is not None and trace.tb_frame.f_code.co_filename.startswith(FOLDER):
            trace = trace.tb_next
        lines = standard("traceback").format_exception(
            unraisable.exc_type, unraisable.exc_value, trace
        )
        sys.stderr.write("".join([about, *lines]))
    except Exception:
        # At the interpreter's end nothing can be relied on.
        builtin_unraisablehook(unraisable)


builtin_unraisablehook = sys.__unraisablehook__
sys.excepthook = sys.__excepthook__ = show
sys.unraisablehook = sys.__unraisablehook__ = show_unraisable


def flush(stream):
    try:
        stream.flush()
    except Exception:
        # Closed or broken: the interpreter says so at its end.
        pass


prepare()
# The host says what to run as soon as it is asked. A snapshot is taken in this
# very read, so it is waited for in C code: after waking, the interpreter goes on
# with a new frame of `start`, and this one, which would first have to be made
# anew, is hardly ever needed.
waiting = map(start, map(os.read, repeat(CHANNEL), repeat(PART)))
gc.freeze()
any(waiting)
