# What programs do again and again. The interpreter's code that this runs often
# stays where it is in an image, so that it is as fast there as in the guest
# itself. Nothing is shown: what counts is which code runs.
import collections
import dataclasses
import datetime
import functools
import io
import itertools
import json
import marshal
import math
import operator
import random
import re
import string
import struct

N = 50


def numbers(i):
    a = (i * 3 + 1) % 7 - (i >> 1) | (i & 5) ^ ~i
    b = (i / 3 + 0.5) * 1.5 - (i % 2.5) + 2**0.5 + i // 2.0 + -i * +1.0
    c = (1 << 70) + i * 10**20 // 7 - (1 << 65) % (i + 1)
    d = divmod(i, 7), pow(i, 3, 11), abs(-i), round(b, 2), int("12"), float("1.5"), complex(i, 1) * 2j
    e = i < 3 <= a != b and not c == d or i is None or i > 2.5
    return math.floor(b) + math.sqrt(i) + math.sin(b) + hash(b) + int(c) % 3, e, min(i, 2), max(a, 3), bool(i)


def text(i):
    word = f"{i:>5} {i / 3:.2f} {i!r} {'x' * (i % 5)}" + "%d %s %5.1f" % (i, "b", i / 7)
    parts = "the quick brown fox".split()
    joined = "-".join(part.capitalize() + part[1:].upper() for part in parts)
    found = joined.find("F"), "b" in word, joined.startswith("The"), word.endswith("b"), word.strip().replace("1", "2")
    codes = [ord(c) for c in "héllo"] + [chr(i % 128)], "äöü".encode(), b"abc".decode(), "a,b;c".partition(","), "A".lower()
    return found, codes, "abc" < "abd", "{:d} {name}".format(i, name="n"), "a\nb".splitlines(), "5".isdigit(), str(i), repr("x"), "x".zfill(3), joined[::-1], joined[2:5], "a".center(5), "b".ljust(3), hash(word)


def containers(i):
    numbers = [x * 2 for x in range(10) if x % 2]
    numbers.append(i)
    numbers.extend((1, 2))
    numbers.sort(key=lambda x: -x)
    numbers.insert(1, 4)
    numbers.pop()
    del numbers[0]
    table = {str(x): x for x in range(5)}
    table.update(a=1)
    table.setdefault("b", []).append(2)
    table.pop("a", None)
    names = {x % 3 for x in range(9)} | {7} & {7, 8} - {1}
    first, *rest = numbers
    pairs = sorted(zip(rest, reversed(rest))), list(enumerate("ab")), tuple(map(str, rest)), list(filter(None, rest))
    total = sum(numbers) + len(table) + any(rest) + all(rest) + (3 in names) + ("b" in table) + rest.count(2)
    for key, value in table.items():
        total += len(key)
    nested = [[0] * 3 for _ in range(3)]
    nested[1][2] = total
    return pairs, table.get("zz", 0), list(table.values()), numbers[-1], numbers[1:3], first, [*rest, 1], {**table}, bytearray(b"ab") + b"c", memoryview(b"abc")[1], frozenset(names), slice(1, 2), nested


class Animal:
    kind = "animal"
    __slots__ = ("name", "_age")

    def __init__(self, name, age=1, **more):
        self.name = name
        self._age = age

    @property
    def age(self):
        return self._age

    @classmethod
    def make(cls, *args):
        return cls(*args)

    @staticmethod
    def sound():
        return "..."

    def __eq__(self, other):
        return isinstance(other, Animal) and self.name == other.name

    def __lt__(self, other):
        return self._age < other._age

    def __hash__(self):
        return hash(self.name)

    def __repr__(self):
        return f"<{type(self).__name__} {self.name}>"

    def __getitem__(self, index):
        return self.name[index]

    def __len__(self):
        return len(self.name)

    def __call__(self, x):
        return x

    def __add__(self, other):
        return self._age + other


class Dog(Animal):
    def __init__(self, name, *rest):
        super().__init__(name, *rest)
        self.tricks = []

    def sound(self):
        return "woof"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return True


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0


def objects(i):
    dog = Dog.make("rex", i)
    dog.tricks.append("sit")
    dog.extra = getattr(dog, "none", None), hasattr(dog, "name"), isinstance(dog, Animal), type(dog) is Dog
    with dog:
        raise ValueError("swallowed")
    return dog.age, dog.sound(), dog == Animal("rex"), dog < Animal("a", 2), {dog: 1}, repr(dog), dog[0], len(dog), dog(1), dog + 1, Point(1) == Point(1, 2.0), Animal.kind, max([dog, Animal("b", 9)]), str(Point(i))


def generate(n):
    for x in range(n):
        got = yield x
        if got:
            return got


def chained(n):
    yield from generate(n)
    yield n


def counter():
    count = 0

    def step(by=1, *, times=1):
        nonlocal count
        count += by * times
        return count

    return step


@functools.lru_cache(maxsize=None)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def recurse(n):
    return 1 if n == 0 else n * recurse(n - 1)


async def nothing():
    return 1


async def waits():
    return await nothing() + 1


