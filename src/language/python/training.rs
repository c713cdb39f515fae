//! What an image's code is arranged by.

use crate::arrange::Training;

/// Short programs, and one that does what programs do again and again.
pub(crate) const TRAINING: Training = Training {
    starts: &[
        "print(1)",
        "print('hello')",
        "print(1 + 2, 'a', [1, 2], {'x': 1.5})",
        "import sys; print(sys.argv[1:])",
        "x = 6\nprint(f'{x * 7}')\nfor i in range(3):\n    x += i",
        "def f(a, b=2):\n    return a + b\n\nprint(f(1))",
        "import json, math; print(json.dumps({'a': [1]}), math.pi)",
    ],
    steady: include_str!("../../../runtimes/python/train.py"),
    often: 25,
};
