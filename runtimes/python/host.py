"""Asks the host to call one of its functions.

A request is a line of JSON on the channel, its answer another. Coroutines put
theirs on a list of the event loop's, which asks for all at once when nothing
else is left to do.
"""

import errno
import sys
from posix import O_RDWR, open, read, write

from _json import encode_basestring as quote, make_encoder, make_scanner

FOLDER = __file__.rpartition("/")[0]

# The file of the channel; -1 once it turned out to be broken.
channel = -1

# How much of an answer is read first, and then. Most answers are short, and
# what is read into is not larger than what the interpreter keeps at hand.
FIRST = 480
MORE = 1 << 16

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


LETTER_D, QUOTE, BACKSLASH, NEWLINE, POINT, ZERO, NINE = b'd"\\\n.09'
SHORTEST = len(b'{"data":0}')


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


def request(name, args):
    """The line that asks the host to call its function `name`."""
    args = ",".join([f"{quote(key)}:{encode(value)}" for key, value in args.items()])
    return f'{{"fn":{encode(name)},"args":{{{args}}}}}\n'


def ask(line):
    """What the function answers that is asked for by `line`."""
    part = exchange(line)
    # Most answers are `{"data":"text"}`, and read sooner in this way than as
    # JSON. (A function call costs more than all of it.)
    if part[2] == LETTER_D and part[8] == QUOTE and BACKSLASH not in part:
        return part[9:-3].decode()
    if part[2] == LETTER_D and NINE >= part[8] >= ZERO:
        try:
            number = part[8:-2]
            return float(number) if POINT in number else int(number)
        except ValueError:
            # It has an exponent only, or there is more behind it.
            pass
    answer = parse(part)
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


def exchange(line, again=True):
    """The host's answer to `line`: a line too, and if it is a call's, of more
    than eight bytes."""
    data = line.encode()
    try:
        # It answers when it has all of it.
        whole = write(channel, data) == len(data)
        part = read(channel, FIRST)
        if part[-1] != NEWLINE:
            part = rest(part)
        if whole and len(part) > SHORTEST:
            return part
        error = broken()
    except IndexError:
        error = broken()
    except OSError as reason:
        error = None if again and reason.errno == errno.EBADF else broken(reason)
    if error is None:
        # Somebody closed it. Nothing was asked yet.
        reopen()
        return exchange(line, False)
    raise error


def rest(part):
    """The answer that begins with `part`."""
    parts = [part]
    while part and part[-1:] != b"\n":
        part = read(channel, MORE)
        parts.append(part)
    return b"".join(parts)


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
    """Asks for all `calls`, which are pairs of what to ask and who waits for the
    answer, in as few batches as the host takes."""
    batch, size = [], 0
    for call in calls:
        if batch and (len(batch) == MAX_BATCH or size + len(call[0]) > MAX_TEXT):
            batch = ask_batch(batch)
            size = sum([len(line) for line, _ in batch])
        batch.append(call)
        size += len(call[0])
    while batch:
        batch = ask_batch(batch)


def ask_batch(calls):
    """Asks for `calls` at once; those among them that are still to be made."""
    answers = error = None
    try:
        if len(calls) == 1:
            answers = [parse(exchange(calls[0][0]))]
        else:
            answers = parse(exchange("[" + ",".join([line[:-1] for line, _ in calls]) + "]\n"))
        if type(answers) is not list or len(answers) != len(calls):
            error = failed(answers)
    except HostError as reason:
        error = reason
    left = []
    for index, call in enumerate(calls):
        future = call[1]
        if future.done():
            # It was cancelled meanwhile.
            continue
        if error is not None:
            future.set_exception(type(error)(str(error), error.code))
            continue
        answer = answers[index]
        if type(answer) is dict and "data" in answer:
            future.set_result(answer["data"])
        elif index and type(answer) is dict and answer.get("error") == NOT_MADE:
            left.append(call)
        else:
            future.set_exception(failed(answer))
    return left


async def ask_later(line):
    """As `ask`, together with all that others ask for meanwhile."""
    # What can't be sent is the error of who asks for it.
    line.encode()
    events = sys.modules.get("asyncio.events")
    loop = events and events._get_running_loop()
    calls = getattr(getattr(loop, "_selector", None), "calls", None)
    if calls is None:
        # Nobody would ask for it later.
        return ask(line)
    future = loop.create_future()
    calls.append((line, future))
    return await future


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
