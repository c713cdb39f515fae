//! Programs that are captured in their middle and go on from there: in Python
//! and JavaScript, as images and as executables of their own.
#![cfg(unix)]

use crate::support::{
    Dir, Ran, SLOW, bundled, command, dormouse, has_pip, install, run, run_with_input,
};
use std::{os::unix::fs::PermissionsExt, process::Stdio};

/// Captures the program `name` in `dir` as `name.image`, with `words` among the
/// options and after `--`. Nothing here is about how long that may take.
fn snapshot(dir: &Dir, name: &str, options: &[&str], args: &[&str]) -> Ran {
    run(command()
        .current_dir(dir.path())
        .args(["snapshot", name, "-o", &format!("{name}.image")])
        .args(["--timeout", "0"])
        .args(options)
        .arg("--")
        .args(args)
        .stdin(Stdio::null()))
}

/// Runs `words` in `dir`, with `input`.
fn woken(dir: &Dir, words: &[&str], input: &str) -> Ran {
    run_with_input(
        command().current_dir(dir.path()).args(words),
        input.as_bytes(),
    )
}

const PYTHON: &str = r#"
"""What it is."""
import json, logging, os, random, sys, tempfile, uuid
import dormouse, neighbour

class Loud:
    def __del__(self):
        print("goes", flush=True)

kept = Loud()
print("before", sys.argv[1:], os.environ.get("WHO"), neighbour.text, random.random() < 2)
table = {n: str(n) for n in range(1000)}
def fail():
    raise ValueError(table[7])

def work(depth):
    if depth:
        return work(depth - 1) + 1
    dormouse.snapshot_point()
    return 0

print("after", work(5), sys.argv, dict(os.environ), os.getcwd(), __doc__, len(table))
dormouse.snapshot_point()
match sys.argv[1:]:
    case ["random"]:
        print(random.random(), random.Random().random(), uuid.uuid4(), os.urandom(4),
              next(tempfile._get_candidate_names()), hex(uuid.getnode()))
    case ["fail"]:
        fail()
    case ["read"]:
        print(input("? "), sys.stdin.read())
        sys.exit(7)
    case ["lazy"]:
        import colorsys
        print(colorsys.rgb_to_hsv(0, 0, 1))
        import beside
        print(beside.text)
"#;

#[test]
fn a_python_program_goes_on_from_its_point() {
    let dir = Dir::new();
    dir.write("app/app.py", PYTHON);
    dir.write("app/neighbour.py", "text = 'near'");
    dir.write("more/beside.py", "text = 'new'");
    let app = format!("/app:{}", dir.path().join("app").display());
    let options = ["--mount", &app, "--env", "WHO=me"];
    snapshot(&dir, "app/app.py", &options, &["x", "y"]).prints("before ['x', 'y'] me near True\n");
    std::fs::remove_dir_all(dir.path().join("app/__pycache__")).ok();
    std::fs::remove_file(dir.path().join("app/app.py")).expect("removed");

    let after = |args: &str, env: &str| {
        format!("after 5 ['app.py.image'{args}] {env} / What it is. 1000\n")
    };
    let image = "app/app.py.image";
    let ran = woken(&dir, &[image], "");
    ran.prints(&format!("{}goes\n", after("", "{}")));
    assert_eq!(ran.stderr, "");

    let ran = woken(
        &dir,
        &["run", "--env", "A=b c", image, "read"],
        "one\ntwo\n",
    );
    ran.exits(7);
    let expected = after(", 'read'", "{'A': 'b c'}") + "? one two\n\ngoes\n";
    assert_eq!(ran.text(), expected);

    let ran = woken(&dir, &[image, "fail"], "");
    ran.exits(1);
    assert_eq!(
        ran.stderr,
        "Traceback (most recent call last):\n  File \"/app/app.py\", line 29, in <module>\n    \
         fail()\n  File \"/app/app.py\", line 14, in fail\n    raise ValueError(table[7])\n\
         ValueError: 7\n"
    );

    let draws = |options: &[&str]| woken(&dir, &[options, &[image, "random"]].concat(), "").text();
    let (one, two) = (draws(&["run"]), draws(&["run"]));
    let last = |text: &str| text.lines().nth(1).expect("a line").to_owned();
    for (one, two) in last(&one).split(' ').zip(last(&two).split(' ')) {
        assert_ne!(one, two, "in every place");
    }
    let seeded = ["run", "--seed", "5"];
    assert_eq!(draws(&seeded), draws(&seeded));

    let more = format!("/more:{}", dir.path().join("more").display());
    let words = [
        "run",
        "--mount",
        &more,
        "--env",
        "PYTHONPATH=/more",
        image,
        "lazy",
    ];
    let ran = woken(&dir, &words, "");
    ran.exits(0);
    assert!(
        ran.text().contains("\n(0.6666666666666666, 1.0, 1)\nnew\n"),
        "{}",
        ran.text()
    );
    woken(&dir, &[image, "lazy"], "")
        .exits(1)
        .says(&["No module named 'beside'"]);

    let shown = woken(&dir, &["inspect", image], "").text();
    for part in [
        "program  app.py, SHA-256",
        "mount    /app ro",
        "args     x y",
        "/dev/host",
    ] {
        assert!(shown.contains(part), "no {part:?} in:\n{shown}");
    }
    woken(&dir, &["run", "--invoke", "f", image], "")
        .exits(1)
        .says(&["goes on with its own program"]);
    bundles_need_nothing(&dir, image);
}

