# Calls the function that is fuzzed. Beside it this file has only what must be
# there when the input comes: all else is captured.
def main(name, source, function, failed, lacking, places, most):
    import dormouse, json, linecache, os, sys, traceback, types

    module = types.ModuleType("target")
    module.__file__ = name
    sys.modules["target"] = module
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    code = compile(source, name, "exec")
    exec(code, module.__dict__)
    fuzz = getattr(module, function, None)
    if not callable(fuzz):
        sys.exit(lacking)
    taken = watch(places, most)
    sys.stdout.flush()
    said = json.dumps([token.decode("latin-1") for token in tokens(code)])
    os.write(1, b"dormouse fuzz tokens " + said.encode())
    sys.stderr.flush()
    dormouse.snapshot_point()
    data = sys.stdin.buffer.read()
    try:
        fuzz(data)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)[1:]
        own = [frame for frame in frames if frame.filename == name] or frames
        last = own[-1] if own else None
        said = {
            "kind": type(error).__name__,
            "place": f"{last.filename}:{last.lineno} in {last.name}" if last else None,
            "text": "".join(
                traceback.format_list(frames) + traceback.format_exception_only(error)
            ),
        }
        sys.stderr.write(said["text"] + "dormouse fuzz crash " + json.dumps(said) + "\n")
        sys.stderr.flush()
        os._exit(failed)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        said = b"".join(key.to_bytes(2, "little") + bytes((n,)) for key, n in taken.items())
        said = b"dormouse fuzz taken " + len(taken).to_bytes(4, "little") + said
        while said:
            said = said[os.write(2, said):]
    os._exit(0)


# What the constants of a program look like in an input.
def tokens(code):
    import types

    found, left = {}, [code]
    while left and len(found) < 1000:
        const = left.pop()
        if isinstance(const, types.CodeType):
            left += reversed(const.co_consts)
        elif isinstance(const, (tuple, frozenset)):
            # The order of a set is not the same in each run.
            left += sorted(const, key=repr, reverse=True)
        elif isinstance(const, str):
            found[const.encode("utf-8", "surrogatepass")] = 1
        elif isinstance(const, bytes):
            found[const] = 1
        elif isinstance(const, int) and 0 <= const < 1 << 64:
            size = next(size for size in (1, 2, 4, 8) if const < 1 << 8 * size)
            found[const.to_bytes(size, "little")] = 1
            found[const.to_bytes(size, "big")] = 1
            found[b"%d" % const] = 1
    return [token for token in found if 0 < len(token) <= 64]


# Counts which lines and branches of Python are taken, by number, each to `most`.
def watch(places, most):
    import gc, sys, types

    monitoring = sys.monitoring
    tool = next(n for n in range(6) if monitoring.get_tool(n) is None)
    event, off = monitoring.events, monitoring.DISABLE
    taken = {}

    def branch(code, at, to):
        key = (id(code) * 31 + at * 127 + to * 8191) % places
        # Another place may have the same number.
        n = min(taken.get(key, 0) + 1, most)
        taken[key] = n
        # A loop that goes on is known by now.
        return off if n == most else None

    def line(code, number):
        taken[(id(code) * 31 + number * 257) % places] = 1
        return off

    monitoring.use_tool_id(tool, "dormouse fuzz")
    monitoring.register_callback(tool, event.BRANCH, branch)
    monitoring.register_callback(tool, event.LINE, line)
    # All code that is there, of which each run would otherwise pay for what it comes to.
    # What an input makes isn't watched, and neither is this.
    codes = [f.__code__ for f in gc.get_objects() if isinstance(f, types.FunctionType)]
    seen = {id(f.__code__) for f in (main, tokens, watch, branch, line)}
    while codes:
        code = codes.pop()
        if id(code) in seen:
            continue
        seen.add(id(code))
        monitoring.set_local_events(tool, code, event.BRANCH | event.LINE)
        codes += [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return taken


main(*__import__("json").loads(__GIVEN__))
