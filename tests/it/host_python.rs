//! What Python programs call of the host: `kv`, `http`, `fs`, `call` and
//! `install_pkg`, as objects, functions and coroutines. The programs are in
//! `tests/python/host`; each checks itself.

use crate::support::{Dir, Way, both_ways, dormouse, has_pip, install, run};
use dormouse::{HostError, HostFunctions, Language, Limits, Outcome, Program, Sandbox};
use serde_json::{Map, Value};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

both_ways! {
    values_by_key,
    files_by_the_host,
    names_without_import,
    nothing_is_granted_by_default,
    a_broken_channel_is_an_error,
    tracebacks_show_the_programs_frames,
    calls_of_the_embedders_functions,
    concurrent_calls_are_one_batch,
    stubs_say_what_there_is,
}

#[cfg(feature = "http")]
both_ways! {
    requests_by_the_host,
    clients_of_the_standard_library,
    clients_from_packages,
    the_example_runs,
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/python/host")
        .join(name)
}

/// Runs a program of `tests/python/host`, which prints `ok` last.
#[track_caller]
fn checks_itself(options: &[&str], name: &str) {
    let file = program(name);
    // A debug build takes its time.
    let words = ["run", "--timeout", "300s"];
    let ran = dormouse([&words, options, &[file.to_str().expect("UTF-8")]].concat());
    ran.exits(0);
    assert_eq!(ran.text(), "ok\n", "{}", ran.stderr);
}

fn values_by_key() {
    checks_itself(&["--kv"], "kv.py");
}

fn files_by_the_host() {
    let dir = Dir::new();
    checks_itself(&["--mount", &dir.mount("/data", "rwc")], "fs.py");
}

fn names_without_import() {
    checks_itself(&[], "names.py");
}

fn nothing_is_granted_by_default() {
    checks_itself(&[], "nothing_granted.py");
}

fn a_broken_channel_is_an_error() {
    checks_itself(&[], "channel.py");
}

fn tracebacks_show_the_programs_frames() {
    checks_itself(&[], "tracebacks.py");
    let ran = dormouse(["-c", "def f():\n    kv.get('x')\n\nf()"]);
    ran.exits(1);
    assert_eq!(
        ran.stderr,
        "Traceback (most recent call last):\n  \
           File \"<string>\", line 4, in <module>\n  \
           File \"<string>\", line 2, in f\n\
         dormouse.NotGrantedError: not granted: kv_get; enable with --kv\n"
    );
}

/// Runs `program` with functions of the embedder.
#[track_caller]
fn embedded(program: Program, functions: HostFunctions) -> Outcome {
    Sandbox::new(&Way::current().image(Language::Python))
        .functions(functions)
        .limits(Limits {
            // A debug build takes its time.
            deadline: Some(Duration::from_secs(300)),
            ..Limits::default()
        })
        .run(program)
        .expect("it runs")
}

#[track_caller]
fn prints(outcome: &Outcome, expected: &str) {
    let stderr = String::from_utf8_lossy(&outcome.stderr);
    assert_eq!(
        String::from_utf8_lossy(&outcome.stdout),
        expected,
        "{stderr}"
    );
}

fn calls_of_the_embedders_functions() {
    #[derive(serde::Deserialize)]
    struct Greet {
        name: String,
    }
    let functions = HostFunctions::new()
        .with("greet", |args: Greet| {
            Ok::<_, HostError>(format!("hello, {}", args.name))
        })
        .with("echo", |args: Map<String, Value>| Ok::<_, HostError>(args))
        .with("install_pkg", |args: Map<String, Value>| {
            Ok::<_, HostError>(args)
        });
    let code = r#"
import asyncio, dormouse
print(call("greet", name="wörld"), dormouse.call("echo", name=1, fn=[2], self={"a": None}))
print(asyncio.run(async_call("greet", name="later")))
print(install_pkg("x"), install_pkg("x", version=">=1"), asyncio.run(async_install_pkg("x", "==1")))
try:
    call("greet")
except ValueError as error:
    print(error.code, error)
print(abs(time_now() - __import__("time").time()) < 5)
"#;
    prints(
        &embedded(Program::code(code), functions),
        "hello, wörld {'fn': [2], 'name': 1, 'self': {'a': None}}\n\
         hello, later\n\
         {'name': 'x'} {'name': 'x', 'version': '>=1'} {'name': 'x', 'version': '==1'}\n\
         invalid missing field `name`\n\
         True\n",
    );
}

