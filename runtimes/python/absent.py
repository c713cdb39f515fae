"""What the sandbox has none of fails with an error that says so.

The kinds of error are those that programs expect where such a thing is not to
be had: `OSError` for processes and sockets, `RuntimeError` for threads,
`ModuleNotFoundError` for modules.
"""

import _thread
import errno
import os
import sys
from _frozen_importlib import ModuleSpec

THREADS = "the sandbox has no threads"
PROCESSES = "the sandbox has no processes"
SOCKETS = "the sandbox has no sockets"

TERMINALS = "the sandbox has no terminal control"
NATIVE = "the sandbox has no native code"
USERS = "the sandbox has no users"
NOT_BUILT = "this Python was built without it"

MODULES = {
    "_curses": TERMINALS,
    "_lzma": NOT_BUILT,
    "_multiprocessing": PROCESSES,
    "_posixsubprocess": PROCESSES,
    "_ssl": SOCKETS,
    "ctypes": NATIVE,
    "curses": TERMINALS,
    "ensurepip": NOT_BUILT,
    "fcntl": "the sandbox has no file locks",
    "grp": USERS,
    "mmap": "the sandbox has no memory mapping",
    "multiprocessing": PROCESSES,
    "pwd": USERS,
    "readline": TERMINALS,
    "resource": "the sandbox has no resource limits of its own",
    "termios": TERMINALS,
    "tkinter": "the sandbox has no windows",
    "venv": PROCESSES,
    "webbrowser": "the sandbox has no browser",
}


def refuse(reason, name):
    """A function that raises `OSError`, whatever it is called with."""

    def refused(*args, **kwargs):
        raise OSError(errno.ENOTSUP, f"{reason} ({name})")

    refused.__name__ = refused.__qualname__ = name.rpartition(".")[2]
    return refused


def start_new_thread(function, args, kwargs={}, /):
    raise RuntimeError(f"can't start new thread: {THREADS}")


def patch_socket(module):
    class socket(module.socket):
        def __init__(self, *args, **kwargs):
            raise OSError(errno.ENOTSUP, f"{SOCKETS} (socket.socket)")

        # There is no descriptor to close, or to show.
        def __del__(self):
            pass

        def __repr__(self):
            return "<socket: none>"

    socket.__module__ = module.__name__
    socket.__qualname__ = "socket"
    module.socket = module.SocketType = socket
    for name in (
        "create_connection",
        "create_server",
        "fromfd",
        "getaddrinfo",
        "gethostbyaddr",
        "gethostbyname",
        "gethostbyname_ex",
        "getfqdn",
        "getnameinfo",
        "socketpair",
    ):
        setattr(module, name, refuse(SOCKETS, f"socket.{name}"))


def patch_subprocess(module):
    def __init__(self, args, *rest, **kwargs):
        raise OSError(errno.ENOTSUP, f"{PROCESSES} (subprocess.Popen)")

    module.Popen.__init__ = __init__


def pool(module, kind, refused):
    """Fills a module of `concurrent.futures` that this build lacks.

    Programs import the executors whether they come to use them or not, so one
    can be made; it refuses what it is given to do.
    """
    from concurrent.futures import _base

    name = f"{kind}PoolExecutor"

    def __init__(self, max_workers=None, *args, **kwargs):
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")

    def submit(self, fn, /, *args, **kwargs):
        raise refused()

    names = {"__init__": __init__, "submit": submit, "__module__": module.__name__}
    setattr(module, name, type(name, (_base.Executor,), names))
    broken = f"Broken{kind}Pool"
    names = {"__module__": module.__name__}
    setattr(module, broken, type(broken, (_base.BrokenExecutor,), names))


STAND_INS = {
    "concurrent.futures.process": lambda module: pool(
        module,
        "Process",
        lambda: OSError(errno.ENOTSUP, f"{PROCESSES} (ProcessPoolExecutor.submit)"),
    ),
    "concurrent.futures.thread": lambda module: pool(
        module, "Thread", lambda: RuntimeError(f"can't start new thread: {THREADS}")
    ),
}


class StandInLoader:
    """Makes a module out of nothing but its name."""

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        STAND_INS[module.__name__](module)


PATCHES = {"socket": patch_socket, "subprocess": patch_subprocess}

# Modules that are loaded already; each has a method `spec`.
READY = {}


class Absent:
    """Last on `sys.meta_path`: a program may bring such a module itself."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}: {MODULES[name]}", name=name)
        if name in STAND_INS:
            return ModuleSpec(name, StandInLoader, origin="the sandbox")
        return None


# The interpreter leaves importing's own frames out of an `ImportError`'s
# traceback, by the name of their file.
Absent.find_spec.__code__ = Absent.find_spec.__code__.replace(
    co_filename="<frozen importlib._bootstrap_external>"
)


class Finder:
    """First on `sys.meta_path`: knows what is ready, patches what is not."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in READY and (spec := READY[name].spec()):
            return spec
        if name not in PATCHES:
            return None
        for finder in sys.meta_path:
            if finder is Finder or finder is Absent:
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                spec.loader = PatchingLoader(spec.loader, PATCHES[name])
                return spec
        return None


class PatchingLoader:
    """Loads as another does, patches the module, and steps aside."""

    def __init__(self, loader, patch):
        self.loader = loader
        self.patch = patch

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        self.patch(module)


def install():
    _thread.start_new_thread = _thread.start_new = start_new_thread
    # `os.fork` stays absent: programs ask whether it is there.
    os.system = refuse(PROCESSES, "os.system")
    sys.meta_path.insert(0, Finder)
    sys.meta_path.append(Absent)
