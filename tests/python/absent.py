"""What the sandbox has none of fails, and says so."""

import concurrent.futures
import os
import socket
import subprocess
import threading


def refused(kind, call):
    try:
        call()
    except kind as error:
        assert "the sandbox has no" in str(error), (call, error)
    else:
        raise AssertionError(f"not refused: {call}")


def imported(name):
    return lambda: __import__(name)


refused(RuntimeError, lambda: threading.Thread(target=print).start())
refused(RuntimeError, lambda: threading.Timer(1, print).start())
with concurrent.futures.ThreadPoolExecutor() as pool:
    refused(RuntimeError, lambda: pool.submit(print))
with concurrent.futures.ProcessPoolExecutor(max_workers=2) as pool:
    refused(OSError, lambda: pool.submit(print))
    refused(OSError, lambda: list(pool.map(print, [1])))
refused(OSError, lambda: subprocess.run(["ls"]))
refused(OSError, lambda: subprocess.Popen("ls", shell=True))
refused(OSError, lambda: subprocess.check_output(["ls"]))
refused(OSError, lambda: os.system("ls"))
refused(OSError, lambda: os.popen("ls"))
refused(OSError, socket.socket)
refused(OSError, socket.socketpair)
refused(OSError, lambda: socket.create_connection(("127.0.0.1", 80)))
refused(OSError, lambda: socket.create_server(("127.0.0.1", 80)))
refused(OSError, lambda: socket.getaddrinfo("localhost", 80))
refused(OSError, lambda: socket.gethostbyname("localhost"))
refused(ModuleNotFoundError, imported("multiprocessing"))
refused(ModuleNotFoundError, imported("ctypes"))
refused(ModuleNotFoundError, imported("fcntl"))
refused(ModuleNotFoundError, imported("webbrowser"))
assert not hasattr(os, "fork")




def connect():
    import asyncio
    import ssl

    context = ssl.create_default_context()
    refused(OSError, lambda: context.wrap_socket(object()))
    refused(OSError, lambda: context.wrap_bio(None, None))
    refused(OSError, lambda: context.load_cert_chain("x.pem"))
    refused(OSError, lambda: asyncio.run(asyncio.open_connection("x", 443, ssl=context)))


connect()

# What needs no second thread works.
lock = threading.Lock()
with lock:
    assert lock.locked()
local = threading.local()
local.x = 1
assert threading.current_thread() is threading.main_thread()
assert not hasattr(os, "fork")


class Worker(threading.Thread):
    pass


print("ok")
