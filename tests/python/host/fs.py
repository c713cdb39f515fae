"""Files through the host, with an empty folder at /data that may be changed."""

import json
import pathlib
import time

import dormouse

assert dormouse.fs is fs

# Functions.
assert fs_write("/data/a.txt", "hällo") == "ok"
assert fs_read("/data/a.txt") == "hällo"
assert fs_exists("/data/a.txt") is True and fs_exists("/data/b.txt") is False
assert fs_mkdir("/data/folder/inner") == "ok"
listing = fs_list("/data")
assert sorted(listing, key=lambda entry: entry["name"])[0] == {"name": "a.txt", "is_dir": False, "size": 6}
assert [entry["is_dir"] for entry in listing if entry["name"] == "folder"] == [True]
stat = fs_stat("/data/a.txt")
assert stat.keys() == {"name", "size", "is_dir", "mod_time"}
assert (stat["name"], stat["size"], stat["is_dir"]) == ("a.txt", 6, False)
assert abs(stat["mod_time"] - time.time()) < 3600
assert fs_remove("/data/a.txt") == "ok" and not fs_exists("/data/a.txt")

# The object.
path = pathlib.Path("/data/b.json")
assert fs.write_text(path, "[1]") == "ok"
assert fs.read_text(path) == "[1]" and fs.read_json(path) == [1]
assert fs.write_json(path, {"a": [1, "ä"]}) == "ok"
assert fs.read_text(path) == json.dumps({"a": [1, "ä"]})
fs.write_json(path, {"a": 1}, indent=2)
assert fs.read_text(path) == '{\n  "a": 1\n}'
assert fs.exists("/data/b.json") and fs.exists("/data/folder")
assert sorted(entry["name"] for entry in fs.listdir("/data")) == ["b.json", "folder"]
assert fs.stat("/data/folder")["is_dir"] is True
assert fs.mkdir("/data/other") == "ok" and fs.remove("/data/other") == "ok"
# They are the program's own files.
assert path.read_text() == fs.read_text(path)
# An answer of many parts.
large = "0123456789abcde\n" * (3 << 16)
fs.write_text("/data/large", large)
assert fs.read_text("/data/large") == large
fs.remove("/data/large")


async def later():
    assert await fs.async_mkdir("/data/later") == "ok"
    assert await fs.async_write_text("/data/later/x", "text") == "ok"
    assert await fs.async_read_text("/data/later/x") == "text"
    assert await fs.async_write_json("/data/later/y", [1], indent=1) == "ok"
    assert await fs.async_read_json("/data/later/y") == [1]
    assert await fs.async_exists("/data/later/y") is True
    assert len(await fs.async_listdir("/data/later")) == 2
    assert (await fs.async_stat("/data/later/x"))["size"] == 4
    assert await fs.async_remove("/data/later/x") == "ok"


run_async(later())


def fails(kind, call, message=""):
    try:
        call()
    except kind as error:
        assert isinstance(error, dormouse.HostError) and message in str(error), error
        return error
    raise AssertionError(f"no {kind}")


error = fails(FileNotFoundError, lambda: fs.read_text("/data/no"), "file not found: /data/no")
assert error.code == "not_found" and error.errno == __import__("errno").ENOENT
fails(FileNotFoundError, lambda: fs.listdir("/data/no"))
fails(FileNotFoundError, lambda: fs_stat("/data/no"))
fails(IsADirectoryError, lambda: fs.read_text("/data/folder"), "cannot read directory: /data/folder")
fails(PermissionError, lambda: fs.read_text("/etc/passwd"), "permission denied: path not in any mount")
fails(RuntimeError, lambda: fs.remove("/data/folder"), "directory not empty")
fails(ValueError, lambda: fs.read_text(""), "path required")
for call in (lambda: fs.read_json("/data/text"), lambda: run_async(fs.async_read_json("/data/text"))):
    fs.write_text("/data/text", "no JSON")
    try:
        call()
    except json.JSONDecodeError:
        pass
    else:
        raise AssertionError("that is no JSON")
print("ok")
