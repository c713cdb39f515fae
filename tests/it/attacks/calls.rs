//! Attacks on the calls of the host.

use super::{Ends, attack, attacks, watched::Written};
use dormouse::{HostFunctions, Image, Limits, Program, Sandbox, Stdin};
use std::time::{Duration, Instant};

/// Python that asks the host, and says how long the answer was and how it began.
const ASK: &str = "import json, os
host = os.open('/dev/host', os.O_RDWR)
def ask(request):
    os.write(host, request if isinstance(request, bytes) else json.dumps(request).encode())
    os.write(host, b'\\n')
    size, first = 0, b''
    while True:
        part = os.read(host, 65536)
        size += len(part)
        first = first or part[:200]
        if part.endswith(b'\\n'): return size, first
";

fn python(code: &str) -> String {
    format!("{ASK}{code}")
}

const FINE: Ends = Ends::Prints("fine\n");

/// Each request is refused, and the next is answered.
fn refused(request: &str) -> String {
    python(&format!(
        "try: size, first = ask({request})
except OSError: first = b'error'
assert b'error' in first, first
assert b'data' in ask({{'fn': 'time_now'}})[1]
print('fine')"
    ))
}

attacks! { Written::Python;
    values_in_values: [], refused("b'[' * 10**6") => FINE;
    arguments_in_arguments: [], refused("b'{\"fn\":\"time_now\",\"args\":{\"x\":' + b'[' * 10**5 + b']' * 10**5 + b'}}'") => FINE;
    many_values: [], refused("b'{\"fn\":\"time_now\",\"args\":{\"x\":[' + b'0,' * 5000000 + b'0]}}'") => FINE;
    many_objects: [], refused("b'{\"fn\":\"time_now\",\"args\":{\"x\":[' + b'{\"\":0},' * 1000000 + b'0]}}'") => FINE;
    a_long_request: [], refused("b'x' * (33 << 20)") => FINE;
    many_calls_at_once: [], refused("[{'fn': 'time_now'}] * 2000") => FINE;
    a_request_without_end: [], python("part = b'x' * 65536
try:
    while True: os.write(host, part)
except OSError: print('fine')") => FINE;
    many_requests_at_once: [], python("os.writev(host, [b'A'] * 1000)\nassert os.read(host, 100)\nprint('fine')") => FINE;
    values_that_are_kept: ["--kv"], python("n = 0
try:
    while True:
        kv.set(str(n), 'x' * 60000); n += 1
except Exception as e: print(100 < n < 300 and 'fine')") => FINE;
    keys_that_are_kept: ["--kv"], python("n = 0
try:
    while True:
        kv.set(str(n), 0); n += 1
except Exception as e: print(n == 1000 and 'fine')") => FINE;
    many_calls: [], python("for _ in range(20000): time_now()\nprint('fine')") => FINE;
}

/// Files and folders whose content is asked for many times in one batch.
#[test]
fn long_answers_at_once() {
    let dir = crate::support::Dir::new();
    dir.write("long", vec![1; 8 << 20]);
    let mount = dir.mount("/m", "ro");
    let code = python(
        "size, first = ask([{'fn': 'fs_read', 'args': {'path': '/m/long'}}] * 100)
assert b'data' in first
assert size < 150 << 20, size
print('fine')",
    );
    attack(&Written::Python, &["--mount", &mount], &code, &FINE);
}

/// A call of the host's functions costs it nothing that stays: what 10 million of
/// them hold, a million does.
fn calls(count: u32) {
    let wat = format!(
        r#"(module
        (import "wasi_snapshot_preview1" "clock_time_get" (func $now (param i32 i64 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start") (local $i i32)
            (loop $l
                (drop (call $now (i32.const 1) (i64.const 0) (i32.const 8)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $l (i32.lt_u (local.get $i) (i32.const {count}))))))"#
    );
    let seen = attack(&Written::Wat, &[], &wat, &Ends::Prints(""));
    assert!(seen.peak < 40 << 20, "{seen:?}");
}

#[test]
fn a_million_calls() {
    calls(1_000_000);
}

#[test]
#[ignore = "it takes a while: 10 million calls"]
fn ten_million_calls() {
    calls(10_000_000);
}

/// The same of functions that are answered in JSON.
#[test]
#[ignore = "it takes minutes: 10 million calls"]
fn ten_million_calls_of_functions() {
    let code = "for (let i = 0; i < 1e7; i++) time_now(); print('fine')";
    attack(&Written::JavaScript, &["--timeout", "0"], code, &FINE);
}

/// What a batch still waits for when the run is over is not called any more.
#[test]
fn a_batch_ends_with_its_run() {
    let slow = |_: serde_json::Map<String, serde_json::Value>| {
        std::thread::sleep(Duration::from_millis(500));
        Ok::<_, dormouse::HostError>(0)
    };
    let image = Image::wasm("caller.wat", crate::calls::caller().as_bytes()).expect("it is Wasm");
    let batch = vec![serde_json::json!({"fn": "slow"}); 1000];
    let batch = serde_json::Value::from(batch);
    let began = Instant::now();
    let outcome = Sandbox::new(&image)
        .functions(HostFunctions::new().with("slow", slow))
        .limits(Limits {
            deadline: Some(Duration::from_millis(200)),
            ..Limits::default()
        })
        .stdin(Stdin::Bytes(format!("{batch}\n").into_bytes()))
        .run(Program::start("caller"))
        .expect("it runs");
    // All of them take 31 seconds.
    assert!(began.elapsed() < Duration::from_secs(15), "{outcome:?}");
}