/// One file, in an empty folder that can't be written to, without any variable.
fn bundles_need_nothing(dir: &Dir, image: &str) {
    woken(dir, &["bundle", image, "--env", "A=1", "-o", "bundled"], "").prints("");
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).expect("a folder");
    std::fs::set_permissions(&empty, std::fs::Permissions::from_mode(0o555)).expect("chmod");
    let bundled = run(bundled(dir.path().join("bundled"))
        .args(["--help", "-c"])
        .current_dir(&empty)
        .env_clear()
        .stdin(Stdio::null()));
    bundled.prints("after 5 ['bundled', '--help', '-c'] {'A': '1'} / What it is. 1000\ngoes\n");
    assert_eq!(bundled.stderr, "");
}

/// Without any call: after the imports that it begins with.
#[test]
fn a_python_program_is_divided_after_its_imports() {
    let dir = Dir::new();
    let source = r#""""The text."""
from __future__ import annotations
import sys
try:
    import there_is_none
except ImportError:
    there_is_none = None
early = list(sys.argv)
def named(a: unknown): return a
if early:
    import loud

"not the text"
late: int = len(sys.argv)
print(early, late, __doc__, named.__annotations__, __annotations__, there_is_none)
if __name__ == "__main__":
    1 / 0
"#;
    dir.write("app.py", source);
    dir.write("lib/loud.py", "print('imported')");
    let lib = format!("/lib/py:{}", dir.path().join("lib").display());
    let options = ["--mount", &lib, "--env", "PYTHONPATH=/lib/py"];
    snapshot(&dir, "app.py", &options, &["x"]).prints("imported\n");
    let ran = woken(&dir, &["app.py.image"], "");
    ran.exits(1).says(&[
        "File \"app.py\", line 17, in <module>",
        "    1 / 0",
        "ZeroDivisionError",
    ]);
    assert_eq!(
        ran.text(),
        "['app.py', 'x'] 1 The text. {'a': 'unknown'} {'late': 'int'} None\n"
    );
}

#[test]
fn what_would_be_lost_at_a_python_programs_point_is_refused() {
    let dir = Dir::new();
    let refused = |source: &str, parts: &[&str]| {
        dir.write("app.py", source);
        let mount = dir.mount("/work", "ro");
        let ran = snapshot(&dir, "app.py", &["--mount", &mount], &[]);
        ran.exits(1).says(parts);
        assert!(!dir.exists("app.py.image"));
        ran.text()
    };
    dir.write("data.txt", "data");
    let open = "import dormouse\nf = open('/work/data.txt')\ndormouse.snapshot_point()";
    refused(open, &["/work/data.txt is open", "close the file"]);
    let tmp = "import dormouse\nopen('/tmp/kept', 'w').close()\ndormouse.snapshot_point()";
    refused(tmp, &["/tmp/kept would be lost"]);
    let printed = refused(
        "print('ran')\nimport dormouse\ndef f():\n    raise KeyError(3)\nf()\ndormouse.snapshot_point()",
        &[
            "line 4, in f\n    raise KeyError(3)\nKeyError: 3\n",
            "exit code 1 before its snapshot",
        ],
    );
    assert_eq!(printed, "ran\n");
    let never = refused(
        "from dormouse import snapshot_point\nprint('ran')",
        &[
            "ended before it came to its snapshot point",
            "dormouse.snapshot_point()",
        ],
    );
    assert_eq!(never, "ran\n");
}

