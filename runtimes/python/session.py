"""Runs a program piece by piece, each when the host asks for it.

Between two pieces the interpreter waits for the host where a guest is captured,
in C code only. What a piece leaves, `__main__` keeps for the next one.
"""

import os
import sys

import _signal
from _ast import Expr, Interactive
from _json import encode_basestring_ascii as quoted

import absent
import point

ONLY_AST = 0x400
# What `from __future__ import ...` leaves in a code object's flags: it holds for
# all pieces that come after it.
FUTURE = 0x1FE0000

# Characters of an error's message that the host is told.
MOST = 10_000

# The names of the session's `__main__`, once there is a session.
main = None

boot = None
flags = 0
# Whether code of the program is running, which alone can be interrupted.
running = False
sources = {}


def begin(names, helpers):
    """Makes of the process one that runs pieces."""
    global main, boot
    main, boot = names, helpers
    # What was printed is there also if a limit comes.
    sys.stdout.reconfigure(line_buffering=True)
    sys.orig_argv = ["python"]
    _signal.signal(_signal.SIGINT, interrupted)
    absent.PATCHES["linecache"] = lambda module: module.cache.update(sources)


def interrupted(signum, frame):
    if running:
        raise KeyboardInterrupt


def answer(what, text, number):
    """Does what the host asks, and replies."""
    global running
    reply = None
    try:
        running = True
        reply = DOES[what](text, number)
        running = False
    except SystemExit:
        running = False
        raise
    except BaseException as error:
        running = False
        shorten(error)
        boot["report"](error)
        reply = described(error)
    finally:
        running = False
        for stream in (sys.stdout, sys.stderr):
            boot["flush"](stream)
    os.write(boot["CHANNEL"], b"=%s\n" % reply.encode())


def shorten(error):
    """Takes our handler's frame off the end of a traceback."""
    trace = error.__traceback__
    while trace is not None:
        after = trace.tb_next
        if after is not None and after.tb_frame.f_code is interrupted.__code__:
            trace.tb_next = after = None
        trace = after


def described(error):
    """An error's type and message, as the last line of its traceback has them."""
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("__main__", "builtins"):
        name = f"{kind.__module__}.{name}"
    try:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        message = str(message)[:MOST]
    except BaseException:
        message = "<exception str() failed>"
    return f'{{"error":[{quoted(name)},{quoted(message)}]}}'


def run(text, number, shows=False):
    global flags
    name = f"<session {number}>"
    remember(name, text)
    if shows:
        tree = compile(text, name, "exec", ONLY_AST | flags, dont_inherit=True)
        parts = [tree]
        if tree.body and isinstance(tree.body[-1], Expr):
            parts.append(Interactive([tree.body.pop()]))
        modes = ("exec", "single")
    else:
        parts, modes = [text], ("exec",)
    for part, mode in zip(parts, modes):
        code = compile(part, name, mode, flags, dont_inherit=True)
        flags |= code.co_flags & FUTURE
        exec(code, main)
    return "{}"


def remember(name, text):
    """Lets tracebacks and `inspect` find the source of a piece."""
    # Names in angle brackets are not asked for lazily.
    lines = [line + "\n" for line in text.splitlines()]
    sources[name] = entry = (len(text), None, lines, name)
    modules = [sys.modules.get("linecache")]
    if "linecache" in absent.READY:
        modules.append(absent.READY["linecache"].module)
    for module in modules:
        if module is not None:
            module.cache[name] = entry


def check(text, number):
    """Whether `text` can be run, if only to see what is wrong with it."""
    try:
        code = boot["standard"]("codeop").compile_command(text, "<session>", "single")
    except (SyntaxError, ValueError, OverflowError):
        return '{"complete":true}'
    return '{"complete":%s}' % ("false" if code is None else "true")


def complete(text, number):
    """What the dotted name that ends `text` may become."""
    start = len(text)
    while start and (text[start - 1] == "." or text[start - 1].isidentifier() or text[start - 1].isdigit()):
        start -= 1
    word = text[start:]
    path, dot, last = word.rpartition(".")
    names = set()
    if not dot:
        import builtins
        import keyword

        names.update(main, vars(builtins), keyword.kwlist, keyword.softkwlist)
    elif path:
        first, *rest = path.split(".")
        thing = main[first] if first in main else getattr(main["__builtins__"], first, None)
        for attribute in rest:
            thing = getattr(thing, attribute, None)
        names.update(dir(thing))
    hidden = not last.startswith("_")
    found = [
        path + dot + name
        for name in sorted(names, key=str)
        if type(name) is str and name.startswith(last) and not (hidden and name.startswith("_"))
    ]
    return '{"names":[%s]}' % ",".join(map(quoted, found[:1000]))


def refresh(text, number):
    point.freshen()
    return "{}"


DOES = {
    "run": run,
    "repl": lambda text, number: run(text, number, True),
    "check": check,
    "complete": complete,
    "refresh": refresh,
}
