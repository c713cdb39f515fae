//! Sessions without end, and attacks on a server.

use super::{MEMORY, OVERHEAD, watched::held};
use crate::serve::Server;
use serde_json::json;
use std::sync::LazyLock;

/// Bytes that a server may hold beyond what the guests have that run at a time:
/// both languages, its own threads, and instances that rest for the next run.
const SERVER: u64 = 128 << 20;

/// Bytes that a session of JavaScript may hold which has done nothing.
const SESSION: u64 = 3 << 20;

/// A server makes images for runs with deadlines, the first time.
static READY: LazyLock<()> = LazyLock::new(|| {
    super::watched::ready();
    let server = Server::start(&["-l", "python", "-l", "js"]);
    for lang in ["python", "js"] {
        let body = json!({"lang": lang, "code": "print(1)"}).to_string();
        assert_eq!(server.post("/execute", body).is(200)["stdout"], "1\n");
    }
});

fn server(words: &[&str]) -> Server {
    LazyLock::force(&READY);
    let memory = MEMORY.to_string();
    let limits = ["--memory", &memory, "--timeout", "2s", "--workers", "1"];
    Server::start(&[&limits[..], words].concat())
}

#[track_caller]
fn holds(server: &Server, bound: u64) {
    let peak = held(server.id()).expect("it runs");
    assert!(peak <= bound, "{} MiB of {}", peak >> 20, bound >> 20);
}

/// Each request is answered, the next as if nothing had been.
#[test]
fn attacks_on_a_server() {
    let server = server(&["-l", "python", "-l", "js"]);
    let run = |lang: &str, code: &str| {
        let body = json!({"lang": lang, "code": code}).to_string();
        server.post("/execute", body).is(200)
    };
    for (lang, code) in [
        ("python", "x = []\nwhile True: x.append(bytearray(1 << 20))"),
        (
            "python",
            "while True:\n try: bytearray(10**9)\n except MemoryError: pass",
        ),
        ("python", "def f(): f()\nf()"),
        (
            "python",
            "import sys\nsys.setrecursionlimit(2**31 - 1)\ndef f(): f()\nf()",
        ),
        ("python", "while True: print('x' * 100000)"),
        ("python", "while True: pass"),
        (
            "python",
            "try:\n with open('/tmp/a', 'wb') as f:\n  while True: f.write(bytes(1 << 20))\nexcept OSError: pass",
        ),
        ("python", "x = 10 ** 10 ** 8"),
        ("js", "for (;;) try { new ArrayBuffer(1e9) } catch { }"),
        (
            "js",
            "const x = []; for (;;) x.push(new Uint8Array(1 << 20))",
        ),
        ("js", "(function f() { f() })()"),
        ("js", "for (;;) print('x'.repeat(100000))"),
        ("js", "for (;;);"),
        ("js", "eval('['.repeat(1e6))"),
    ] {
        let ended = run(lang, code);
        assert!(ended["duration_ms"].is_number(), "{code}: {ended}");
        for lang in ["python", "js"] {
            assert_eq!(run(lang, "print(6 * 7)")["stdout"], "42\n", "after {code}");
        }
    }
    holds(&server, MEMORY + OVERHEAD + SERVER);
}

/// There are as many sessions as may be, whoever asks for more.
#[test]
fn sessions_without_end() {
    let server = server(&["-l", "js", "--max-sessions", "50"]);
    let statuses: Vec<u16> = (0..1000)
        .map(|_| server.post("/sessions", "").status)
        .collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 50);
    assert_eq!(
        statuses.iter().filter(|status| **status == 429).count(),
        950
    );
    let code = json!({"code": "print(1)"}).to_string();
    assert_eq!(server.post("/execute", code).is(200)["stdout"], "1\n");
    holds(&server, 50 * SESSION + SERVER);
}