def functions(i):
    step = counter()
    step(2)
    step(by=3, times=2)
    generator = generate(5)
    next(generator)
    try:
        generator.send("stop")
    except StopIteration as stop:
        value = stop.value
    coroutine = waits()
    try:
        coroutine.send(None)
    except StopIteration as done:
        value = done.value
    i = 5
    while True:
        i -= 1
        if i % 2:
            continue
        if i < 1:
            break
    match [i, {"k": 1}]:
        case [0, {"k": k}]:
            value = k
        case _:
            pass
    return list(chained(3)), functools.reduce(operator.add, range(5)), functools.partial(max, 1)(2), fibonacci(i % 20), recurse(20), list(itertools.chain([1], itertools.islice(itertools.count(), 3))), [*itertools.product("ab", "c")], (lambda *a, **k: (a, k))(1, x=2), value


def failures(i):
    caught = 0
    for broken in (lambda: {}["x"], lambda: [][1], lambda: 1 / 0, lambda: int("x"), lambda: None.x, lambda: unknown, lambda: "a" + 1):
        try:
            broken()
        except (KeyError, IndexError):
            caught += 1
        except ArithmeticError as error:
            caught += len(str(error))
        except Exception as error:
            caught += bool(error.args)
        else:
            pass
        finally:
            caught += 1
    try:
        try:
            raise ValueError("one")
        except ValueError as error:
            raise TypeError("two") from error
    except TypeError as error:
        return caught, error.__cause__, isinstance(error, Exception)
    assert caught


def modules(i):
    encoded = json.dumps({"a": [1, 2.5, None, True, "é\n"], "b": {"c": i}}, indent=2 if i % 2 else None)
    decoded = json.loads(encoded)
    found = re.sub(r"\d+", lambda m: m[0] * 2, "a1b22"), re.findall(r"(\w)-(\w)", "a-b c-d"), re.match(r"\s*(?P<word>[a-z]+)", "  abc").group("word")
    counted = collections.Counter("hello world").most_common(2), collections.deque([1, 2], maxlen=2), collections.defaultdict(list)["x"]
    when = datetime.datetime(2024, 1, 2) + datetime.timedelta(days=i), datetime.date(2024, 1, 2).isoformat()
    drawn = random.Random(i).random(), random.choice([1, 2, 3]), random.randint(1, 6)
    out = io.StringIO()
    print(i, "x", i / 2, sep=",", end="\n", file=out)
    out.write(out.getvalue())
    packed = struct.unpack("<iH", struct.pack("<iH", 1, 2))
    return decoded["a"], found, counted, str(when[0]), drawn, out.getvalue().splitlines(), packed, string.Template("$a").substitute(a=1)


def compiled(i):
    return eval(compile("a + 1", "<train>", "eval"), {"a": i}), exec("def f(x):\n    return [y for y in x if y]\nf([1])", {})


def count(n):
    for x in range(n):
        yield x


def both(n):
    yield from count(n)
    yield from (x * 2 for x in count(n) if x % 2)


def kernels(i):
    bodies = [[0.5, 0.1, i + 0.25], [4.8, -1.2, 0.5], [8.3, 4.1, 1.5]]
    for a, b in [(a, b) for j, a in enumerate(bodies) for b in bodies[j + 1 :]]:
        dx, dy = a[0] - b[0], a[1] - b[1]
        mag = 0.01 / ((dx * dx + dy * dy) ** 1.5)
        am, bm = a[2] * mag, b[2] * mag
        a[0] -= dx * bm
        b[1] += dy * am
    perm = [2, 1, 0, 3]
    perm[:3] = reversed(perm[:3])
    perm.insert(2, perm.pop(0))
    flags = bytearray([1]) * 20
    for j in range(2, 5):
        if flags[j]:
            flags[j * j :: j] = bytes(len(range(j * j, 20, j)))
    total = sum(j for j, flag in enumerate(flags) if flag)
    for j, flag in enumerate(flags):
        if flag:
            total += j
    for x in count(3):
        total += x
    total += sum(both(4)) + sum(x * x for x in count(3))
    a, b = 1 << 200, 3**130
    for _ in range(3):
        a, b = b, a + b
    big = pow(3, 150, b), b // 7**50, len(str(b)), a * b, a % 10**9, a - b, a > b
    word = ",".join(f"{j:05d}:{j * 1.5:.2f}" + "x" * (j % 7) for j in range(4))
    word = word.replace("0", "zero").upper().split(",")
    turned = [list(row) for row in zip(*[[j * k for j in range(3)] for k in range(3)])]
    counts = collections.defaultdict(int)
    for j in range(6):
        counts[j % 3, j & 1] += j
    return big, total, word, turned, counts, sorted(counts.items(), key=lambda kv: -kv[1])[:3]


def calls(i):
    # What calls of the host's functions are made of.
    asked = marshal.dumps((2, f"key{i}", [i, 1.5, None, True, "é", {"a": 1 << 40}]), 2)
    return time_now(), marshal.loads(asked), ("B" + "key").encode()


for i in range(N):
    for work in (calls, kernels, numbers, text, containers, objects, functions, failures, modules, compiled):
        work(i)
print("done")
