"""Compares how fast programs compute in a guest that was woken from its image and
in one that was started plainly (Linux only):

    python3 benches/steady/compare.py target/release/dormouse [TURNS]

Both are there at once and take turns. What counts is the processor time of each
program at its best, so that it does little harm if the machine is busy.
"""

import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(__file__).parent


class Guest:
    def __init__(self, *command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.name = self.line()

    def line(self):
        return self.process.stdout.readline().strip()

    def say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def cpu(self):
        """Processor time in milliseconds."""
        threads = pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e6

    def turn(self):
        before = self.cpu()
        self.say("go")
        self.line()
        return self.cpu() - before

    def next(self):
        self.say("next")
        self.name = self.line()


def main(dormouse, turns="7"):
    for script in ("python.py", "javascript.mjs"):
        command = [dormouse, "--timeout", "0"]
        path = str(FOLDER / script)
        woken, plain = Guest(*command, path), Guest(*command, "--no-snapshot", path)
        print(f"{script:14} woken ms  plain ms  ratio")
        while woken.name:
            times = [(woken.turn(), plain.turn()) for _ in range(int(turns))]
            one, other = min(time[0] for time in times), min(time[1] for time in times)
            print(f"  {woken.name:12} {one:8.2f}  {other:8.2f}  {one / other:5.3f}", flush=True)
            woken.next()
            plain.next()


main(*sys.argv[1:])
