from __future__ import annotations
x: int = 3
def f(a: undefined): pass
print(__annotations__, f.__annotations__)
raise Exception("multi\nline")
