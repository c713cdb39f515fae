"""What programs call of the host: as `dormouse`'s, and by name alone."""

import os
import sys

from _frozen_importlib_external import FileFinder

import host
from host import (
    FIRST,
    FS_EXISTS,
    FS_LIST,
    FS_MKDIR,
    FS_READ,
    FS_REMOVE,
    FS_STAT,
    FS_WRITE,
    INSTALL_PKG,
    KV_DELETE,
    KV_GET,
    KV_GET_OR,
    KV_KEYS,
    KV_SET,
    TIME_NOW,
    answer_of,
    ask,
    ask_later,
    encode,
    hide,
    later,
    loads,
    read,
    rest,
    write,
)

# Programs see all of this as `dormouse`'s.
__name__ = "dormouse"

# Equal to no value that a program keeps but by intent.
MISSING = "\0dormouse: there is no such key\0"


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


def named(name):
    """`name`, such that a number is not taken for a function's."""
    return float(name) if type(name) is int else name


@public
def call(name, /, **kwargs):
    """Calls the host's function `name`."""
    return ask(named(name), kwargs)


@public_async
async def async_call(name, /, **kwargs):
    """Calls the host's function `name`; calls that are awaited at the same time
    are made at the same time."""
    return await ask_later(named(name), kwargs)


@public
def run_async(coro):
    """Runs a coroutine to its end, as `asyncio.run` does."""
    import asyncio

    if not asyncio.iscoroutine(coro):
        coro = awaiting(coro)
    return asyncio.run(coro)


async def awaiting(awaitable):
    return await awaitable


def time_now():
    """Seconds since 1970, as the host sees it; `time.time()` says the same."""
    part = None
    try:
        # As `ask` does, in which half of the time would go.
        channel = host.channel
        write(channel, b"A")
        part = read(channel, FIRST)
        return loads(part)
    except Exception:
        pass
    try:
        return ask(TIME_NOW) if part is None else answer_of(rest(part), (TIME_NOW,))
    except BaseException as error:
        hide(error)
        raise


def get(key, default):
    """What `kv.get` says, where that is not so simple."""
    if default is None:
        return ask(KV_GET, key)
    value = ask(KV_GET_OR, key, MISSING)
    return default if value == MISSING else value


class Kv:
    """Values by key, for as long as the host keeps them; any JSON value."""

    __slots__ = ()

    def get(self, key, default=None):
        """The value of `key`, or `default` if it has none."""
        part = None
        try:
            if default is None:
                # As `ask` does, in which half of the time would go.
                channel = host.channel
                write(channel, ("B" + key).encode())
                part = read(channel, FIRST)
                return loads(part)
        except Exception:
            pass
        try:
            return get(key, default) if part is None else answer_of(rest(part), (KV_GET, key))
        except BaseException as error:
            hide(error)
            raise

    def set(self, key, value):
        """Has `key` stand for `value`."""
        try:
            return ask(KV_SET, key, value)
        except BaseException as error:
            hide(error)
            raise

    @public
    def delete(self, key):
        """Forgets `key`; it need not be there."""
        return ask(KV_DELETE, key)

    @public
    def keys(self):
        """All keys."""
        return ask(KV_KEYS)

    async def async_get(self, key, default=None):
        """The value of `key`, or `default` if it has none."""
        try:
            if default is not None:
                value = await ask_later(KV_GET_OR, key, MISSING)
            elif type(key) is str:
                value = await later(("B" + key).encode(), (KV_GET, key))
            else:
                value = await ask_later(KV_GET, key)
        except BaseException as error:
            hide(error)
            raise
        return default if value == MISSING else value

    @public_async
    async def async_set(self, key, value):
        """Has `key` stand for `value`."""
        return await ask_later(KV_SET, key, value)

    @public_async
    async def async_delete(self, key):
        """Forgets `key`; it need not be there."""
        return await ask_later(KV_DELETE, key)

    @public_async
    async def async_keys(self):
        """All keys."""
        return await ask_later(KV_KEYS)

    def __repr__(self):
        return "<dormouse.kv>"


kv = Kv()


@public
def kv_get(key):
    """The value of `key` as text, or `None` if it has none."""
    value = ask(KV_GET, key)
    return value if value is None or type(value) is str else encode(value)


@public
def kv_set(key, value):
    """Has `key` stand for `value`."""
    return ask(KV_SET, key, value)


@public
def kv_delete(key):
    """Forgets `key`; it need not be there."""
    return ask(KV_DELETE, key)


@public
def kv_keys():
    """All keys."""
    return ask(KV_KEYS)


def from_json(text):
    import json

    return json.loads(text)


def to_json(data, indent):
    import json

    return json.dumps(data, indent=indent)


