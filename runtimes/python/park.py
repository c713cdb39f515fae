"""Imports standard modules before the program is known, for when it asks.

Nobody must be able to tell. So the modules stay out of `sys.modules`, and each
is handed out when it would be loaded, along with those that loading it would
bring in. That is done only where the import would have found the very same
files: a program may have modules of its own that come first, or have changed
how modules are found. Otherwise, and when it wants a module a second time,
importing goes its ordinary way.
"""

import _imp
import atexit
import builtins
import sys
import time

from _frozen_importlib import ModuleSpec, _resolve_name
from _frozen_importlib_external import (
    BYTECODE_SUFFIXES,
    SOURCE_SUFFIXES,
    FileFinder,
    PathFinder,
)

import absent


class Loaded:
    """What is known of a module that was loaded here."""

    def __init__(self):
        # Names it asked for while it was loaded; those among them that are
        # not there; names it gave modules itself; functions it registered to
        # be called at the end.
        self.asked = []
        self.missing = set()
        self.made = []
        self.at_exit = []


class Recorder:
    """Imports modules and writes down what each of them does."""

    def __init__(self):
        self.loaded = {}
        self.loading = [Loaded()]
        self.finding = False

    def run(self, names):
        real_import, real_register = builtins.__import__, atexit.register
        builtins.__import__ = self.import_
        atexit.register = self.register
        sys.meta_path.insert(0, self)
        try:
            for name in names:
                __import__(name)
        finally:
            sys.meta_path.remove(self)
            atexit.register = real_register
            builtins.__import__ = real_import

    def import_(self, name, globals=None, locals=None, fromlist=(), level=0):
        whole = name
        if level:
            package = globals["__package__"]
            whole = _resolve_name(name, package, level) if name else package
            whole = whole or package
        asked = self.loading[-1].asked
        asked.append(whole)
        try:
            module = REAL_IMPORT(name, globals, locals, fromlist, level)
        except ModuleNotFoundError as error:
            self.loading[-1].missing.add(error.name)
            raise
        for item in fromlist or ():
            if f"{whole}.{item}" in sys.modules:
                asked.append(f"{whole}.{item}")
        return module

    def register(self, function, /, *args, **kwargs):
        self.loading[-1].at_exit.append((function, args, kwargs))
        return function

    def find_spec(self, name, path=None, target=None):
        if self.finding:
            # Another finder asks those beside it, too.
            return None
        self.finding = True
        try:
            found = (finder.find_spec(name, path, target) for finder in sys.meta_path)
            spec = next(filter(None, found), None)
        finally:
            self.finding = False
        if spec is not None:
            spec.loader = RecordingLoader(spec.loader, self)
        return spec


class RecordingLoader:
    """Loads as another does."""

    def __init__(self, loader, recorder):
        self.loader = loader
        self.recorder = recorder

    def create_module(self, spec):
        module = self.loader.create_module(spec)
        self.recorder.loaded[spec.name] = Loaded()
        return module

    def exec_module(self, module):
        name = module.__spec__.name
        module.__spec__.loader = self.loader
        if getattr(module, "__loader__", None) in (self, None):
            module.__loader__ = self.loader
        loaded = self.recorder.loaded[name]
        before = set(sys.modules)
        self.recorder.loading.append(loaded)
        try:
            self.loader.exec_module(module)
        finally:
            self.recorder.loading.pop()
        known = self.recorder.loaded
        loaded.made += [new for new in sys.modules if new not in before and new not in known]


REAL_IMPORT = builtins.__import__


