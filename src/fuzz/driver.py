# Calls the function that is fuzzed. Beside it this file has only what must be
# there when the input comes: all else is captured.
def main(name, source, function, failed, lacking):
    import dormouse, json, linecache, os, sys, traceback, types

    module = types.ModuleType("target")
    module.__file__ = name
    sys.modules["target"] = module
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    exec(compile(source, name, "exec"), module.__dict__)
    fuzz = getattr(module, function, None)
    if not callable(fuzz):
        sys.exit(lacking)
    sys.stdout.flush()
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
    sys.stdout.flush()
    os._exit(0)


main(*__import__("json").loads(__GIVEN__))