class Fs:
    """Files of the folders that the sandbox was given."""

    __slots__ = ()

    @public
    def read_text(self, path):
        """The text of a file."""
        return ask(FS_READ, os.fspath(path))

    @public
    def read_json(self, path):
        """What a file says that is JSON."""
        return from_json(ask(FS_READ, os.fspath(path)))

    @public
    def write_text(self, path, content):
        """Makes `content` all that a file holds."""
        return ask(FS_WRITE, os.fspath(path), content)

    @public
    def write_json(self, path, data, *, indent=None):
        """Makes `data`, as JSON, all that a file holds."""
        return ask(FS_WRITE, os.fspath(path), to_json(data, indent))

    @public
    def listdir(self, path):
        """What is in a folder: `name`, `is_dir` and `size` of each."""
        return ask(FS_LIST, os.fspath(path))

    @public
    def exists(self, path):
        """Whether there is something at `path`."""
        return ask(FS_EXISTS, os.fspath(path))

    @public
    def stat(self, path):
        """`name`, `size`, `is_dir` and `mod_time` (in seconds since 1970) of what is at `path`."""
        return ask(FS_STAT, os.fspath(path))

    @public
    def mkdir(self, path):
        """Makes a folder, and those above it."""
        return ask(FS_MKDIR, os.fspath(path))

    @public
    def remove(self, path):
        """Removes a file or an empty folder."""
        return ask(FS_REMOVE, os.fspath(path))

    @public_async
    async def async_read_text(self, path):
        """The text of a file."""
        return await ask_later(FS_READ, os.fspath(path))

    @public_async
    async def async_read_json(self, path):
        """What a file says that is JSON."""
        return from_json(await ask_later(FS_READ, os.fspath(path)))

    @public_async
    async def async_write_text(self, path, content):
        """Makes `content` all that a file holds."""
        return await ask_later(FS_WRITE, os.fspath(path), content)

    @public_async
    async def async_write_json(self, path, data, *, indent=None):
        """Makes `data`, as JSON, all that a file holds."""
        return await ask_later(FS_WRITE, os.fspath(path), to_json(data, indent))

    @public_async
    async def async_listdir(self, path):
        """What is in a folder: `name`, `is_dir` and `size` of each."""
        return await ask_later(FS_LIST, os.fspath(path))

    @public_async
    async def async_exists(self, path):
        """Whether there is something at `path`."""
        return await ask_later(FS_EXISTS, os.fspath(path))

    @public_async
    async def async_stat(self, path):
        """`name`, `size`, `is_dir` and `mod_time` (in seconds since 1970) of what is at `path`."""
        return await ask_later(FS_STAT, os.fspath(path))

    @public_async
    async def async_mkdir(self, path):
        """Makes a folder, and those above it."""
        return await ask_later(FS_MKDIR, os.fspath(path))

    @public_async
    async def async_remove(self, path):
        """Removes a file or an empty folder."""
        return await ask_later(FS_REMOVE, os.fspath(path))

    def __repr__(self):
        return "<dormouse.fs>"


fs = Fs()


@public
def fs_read(path):
    """The text of a file."""
    return ask(FS_READ, os.fspath(path))


@public
def fs_write(path, content):
    """Makes `content` all that a file holds."""
    return ask(FS_WRITE, os.fspath(path), content)


@public
def fs_list(path):
    """What is in a folder: `name`, `is_dir` and `size` of each."""
    return ask(FS_LIST, os.fspath(path))


@public
def fs_exists(path):
    """Whether there is something at `path`."""
    return ask(FS_EXISTS, os.fspath(path))


@public
def fs_mkdir(path):
    """Makes a folder, and those above it."""
    return ask(FS_MKDIR, os.fspath(path))


@public
def fs_remove(path):
    """Removes a file or an empty folder."""
    return ask(FS_REMOVE, os.fspath(path))


@public
def fs_stat(path):
    """`name`, `size`, `is_dir` and `mod_time` (in seconds since 1970) of what is at `path`."""
    return ask(FS_STAT, os.fspath(path))


@public
def install_pkg(name, version=None):
    """Has the host install a Python package, to be imported from then on."""
    result = ask(INSTALL_PKG, name, *(() if version is None else (version,)))
    see_packages()
    return result


@public_async
async def async_install_pkg(name, version=None):
    """Has the host install a Python package, to be imported from then on."""
    result = await ask_later(INSTALL_PKG, name, *(() if version is None else (version,)))
    see_packages()
    return result


def see_packages():
    """Has the next import look for what was not there before."""
    for finder in sys.path_importer_cache.values():
        if isinstance(finder, FileFinder):
            finder.invalidate_caches()
