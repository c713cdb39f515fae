"""Asks the host to call one of its functions.

A call is a tuple: a function's number and its arguments, or a function's name
and a dict of arguments. It is written to the channel, and its answer read from
it, in the interpreter's own format for constants (`marshal`), which costs it a
fifth of what JSON does; what that does not have goes as a line of JSON, and is
answered by another. `src/host/short.rs` describes both. Coroutines put their
calls on a list of the event loop's, which asks for all at once when nothing else
is left to do.
"""

import errno
from marshal import dumps, loads
from posix import O_RDWR, open, read, write

from _json import encode_basestring as quote, make_encoder, make_scanner

FOLDER = __file__.rpartition("/")[0]

# The file of the channel; -1 once it turned out to be broken.
channel = -1

# How much of an answer is read first, and then. Most answers are short, and
# what is read into is not larger than what the interpreter keeps at hand.
FIRST = 200
MORE = 1 << 16

# How it writes what the host reads.
VERSION = 2

# The functions that have a number, which is their place here, with the names of
# their arguments (`src/host/known.rs` has the same list).
KNOWN = (
    ("time_now",),
    ("kv_get", "key"),
    ("kv_set", "key", "value"),
    ("kv_delete", "key"),
    ("kv_keys",),
    ("http_get", "url"),
    ("fs_read", "path"),
    ("fs_write", "path", "content"),
    ("fs_list", "path"),
    ("fs_exists", "path"),
    ("fs_mkdir", "path"),
    ("fs_remove", "path"),
    ("fs_stat", "path"),
    ("install_pkg", "name", "version"),
    ("kv_get", "key", "default"),
)
(
    TIME_NOW,
    KV_GET,
    KV_SET,
    KV_DELETE,
    KV_KEYS,
    HTTP_GET,
    FS_READ,
    FS_WRITE,
    FS_LIST,
    FS_EXISTS,
    FS_MKDIR,
    FS_REMOVE,
    FS_STAT,
    INSTALL_PKG,
    KV_GET_OR,
) = range(len(KNOWN))

# As many calls the host takes at a time.
MAX_BATCH = 1024
# And so much of requests, in characters: of what it takes, a part.
MAX_TEXT = 8 << 20

# What it says of those that it did not make, as it would have to hold the
# answers of all.
NOT_MADE = "the answers before it are too large together"

BROKEN = "the channel to the host is broken"

# Programs see these as `dormouse`'s.
__name__ = "dormouse"


class HostError(RuntimeError):
    """A function of the host failed; `code` says in a word why."""

    code = "failed"

    def __init__(self, message="", code=None):
        super().__init__(message)
        if code is not None:
            self.code = code

    def __str__(self):
        return str(self.args[0]) if self.args else ""


class NotGrantedError(HostError, PermissionError):
    """The sandbox was not given what this needs."""

    code = "not_granted"
    errno = errno.EACCES


class UnknownFunctionError(HostError):
    """The host has no function of this name."""

    code = "unknown_function"


class InvalidError(HostError, ValueError):
    """The arguments are wrong."""

    code = "invalid"


class NotFoundError(HostError, FileNotFoundError):
    """There is no such file or folder."""

    code = "not_found"
    errno = errno.ENOENT


class ExistsError(HostError, FileExistsError):
    """It is there already."""

    code = "exists"
    errno = errno.EEXIST


class IsDirectoryError(HostError, IsADirectoryError):
    """A folder where a file is needed."""

    code = "is_directory"
    errno = errno.EISDIR


class NotDirectoryError(HostError, NotADirectoryError):
    """A file where a folder is needed."""

    code = "not_directory"
    errno = errno.ENOTDIR


class TooLargeError(HostError):
    """More than a limit allows."""

    code = "too_large"


class TimedOutError(HostError, TimeoutError):
    """It took too long."""

    code = "timeout"
    errno = errno.ETIMEDOUT


class ConnectionFailedError(HostError, ConnectionError):
    """The other side can't be reached, or hung up."""

    code = "connection"
    errno = errno.ECONNABORTED


ERRORS = {
    kind.code: kind
    for kind in (
        NotGrantedError,
        UnknownFunctionError,
        InvalidError,
        NotFoundError,
        ExistsError,
        IsDirectoryError,
        NotDirectoryError,
        TooLargeError,
        TimedOutError,
        ConnectionFailedError,
    )
}


class Reading:
    """How the host's JSON is read."""

    strict = False
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


scan = make_scanner(Reading)


def unfit(value):
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def encode(value):
    """`value` as JSON."""
    kind = type(value)
    if kind is str:
        return quote(value)
    if kind is int:
        return repr(value)
    return "".join(make_encoder({}, unfit, quote, None, ":", ",", False, False, False)(value, 0))


def as_json(call):
    """The line that asks for `call`."""
    name, *args = call
    if type(name) is int:
        name, *names = KNOWN[name]
        args = dict(zip(names, args))
    else:
        args = args[0]
    args = ",".join([f"{quote(key)}:{encode(value)}" for key, value in args.items()])
    return f'{{"fn":{encode(name)},"args":{{{args}}}}}\n'.encode()


def as_bytes(call):
    """What asks for `call`, with its arguments as they are now."""
    try:
        return dumps(call, VERSION)
    except ValueError:
        pass
    return as_json(call)


def ask(*call):
    """What the function answers that is asked for by `call`."""
    part = None
    try:
        write(channel, dumps(call, VERSION))
        part = read(channel, FIRST)
        return loads(part)
    except (OSError, ValueError, EOFError, TypeError) as error:
        reason = error.with_traceback(None)
    return ask_again(call, part, reason)


