//! Programs in Python and JavaScript, and images.

use super::{Gateway, module};
use crate::support::{Dir, SLOW, command, run, store};
use dormouse::Language;
use std::path::Path;

/// The pinned interpreter's file.
fn interpreter() -> Vec<u8> {
    store()
        .load(Language::Python, &mut |_| {})
        .expect("it can be had")
}

/// What the README of the system that we take the place of has.
const HELLO: &str = "print('Content-Type: text/plain')\nprint('')\nprint('Hello, World')\n";

#[test]
fn the_seeds_own_example_runs_as_written() {
    let dir = Dir::new();
    dir.write("code/hello.py", HELLO);
    dir.write(
        "code/lib/other.py",
        "import sys\nprint('Content-Type: text/plain\\n')\nprint(sys.argv[1:], __name__)\n",
    );
    dir.write("bin/python.wasm", interpreter());
    dir.write(
        "modules.toml",
        [
            module(
                "/hello",
                "bin/python.wasm",
                "argv = 'python /code/hello.py'\nvolumes = { '/code' = 'code' }",
            ),
            module(
                "/other",
                "bin/python.wasm",
                "argv = 'python -B /code/lib/other.py ${ARGS}'\nvolumes = { '/code' = 'code' }",
            ),
            module("/stdin", "bin/python.wasm", "argv = 'python'"),
            module(
                "/missing",
                "bin/python.wasm",
                "argv = 'python /code/none.py'\nvolumes = { '/code' = 'code' }",
            ),
        ]
        .concat(),
    );
    let gateway = Gateway::start(dir, &[]);
    for _ in 0..3 {
        let answer = gateway.get("/hello");
        answer.is(200, "Hello, World\n");
        assert_eq!(answer.header("content-type"), "text/plain");
    }
    gateway
        .get("/other?a=1&b")
        .is(200, "['a=1', 'b'] __main__\n");
    // A script is read for each request, as the interpreter would.
    gateway
        .dir
        .write("code/hello.py", HELLO.replace("World", "again"));
    gateway.get("/hello").is(200, "Hello, again\n");
    // What the interpreter finds out itself is the same.
    gateway
        .curl(&["--data-binary", HELLO], "/stdin")
        .is(200, "Hello, World\n");
    gateway.get("/missing").is(500, "");
}

#[test]
fn scripts_are_modules_too() {
    let python = "import os, sys, helper\n\
        print('Content-Type: text/plain\\n')\n\
        print(sys.argv[1:], os.environ['REQUEST_METHOD'], os.environ['A'], sys.stdin.read(), helper.NAME)\n";
    let javascript = "print('Content-Type: text/plain\\n');\n\
        print(scriptArgs.slice(1).join(' '), std.getenv('REQUEST_METHOD'), std.getenv('A'), std.in.readAsString());\n";
    let module_code =
        "import { name } from './lib.mjs';\nprint('Content-Type: text/plain\\n\\n' + name);\n";
    let more = "environment = { A = 'a' }\nvolumes = { '/app' = 'app' }";
    let gateway = Gateway::new(
        &[
            module("/py", "app/main.py", more),
            module("/js", "main.js", "environment = { A = 'a' }"),
            module("/mjs", "app/main.mjs", more),
        ]
        .concat(),
        &[
            ("app/main.py", python),
            ("app/helper.py", "NAME = 'helper'\n"),
            ("main.js", javascript),
            ("app/main.mjs", module_code),
            ("app/lib.mjs", "export const name = 'lib';\n"),
        ],
    );
    let post = ["--data-binary", "body"];
    gateway
        .curl(&post, "/py?x=1&y")
        .is(200, "['x=1', 'y'] POST a body helper\n");
    gateway
        .curl(&post, "/js?x=1&y")
        .is(200, "x=1 y POST a body\n");
    gateway.get("/mjs").is(200, "lib\n");
}

#[test]
fn images_are_modules_too() {
    let dir = Dir::new();
    dir.write(
        "app.py",
        "import json, os, dormouse\nready = ['made once']\ndormouse.snapshot_point()\n\
        print('Content-Type: text/plain\\n')\nprint(ready, os.environ['QUERY_STRING'])\n",
    );
    dir.write(
        "m.wat",
        crate::support::guest(
            r#"(global $ready (mut i32) (i32.const 0))
        (data (i32.const 1024) "Content-Type: text/plain\n\nready")
        (func (export "init") (global.set $ready (i32.const 31)))
        (func (export "_start") (call $print (i32.const 1024) (global.get $ready)))"#,
        ),
    );
    for words in [
        &["app.py", "-o", "app.dormouse"][..],
        &["m.wat", "--init", "init", "-o", "m.dormouse"],
    ] {
        run(command()
            .arg("snapshot")
            .args(SLOW)
            .args(words)
            .current_dir(dir.path()))
        .exits(0);
    }
    dir.write(
        "modules.toml",
        [
            module("/app", "app.dormouse", ""),
            module("/m", "m.dormouse", ""),
        ]
        .concat(),
    );
    let gateway = Gateway::start(dir, &[]);
    for _ in 0..2 {
        gateway.get("/app?q").is(200, "['made once'] q\n");
        gateway.get("/m").is(200, "ready");
    }
}

#[test]
fn an_error_of_a_script_is_a_500_and_its_traceback_in_the_log() {
    let gateway = Gateway::new(
        &module("/", "bad.py", ""),
        &[("bad.py", "print('Content-Type: text/plain\\n')\n1 / 0\n")],
    );
    gateway.get("/").is(500, "");
    gateway.logs(0, "it exited with 1");
    let logs = std::fs::read_dir(gateway.dir.path().join("logs")).expect("a folder");
    let folder = logs.flatten().next().expect("a module's").path();
    let log = std::fs::read_to_string(folder.join("module.stderr")).expect("a log");
    assert!(log.contains("ZeroDivisionError"), "{log}");
}

#[test]
fn the_example_of_the_readme_runs() {
    let dir = Dir::new();
    // Where its values are kept.
    let folder = dir.path().to_owned();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gateway");
    for file in ["modules.toml", "hello.py", "guestbook.js", "plain.wat"] {
        let text = std::fs::read(example.join(file)).expect("it is there");
        dir.write(&format!("examples/gateway/{file}"), text);
    }
    let modules = ["--modules", "examples/gateway/modules.toml"];
    let gateway = Gateway::start_in(&folder, dir, &modules);
    let hello = gateway.get("/hello/Dormouse");
    assert!(
        hello.text().contains("<h1>Hello, Dormouse</h1>"),
        "{hello:?}"
    );
    gateway.get("/plain").is(200, "Hello from Wat\n");
    gateway.get("/guestbook").is(200, "[]\n");
    let sent = gateway.curl(&["--data", "I was here"], "/guestbook");
    assert_eq!((sent.status, sent.header("location")), (303, "/guestbook"));
    gateway.get("/guestbook").is(200, "[\"I was here\"]\n");
}
