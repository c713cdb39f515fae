//! `--lockdown`: what is granted works as without, and the system holds the process
//! to it. (What the system refuses then is tried in `src/lockdown`.)

use crate::support::{
    Dir, Ran, both_ways, bundled, cache_without_images, command, dormouse, guest, run,
    run_with_input,
};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
};

both_ways!(
    programs_of_both_languages_run,
    what_is_granted_works,
    the_kernel_says_so,
);

/// Runs `dormouse run --lockdown` with `words`.
fn locked(words: &[&str]) -> Ran {
    dormouse([&["run", "--lockdown"], words].concat())
}

fn programs_of_both_languages_run() {
    let ran = locked(&["-c", "import sys, json; print(json.dumps(sys.argv))", "a"]);
    ran.prints("[\"-c\", \"a\"]\n");
    let ran = locked(&["-l", "js", "-c", "console.log(scriptArgs.length, [1, 2])"]);
    assert!(ran.status.success(), "{ran:?}");
    locked(&["-c", "import sys; sys.exit(7)"]).exits(7);
    let ran = locked(&["--timeout", "300ms", "-c", "while True: pass"]);
    ran.exits(124).says(&["deadline limit"]);
    let ran = locked(&["--memory", "64mb", "-c", "bytearray(1 << 30)"]);
    ran.exits(1).says(&["MemoryError"]);
    let dir = Dir::new();
    let code = "import os, time
with open('/tmp/a', 'w') as f: f.write('x')
os.urandom(8); time.time(); time.sleep(0.01)
print(input())";
    let script = dir.write("a.py", code);
    let mut command = command();
    if crate::support::Way::current() == crate::support::Way::Woken {
        command.arg("run");
    }
    let command = command.arg("--lockdown").arg(script);
    run_with_input(command, b"line\n").prints("line\n");
}

fn what_is_granted_works() {
    let (read, change, create, own) = (Dir::new(), Dir::new(), Dir::new(), Dir::new());
    read.write("file", "r");
    change.write("file", "c");
    create.write("a/file", "m");
    let kv = own.path().join("values");
    let mounts = [
        read.mount("/r", "ro"),
        change.mount("/c", "rw"),
        create.mount("/m", "rwc"),
    ];
    let code = "import os
print(open('/r/file').read(), os.listdir('/r'), kv.get('n', 0))
kv.set('n', kv.get('n', 0) + 1)
with open('/c/file', 'w') as f: f.write('changed')
os.makedirs('/m/b', exist_ok=True)
os.rename('/m/a/file', '/m/b/file')
os.symlink('file', '/m/b/link')
with open('/m/b/more', 'w') as f: f.write('more')
os.utime('/m/b/more', (1, 1))
os.remove('/m/b/more')
fs.write_text('/m/new', 'new')
for path in '/r/x', '/c/x', '/etc/passwd':
    try: open(path, 'w')
    except OSError as error: print(error.errno)";
    let kv = kv.to_str().expect("UTF-8");
    let mut words = vec!["--kv-file", kv];
    for mount in &mounts {
        words.extend(["--mount", mount]);
    }
    words.extend(["-c", code]);
    locked(&words).prints("r ['file'] 0\n69\n2\n44\n");
    assert_eq!(change.read("file"), "changed");
    assert_eq!(create.read("b/link"), "m");
    assert_eq!(create.read("new"), "new");
    std::fs::rename(create.path().join("b/file"), create.path().join("a/file")).expect("moved");
    std::fs::remove_file(create.path().join("b/link")).expect("removed");
    // The file of values was made by the first.
    locked(&words).prints("r ['file'] 1\n69\n2\n44\n");
}

/// A line of `/proc/PID/…/status`, such as `Seccomp:`.
fn status<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.expect("the kernel says so").trim()
}

/// Each thread of the process is filtered, or none is.
#[track_caller]
fn all_threads_are_filtered(process: u32, filtered: bool) {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    let mut count = 0;
    for thread in threads {
        let path = thread.expect("a thread").path().join("status");
        // A helper may have ended meanwhile; who waits is still there.
        let Ok(text) = std::fs::read_to_string(path) else {
            continue;
        };
        let expected = if filtered { ["2", "1"] } else { ["0", "0"] };
        let found = ["Seccomp:", "NoNewPrivs:"].map(|name| status(&text, name));
        assert_eq!(found, expected, "{text}");
        count += 1;
    }
    assert!(count > 0);
}

/// A run that has said that it is ready, and waits for a line.
fn waiting(words: &[&str]) -> (Child, ChildStdin, impl BufRead) {
    let mut child = command()
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    lines.read_line(&mut line).expect("text");
    assert_eq!(line, "ready\n");
    let stdin = child.stdin.take().expect("it is piped");
    (child, stdin, lines)
}

