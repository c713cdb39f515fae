"""What a program can expect of being `__main__`."""

import dataclasses
import doctest
import inspect
import pickle
import sys
import unittest


@dataclasses.dataclass
class Point:
    x: int
    y: int = 2


def double(x):
    """
    >>> double(21)
    42
    """
    return 2 * x


class Case(unittest.TestCase):
    def test_double(self):
        self.assertEqual(double(2), 4)


assert __name__ == "__main__" and sys.modules["__main__"].double is double
assert __spec__ is None and __package__ is None and __builtins__.len is len
assert pickle.loads(pickle.dumps(Point(1))) == Point(1)
assert "return 2 * x" in inspect.getsource(double)
assert doctest.testmod() == (0, 1), doctest.testmod()
assert unittest.main(exit=False, argv=["x"]).result.wasSuccessful()
assert "boot" not in sys.modules and "absent" not in sys.modules and "loop" not in sys.modules
assert not [entry for entry in sys.path if "dormouse" in entry], sys.path
assert sys.stdout.encoding == "utf-8"
print("ok")
