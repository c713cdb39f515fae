"""The type stubs, which are at /stubs, say what there is."""

import ast
import inspect

import dormouse

with open("/stubs/dormouse.pyi") as file:
    stub = ast.parse(file.read())
checked = set()


def signature(node):
    """What `inspect.signature` would say, without annotations."""
    bare = ast.parse("def f(): ...").body[0]
    for arg in ast.walk(node.args):
        if isinstance(arg, ast.arg):
            arg.annotation = None
    bare.args = node.args
    names = {}
    exec(compile(ast.fix_missing_locations(ast.Module([bare], [])), "stub", "exec"), names)
    return str(inspect.signature(names["f"]))


def compare(where, owner, body):
    """The names that `body` declares, which are those of `owner`."""
    names = set()
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
                real = inspect.getattr_static(owner, name)
                decorators = {ast.unparse(each) for each in node.decorator_list}
                if "property" in decorators:
                    assert isinstance(real, property), (where, name)
                    continue
                told = isinstance(node, ast.AsyncFunctionDef)
                assert inspect.iscoroutinefunction(real) == told, (where, name)
                assert str(inspect.signature(real)) == signature(node), (where, name)
            case ast.ClassDef(name=name) if not name.startswith("_"):
                names.add(name)
                real = getattr(owner, name)
                bases = [ast.unparse(base).partition("[")[0] for base in node.bases] or ["object"]
                assert [base.__name__ for base in real.__bases__] == bases, (where, name)
                there = compare(name, real, node.body)
                mine = {
                    each
                    for each in vars(real)
                    if not each.startswith("_") or each == "__getitem__" and dict not in real.__bases__
                }
                # What a kind of error says of itself has its base's type.
                assert mine - there <= {"code", "errno", "get"}, (name, mine - there)
            case ast.AnnAssign(target=ast.Name(id=name)) if not name.startswith("_"):
                names.add(name)
                if owner is dormouse:
                    real = getattr(owner, name)
                    assert type(real).__name__ == ast.unparse(node.annotation), name
                else:
                    assert hasattr(owner, name), (where, name)
    checked.update(f"{where}.{name}" for name in names)
    return names


names = compare("dormouse", dormouse, stub.body)
assert names == set(dormouse.__all__), names ^ set(dormouse.__all__)
assert len(checked) > 80, len(checked)
print("ok")
