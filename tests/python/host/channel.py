"""A program may break its way to the host; it gets an error, and goes on."""

import os

import dormouse

# The file that our own code asks by.
own = call.__wrapped__.__globals__["ask"].__globals__
before = own["channel"]


def works():
    return call("time_now") > 0


assert works()
# One that is not ours.
fd = os.open("/dev/host", os.O_RDWR)
assert os.write(fd, b"garbage\n") == 8
assert b"invalid call format" in os.read(fd, 1000)
os.close(fd)
assert works()

# Ours: with what was not read, and half a line.
for text in (b"garbage\n", b'{"fn": "time_now"}\n', b"[]\n"):
    os.write(before, text)
    assert works()
os.write(before, b'{"fn": "time_')
try:
    call("time_now")
except ValueError as error:
    assert "invalid call format" in str(error), error
else:
    raise AssertionError("half a line is no request")
assert works()

# All files are closed that a program may have opened: it is none of them.
os.closerange(3, 100)
assert works() and own["channel"] == before

with open("/tmp/a", "w+") as a:
    os.closerange(a.fileno(), a.fileno() + 1)
    try:
        os.fstat(a.fileno())
    except OSError:
        a = open(os.open("/tmp/b", os.O_CREAT | os.O_WRONLY), "w")
    else:
        raise AssertionError("it is not closed")

# It is closed itself.
os.close(before)
assert works()

# Another file has its number: one that can't be written, and one that answers
# nothing.
with open("/tmp/a", "w+") as file:
    own["channel"] = os.open("/tmp/a", os.O_RDONLY)
    assert works()
    for _ in range(2):
        own["channel"] = file.fileno()
        try:
            works()
        except RuntimeError as error:
            assert "the channel to the host is broken" in str(error), error
        else:
            raise AssertionError("a file answered")
        assert works()

# More than the host takes: all but the last 10 bytes are there already.
part = bytes(16 << 20)
for part in (part, part[10:]):
    os.write(own["channel"], part)
try:
    call("time_now")
except dormouse.TooLargeError as error:
    assert "larger than the host takes" in str(error)
else:
    raise AssertionError("it was taken")
assert works()
print("ok")
