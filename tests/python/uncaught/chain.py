import sys
def f(n):
    try:
        {}[n]
    except KeyError:
        raise ValueError("bad" * 2) from None
def g():
    try:
        f(1)
    finally:
        (lambda: [][3])()
print("out")
g()