class Parked:
    """A module that waits to be handed out."""

    def __init__(self, name, module):
        self.name = name
        self.module = module
        # All that loading it brings in, in the order in which that is done.
        self.needs = {}
        # Where it is an attribute: of the package that it is in.
        self.parent = None
        self.at_exit = ()
        # Entries of a folder that would come before one of the files.
        self.files = frozenset()

    def spec(self):
        """What finds it, or `None` where it must not be handed out."""
        if not self.is_found():
            return None
        spec = ModuleSpec.__new__(ModuleSpec)
        spec.__dict__.update(self.module.__spec__.__dict__)
        spec.loader = ParkedLoader(self)
        return spec

    def is_found(self):
        modules = sys.modules
        if self.name in GIVEN or not GIVEN.isdisjoint(self.needs.keys() - modules.keys()):
            return False
        for name in self.needs.keys() & modules.keys():
            if modules[name] is not self.needs[name].module:
                return False
        if (
            sys.meta_path != META_PATH
            or sys.path_hooks != PATH_HOOKS
            or builtins.__import__ is not REAL_IMPORT
        ):
            return False
        for entry in sys.path:
            if entry == STANDARD:
                return True
            if type(entry) is not str:
                return False
            finder = PathFinder._path_importer_cache(entry)
            if finder is None:
                continue
            if type(finder) is not FileFinder:
                return False
            # Has it look what is there, if that has changed.
            finder.find_spec("")
            if not self.files.isdisjoint(finder._path_cache):
                return False
        return False

    def in_order(self):
        """The module, fit for use, without its being handed out."""
        for parked in self.needs.values():
            parked.attach()
        return self.module

    def attach(self):
        if self.parent is not None:
            parent, child = self.parent
            setattr(parent, child, self.module)

    def detach(self):
        if self.parent is not None:
            parent, child = self.parent
            vars(parent).pop(child, None)

    def give(self):
        modules = sys.modules
        for name, parked in self.needs.items():
            if name in modules and name != self.name:
                continue
            GIVEN.add(name)
            modules[name] = parked.module
            parked.attach()
            for function, args, kwargs in parked.at_exit:
                atexit.register(function, *args, **kwargs)
            if name in FRESHEN:
                FRESHEN[name](parked.module)


class ParkedLoader:
    """Looks like the loader that loaded the module, and hands it out."""

    def __init__(self, parked):
        self.parked = parked
        self.spec = parked.module.__spec__

    @property
    def __class__(self):
        return type(self.spec.loader)

    def __getattr__(self, name):
        return getattr(self.spec.loader, name)

    def create_module(self, spec):
        return self.parked.module

    def exec_module(self, module):
        module.__spec__ = self.spec
        self.parked.give()


def freshen_logging(logging):
    logging._startTime = time.time()


# What a module must not have from before the program was known.
FRESHEN = {
    "logging": freshen_logging,
    "random": lambda random: random.seed(),
    # It tries out how to wait, which looks at the clock: a seeded run's ticks.
    "selectors": lambda selectors: time.time(),
}
GIVEN = set()
STANDARD = META_PATH = PATH_HOOKS = None


def park(names, found):
    """Has the modules `names`, and all they bring in, wait to be asked for.

    The modules `found` are those that every program finds loaded.
    """
    global STANDARD, META_PATH, PATH_HOOKS
    recorder = Recorder()
    recorder.run(names)
    loaded = recorder.loaded
    parked = {
        name: Parked(name, module) for name, module in sys.modules.items() if name not in found
    }
    makers = {made: name for name, one in loaded.items() for made in one.made}
    for one in parked.values():
        missing = set()
        needs(one.name, parked, loaded, makers, one.needs, set(), missing)
        one.files = files({name.partition(".")[0] for name in one.needs.keys() | missing})
        if one.name in loaded:
            one.at_exit = loaded[one.name].at_exit
        parent, _, child = one.name.rpartition(".")
        parent = sys.modules.get(parent)
        if parent is not None and vars(parent).get(child) is one.module:
            one.parent = parent, child
    for one in parked.values():
        del sys.modules[one.name]
        one.detach()
    absent.READY.update(parked)
    origin = parked[names[0]].module.__spec__.origin
    STANDARD = next(entry for entry in sys.path if origin.startswith(entry + "/"))
    META_PATH, PATH_HOOKS = sys.meta_path[:], sys.path_hooks[:]


def take_back():
    """Has all that was handed out wait again."""
    for name in GIVEN:
        sys.modules.pop(name, None)
    for parked in absent.READY.values():
        parked.detach()
    GIVEN.clear()


def files(names):
    """What a folder has in it that has a module of one of `names`."""
    suffixes = ["", *SOURCE_SUFFIXES, *BYTECODE_SUFFIXES, *_imp.extension_suffixes()]
    return frozenset(
        name + suffix
        for name in names
        # Nothing comes before these.
        if name not in sys.builtin_module_names and not _imp.is_frozen(name)
        for suffix in suffixes
    )


def needs(name, parked, loaded, makers, found, seen, missing):
    """Adds to `found` what loading `name` brings in, itself last."""
    if name in seen:
        return
    seen.add(name)
    if name in makers and name not in loaded:
        needs(makers[name], parked, loaded, makers, found, seen, missing)
    parent = name.rpartition(".")[0]
    if parent:
        needs(parent, parked, loaded, makers, found, seen, missing)
    one = loaded.get(name)
    if one is not None:
        missing.update(filter(None, one.missing))
        for other in [*one.asked, *one.made]:
            needs(other, parked, loaded, makers, found, seen, missing)
    if name in parked:
        found[name] = parked[name]
