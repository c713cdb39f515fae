"""Everything that a program can ask of the host, once.

    dormouse run --kv --mount /data:DIR:rwc --allow-host HOST everything.py URL

The type checker reads it, too.
"""

import asyncio
import sys

import dormouse
from dormouse import HostError, NotGrantedError, Response, call, fs, http, kv


def keep() -> None:
    kv.set("visits", kv.get("visits", 0) + 1)
    kv.set("last", {"by": "me", "tags": ["a", None, 1.5]})
    print(sorted(kv.keys()), kv.get("visits"), kv.get("last")["tags"])
    kv.delete("last")
    text: str | None = dormouse.kv_get("visits")
    ok: str = dormouse.kv_set("visits", "none")
    print(text, ok, dormouse.kv_delete("visits"), dormouse.kv_keys())


def files(folder: str) -> None:
    fs.mkdir(f"{folder}/new")
    fs.write_text(f"{folder}/new/a.txt", "text")
    fs.write_json(f"{folder}/new/b.json", {"a": [1, 2]}, indent=2)
    for entry in fs.listdir(f"{folder}/new"):
        print(entry["name"], entry["size"], entry["is_dir"])
    print(fs.read_text(f"{folder}/new/a.txt").upper(), fs.read_json(f"{folder}/new/b.json")["a"])
    print(fs.exists(f"{folder}/no"), fs.stat(f"{folder}/new/a.txt")["mod_time"] > 0)
    fs.remove(f"{folder}/new/a.txt")
    dormouse.fs_write(f"{folder}/new/c", dormouse.fs_read(f"{folder}/new/b.json"))
    print(dormouse.fs_exists(f"{folder}/new/c"), dormouse.fs_stat(f"{folder}/new/c")["size"])
    print([entry["name"] for entry in dormouse.fs_list(f"{folder}/new")])
    for name in ("b.json", "c"):
        dormouse.fs_remove(f"{folder}/new/{name}")
    dormouse.fs_remove(f"{folder}/new")
    dormouse.fs_mkdir(f"{folder}/done")


def web(url: str) -> None:
    response: Response = http.get(url, headers={"Accept": "text/plain"})
    print(response.ok, response.status_code, response.headers["Content-Type"], len(response.content))
    print(http.post(url, body={"a": 1}).text.splitlines()[0], http.put(url, body="x").ok)
    print(http.patch(url, body=b"\0").ok, http.delete(url).ok, http.request("OPTIONS", url).ok)
    print(dormouse.http_get(url)["status"], response.url == url, response.truncated)
    print(response["status"], [name for name, _ in response.header_list][:1])


async def at_once(url: str, folder: str) -> None:
    await asyncio.gather(
        kv.async_set("a", 1),
        http.async_get(url),
        http.async_post(url, body=[1]),
        fs.async_write_text(f"{folder}/x", "text"),
        dormouse.async_call("time_now"),
    )
    print(await kv.async_get("a"), await kv.async_keys(), await fs.async_read_text(f"{folder}/x"))
    await kv.async_delete("a")
    await fs.async_remove(f"{folder}/x")


def refused() -> None:
    try:
        call("kv_get", key="x", unknown=True)
        dormouse.install_pkg("attrs", ">=24")
    except NotGrantedError as error:
        print(error.code, error)
    except HostError as error:
        print(error.code)


if __name__ == "__main__":
    keep()
    files("/data")
    web(sys.argv[1])
    dormouse.run_async(at_once(sys.argv[1], "/data"))
    refused()
    print(dormouse.time_now() > 0)
    dormouse.snapshot_point()