#[test]
fn a_snapshot_point_does_nothing_in_a_plain_run() {
    let program = "import dormouse, sys; print(sys.argv); dormouse.snapshot_point(); print('on')";
    for options in [&["run"][..], &["run", "--no-snapshot", SLOW[0], SLOW[1]]] {
        let words = [options, &["-c", program, "x"]].concat();
        dormouse(&words).prints("['-c', 'x']\non\n");
    }
    let dir = Dir::new();
    dir.write("dormouse.py", "mine = 5");
    let mount = dir.mount("/mine", "ro");
    let words = ["run", "--mount", &mount, "--env", "PYTHONPATH=/mine", "-c"];
    dormouse([&words[..], &["import dormouse; print(dormouse.mine)"]].concat()).prints("5\n");

    let program = "import('dormouse').then(async (d) => {
        await d.snapshot_point(); await dormouse.snapshot_point(); print('on') })";
    dormouse(["run", "-l", "js", "-c", program]).prints("on\n");
}

#[test]
fn a_javascript_program_goes_on_from_its_point() {
    let dir = Dir::new();
    let source = "import * as std from 'std';
import { name } from './lib/name.mjs';
console.log('before', scriptArgs.slice(1), std.getenv('WHO'));
const start = performance.now();
setTimeout(() => console.log('timer'), 1);
const table = new Map([[1, { a: 2 }]]);
async function deep(n) { return n ? await deep(n - 1) : await dormouse.snapshot_point(); }
await deep(3);
console.log('after', scriptArgs, std.getenv('WHO'), table, name, import.meta.url);
await dormouse.snapshot_point();
if (scriptArgs[1] === 'random') console.log(Math.random(), crypto.randomUUID());
if (scriptArgs[1] === 'read') console.log(std.in.getline(), performance.now() >= start);
if (scriptArgs[1] === 'fail') null.missing;
if (scriptArgs[1] === 'lazy') console.log((await import('./lib/lazy.mjs')).text);
";
    dir.write("app/app.mjs", source);
    dir.write("app/lib/name.mjs", "export const name = 'near';");
    dir.write("app/lib/lazy.mjs", "export const text = 'late';");
    let app = format!("/app:{}", dir.path().join("app").display());
    let options = ["--mount", &app, "--env", "WHO=me", "--seed", "3"];
    let made = |name: &str| {
        let ran = snapshot(&dir, "app/app.mjs", &options, &["x"]);
        ran.prints("before [ 'x' ] me\n");
        let from = dir.path().join("app/app.mjs.image");
        std::fs::rename(from, dir.path().join(name)).expect("renamed");
        std::fs::read(dir.path().join(name)).expect("there")
    };
    assert!(
        made("one") == made("image"),
        "the same file twice has the same bytes"
    );

    let after = |args: &str, who: &str| {
        format!(
            "after [ 'image'{args} ] {who} Map(1) {{ 1 => {{ a: 2 }} }} near file:///app/app.mjs\n"
        )
    };
    woken(&dir, &["image"], "").prints(&(after("", "undefined") + "timer\n"));
    let words = ["run", "--env", "WHO=you", "image", "read"];
    let expected = after(", 'read'", "you") + "line true\ntimer\n";
    woken(&dir, &words, "line\n").prints(&expected);
    let ran = woken(&dir, &["image", "fail"], "");
    ran.exits(1).says(&["TypeError", "app.mjs:13"]);
    let draws =
        |options: &[&str]| woken(&dir, &[options, &["image", "random"]].concat(), "").text();
    assert_ne!(draws(&["run"]), draws(&["run"]));
    assert_eq!(
        draws(&["run", "--seed", "1"]),
        draws(&["run", "--seed", "1"])
    );
    woken(&dir, &["image", "lazy"], "")
        .exits(1)
        .says(&["/app/lib/lazy.mjs"]);
    let words = ["run", "--mount", &app, "image", "lazy"];
    woken(&dir, &words, "").prints(&(after(", 'lazy'", "undefined") + "late\ntimer\n"));
    let shown = woken(&dir, &["inspect", "image"], "").text();
    assert!(shown.contains("program  app.mjs"), "{shown}");

    woken(&dir, &["bundle", "image", "-o", "bundled"], "").prints("");
    let bundled = run(bundled(dir.path().join("bundled"))
        .arg("x")
        .env_clear()
        .stdin(Stdio::null()));
    bundled.prints(&(after(", 'x'", "undefined") + "timer\n").replace("'image'", "'bundled'"));
}

