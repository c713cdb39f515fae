"""What the sandbox has none of fails with an error that says so.

The kinds of error are those that programs expect where such a thing is not to
be had: `OSError` for processes and sockets, `RuntimeError` for threads,
`ModuleNotFoundError` for modules.
"""

import _thread
import errno
import os
import sys

THREADS = "the sandbox has no threads"
PROCESSES = "the sandbox has no processes"
SOCKETS = "the sandbox has no sockets"

MODULES = {
    "_multiprocessing": PROCESSES,
    "_posixsubprocess": PROCESSES,
    "_ssl": SOCKETS,
    "concurrent.futures.process": PROCESSES,
    "concurrent.futures.thread": THREADS,
    "ctypes": "the sandbox has no native code",
    "multiprocessing": PROCESSES,
    "ssl": SOCKETS,
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


PATCHES = {"socket": patch_socket, "subprocess": patch_subprocess}


class Finder:
    """First on `sys.meta_path`: names what is absent, patches what is not."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}: {MODULES[name]}", name=name)
        if name not in PATCHES:
            return None
        for finder in sys.meta_path:
            if finder is Finder:
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
