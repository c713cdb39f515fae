"""Programs that compute. `compare.py` says when each is to run, and takes the time."""

import collections
import json
import re
import sys

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 20


def turns(name, work):
    while True:
        print(name, flush=True)
        if sys.stdin.readline() != "go\n":
            break
        for _ in range(ROUNDS):
            work()


def nbody():
    bodies = [[0.0, 0.1, 0.2, 0.3, -0.1, 0.2, 39.47], [4.84, -1.16, -0.10, 0.60, 2.81, -0.02, 0.037],
              [8.34, 4.12, -0.4, -1.01, 1.82, 0.008, 0.011], [12.89, -15.11, -0.22, 1.08, 0.86, -0.01, 0.0017]]
    pairs = [(a, b) for i, a in enumerate(bodies) for b in bodies[i + 1:]]
    for _ in range(20):
        for a, b in pairs:
            dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
            mag = 0.01 / ((dx * dx + dy * dy + dz * dz) ** 1.5)
            am, bm = a[6] * mag, b[6] * mag
            a[3] -= dx * bm; a[4] -= dy * bm; a[5] -= dz * bm
            b[3] += dx * am; b[4] += dy * am; b[5] += dz * am
        for body in bodies:
            body[0] += 0.01 * body[3]; body[1] += 0.01 * body[4]; body[2] += 0.01 * body[5]


def fannkuch(n=5):
    perm1, count, flips, r = list(range(n)), [0] * n, 0, n
    while True:
        while r != 1:
            count[r - 1] = r
            r -= 1
        perm = perm1[:]
        k, f = perm[0], 0
        while k:
            perm[:k + 1] = reversed(perm[:k + 1])
            f += 1
            k = perm[0]
        flips = max(flips, f)
        while True:
            if r == n:
                return flips
            perm1.insert(r, perm1.pop(0))
            count[r] -= 1
            if count[r] > 0:
                break
            r += 1


class Packet:
    def __init__(self, link, ident, kind):
        self.link, self.ident, self.kind, self.datum = link, ident, kind, 0

    def append_to(self, packets):
        self.link = None
        if packets is None:
            return self
        p = packets
        while p.link is not None:
            p = p.link
        p.link = self
        return packets


class Task:
    def __init__(self, ident, work):
        self.ident, self.queue, self.work, self.holds = ident, None, work, 0

    def run(self):
        if self.queue is None:
            return False
        packet, self.queue = self.queue, self.queue.link
        return self.step(packet)

    def step(self, packet):
        self.holds += packet.datum
        return True


class Handler(Task):
    def step(self, packet):
        packet.datum = (packet.datum + self.ident) & 1023
        self.work.queue = packet.append_to(self.work.queue)
        return super().step(packet)


def richards():
    tasks = [Handler(i, None) for i in range(6)]
    for i, task in enumerate(tasks):
        task.work = tasks[(i + 1) % 6]
        task.queue = Packet(Packet(None, i, 1), i, 2)
    for _ in range(40):
        for task in tasks:
            task.run()


def json_text():
    data = {"users": [{"id": i, "name": f"user {i}", "tags": ["a", "b\n", "é"], "score": i / 3} for i in range(30)]}
    for _ in range(2):
        json.loads(json.dumps(data))
    json.dumps(data, indent=2, sort_keys=True)


TEXT = "The quick brown fox jumps over 13 lazy dogs at 2024-01-02, mail bob@example.com. " * 3


def regex():
    for _ in range(1):
        re.findall(r"[a-z]+@[a-z]+\.com", TEXT)
        re.sub(r"\b(\w)(\w*)\b", r"\2\1", TEXT)
        re.split(r"[\s,.]+", TEXT)


def strings():
    out = []
    for i in range(120):
        out.append(f"{i:05d}:{i * 1.5:.2f}" + "x" * (i % 7))
    text = ",".join(out)
    return text.replace("0", "zero").upper().split(","), sum(map(len, text.split(","))), text.count("5")


def dicts():
    counts = collections.defaultdict(int)
    for i in range(500):
        counts[i % 97, i & 3] += i
    table = {str(i): i for i in range(150)}
    return sum(table[key] for key in table if key in table), sorted(counts.items(), key=lambda kv: -kv[1])[:3]


def lists():
    data = [(i * 7919) % 2003 for i in range(800)]
    data.sort()
    squares = [x * x for x in data if x % 3]
    grid = [[i * j for j in range(16)] for i in range(16)]
    turned = [list(row) for row in zip(*grid)]
    return squares[::-1][:5], data.index(data[300]), [sum(row) for row in turned], list(map(max, grid))


def generators():
    def count(n):
        for i in range(n):
            yield i

    def both(n):
        yield from count(n)
        yield from (x * 2 for x in count(n) if x % 2)

    return sum(both(500))


def exceptions():
    caught = 0
    for i in range(150):
        try:
            if i % 2:
                raise ValueError(i)
            {}["x"]
        except ValueError:
            caught += 1
        except KeyError as error:
            caught += len(error.args)
        finally:
            caught += 1
    return caught


def fib(n=11):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def sieve():
    flags = bytearray([1]) * 3000
    for i in range(2, 55):
        if flags[i]:
            flags[i * i::i] = bytes(len(range(i * i, 3000, i)))
    total = 0
    for i, flag in enumerate(flags):
        if flag:
            total += i
    return total


def bigints():
    a, b = 1, 1
    for _ in range(600):
        a, b = b, a + b
    return pow(3, 1500, b), b // 7**50, len(str(b))


class Vector:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    @property
    def length(self):
        return (self.x * self.x + self.y * self.y) ** 0.5


def objects():
    total = Vector(0, 0)
    for i in range(200):
        total = total + Vector(i, 1)
        if total.length < 0:
            break
    return total


for work in (nbody, fannkuch, richards, json_text, regex, strings, dicts, lists, generators,
             exceptions, fib, sieve, bigints, objects):
    for _ in range(8):
        work()
    turns(work.__name__, work)