fn the_kernel_says_so() {
    let code = "print('ready', flush=True); input()";
    for (words, filtered) in [
        (&["--lockdown", "-c", code][..], true),
        (&["-c", code], false),
    ] {
        let (mut child, mut stdin, _lines) = waiting(words);
        all_threads_are_filtered(child.id(), filtered);
        stdin.write_all(b"\n").expect("it reads");
        assert!(child.wait().expect("it ends").success());
    }
}

#[test]
fn any_module_runs_and_traps_are_located() {
    let dir = Dir::new();
    let hello = guest(
        r#"(data (i32.const 64) "hello\n")
        (func (export "_start") (call $print (i32.const 64) (i32.const 6)))"#,
    );
    let file = dir.write("a.wat", hello);
    locked(&[file.to_str().expect("UTF-8")]).prints("hello\n");
    let trap = "(module (func $deep unreachable) (func (export \"_start\") (call $deep)))";
    let file = dir.write("b.wat", trap);
    let ran = locked(&[file.to_str().expect("UTF-8")]);
    ran.exits(134).says(&["unreachable", "deep"]);
    let add = "(module (func (export \"add\") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1))))";
    let file = dir.write("add.wat", add);
    let file = file.to_str().expect("UTF-8");
    locked(&["--invoke", "add", file, "5", "7"]).prints("12\n");
}

#[test]
fn a_language_is_captured_first_and_traps_of_it_are_located() {
    let cache = cache_without_images();
    let made = |command: &mut Command| run(command.env("DORMOUSE_CACHE", cache.path()));
    for _ in 0..2 {
        let ran = made(command().args(["--lockdown", "-l", "js", "-c", "console.log(6 * 7)"]));
        ran.prints("42\n");
        assert_eq!(ran.stderr, "");
    }
    let images = std::fs::read_dir(cache.path().join("images"));
    assert!(images.expect("they were made").count() > 0);
}

#[test]
fn a_guest_that_would_have_to_be_fetched_is_an_error_and_not_the_end() {
    let cache = cache_without_images();
    let alone = |words: &[&str]| {
        run(command()
            .args(words)
            .env("DORMOUSE_CACHE", cache.path())
            .stdin(Stdio::null()))
    };
    alone(&["--lockdown", "-l", "js", "-c", "console.log(1)"]).prints("1\n");
    // The image is there, but with so little memory the guest itself is needed.
    for guest in std::fs::read_dir(cache.path()).expect("a cache") {
        let guest = guest.expect("a file").path();
        if guest
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            std::fs::remove_file(guest).expect("it is ours");
        }
    }
    let ran = alone(&["--lockdown", "--memory", "1mb", "-l", "js", "-c", "1"]);
    ran.exits(1)
        .says(&["locked down", "dormouse guest fetch javascript"]);
}

#[test]
fn images_and_bundles_run() {
    let dir = Dir::new();
    let (image, bundle) = (dir.path().join("app.dormouse"), dir.path().join("app"));
    let made = |name: &str, code: &str| {
        let script = dir.write(name, code);
        dormouse([
            "snapshot".as_ref(),
            script.as_os_str(),
            "-o".as_ref(),
            image.as_os_str(),
        ])
        .exits(0);
        let words = ["bundle", "--lockdown", "-o"];
        run(command().args(words).arg(&bundle).arg(&image)).exits(0);
    };
    let point = "const x = [1];\nawait dormouse.snapshot_point();\n";
    made(
        "app.mjs",
        &format!("{point}console.log(x, scriptArgs.slice(1));"),
    );
    let words = ["run".as_ref(), "--lockdown".as_ref(), image.as_os_str()];
    dormouse(words).prints("[ 1 ] []\n");
    run(bundled(&bundle).arg("b").stdin(Stdio::null())).prints("[ 1 ] [ 'b' ]\n");
    // The option went with it.
    made(
        "wait.mjs",
        &format!("{point}console.log('ready');\nstd.in.getline();"),
    );
    let mut child = bundled(&bundle)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("text");
    assert_eq!(line, "ready\n");
    all_threads_are_filtered(child.id(), true);
    drop(child.stdin.take());
    child.wait().expect("it ends");
}

#[test]
#[cfg(feature = "http")]
fn hosts_that_are_allowed_are_reached() {
    use crate::server::{Server, echo};
    let server = Server::new(echo);
    let port = server.url().rsplit(':').next().expect("a port").to_owned();
    let fetch = |host: &str| {
        format!("import urllib.request as r\nprint(r.urlopen('http://{host}:{port}/x').status)")
    };
    locked(&["--allow-host", "127.0.0.1", "-c", &fetch("127.0.0.1")]).prints("200\n");
    // By name as well, as far as this machine knows it.
    locked(&["--allow-host", "localhost", "-c", &fetch("localhost")]).prints("200\n");
    let code = "const all = [1, 2, 3].map(i => fetch(`http://127.0.0.1:PORT/${i}`));
console.log((await Promise.all(all)).map(r => r.status))";
    let code = code.replace("PORT", &port);
    locked(&["--allow-host", "127.0.0.1", "-l", "js", "-c", &code]).prints("[ 200, 200, 200 ]\n");
    let code = fetch("localhost");
    locked(&["-c", &code]).exits(1).says(&["not granted"]);
}

