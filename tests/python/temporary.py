"""`/tmp` is a folder like any other, and the program's own."""

import errno
import os
import pathlib
import shutil
import tempfile

assert tempfile.gettempdir() == "/tmp" and os.listdir("/tmp") == []
with tempfile.TemporaryFile("w+") as file:
    file.write("hello")
    file.seek(0)
    assert file.read() == "hello"
with tempfile.NamedTemporaryFile(suffix=".x") as file:
    file.write(b"named")
    file.flush()
    assert pathlib.Path(file.name).read_bytes() == b"named"
with tempfile.SpooledTemporaryFile(max_size=10) as file:
    file.write(b"x" * 100)
    assert file.tell() == 100
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "a", "b")
    path.mkdir(parents=True)
    (path / "c.txt").write_text("c")
    shutil.copytree(pathlib.Path(folder, "a"), pathlib.Path(folder, "copy"))
    assert pathlib.Path(folder, "copy", "b", "c.txt").read_text() == "c"
    os.rename(path / "c.txt", path / "d.txt")
    assert os.listdir(path) == ["d.txt"]
    descriptor, name = tempfile.mkstemp(dir=folder)
    os.unlink(name)
    os.write(descriptor, b"unlinked")
    os.lseek(descriptor, 0, 0)
    assert os.read(descriptor, 100) == b"unlinked"
    os.close(descriptor)
assert os.listdir("/tmp") == []

# It is bounded, and what is removed makes room.
try:
    with open("/tmp/big", "wb") as file:
        for _ in range(200):
            file.write(bytes(1 << 20))
except OSError as error:
    assert error.errno == errno.ENOSPC, error
else:
    raise AssertionError("/tmp has no end")
os.remove("/tmp/big")
pathlib.Path("/tmp/small").write_bytes(bytes(1 << 20))
print("ok")
