"""Files on a mount: `/data` (rwc) has `in.txt` and `sub/inner.txt`."""

import errno
import glob
import os
import pathlib
import shutil
import stat
import zipfile


def fails(number, call):
    try:
        call()
    except OSError as error:
        assert error.errno == number, (error, number)
    else:
        raise AssertionError(f"it worked: {call}")


data = pathlib.Path("/data")
assert sorted(os.listdir(data)) == ["in.txt", "sub"]
assert (data / "in.txt").read_text().splitlines() == ["line 1", "line 2"]
assert (data / "sub").is_dir() and not (data / "nothing").exists()
assert stat.S_ISREG(os.stat("/data/in.txt").st_mode) and os.path.getsize("/data/in.txt") == 14
assert [entry.name for entry in os.scandir("/data/sub")] == ["inner.txt"]
assert sorted(glob.glob("/data/**/*.txt", recursive=True)) == ["/data/in.txt", "/data/sub/inner.txt"]
assert [folder for folder, _, _ in os.walk("/data")] == ["/data", "/data/sub"]

(data / "made").mkdir()
with open("/data/made/new.txt", "x") as file:
    file.write("hello")
fails(errno.EEXIST, lambda: open("/data/made/new.txt", "x"))
with open("/data/made/log", "a") as file:
    file.write("1\n")
with open("/data/made/log", "a+") as file:
    file.write("2\n")
    file.seek(0)
    assert file.read() == "1\n2\n"
with open("/data/made/log", "r+b") as file:
    file.truncate(1)
    assert file.seek(0, os.SEEK_END) == 1
os.rename("/data/made/log", "/data/made/renamed")
shutil.copy2("/data/in.txt", "/data/made/copy.txt")
shutil.copytree("/data/sub", "/data/tree")
shutil.move("/data/tree/inner.txt", "/data/made/moved.txt")
shutil.rmtree("/data/tree")
assert sorted(os.listdir("/data/made")) == ["copy.txt", "moved.txt", "new.txt", "renamed"]
os.utime("/data/made/copy.txt", (1, 2))
assert os.stat("/data/made/copy.txt").st_mtime == 2
with zipfile.ZipFile("/data/made/a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.write("/data/in.txt", "in.txt")
assert zipfile.ZipFile("/data/made/a.zip").read("in.txt") == b"line 1\nline 2\n"

os.chdir("/data/sub")
assert os.getcwd() == "/data/sub" and pathlib.Path("inner.txt").read_text() == "x"
assert pathlib.Path("../in.txt").exists() and os.path.realpath("..") == "/data"
os.chdir("/")

fails(errno.ENOENT, lambda: open("/data/nothing"))
fails(errno.ENOENT, lambda: open("/etc/passwd"))
fails(errno.ENOENT, lambda: open("/data/../etc/passwd"))
fails(errno.EISDIR, lambda: open("/data/sub", "w"))
fails(errno.ENOTDIR, lambda: os.listdir("/data/in.txt"))
fails(errno.ENOTEMPTY, lambda: os.rmdir("/data/made"))
fails(errno.EXDEV, lambda: os.rename("/data/in.txt", "/tmp/in.txt"))
fails(errno.EROFS, lambda: open("/outside", "w"))
shutil.move("/data/made/moved.txt", "/tmp/moved.txt")
assert pathlib.Path("/tmp/moved.txt").read_text() == "x"
print("ok")