/// Functions that show what of a batch is made when.
fn shown() -> HostFunctions {
    #[derive(serde::Deserialize)]
    struct Wait {
        ms: u64,
        answer: Value,
    }
    #[derive(serde::Deserialize)]
    struct Text {
        #[serde(alias = "word")]
        message: String,
    }
    #[derive(serde::Deserialize)]
    struct Count {
        count: usize,
    }
    let running = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let noted = Arc::new(Mutex::new(Vec::new()));
    let (counted, list) = (Arc::clone(&running), Arc::clone(&noted));
    HostFunctions::new()
        .with("wait", move |args: Wait| {
            let now = running.0.fetch_add(1, Ordering::SeqCst) + 1;
            running.1.fetch_max(now, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(args.ms));
            running.0.fetch_sub(1, Ordering::SeqCst);
            Ok(args.answer)
        })
        .with("zeros", |args: Count| Ok(vec![0; args.count]))
        .with("most", move |_: Map<String, Value>| {
            Ok(counted.1.load(Ordering::SeqCst))
        })
        .with("fail", |args: Text| {
            Err::<(), _>(HostError::from(args.message))
        })
        .with("note", move |args: Text| {
            noted.lock().expect("no panic").push(args.message);
            Ok("ok")
        })
        .with("noted", move |_: Map<String, Value>| {
            Ok(list.lock().expect("no panic").clone())
        })
}

fn concurrent_calls_are_one_batch() {
    let source = std::fs::read(program("batches.py")).expect("it is there");
    let outcome = embedded(Program::script("batches.py", source), shown());
    prints(&outcome, "ok\n");
}

