"""Counts the words of a text, most frequent first.

    cargo run --release -- --mount /text:README.md examples/wordcount.py /text

Without arguments it counts its own source text's words.
"""

import collections
import pathlib
import re
import sys

text = pathlib.Path(sys.argv[1]).read_text() if len(sys.argv) > 1 else __doc__
words = collections.Counter(re.findall(r"[a-z']+", text.lower()))
for word, count in words.most_common(5):
    print(f"{count:5} {word}")
print(f"{words.total()} words, {len(words)} different, by Python {sys.version.split()[0]} on {sys.platform}")
