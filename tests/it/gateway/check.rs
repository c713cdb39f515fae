//! `dormouse check`, and what stops the start.

use super::{module, plain, prints};
use crate::support::{Dir, Ran, command, run};

fn check(dir: &Dir, options: &[&str]) -> Ran {
    run(command()
        .arg("check")
        .args(options)
        .arg("modules.toml")
        .current_dir(dir.path()))
}

#[test]
fn a_good_file_is_listed() {
    let dir = Dir::new();
    dir.write("a.wat", prints(&plain(""), ""));
    dir.write("a.js", "");
    dir.write(
        "modules.toml",
        [
            module("/a", "a.wat", "entrypoint = '_start'"),
            module(
                "/b/...",
                "a.js",
                "timeout = 1\nvolumes = { '/x' = 'none' }\nstray = 1",
            ),
        ]
        .concat(),
    );
    check(&dir, &[])
        .prints("/a _start\n/b/... _start\n")
        .says(&[
            "modules.toml:9:13: warning: volumes: none: ",
            "modules.toml:10:1: warning: unknown key \"stray\" is ignored; there are allowed_hosts, ",
        ]);
    assert!(!dir.exists("logs"));
}

#[test]
fn all_that_is_wrong_is_said_with_its_place() {
    let dir = Dir::new();
    dir.write("a.wat", prints(&plain(""), ""));
    dir.write(
        "takes.wat",
        "(module (func (export \"_start\")) (func (export \"f\") (param i32)))",
    );
    dir.write("bad.wat", "(module (func (export \"_start\") (i32.add)))");
    dir.write(
        "needs.wat",
        "(module (import \"env\" \"f\" (func)) (func (export \"_start\")))",
    );
    dir.write("a.js", "");
    dir.write(
        "modules.toml",
        [
            module("/1", "none.wat", ""),
            module("/2", "bad.wat", ""),
            module("/3", "needs.wat", ""),
            module("/4", "a.wat", "entrypoint = 'none'"),
            module("/5", "takes.wat", "entrypoint = 'f'"),
            module("/6", "a.js", "entrypoint = 'f'"),
            module("/7", "oci:registry.test/a:1", ""),
            module("/8", "bindle:a/b/1", ""),
            module("/9", "https://a.test/a.wasm", ""),
            module("10", "a.wat", ""),
            module("/11", "a.wat", "timeout = 'soon'"),
            module("/4", "a.wat", ""),
            module("/12", "a.wat", "allowed_hosts = ['a b']"),
        ]
        .concat(),
    );
    let ran = check(&dir, &[]);
    ran.prints_nothing_and_exits(1).says(&[
        "modules.toml:3:10: error: module: none.wat: ",
        "modules.toml:7:10: error: module: ",
        "modules.toml:11:10: error: module: ",
        "modules.toml:16:14: error: the module exports no function \"none\"",
        "modules.toml:20:14: error: the function \"f\" takes arguments",
        "modules.toml:24:14: error: entrypoint is for Wasm modules",
        "modules.toml:27:10: error: module: oci: references are not supported; fetch the module",
        "modules.toml:31:10: error: module: bindle: references are not supported",
        "modules.toml:35:10: error: module: modules are not fetched from the network",
        "modules.toml:38:9: error: route: \"10\" matches nothing: it must begin with /",
        "modules.toml:44:11: error: timeout: ",
        "modules.toml:46:9: error: the route /4 is listed on line 14 already",
        "modules.toml:51:10: error: allowed_hosts: ",
        "dormouse: 13 errors; nothing of it would be served",
    ]);
}

#[test]
fn m1_what_can_not_be_served_stops_the_start_and_names_the_file() {
    let dir = Dir::new();
    let serve = |options: &[&str]| {
        let mut serve = command();
        serve.args(["serve", "--listen", "127.0.0.1:0"]);
        run(serve.args(options).current_dir(dir.path()))
    };
    let modules = ["--modules", "modules.toml"];
    serve(&modules)
        .exits(1)
        .says(&["modules.toml: error: it can't be read"]);
    check(&dir, &[])
        .exits(1)
        .says(&["modules.toml: error: it can't be read"]);
    dir.write("modules.toml", "[[module]]\nroute = '/'\n");
    serve(&modules).exits(1).says(&[
        "modules.toml:1:1: error: module is missing",
        "dormouse check modules.toml",
    ]);
    dir.write("modules.toml", [0xff, 0xfe]);
    serve(&modules)
        .exits(1)
        .says(&["modules.toml: error: byte 0 is no UTF-8"]);
    serve(&[&modules[..], &["--env-file", "none.env"]].concat())
        .exits(1)
        .says(&["none.env: "]);
    dir.write("bad.env", "A=1\nB\n");
    serve(&[&modules[..], &["--env-file", "bad.env"]].concat())
        .exits(1)
        .says(&["bad.env:2: expected NAME=VALUE"]);
    serve(&[&modules[..], &["--hostname", "a b"]].concat())
        .exits(2)
        .says(&["expected HOST or HOST:PORT"]);
    serve(&[])
        .exits(2)
        .says(&["nothing to serve", "--modules FILE"]);
}
