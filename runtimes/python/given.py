"""What programs are given, and where they find it."""

import builtins

import absent
import api
import host
import point
import web

# By name alone, and in the module `dormouse`.
EVERYWHERE = {
    name: vars(module)[name]
    for module, names in (
        (api, "call async_call run_async install_pkg async_install_pkg time_now"),
        (api, "kv kv_get kv_set kv_delete kv_keys"),
        (api, "fs fs_read fs_write fs_list fs_exists fs_mkdir fs_remove fs_stat"),
        (web, "http http_get"),
    )
    for name in names.split()
}

# In the module alone.
IN_MODULE = {
    "snapshot_point": point.snapshot_point,
    **{kind.__name__: kind for kind in (api.Fs, api.Kv, web.Headers, web.Http, web.Response)},
    "HostError": host.HostError,
    **{kind.__name__: kind for kind in host.ERRORS.values()},
}


def fill(module):
    """Makes `module` what programs import as `dormouse`."""
    module.__doc__ = "What Dormouse gives a program."
    names = EVERYWHERE | IN_MODULE
    module.__all__ = list(names)
    vars(module).update(names)


def install():
    absent.STAND_INS["dormouse"] = fill
    # Where a name is looked for last, so that the program's own come first, and
    # modules that it imports find them, too.
    vars(builtins).update(EVERYWHERE)
