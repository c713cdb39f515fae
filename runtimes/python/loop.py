"""An event loop for asyncio where there are no sockets to wait on.

The standard loops wake themselves through a socket pair. This one waits by
sleeping until its next timer, or for the host: what coroutines asked of it is
asked for all at once, when nothing else is left to do. Nothing else can happen
meanwhile. Functions given to an executor run at once, in place, since there are
no threads.
"""

import sys
import time
from _contextvars import copy_context

import absent
import host

# How often tasks that are always ready run on while others wait for the host.
PATIENCE = 100


def install():
    absent.PATCHES["asyncio"] = patch


class Timers:
    """What `BaseEventLoop` waits on, in place of a selector."""

    def __init__(self):
        # What to ask of the host, each with the future that waits for it.
        self.calls = []
        self.waited = 0

    def select(self, timeout):
        if self.calls and (timeout != 0 or self.waited == PATIENCE):
            self.waited = 0
            calls, self.calls = self.calls, []
            if calls := [call for call in calls if not call[1].done()]:
                host.ask_all(calls)
                return ()
        elif self.calls:
            self.waited += 1
        if timeout is None:
            raise RuntimeError(
                "the event loop would wait for ever: no callback is ready, no timer is set, "
                "and the sandbox has nothing else to wait for"
            )
        if timeout > 0:
            time.sleep(timeout)
        return ()

    def close(self):
        pass


def patch(asyncio):
    host.running, host.Future = asyncio._get_running_loop, asyncio.Future

    Future, Task = asyncio.Future, asyncio.Task

    class Handle(asyncio.Handle):
        """What is called soon."""

        __slots__ = ()

        def __init__(self, callback, args, loop, context):
            self._context = copy_context() if context is None else context
            self._loop, self._callback, self._args = loop, callback, args
            self._cancelled = False
            self._repr = self._source_traceback = None

    class SandboxEventLoop(asyncio.BaseEventLoop):
        """Timers, callbacks and tasks; no sockets, no processes, no threads."""

        def __init__(self):
            super().__init__()
            self._selector = Timers()

        # These three are `BaseEventLoop`'s in fewer steps: a call that coroutines
        # make together costs four turns of the loop, most of them of its own.

        def call_soon(self, callback, *args, context=None):
            if self._closed or self._debug:
                return super().call_soon(callback, *args, context=context)
            handle = Handle(callback, args, self, context)
            self._ready.append(handle)
            return handle

        def create_task(self, coro, *, name=None, context=None):
            if self._closed or self._debug or self._task_factory is not None or context is not None:
                return super().create_task(coro, name=name, context=context)
            return Task(coro, loop=self, name=name)

        def create_future(self):
            return Future(loop=self)

        def _process_events(self, events):
            pass

        def _write_to_self(self):
            pass

        def run_in_executor(self, executor, function, *args):
            self._check_closed()
            if executor is not None and not is_thread_pool(executor):
                return asyncio.wrap_future(executor.submit(function, *args), loop=self)
            future = self.create_future()
            try:
                future.set_result(function(*args))
            except Exception as error:
                future.set_exception(error)
            return future

        async def shutdown_default_executor(self, timeout=None):
            pass

        async def getaddrinfo(self, host, port, **kwargs):
            raise absent_socket("getaddrinfo")

        async def getnameinfo(self, address, flags=0):
            raise absent_socket("getnameinfo")

        async def create_server(self, *args, **kwargs):
            raise absent_socket("create_server")

        async def create_connection(self, *args, **kwargs):
            raise absent_socket("create_connection")

        async def create_datagram_endpoint(self, *args, **kwargs):
            raise absent_socket("create_datagram_endpoint")

        async def create_unix_connection(self, *args, **kwargs):
            raise absent_socket("create_unix_connection")

        async def create_unix_server(self, *args, **kwargs):
            raise absent_socket("create_unix_server")

        async def subprocess_exec(self, *args, **kwargs):
            raise OSError(absent.errno.ENOTSUP, f"{absent.PROCESSES} (subprocess_exec)")

        async def subprocess_shell(self, *args, **kwargs):
            raise OSError(absent.errno.ENOTSUP, f"{absent.PROCESSES} (subprocess_shell)")

    class SandboxEventLoopPolicy(asyncio.events.BaseDefaultEventLoopPolicy):
        _loop_factory = SandboxEventLoop

    for name in ("SandboxEventLoop", "SandboxEventLoopPolicy"):
        cls = locals()[name]
        cls.__module__, cls.__qualname__ = "asyncio", name
    asyncio.SelectorEventLoop = SandboxEventLoop
    asyncio.DefaultEventLoopPolicy = SandboxEventLoopPolicy
    asyncio.set_event_loop_policy(SandboxEventLoopPolicy())


def is_thread_pool(executor):
    """Whether it is one that could only fail."""
    module = sys.modules.get("concurrent.futures.thread")
    return module is not None and isinstance(executor, module.ThreadPoolExecutor)


def absent_socket(name):
    return OSError(absent.errno.ENOTSUP, f"{absent.SOCKETS} ({name})")