/// A module is captured after its imports, a script where it says.
#[test]
fn where_a_javascript_program_is_captured() {
    let dir = Dir::new();
    dir.write("lib.mjs", "console.log('imported');");
    dir.write(
        "app.mjs",
        "console.log('body', scriptArgs);\nimport './lib.mjs'; // the end",
    );
    let mount = dir.mount("/", "ro");
    snapshot(&dir, "app.mjs", &["--mount", &mount], &["x"]).prints("imported\n");
    woken(&dir, &["app.mjs.image", "y"], "").prints("body [ 'app.mjs.image', 'y' ]\n");

    dir.write(
        "app.js",
        "const made = [1]; console.log('made');
dormouse.snapshot_point().then(() => console.log(made, scriptArgs.length));",
    );
    snapshot(&dir, "app.js", &[], &[]).prints("made\n");
    woken(&dir, &["app.js.image", "y"], "").prints("[ 1 ] 2\n");

    let refused = |source: &str, parts: &[&str]| {
        dir.write("bad.js", source);
        snapshot(&dir, "bad.js", &["--mount", &mount], &[])
            .exits(1)
            .says(parts);
        assert!(!dir.exists("bad.js.image"));
    };
    refused("1", &["ended before it came to its snapshot point"]);
    refused("null.x", &["TypeError", "bad.js:1", "exit code 1 before"]);
    refused(
        "Promise.reject(new Error('no')); dormouse.snapshot_point()",
        &["Error: no"],
    );
    refused(
        "globalThis.f = std.open('/app.js', 'r'); dormouse.snapshot_point()",
        &["/app.js is open"],
    );
    refused(
        "const f = std.open('/tmp/x', 'w'); f.close(); dormouse.snapshot_point()",
        &["/tmp/x would be lost"],
    );
    refused("std.exit(3)", &["exit code 3 before"]);
}

#[test]
fn points_of_modules_are_not_for_programs() {
    let dir = Dir::new();
    dir.write("app.py", "print(1)");
    dir.write("app.js", "print(1)");
    let at = ["--at", "wasi_snapshot_preview1.fd_read"];
    snapshot(&dir, "app.py", &at, &[]).exits(2).says(&[
        "--at and --init are for Wasm modules",
        "dormouse.snapshot_point()",
    ]);
    snapshot(&dir, "app.js", &["--init", "x"], &[]).exits(2);
    snapshot(&dir, "app.js", &["--portable"], &[])
        .exits(2)
        .says(&["only Dormouse has"]);
}

/// Programs from the package registry, imported once. The example says how.
#[test]
fn an_image_has_its_packages_with_it() {
    if !has_pip("the packages of examples/report.py can't be fetched") {
        return;
    }
    let dir = Dir::new();
    let source = include_str!("../../examples/report.py");
    dir.write("report.py", source);
    let packages = dir.path().join("packages");
    let line = source
        .lines()
        .find_map(|line| line.trim().strip_prefix("pip install --target packages "));
    let names: Vec<&str> = line.expect("it is in the example").split(' ').collect();
    install(&packages, &names);
    snapshot(&dir, "report.py", &["--packages", "packages"], &[]).prints("");
    std::fs::remove_dir_all(&packages).expect("removed");

    let books = r#"[{"title": "Momo", "year": 1973}, {"title": "Emil", "year": 1929}]"#;
    woken(&dir, &["report.py.image", "My *books*"], books).prints(
        "<h1 class=\"title\">My <em>books</em></h1>\n<ul class=\"simple\">\n\
         <li><p><strong>Emil</strong>, 1929</p></li>\n\
         <li><p><strong>Momo</strong>, 1973</p></li>\n</ul>\n<p><em>2 in all</em></p>\n\n",
    );
    let ran = woken(
        &dir,
        &["report.py.image", "x"],
        r#"[{"title": 5, "year": 1}]"#,
    );
    ran.exits(1);
    assert_eq!(ran.stderr, "report.py.image: 5 is not of type 'string'\n");
    let shown = woken(&dir, &["inspect", "report.py.image"], "").text();
    assert!(shown.contains("mount    /packages ro"), "{shown}");
}