#[test]
fn a_session_at_a_pipe_runs_and_lives_on() {
    let mut command = command();
    let words = ["repl", "--lockdown", "-l", "python", "--kv"];
    let ran = run_with_input(
        command.args(words),
        b"kv.set('a', 1)\nx = 6\nkv.get('a') + x\n",
    );
    ran.prints("'ok'\n7\n");
    let (mut child, stdin, _lines) = {
        let mut child = crate::support::command()
            .args(["repl", "--lockdown", "-l", "js"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        stdin
            .write_all(b"console.log('ready')\n")
            .expect("it reads");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("text");
        assert_eq!(line, "ready\n");
        (child, stdin, lines)
    };
    all_threads_are_filtered(child.id(), true);
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}

#[test]
#[cfg(feature = "server")]
fn a_server_answers_and_keeps_sessions() {
    use crate::serve::Server;
    let dir = Dir::new();
    let kv = dir.path().join("values");
    let options = ["-l", "python", "-l", "js", "--lockdown", "--kv-file"];
    let options = [&options[..], &[kv.to_str().expect("UTF-8")]].concat();
    let mut server = Server::start(&options);
    all_threads_are_filtered(server.process(), true);
    for (lang, code) in [
        ("python", "kv.set('a', 6 * 7); print(kv.get('a'))"),
        ("js", "console.log(kv.get('a'))"),
    ] {
        for _ in 0..3 {
            let body = serde_json::json!({"code": code, "lang": lang}).to_string();
            let reply = server.post("/execute", body);
            assert_eq!(reply.is(200)["stdout"], "42\n", "{}", server.log());
        }
    }
    let session = server.post("/sessions", "").is(200)["session_id"].clone();
    let path = format!("/sessions/{}/exec", session.as_str().expect("an id"));
    server.post(&path, r#"{"code": "x = 5"}"#);
    let reply = server.post(&path, r#"{"code": "print(x)"}"#).is(200);
    assert_eq!(reply["stdout"], "5\n");
    let reply = server
        .post(&path, r#"{"code": "while True: pass", "timeout": "200ms"}"#)
        .is(200);
    assert_eq!(reply["limit"], "deadline");
    let metrics = server.get("/metrics").text;
    assert!(metrics.contains("resident"), "{metrics}");
    all_threads_are_filtered(server.process(), true);
    server.signal(rustix::process::Signal::TERM);
    assert!(server.ended().success(), "{}", server.log());
}

#[test]
#[cfg(feature = "server")]
fn a_gateway_answers_with_what_its_modules_are_granted() {
    use crate::gateway::Gateway;
    let modules = "[[module]]\nroute = '/py'\nmodule = 'a.py'\nkv = 'values'\n\
        volumes = {'/d' = 'data'}\n[[module]]\nroute = '/js'\nmodule = 'a.js'\n\
        [[module]]\nroute = '/wat'\nmodule = 'a.wat'\n";
    let python = "import sys
kv.set('n', kv.get('n', 0) + 1)
open('/d/out', 'a').write('x')
print('Content-Type: text/plain\\n')
print(kv.get('n'), len(open('/d/out').read()))
print('to the log', file=sys.stderr)";
    let wat = guest(
        r#"(data (i32.const 64) "Content-Type: text/plain\n\nwat")
        (func (export "_start") (call $print (i32.const 64) (i32.const 29)))"#,
    );
    let files = [
        ("a.py", python),
        ("a.js", "console.log('Content-Type: text/plain\\n\\njs')"),
        ("a.wat", &wat),
        ("data/in", ""),
    ];
    let gateway = Gateway::with(&["--lockdown"], modules, &files);
    all_threads_are_filtered(gateway.process(), true);
    gateway.get("/py").is(200, "1 1\n");
    gateway.get("/py").is(200, "2 2\n");
    gateway.get("/js").is(200, "js\n");
    gateway.get("/wat").is(200, "wat");
    let logs = std::fs::read_dir(gateway.dir.path().join("logs")).expect("they are kept");
    assert!(logs.count() > 0);
    all_threads_are_filtered(gateway.process(), true);
}

#[test]
fn what_a_locked_process_can_not_do_is_a_usage_error() {
    let ran = locked(&["--allow-pkg", "six", "-c", "1"]);
    ran.exits(2).says(&["pip", "dormouse deps install"]);
    for words in [
        &["repl", "--lockdown", "-l", "js", "--allow-pkg-install"][..],
        #[cfg(feature = "server")]
        &["serve", "--lockdown", "-l", "js", "--allow-pkg", "six"],
    ] {
        run(command().args(words).stdin(Stdio::null()))
            .exits(2)
            .says(&["pip"]);
    }
}