/// Serves what the programs ask for; its URL, and one at which nobody is.
#[cfg(feature = "http")]
fn served() -> [String; 2] {
    use crate::server::{Received, Server, Stream, redirect, respond};
    let answer = |request: &Received, stream: &mut dyn Stream| {
        let path = request.line.split(' ').nth(1).unwrap_or_default();
        let (first, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        match first {
            "mirror" => {
                let kind = request.headers.get("content-type");
                let kind = format!("X-Type: {}\r\n", kind.map_or("", String::as_str));
                respond(stream, "200 OK", &kind, &request.body);
            }
            "status" => respond(stream, &format!("{rest} Status"), "", b"status"),
            "json" => respond(stream, "200 OK", "", r#"{"a": ["ä", null]}"#.as_bytes()),
            "latin" => {
                let kind = "Content-Type: text/plain; charset=latin-1\r\n";
                respond(stream, "200 OK", kind, b"h\xe4");
            }
            "large" => respond(stream, "200 OK", "", &[b'x'; 2 << 20]),
            slow if slow.starts_with("slow") => {
                std::thread::sleep(Duration::from_millis(500));
                respond(stream, "200 OK", "", path.as_bytes());
            }
            _ => redirect(request, stream),
        }
    };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = nobody.local_addr().expect("it is bound");
    [Server::new(answer).url(), format!("http://{nobody}")]
}

#[cfg(feature = "http")]
#[track_caller]
fn asks_a_server(options: &[&str], name: &str) {
    let file = program(name);
    let [base, nobody] = served();
    let file = file.to_str().expect("UTF-8");
    let ran = dormouse(
        [
            &["run", "--allow-host", "127.0.0.1"],
            options,
            &[file, &base, &nobody],
        ]
        .concat(),
    );
    ran.exits(0);
    assert_eq!(ran.text(), "ok\n", "{}", ran.stderr);
}

#[cfg(feature = "http")]
fn requests_by_the_host() {
    asks_a_server(&[], "http.py");
}

#[cfg(feature = "http")]
fn clients_of_the_standard_library() {
    asks_a_server(&[], "clients.py");
}

#[cfg(feature = "http")]
fn clients_from_packages() {
    if !has_pip("requests and httpx in the sandbox") {
        return;
    }
    let packages = Dir::new();
    install(packages.path(), &["requests", "httpx"]);
    let mount = packages.mount("/packages", "ro");
    // Compiling what they import takes a debug build long.
    let options = [
        "--timeout",
        "300s",
        "--mount",
        &mount,
        "--env",
        "PYTHONPATH=/packages",
    ];
    asks_a_server(&options, "packages.py");
}

fn stubs_say_what_there_is() {
    let dir = Dir::new();
    let folder = dir.path().join("new");
    let folder = folder.to_str().expect("UTF-8");
    let ran = Way::Woken.with(|| dormouse(["stubs", folder]));
    ran.exits(0);
    assert!(ran.text().contains("dormouse.pyi\n"), "{}", ran.text());
    let types = dir.read("new/dormouse.d.ts");
    assert_eq!(
        types,
        include_str!("../../runtimes/javascript/dormouse.d.ts")
    );
    checks_itself(&["--mount", &format!("/stubs:{folder}")], "stubs.py");
    let nowhere = dir.write("file", "");
    let nowhere = nowhere.to_str().expect("UTF-8");
    let ran = Way::Woken.with(|| dormouse(["stubs", nowhere]));
    ran.exits(1).says(&["can't make the folder", nowhere]);
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python/everything.py")
}

#[cfg(feature = "http")]
fn the_example_runs() {
    let dir = Dir::new();
    let [base, _] = served();
    let (example, mount) = (example(), dir.mount("/data", "rwc"));
    let ran = dormouse([
        "run",
        "--kv",
        "--allow-host",
        "127.0.0.1",
        "--mount",
        &mount,
        example.to_str().expect("UTF-8"),
        &base,
    ]);
    ran.exits(0);
    assert!(
        ran.text().contains("POST / HTTP/1.1 True\n"),
        "{}",
        ran.text()
    );
    assert!(ran.text().ends_with("\nTrue\n"), "{}", ran.text());
    assert!(dir.exists("done"));
}

/// What mypy makes of the stubs, of the example, and of wrong uses.
#[test]
fn mypy_agrees() {
    let what = "mypy over the stubs";
    if !has_pip(what) {
        return;
    }
    let dir = Dir::new();
    let python = dir.path().join("venv/bin/python");
    let made = run(Command::new("python3")
        .args(["-m", "venv"])
        .arg(dir.path().join("venv")));
    let mypy = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "mypy",
    ];
    if !made.status.success() || !run(Command::new(&python).args(mypy)).status.success() {
        eprintln!("SKIPPED: {what}: pip can't install mypy");
        return;
    }
    let stubs = dir.path().join("stubs");
    dormouse([Path::new("stubs"), &stubs]).exits(0);
    let check = |file: &Path| {
        run(Command::new(&python)
            .args(["-m", "mypy", "--strict", "--python-version", "3.12"])
            .args(["--cache-dir", "/dev/null"])
            .arg(file)
            .env("MYPYPATH", &stubs))
    };
    let ran = check(&example());
    assert!(ran.status.success(), "{}{}", ran.text(), ran.stderr);
    let ran = check(&stubs.join("dormouse.pyi"));
    assert!(ran.status.success(), "{}{}", ran.text(), ran.stderr);
    let wrong = dir.write(
        "wrong.py",
        "from dormouse import fs, http, kv\n\
         kv.get(1)\n\
         http.get('http://x', header={})\n\
         x: int = fs.read_text('/x')\n\
         kv.nothing\n",
    );
    let ran = check(&wrong);
    ran.exits(1);
    assert!(ran.text().contains("Found 4 errors"), "{}", ran.text());
}