def ask_again(call, part, reason):
    """The same where that was not so simple: what was read, if anything was,
    could not be understood, for some `reason`."""
    if part is None:
        if not isinstance(reason, OSError):
            return answer_of(exchange(as_json(call)), call)
        if reason.errno != errno.EBADF:
            raise broken(reason)
        return answer_of(exchange(as_bytes(call)), call)
    return answer_of(rest(part), call)


def answer_of(part, call):
    """What an answer says."""
    head = part[:1]
    if head == b"?":
        part = exchange(as_json(call))
        head = part[:1]
    if head == b"!":
        answer = parse(part[1:])
    elif part[:2] == b'{"':
        answer = parse(part)
    else:
        try:
            return loads(part)
        except (ValueError, EOFError, TypeError):
            answer = None
    if type(answer) is dict and "data" in answer:
        return answer["data"]
    raise failed(answer)


def parse(part):
    """What the host says in JSON."""
    try:
        return scan(part.decode(), 0)[0]
    except (StopIteration, ValueError):
        error = broken()
    raise error


def exchange(data, again=True):
    """The answer to `data`."""
    try:
        # It answers when it has all of it.
        if write(channel, data) == len(data):
            return rest(read(channel, FIRST))
        error = broken()
    except OSError as reason:
        error = None if again and reason.errno == errno.EBADF else broken(reason)
    if error is None:
        # Somebody closed it. Nothing was asked yet.
        reopen()
        return exchange(data, False)
    raise error


def rest(part):
    """The answer that begins with `part`. Nothing may be read behind it."""
    parts, size = [part], FIRST
    while len(part) == size and not is_whole(parts):
        size = MORE
        part = read(channel, size)
        parts.append(part)
    return b"".join(parts)


def is_whole(parts):
    """Whether an answer ends here that could be longer."""
    if parts[-1][-1:] != b"\n":
        return False
    if parts[0][:1] == b"!" or parts[0][:2] == b'{"':
        return True
    try:
        loads(b"".join(parts))
    except EOFError:
        return False
    except (ValueError, TypeError):
        pass
    return True


def reopen():
    global channel
    try:
        channel = open("/dev/host", O_RDWR)
        return
    except OSError as reason:
        error = HostError(f"{BROKEN}: {reason.strerror}")
    raise error


def broken(reason=None):
    """Why there was no answer that makes sense. The next who asks opens a
    channel of his own."""
    global channel
    if reason is not None and reason.errno == errno.EFBIG:
        return TooLargeError("the request is larger than the host takes")
    channel = -1
    return HostError(BROKEN if reason is None else f"{BROKEN}: {reason.strerror}")


def failed(answer):
    """The exception that `answer` stands for."""
    if type(answer) is not dict or "error" not in answer:
        return broken()
    message, code = answer["error"], answer.get("kind", HostError.code)
    kind = ERRORS.get(code)
    return HostError(message, code) if kind is None else kind(message)


def ask_all(calls):
    """Asks for all `calls`, which are pairs of what asks for it and who waits for
    the answer, in as few batches as the host takes."""
    batch, size = [], 0
    for call in calls:
        if batch and (len(batch) == MAX_BATCH or size + len(call[0]) > MAX_TEXT):
            batch = ask_batch(batch)
            size = sum([len(data) for data, _ in batch])
        batch.append(call)
        size += len(call[0])
    while batch:
        batch = ask_batch(batch)


def ask_batch(calls):
    """Asks for `calls` at once; those among them that are still to be made."""
    answers = error = None
    try:
        answers = answer_of(exchange(dumps(tuple([data for data, _ in calls]), VERSION)), None)
        if type(answers) is not list or len(answers) != len(calls):
            error = broken()
    except HostError as reason:
        error = reason
    left = []
    for index, (data, future) in enumerate(calls):
        if future.done():
            # It was cancelled meanwhile.
            continue
        if error is not None:
            future.set_exception(type(error)(str(error), error.code))
            continue
        answer = answers[index]
        if type(answer) is not tuple:
            future.set_result(answer)
        elif not answer:
            try:
                left.append((as_json(loads(data)), future))
            except Exception as reason:
                future.set_exception(reason)
        elif len(answer) == 1:
            future.set_result(parse(answer[0].encode())["data"])
        elif index and answer[0] == NOT_MADE:
            left.append((data, future))
        else:
            future.set_exception(failed({"error": answer[0], "kind": answer[1]}))
    return left


# Tells the event loop that runs, and makes what waits for it, once there is
# `asyncio`.
running = Future = None


def ask_later(*call):
    """The future of what `ask` says, asked for together with all that others ask
    for meanwhile."""
    return later(as_bytes(call), call)


def later(data, call):
    loop = None if running is None else running()
    calls = getattr(getattr(loop, "_selector", None), "calls", None)
    if calls is None:
        # Nobody would ask for it later.
        return Now(answer_of(exchange(data), call))
    future = Future(loop=loop)
    calls.append((data, future))
    return future


class Now:
    """What can be awaited and is there already."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def __await__(self):
        return self.value
        yield


def hide(error):
    """Takes the frames of these files off the traceback of `error`."""
    kept = []
    trace = error.__traceback__
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(FOLDER):
            kept.append(trace)
        trace = trace.tb_next
    for trace, following in zip(kept, kept[1:] + [None]):
        trace.tb_next = following
    error.__traceback__ = kept[0] if kept else None
