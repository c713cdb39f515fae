//! A guest that does nothing but call the host: its stdin is the request, its
//! stdout the answer.

use crate::support::{Dir, command, guest, run_with_input};
use serde_json::Value;

const IMPORT: &str = r#"
    (import "wasi_snapshot_preview1" "path_open" (func $path_open
        (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
"#;

const BODY: &str = r#"
    (data (i32.const 100) "dev/host")
    ;; fd_read or fd_write of $len bytes at $at; how many.
    (func $get (param $fd i32) (param $at i32) (param $len i32) (result i32)
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $len))
        (if (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))
            (then (call $proc_exit (i32.const 97))))
        (i32.load (i32.const 8)))
    (func $put (param $fd i32) (param $at i32) (param $len i32)
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $len))
        (if (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))
            (then (call $proc_exit (i32.const 96)))))
    (func (export "_start") (local $host i32) (local $got i32)
        (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 8) (i32.const 0)
                (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 200))
            (then (call $proc_exit (i32.const 95))))
        (local.set $host (i32.load (i32.const 200)))
        (loop $in
            (local.set $got (call $get (i32.const 0) (i32.const 65536) (i32.const 65536)))
            (if (local.get $got) (then
                (call $put (local.get $host) (i32.const 65536) (local.get $got))
                (br $in))))
        (loop $out
            (local.set $got (call $get (local.get $host) (i32.const 65536) (i32.const 65536)))
            (if (local.get $got) (then
                (call $put (i32.const 1) (i32.const 65536) (local.get $got))
                (br $out)))))
"#;

/// A program that copies stdin to `/dev/host`, and the line that it answers to
/// stdout.
pub(crate) fn caller() -> String {
    guest(BODY).replacen("(module", &format!("(module {IMPORT}"), 1)
}

/// What the host answers to `request` from a guest that runs with `flags`.
#[track_caller]
pub(crate) fn answer(flags: &[&str], request: &Value) -> Value {
    answer_with(flags, &[], request)
}

/// The same, with these variables in the environment of the command.
#[track_caller]
pub(crate) fn answer_with(flags: &[&str], env: &[(&str, &str)], request: &Value) -> Value {
    let dir = Dir::new();
    let file = dir.write("caller.wat", caller());
    let mut line = request.to_string();
    line.push('\n');
    let mut command = command();
    command.args(flags).arg(file);
    command.envs(env.iter().copied());
    let ran = run_with_input(&mut command, line.as_bytes());
    ran.exits(0);
    serde_json::from_slice(&ran.stdout).expect("the answer is JSON")
}
