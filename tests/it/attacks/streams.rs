//! Attacks on the standard streams, arguments and environment.

use super::{
    Ends, MEMORY, attack,
    watched::{Watched, Written, attacker},
};
use crate::support::Dir;
use std::{
    fs::{File, OpenOptions},
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    process::Stdio,
};

const GIGABYTE: &str = "import os
part = b'x' * (1 << 20)
for _ in range(1024):
    rest = part
    while rest: rest = rest[os.write(1, rest):]";

#[test]
fn a_gigabyte_is_printed() {
    let options = ["--max-output", "0"];
    let seen = attack(&Written::Python, &options, GIGABYTE, &Ends::Prints("xxx"));
    assert_eq!(seen.printed, 1 << 30);
}

#[test]
fn a_gigabyte_is_printed_to_a_limit() {
    let seen = attack(&Written::Python, &[], GIGABYTE, &Ends::Limit("output"));
    assert_eq!(seen.printed, dormouse::Limits::OUTPUT);
}

/// Nobody reads: the deadline comes all the same.
#[test]
fn output_that_nobody_takes() {
    for how in [Written::Python, Written::JavaScript] {
        let code = match how {
            Written::Python => "while True: print('x' * 100000)",
            _ => "for (;;) print('x'.repeat(100000))",
        };
        let dir = Dir::new();
        let (mut command, _) = attacker(&dir, &how, &["--timeout", "1s"], code);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let stdout = child.stdout.take();
        let seen = Watched::child(child);
        seen.stays_within(MEMORY).ended(&Ends::Limit("deadline"));
        drop(stdout);
    }
}

/// Nobody reads what is said of the end either.
#[test]
fn errors_that_nobody_takes() {
    let dir = Dir::new();
    let code = "import sys\nwhile True: sys.stderr.write('x' * 100000)";
    let (mut command, _) = attacker(&dir, &Written::Python, &["--timeout", "1s"], code);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let stderr = child.stderr.take();
    let seen = Watched::child(child);
    assert_eq!(seen.status.code(), Some(124));
    drop(stderr);
}

/// A guest that writes until the end can't write into the middle of the line about
/// it, which is written at once: each datagram is one write.
#[test]
fn the_last_line_is_whole() {
    let dir = Dir::new();
    let options = ["--timeout", "100ms"];
    let (mut command, _) = attacker(&dir, &Written::Python, &options, "while True: pass");
    let (ours, its) = UnixDatagram::pair().expect("sockets");
    let child = command.stderr(OwnedFd::from(its)).spawn();
    let seen = Watched::child(child.expect("it starts"));
    assert_eq!(seen.status.code(), Some(124));
    // What has been said is there already.
    ours.set_nonblocking(true).expect("it does not wait");
    let mut line = [0; 200];
    let length = ours.recv(&mut line).expect("a line");
    let line = String::from_utf8_lossy(&line[..length]);
    let whole = "dormouse: stopped: deadline limit of 100ms reached; --timeout raises it\n";
    assert_eq!(line, whole);
}

/// The reader has gone: the guest is told.
#[test]
fn output_that_nobody_can_take() {
    let code = "import os
try:
    while True: os.write(1, b'x' * 100000)
except OSError: os._exit(3)";
    let dir = Dir::new();
    let (mut command, _) = attacker(&dir, &Written::Python, &[], code);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    drop(child.stdout.take());
    let seen = Watched::child(child);
    seen.stays_within(MEMORY).ended(&Ends::Exits(3, ""));
    // What says that there is nobody fails, too.
    let (mut command, _) = attacker(&dir, &Written::Python, &[], "while True: print(1)");
    let full = OpenOptions::new().write(true).open("/dev/full");
    let full = full.expect("a device");
    let again = full.try_clone().expect("a descriptor");
    let child = command.stdout(full).stderr(again).spawn();
    let seen = Watched::child(child.expect("it starts"));
    assert!(seen.status.code().is_some_and(|code| code != 0), "{seen:?}");
    seen.stays_within(MEMORY);
}

/// All of a stream that never ends.
#[test]
fn input_without_end() {
    for (how, code) in [
        (Written::Python, "import sys\nsys.stdin.read()"),
        (Written::Python, "import sys\nsys.stdin.buffer.read()"),
        (Written::Python, "input()"),
        (Written::JavaScript, "std.in.readAsString()"),
        (Written::JavaScript, "std.in.getline()"),
    ] {
        let dir = Dir::new();
        let (mut command, _) = attacker(&dir, &how, &["--timeout", "20s"], code);
        command.stdin(File::open("/dev/zero").expect("a device"));
        let seen = Watched::run(&mut command);
        let ends = [
            Ends::Exits(1, ""),
            Ends::Limit("memory"),
            Ends::Limit("deadline"),
        ];
        seen.stays_within(MEMORY);
        assert!(
            ends.iter()
                .any(|_| matches!(seen.status.code(), Some(1 | 124)))
                || seen.status.success(),
            "{code}: {seen:?}"
        );
    }
}

#[test]
fn long_arguments_and_variables() {
    let long = "x".repeat(100_000);
    let dir = Dir::new();
    let variables: Vec<_> = (0..8).map(|at| format!("V{at}={long}")).collect();
    let options: Vec<_> = variables.iter().flat_map(|text| ["--env", text]).collect();
    for (how, code) in [
        (
            Written::Python,
            "import os, sys\nprint(len(sys.argv), sum(map(len, sys.argv[1:])), len(os.environ['V7']))",
        ),
        (
            Written::JavaScript,
            "print(scriptArgs.length, scriptArgs.slice(1).join('').length, std.getenv('V7').length)",
        ),
    ] {
        let (mut command, _) = attacker(&dir, &how, &options, code);
        let seen = Watched::run(command.args(vec![&long; 8]));
        let ends = Ends::Prints("9 800000 100000\n");
        seen.stays_within(MEMORY).ended(&ends);
    }
}
