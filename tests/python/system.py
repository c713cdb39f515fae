"""The process and the machine that a program sees."""

import errno
import getpass
import importlib.util
import locale
import os
import pathlib
import platform
import random
import secrets
import shutil
import signal
import sys
import uuid


def raises(kind, call, says=""):
    try:
        call()
    except kind as error:
        assert says in str(error), error
    else:
        raise AssertionError(f"no {kind}: {call}")


assert sys.platform == "wasi" and platform.machine() == "wasm32" and platform.system()
assert sys.executable and os.getpid() > 0 and os.cpu_count() == 1
assert sys.stdin.encoding == sys.stdout.encoding == sys.stderr.encoding == "utf-8"
assert sys.stdin.errors == sys.stdout.errors == "strict", "text is text"
assert sys.stderr.errors == "backslashreplace"
assert locale.getpreferredencoding() == "UTF-8" and sys.getfilesystemencoding() == "utf-8"
locale.setlocale(locale.LC_ALL, "")
assert os.getcwd() == "/" and str(pathlib.Path.cwd()) == "/"
assert os.path.expanduser("~/x") == "~/x"
raises(RuntimeError, pathlib.Path.home, "home directory")
os.environ["HOME"] = "/tmp"
assert pathlib.Path.home() == pathlib.Path("/tmp") and os.getenv("HOME") == "/tmp"
raises(ModuleNotFoundError, getpass.getuser, "the sandbox has no users")
os.environ["USER"] = "somebody"
assert getpass.getuser() == "somebody"
raises(OSError, os.get_terminal_size)
assert shutil.get_terminal_size() == (80, 24)
assert os.umask(0) == 0o022
assert shutil.which("ls") is None

# Nobody sends signals, but programs may say what they would do with them.
seen = []
signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
signal.raise_signal(signal.SIGINT)
assert seen == [signal.SIGINT]

# Randomness comes from the host.
assert os.urandom(16) != os.urandom(16) and uuid.uuid4() != uuid.uuid4()
assert secrets.token_hex() != secrets.token_hex() and random.random() != random.random()

# A module of one's own may stand in for an absent one.
os.mkdir("/tmp/own")
pathlib.Path("/tmp/own/readline.py").write_text("own = True")
raises(ModuleNotFoundError, lambda: __import__("readline"), "the sandbox has no")
assert importlib.util.find_spec("json") is not None
sys.path.insert(0, "/tmp/own")
importlib.invalidate_caches()
assert __import__("readline").own
shutil.rmtree("/tmp/own")
raises(FileNotFoundError, lambda: open("/etc/passwd"))
print("ok")
