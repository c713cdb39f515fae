"""The snapshot point of a program: where its image goes on.

A program says where that is by `dormouse.snapshot_point()`. If it doesn't, it is
after the imports that it begins with.
"""

import sys
import time

from _ast import (
    AnnAssign,
    Assign,
    AsyncFunctionDef,
    ClassDef,
    Constant,
    Expr,
    FunctionDef,
    If,
    Import,
    ImportFrom,
    Module,
    Name,
    Pass,
    Try,
    TypeAlias,
)
from _frozen_importlib_external import FileFinder

ONLY_AST = 0x400
# What `from __future__ import …` leaves in a code object's flags.
FUTURE = 0x1FE0000

# While a program is on its way to its snapshot point: what waits there.
pending = None


def snapshot_point():
    """Where `dormouse snapshot` captures the program.

    What has been done up to here is in the image, and each run of the image goes
    on from here, with arguments, environment, streams, clocks and randomness of
    its own. (The functions of `random` are seeded anew; generators that the
    program made itself go on from where they were.) No file may be open, and
    nothing may lie in /tmp. Only the first call counts; in any other run this
    does nothing.
    """
    global pending
    if pending is not None:
        wait, pending = pending, None
        wait()


snapshot_point.__module__ = "dormouse"


def parts(source, name, code):
    """The program `code` in the order in which it runs: whole if it says itself
    where its snapshot point is, else divided there."""
    if pending is None or names_it(code):
        return [code]
    body = compile(source, name, "exec", ONLY_AST, dont_inherit=True).body
    end = 0
    for index, statement in enumerate(body, 1):
        if not leads(statement):
            break
        if imports(statement):
            end = index
    rest = body[end:]
    if end and rest and is_text(rest[0]):
        # It is not the program's documentation.
        place = {key: getattr(rest[0], key) for key in rest[0]._attributes}
        rest.insert(0, Pass(**place))
    flags = code.co_flags & FUTURE
    return [
        compile(Module(part, []), name, "exec", flags, dont_inherit=True)
        for part in (body[:end], rest)
    ]


def names_it(code):
    return "snapshot_point" in code.co_names or any(
        names_it(constant) for constant in code.co_consts if type(constant) is type(code)
    )


def leads(statement):
    """Whether it only imports, defines or names something."""
    match statement:
        case Import() | ImportFrom() | FunctionDef() | AsyncFunctionDef() | ClassDef():
            return True
        case Assign() | AnnAssign() | TypeAlias() | Pass():
            return True
        case If(test, body, orelse):
            return not asks_for_main(test) and all(map(leads, body + orelse))
        case Try(body, _, orelse, finalbody):
            return all(map(leads, body + orelse + finalbody))
    return is_text(statement)


def imports(statement):
    match statement:
        case Import() | ImportFrom():
            return True
        case If(_, body, orelse) | Try(body, _, orelse, _):
            return any(map(imports, body + orelse))
    return False


def is_text(statement):
    return isinstance(statement, Expr) and isinstance(statement.value, Constant)


def asks_for_main(test):
    """Whether it is that of `if __name__ == "__main__"`."""
    sides = [test, getattr(test, "left", None), *getattr(test, "comparators", [])]
    return any(isinstance(side, Name) and side.id == "__name__" for side in sides)


def freshen():
    """Makes anew what no two runs of an image may share."""
    loaded = sys.modules
    if random := getattr(loaded.get("random"), "_inst", None):
        random.seed()
    for name, attribute, value in (
        ("tempfile", "_name_sequence", None),
        ("uuid", "_node", None),
        ("logging", "_startTime", time.time()),
    ):
        if hasattr(loaded.get(name), attribute):
            setattr(loaded[name], attribute, value)
    # Other folders may be there than before. (Reading the directory of the
    # standard library's archive again would take longer than all the rest.)
    for entry, finder in list(sys.path_importer_cache.items()):
        if finder is None:
            del sys.path_importer_cache[entry]
        elif isinstance(finder, FileFinder):
            finder.invalidate_caches()
