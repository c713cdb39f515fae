"""What programs call of the host: as `dormouse`'s, and by name alone."""

import os
import sys

from _frozen_importlib_external import FileFinder

from host import ask, ask_later, encode, hide, quote, request

# Programs see all of this as `dormouse`'s.
__name__ = "dormouse"

# Equal to no value that a program keeps but by intent.
MISSING = "\0dormouse: there is no such key\0"
MISSING_JSON = encode(MISSING)

TIME_NOW = request("time_now", {})


def public(function):
    """`function`, such that its errors seem to be raised where it was called."""

    def called(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            hide(error)
            raise

    return named_like(function, called)


def public_async(function):
    """The same for coroutines."""

    async def called(*args, **kwargs):
        try:
            return await function(*args, **kwargs)
        except BaseException as error:
            hide(error)
            raise

    return named_like(function, called)


def named_like(function, called):
    called.__name__ = function.__name__
    called.__qualname__ = function.__qualname__
    called.__doc__ = function.__doc__
    called.__wrapped__ = function
    return called


@public
def call(name, /, **kwargs):
    """Calls the host's function `name`."""
    return ask(request(name, kwargs))


@public_async
async def async_call(name, /, **kwargs):
    """Calls the host's function `name`; calls that are awaited at the same time
    are made at the same time."""
    return await ask_later(request(name, kwargs))


@public
def run_async(coro):
    """Runs a coroutine to its end, as `asyncio.run` does."""
    import asyncio

    if not asyncio.iscoroutine(coro):
        coro = awaiting(coro)
    return asyncio.run(coro)


async def awaiting(awaitable):
    return await awaitable


@public
def time_now():
    """Seconds since 1970, as the host sees it; `time.time()` says the same."""
    return ask(TIME_NOW)


def get_request(key, default):
    key = quote(key) if type(key) is str else encode(key)
    if default is None:
        return f'{{"fn":"kv_get","args":{{"key":{key}}}}}\n'
    return f'{{"fn":"kv_get","args":{{"key":{key},"default":{MISSING_JSON}}}}}\n'


class Kv:
    """Values by key, for as long as the host keeps them; any JSON value."""

    __slots__ = ()

    def get(self, key, default=None):
        """The value of `key`, or `default` if it has none."""
        try:
            value = ask(get_request(key, default))
        except BaseException as error:
            hide(error)
            raise
        return value if default is None or value != MISSING else default

    def set(self, key, value):
        """Has `key` stand for `value`."""
        try:
            return ask(request("kv_set", {"key": key, "value": value}))
        except BaseException as error:
            hide(error)
            raise

    @public
    def delete(self, key):
        """Forgets `key`; it need not be there."""
        return ask(request("kv_delete", {"key": key}))

    @public
    def keys(self):
        """All keys."""
        return ask(request("kv_keys", {}))

    @public_async
    async def async_get(self, key, default=None):
        """The value of `key`, or `default` if it has none."""
        value = await ask_later(get_request(key, default))
        return default if value == MISSING else value

    @public_async
    async def async_set(self, key, value):
        """Has `key` stand for `value`."""
        return await ask_later(request("kv_set", {"key": key, "value": value}))

    @public_async
    async def async_delete(self, key):
        """Forgets `key`; it need not be there."""
        return await ask_later(request("kv_delete", {"key": key}))

    @public_async
    async def async_keys(self):
        """All keys."""
        return await ask_later(request("kv_keys", {}))

    def __repr__(self):
        return "<dormouse.kv>"


kv = Kv()


@public
def kv_get(key):
    """The value of `key` as text, or `None` if it has none."""
    value = ask(get_request(key, None))
    return value if value is None or type(value) is str else encode(value)


@public
def kv_set(key, value):
    """Has `key` stand for `value`."""
    return ask(request("kv_set", {"key": key, "value": value}))


@public
def kv_delete(key):
    """Forgets `key`; it need not be there."""
    return ask(request("kv_delete", {"key": key}))


@public
def kv_keys():
    """All keys."""
    return ask(request("kv_keys", {}))


def path_request(name, path, **more):
    return request(name, {"path": os.fspath(path), **more})


def loads(text):
    import json

    return json.loads(text)


def dumps(data, indent):
    import json

    return json.dumps(data, indent=indent)


class Fs:
    """Files of the folders that the sandbox was given."""

    __slots__ = ()

    @public
    def read_text(self, path):
        """The text of a file."""
        return ask(path_request("fs_read", path))

    @public
    def read_json(self, path):
        """What a file says that is JSON."""
        return loads(ask(path_request("fs_read", path)))

    @public
    def write_text(self, path, content):
        """Makes `content` all that a file holds."""
        return ask(path_request("fs_write", path, content=content))

    @public
    def write_json(self, path, data, *, indent=None):
        """Makes `data`, as JSON, all that a file holds."""
        return ask(path_request("fs_write", path, content=dumps(data, indent)))

    @public
    def listdir(self, path):
        """What is in a folder: `name`, `is_dir` and `size` of each."""
        return ask(path_request("fs_list", path))

    @public
    def exists(self, path):
        """Whether there is something at `path`."""
        return ask(path_request("fs_exists", path))

    @public
    def stat(self, path):
        """`name`, `size`, `is_dir` and `mod_time` (in seconds since 1970) of what is at `path`."""
        return ask(path_request("fs_stat", path))

    @public
    def mkdir(self, path):
        """Makes a folder, and those above it."""
        return ask(path_request("fs_mkdir", path))

    @public
    def remove(self, path):
        """Removes a file or an empty folder."""
        return ask(path_request("fs_remove", path))

    @public_async
    async def async_read_text(self, path):
        """The text of a file."""
        return await ask_later(path_request("fs_read", path))

    @public_async
    async def async_read_json(self, path):
        """What a file says that is JSON."""
        return loads(await ask_later(path_request("fs_read", path)))

    @public_async
    async def async_write_text(self, path, content):
        """Makes `content` all that a file holds."""
        return await ask_later(path_request("fs_write", path, content=content))

    @public_async
    async def async_write_json(self, path, data, *, indent=None):
        """Makes `data`, as JSON, all that a file holds."""
        return await ask_later(path_request("fs_write", path, content=dumps(data, indent)))

    @public_async
    async def async_listdir(self, path):
        """What is in a folder: `name`, `is_dir` and `size` of each."""
        return await ask_later(path_request("fs_list", path))

    @public_async
    async def async_exists(self, path):
        """Whether there is something at `path`."""
        return await ask_later(path_request("fs_exists", path))

    @public_async
    async def async_stat(self, path):
        """`name`, `size`, `is_dir` and `mod_time` (in seconds since 1970) of what is at `path`."""
        return await ask_later(path_request("fs_stat", path))

    @public_async
    async def async_mkdir(self, path):
        """Makes a folder, and those above it."""
        return await ask_later(path_request("fs_mkdir", path))

    @public_async
    async def async_remove(self, path):
        """Removes a file or an empty folder."""
        return await ask_later(path_request("fs_remove", path))

    def __repr__(self):
        return "<dormouse.fs>"


fs = Fs()


@public
def fs_read(path):
    """The text of a file."""
    return ask(path_request("fs_read", path))


@public
def fs_write(path, content):
    """Makes `content` all that a file holds."""
    return ask(path_request("fs_write", path, content=content))


@public
def fs_list(path):
    """What is in a folder: `name`, `is_dir` and `size` of each."""
    return ask(path_request("fs_list", path))


@public
def fs_exists(path):
    """Whether there is something at `path`."""
    return ask(path_request("fs_exists", path))


@public
def fs_mkdir(path):
    """Makes a folder, and those above it."""
    return ask(path_request("fs_mkdir", path))


@public
def fs_remove(path):
    """Removes a file or an empty folder."""
    return ask(path_request("fs_remove", path))


@public
def fs_stat(path):
    """`name`, `size`, `is_dir` and `mod_time` (in seconds since 1970) of what is at `path`."""
    return ask(path_request("fs_stat", path))


@public
def install_pkg(name, version=None):
    """Has the host install a Python package, to be imported from then on."""
    args = {"name": name} if version is None else {"name": name, "version": version}
    result = ask(request("install_pkg", args))
    see_packages()
    return result


@public_async
async def async_install_pkg(name, version=None):
    """Has the host install a Python package, to be imported from then on."""
    args = {"name": name} if version is None else {"name": name, "version": version}
    result = await ask_later(request("install_pkg", args))
    see_packages()
    return result


def see_packages():
    """Has the next import look for what was not there before."""
    for finder in sys.path_importer_cache.values():
        if isinstance(finder, FileFinder):
            finder.invalidate_caches()
