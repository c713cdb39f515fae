"""Ends the process sooner than the interpreter would, where nobody can tell.

At its end the interpreter takes all of itself apart, which is of no use to a
process that ends anyway, except that objects of the program may do something
when they go: `__del__`, a `finally` in a generator, the callback of a weak
reference, a file that was not closed. Here it is looked at whether there are
such objects. Where there are, or something else might show, the interpreter
does it all itself.
"""

import _io
import atexit
import builtins
import gc
import sys
from itertools import compress
from posix import _exit as end

from _weakref import CallableProxyType, ProxyType, ReferenceType

STDOUT, STDERR = sys.stdout, sys.stderr

# What a class looks like without the attributes that its metaclass makes up.
mro = type.__dict__["__mro__"].__get__
names = type.__dict__["__dict__"].__get__
flags = type.__dict__["__flags__"].__get__

# Set where the collector knows of a class's instances.
COLLECTED = 1 << 14


def does_something(kind):
    """Whether an object of `kind` may do something when it goes."""
    for base in mro(kind):
        # Closing a database undoes what was not committed.
        if "__del__" in names(base) or names(base).get("__module__") == "sqlite3":
            return True
    return False


def plain_kinds():
    """Kinds of objects that most programs leave behind, none of which does."""

    def function():
        return function

    class Class:
        __slots__ = ("slot",)

    kinds = {kind for kind in vars(builtins).values() if type(kind) is type}
    examples = [
        function,
        function.__closure__[0],
        Class.__dict__,
        Class.__dict__["slot"],
        Class.__init__,
        Class().__init__,
        [].append,
        list.append,
        dict.__dict__["fromkeys"],
        type.__dict__["__mro__"],
        plain_kinds.__call__,
        [].__iter__(),
        ().__iter__(),
        {}.__iter__(),
        {}.keys(),
        {}.values(),
        {}.items(),
        set().__iter__(),
        list[int],
        int | None,
        sys,
        sys.implementation,
        sys._getframe(),
    ]
    kinds.update(map(type, examples))
    kinds.discard(type)
    return frozenset(kind for kind in kinds if not does_something(kind))


# Classes are told apart by identity: a metaclass may define equality.
PLAIN = frozenset(map(id, plain_kinds()))
# What they close is memory.
HARMLESS = frozenset(map(id, (_io.BytesIO, _io.StringIO)))
LOUD = frozenset(map(id, (ProxyType, CallableProxyType)))


def is_plain(objects):
    return PLAIN.issuperset(map(id, map(type, objects)))


def is_quiet(objects):
    """Whether none of `objects`, nor what only they refer to, does something
    when it goes."""
    types = list(map(type, objects))
    watched = set()
    for key, kind in dict(zip(map(id, types), types)).items():
        if key in PLAIN or key in HARMLESS:
            continue
        if key in LOUD or does_something(kind):
            return False
        if issubclass(kind, (type, ReferenceType)):
            watched.add(key)
    for thing in compress(objects, map(watched.__contains__, map(id, types))):
        if issubclass(type(thing), type):
            # Its instances are not among `objects`.
            if not flags(thing) & COLLECTED and does_something(thing):
                return False
        elif not is_quiet_reference(thing):
            return False
    return True


def is_quiet_reference(reference):
    callback = ReferenceType.__callback__.__get__(reference)
    if callback is None or type(callback) is type(len):
        return True
    # Those of the standard containers only forget a key.
    return (
        type(callback) is type(is_quiet)
        and callback.__module__ in ("weakref", "_weakrefset")
        and callback.__name__ in ("remove", "_remove")
    )


def flush():
    """Whether both streams, which must be the first ones still, took it all."""
    if sys.stdout is not STDOUT or sys.stderr is not STDERR:
        return False
    try:
        STDOUT.flush()
        STDERR.flush()
    except BaseException:
        # The interpreter will find the same, and say so.
        return False
    return True


def leave(status):
    """Does not return, unless the interpreter must end the process itself."""
    threading = sys.modules.get("threading")
    if threading is not None and getattr(threading, "_threading_atexits", True):
        return
    if gc.callbacks or gc.get_debug() or sys.gettrace() or sys.getprofile():
        return
    if atexit._ncallbacks():
        if threading is not None:
            threading._shutdown()
        atexit._run_exitfuncs()
    if not flush():
        return
    if is_plain(gc.get_objects()) or is_quiet(gc.get_objects()):
        end(status)
    # It may all be garbage, which the interpreter, too, sees to first.
    if gc.isenabled():
        gc.collect()
        if flush() and is_quiet(gc.get_objects()):
            end(status)
