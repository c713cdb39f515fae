//! Functions in languages, as targets.

use super::{fuzz, kept, notes, replay};
use crate::support::Dir;

#[test]
fn a_python_function_is_fuzzed() {
    let dir = Dir::new();
    let target = "import json
def deeper(data):
    if data[1] > 0x7f:
        raise ValueError('planted')
def fuzz(data):
    if len(data) > 2 and data[0] == 0x50:
        deeper(data)
";
    dir.write("target.py", target);
    dir.write("in/near", "PZ_");
    fuzz(
        &dir,
        &["--runs", "400", "--timeout", "20s", "-i", "in"],
        &["target.py"],
    )
    .exits(77);
    let crashes = kept(&dir, "crashes");
    assert_eq!(crashes.len(), 1);
    let notes = notes(&crashes[0]);
    for part in [
        "what: ValueError",
        "target.py:4 in deeper",
        "ValueError: planted",
    ] {
        assert!(notes.contains(part), "no {part:?} in {notes}");
    }
    replay(&dir, &crashes[0])
        .exits(77)
        .says(&["ValueError: planted"]);
    dir.write("lacking.py", "def other(data): pass\n");
    fuzz(&dir, &["--runs", "1"], &["lacking.py"])
        .exits(1)
        .says(&["--function NAME"]);
    fuzz(
        &dir,
        &["--runs", "20", "--function", "other", "--timeout", "20s"],
        &["lacking.py"],
    );
}

#[test]
fn a_javascript_function_is_fuzzed() {
    let dir = Dir::new();
    let target = "export function check(data) {
  if (data.length > 2 && data[0] === 0x4a && data[1] === 0x53) throw new RangeError('planted');
}
";
    dir.write("target.js", target);
    dir.write("in/near", "JT_");
    let options = [
        "--runs",
        "600",
        "--timeout",
        "20s",
        "--function",
        "check",
        "-i",
        "in",
    ];
    fuzz(&dir, &options, &["target.js"]).exits(77);
    let crashes = kept(&dir, "crashes");
    assert_eq!(crashes.len(), 1);
    let notes = notes(&crashes[0]);
    for part in ["what: RangeError", "target.js:2", "RangeError: planted"] {
        assert!(notes.contains(part), "no {part:?} in {notes}");
    }
    replay(&dir, &crashes[0])
        .exits(77)
        .says(&["RangeError: planted"]);
}

#[test]
fn what_a_python_function_asks_for_step_by_step_is_found() {
    let dir = Dir::new();
    // No step is seen in what the interpreter does, nor is a number in what it compares.
    // What the target prints, and that it exits, hides none of it.
    let target = "import sys
def fuzz(data):
    print('dormouse fuzz taken by me', file=sys.stderr)
    if data[:1] == b'D':
        if len(data) > 2 and data[1] == 0x4f:
            if data[2] == 0xd2:
                raise ValueError('planted')
        sys.exit(0)
";
    dir.write("steps.py", target);
    dir.write("in/far", "abc");
    let options = ["--runs", "1500", "--timeout", "20s", "-i", "in"];
    fuzz(&dir, &options, &["steps.py"]).exits(77);
    let crashes = kept(&dir, "crashes");
    assert_eq!(crashes.len(), 1);
    let crash = std::fs::read(&crashes[0]).expect("an input");
    assert!(crash.starts_with(b"DO\xd2"), "{crash:?}");
}
