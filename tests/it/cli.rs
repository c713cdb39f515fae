//! The command line: usage errors, help, completions, streaming.

use crate::support::{Dir, command, dormouse, guest, run_with_input};
use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

#[test]
fn a_command_line_that_contradicts_itself_exits_with_2() {
    let dir = Dir::new();
    let odd = dir.write("script.txt", "print(1)");
    let odd = odd.to_str().expect("UTF-8");
    let wat = dir.write("m.wat", "(module (func (export \"_start\")))");
    let wat = wat.to_str().expect("UTF-8");
    let refused = |words: &[&str], parts: &[&str]| {
        dormouse(words).exits(2).says(parts);
    };
    refused(&["--bogus", "x.py"], &["--bogus"]);
    refused(&[odd], &["language required", "script.txt", "-l LANG"]);
    refused(
        &["-l", "ruby", odd],
        &["unknown language \"ruby\"", "python (py)"],
    );
    refused(&["run", "--timeout"], &["--timeout lacks its value"]);
    refused(&["run", "--timeout", "soon", wat], &["soon", "unit"]);
    refused(&["run", "--memory", "1tb", wat], &["1tb", "unit"]);
    refused(&["run", "--mount", "/x", wat], &["GUEST:HOST"]);
    refused(&["run", "--mount", "x:/tmp", wat], &["must begin with /"]);
    refused(
        &["run", "--mount", "/x:/tmp:wx", wat],
        &["invalid mount mode \"wx\""],
    );
    refused(&["run", "--env", "=1", wat], &["NAME=VALUE"]);
    refused(&["run", "--seed", "x", wat], &["--seed"]);
    refused(&["-l", "wasm", "-c", "x"], &["-c takes source code"]);
    refused(&["-l", "js", "-m", "x"], &["-m runs Python modules"]);
    refused(&["completions", "tcsh"], &["tcsh"]);
    run_with_input(&mut command(), b"print(1)").exits(2);
    run_with_input(command().arg("run"), b"print(1)")
        .exits(2)
        .says(&["language required"]);
}

#[test]
fn help_names_every_option() {
    let ran = dormouse(["run", "--help"]);
    ran.exits(0);
    let text = ran.text();
    for option in [
        "-c",
        "-m",
        "--lang",
        "--invoke",
        "--mount",
        "--env",
        "--timeout",
        "--fuel",
        "--memory",
        "--max-output",
        "--seed",
        "--kv",
        "--kv-file",
        "--fs-max-file",
        "--fs-max-write",
        "--fs-max-path",
        "--allow-host",
        "--http-ca",
        "--http-max-body",
        "--http-max-url",
        "--http-timeout",
        "--allow-pkg",
        "--allow-pkg-install",
        "--packages",
        "--no-snapshot",
    ] {
        assert!(text.contains(option), "no {option} in:\n{text}");
    }
    let version = dormouse(["--version"]);
    version.exits(0);
    assert!(version.text().starts_with("dormouse "));
    let top = dormouse(["--help"]).text();
    for subcommand in [
        "run",
        "repl",
        "snapshot",
        "inspect",
        "bundle",
        "guest",
        "deps",
        "completions",
    ] {
        assert!(top.contains(subcommand), "no {subcommand} in:\n{top}");
    }
    for (subcommand, options) in [
        (
            "snapshot",
            &["--at", "--init", "--portable", "-o", "--mount"][..],
        ),
        ("inspect", &["--json"]),
        ("bundle", &["-o", "--timeout"]),
    ] {
        let help = dormouse([subcommand, "--help"]);
        help.exits(0);
        for option in options {
            assert!(
                help.text().contains(option),
                "no {option} in:\n{}",
                help.text()
            );
        }
    }
}

#[test]
fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = dormouse(["completions", shell]);
        ran.exits(0);
        assert!(ran.text().contains("dormouse"), "{shell}");
        assert!(ran.text().contains("max-output"), "{shell}");
    }
}

#[test]
fn the_guests_exit_code_is_ours() {
    let dir = Dir::new();
    for code in [0, 1, 7, 125, 126, 200, 255] {
        let module = dir.write(
            "exit.wat",
            guest(&format!(
                "(func (export \"_start\") (call $proc_exit (i32.const {code})))"
            )),
        );
        let ran = dormouse([module.as_os_str()]);
        ran.exits(code);
        assert_eq!(ran.stderr, "", "an exit is the guest's own business");
    }
}

/// What the guest writes is there while it still runs: it is answered before
/// it can go on.
#[test]
fn output_streams_while_the_guest_runs() {
    let dir = Dir::new();
    let module = dir.write(
        "ask.wat",
        guest(
            r#"(data (i32.const 16) "name?\n") (data (i32.const 32) "hello ")
            (func (export "_start") (local $n i32)
                (call $print (i32.const 16) (i32.const 6))
                (local.set $n (call $read (i32.const 1024) (i32.const 100)))
                (call $print (i32.const 32) (i32.const 6))
                (call $print (i32.const 1024) (local.get $n)))"#,
        ),
    );
    let mut child = command()
        .arg(&module)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert_eq!(lines.next().expect("a line").expect("text"), "name?");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(b"world\n").expect("it reads");
    assert_eq!(lines.next().expect("a line").expect("text"), "hello world");
    assert!(child.wait().expect("it ends").success());
}

/// `dormouse … | head`: the guest sees an error and ends as it likes; we
/// don't panic.
#[test]
fn a_closed_stdout_is_an_error_for_the_guest() {
    let dir = Dir::new();
    let module = dir.write(
        "flood.wat",
        guest(
            "(func (export \"_start\")
                (loop (call $print (i32.const 1024) (i32.const 60000)) (br 0)))",
        ),
    );
    let mut child = command()
        .arg(&module)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(
        output.status.code(),
        Some(99),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
