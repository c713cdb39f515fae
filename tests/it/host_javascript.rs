//! What JavaScript programs reach the host by: the programs in
//! `tests/javascript/host/`, errors, batches, and who sees what.

#[cfg(feature = "http")]
use crate::server::{Received, Server, Stream, redirect, respond};
use crate::support::{Dir, Ran, SLOW, Way, both_ways, command, dormouse, run};
use dormouse::{
    Grants, HostError, HostErrorKind, HostFunctions, Kv, Language, Mount, MountMode, Outcome,
    Program, Sandbox,
};
use serde_json::{Map, Value, json};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

both_ways! {
    events_signals_headers_and_bodies_are_all_there,
    values_are_kept_by_key,
    files_are_read_and_written,
    requests_are_sent_and_answered,
    grants_end_with_their_run,
    an_embedders_functions_are_called,
    errors_say_what_where_and_of_what_kind,
    what_was_not_granted_is_refused,
    calls_of_one_turn_go_together,
    many_calls_are_split,
    answers_that_are_too_large_together_come_in_turn,
    a_call_that_nobody_awaits_is_made,
    an_aborted_request_is_never_sent,
    the_host_is_reached_from_every_kind_of_program,
    sessions_keep_values_and_forget_what_was_not_sent,
    a_program_may_use_the_names_itself,
    a_program_may_change_what_is_built_in,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/javascript/host")
}

/// Runs a program of `tests/javascript/host/`.
fn program(name: &str, options: &[&str], args: &[&str]) -> Ran {
    run(command().args(options).arg(folder().join(name)).args(args))
}

fn code(code: &str) -> Ran {
    dormouse(["-l", "js", "-c", code])
}

/// Runs `code` with functions of the embedder.
fn with(functions: &HostFunctions, code: &str) -> Outcome {
    Sandbox::new(&Way::current().image(Language::JavaScript))
        .functions(functions.clone())
        .run(Program::code(code))
        .expect("it runs")
}

#[track_caller]
fn prints(functions: &HostFunctions, code: &str, expected: &str) {
    let outcome = with(functions, code);
    let shown = String::from_utf8_lossy(&outcome.stdout);
    let errors = String::from_utf8_lossy(&outcome.stderr);
    assert_eq!(shown, expected, "{errors}");
}

fn events_signals_headers_and_bodies_are_all_there() {
    program("events.js", &[], &[]).prints("ok\n");
}

fn values_are_kept_by_key() {
    program("kv.js", &["--kv", SLOW[0], SLOW[1]], &[]).prints("ok\n");
}

fn files_are_read_and_written() {
    let dir = Dir::new();
    program("fs.js", &["--mount", &dir.mount("/data", "rwc")], &[]).prints("ok\n");
    assert_eq!(dir.read("x"), "two");
    let source = "const told = []; for (const f of [() => fs.writeText('/data/x', ''), () => fs.mkdir('/data/y'), () => fs.remove('/data/x')]) {
        try { f() } catch (e) { told.push(`${e.code}: ${e.message}`) } } print(fs.readText('/data/x'), [...new Set(told)])";
    let mount = dir.mount("/data", "ro");
    dormouse(["--mount", &mount, "-l", "js", "-c", source])
        .prints("two not_granted: permission denied: read-only mount,not_granted: permission denied: cannot create directories\n");
}

/// What `http.js` asks for.
#[cfg(feature = "http")]
fn answer(request: &Received, stream: &mut dyn Stream) {
    match request.path() {
        "/json" => respond(stream, "200 OK", "", "{\"a\":[1,\"ü\"]}".as_bytes()),
        "/bytes" => respond(stream, "200 OK", "Content-Type: image/x\r\n", b"\xff\0a"),
        "/status/404" => respond(stream, "404 Not Found", "", b"none"),
        "/slow" => {
            std::thread::sleep(Duration::from_millis(200));
            respond(stream, "200 OK", "", b"slow");
        }
        _ => redirect(request, stream),
    }
}

#[cfg(feature = "http")]
fn requests_are_sent_and_answered() {
    let server = Server::new(answer);
    let host = server.address.to_string();
    program(
        "http.js",
        &["--allow-host", &host, "--allow-host", "127.0.0.1:1"],
        &[&server.url()],
    )
    .prints("ok\n");
    assert!(
        server
            .received()
            .iter()
            .all(|request| request.path() != "/never")
    );
}

#[cfg(not(feature = "http"))]
fn requests_are_sent_and_answered() {}

/// In one process.
fn grants_end_with_their_run() {
    let dir = Dir::new();
    dir.write("f", "text");
    let image = Way::current().image(Language::JavaScript);
    let run = |grants: Grants, code: &str| {
        let sandbox = Sandbox::new(&image).grants(grants);
        let outcome = sandbox.run(Program::code(code)).expect("it runs");
        String::from_utf8_lossy(&outcome.stdout).into_owned()
    };
    let granted = Grants {
        kv: Kv::Memory,
        mounts: vec![Mount {
            guest: "/d".to_owned(),
            host: dir.path().to_owned(),
            mode: MountMode::ReadOnly,
        }],
        ..Grants::default()
    };
    let source =
        "kv.set('a', kv.get('a', 0) + 1); print(kv.get('a'), fs.readText('/d/f'), kv_keys())";
    assert_eq!(run(granted.clone(), source), "1 text a\n");
    let source = "for (const f of [() => kv.get('a'), () => kv.set('a', 1), () => kv.delete('a'), () => kv.keys(), () => fs.readText('/d/f'),
        () => fs.writeText('/d/f', ''), () => fs.listdir('/d'), () => fs.stat('/d/f'), () => fs.mkdir('/d/x'), () => fs.remove('/d/f')]) {
        try { print('granted', f()) } catch (e) { if (e.code !== 'not_granted') print(e) } } print('end')";
    assert_eq!(run(Grants::default(), source), "end\n");
    assert_eq!(run(granted, "print(kv.keys().length)"), "0\n");
}

fn an_embedders_functions_are_called() {
    let functions = HostFunctions::new()
        .with("echo", |args: Map<String, Value>| Ok(args))
        .with("nothing", |_: Map<String, Value>| Ok(()));
    let source =
        "print(JSON.stringify(call('echo', { a: [1, null], b: { c: 'ü' } })), call('nothing'));
        print(JSON.stringify(await asyncCall('echo', { d: 1 })), await asyncCall('nothing'))";
    let expected = "{\"a\":[1,null],\"b\":{\"c\":\"ü\"}} null\n{\"d\":1} null\n";
    prints(&functions, source, expected);
    let source = "import { call } from 'dormouse'; print(call('echo').a)";
    prints(&functions, source, "undefined\n");
}

fn errors_say_what_where_and_of_what_kind() {
    let functions = HostFunctions::new().with("fail", |_: Map<String, Value>| {
        Err::<(), _>(HostError::new(HostErrorKind::NotFound, "it is gone"))
    });
    let source = "
        import { HostError } from 'dormouse';
        function mine() { return call('fail'); }
        try { mine() } catch (e) {
            print(e.name, e.code, e.message, e instanceof Error, e instanceof HostError, `${e}`);
            print(e.stack.trim().split('\\n')[0], e.stack.includes('dormouse'));
        }
        async function later() { await asyncCall('fail') }
        try { await later() } catch (e) {
            print(e.name, e.code, e.message, e.stack.trim().split('\\n')[0], e.stack.includes('dormouse'));
        }";
    prints(
        &functions,
        source,
        "HostError not_found it is gone true true HostError: it is gone\n\
         at mine (-c:3:34) false\n\
         HostError not_found it is gone at later (-c:8:40) false\n",
    );
    code("function f() {\n  kv.get('a');\n}\nf()").exits(1).says(&[
        "Uncaught HostError: not granted: kv_get; enable with --kv\n    at f (-c:2:6)\n    at <eval> (-c:4:1)",
        "code: 'not_granted'",
    ]);
    code("kv.asyncGet('a'); print(1)").exits(1).says(&[
        "Uncaught (in promise) HostError: not granted: kv_get",
        "(-c:1:3)",
    ]);
}

fn what_was_not_granted_is_refused() {
    let source = "
        const told = [];
        const all = { kv_get, kv_set, kv_delete, kv_keys, http_get, fs_read, fs_write, fs_list, fs_exists,
            fs_mkdir, fs_remove, fs_stat, install_pkg };
        for (const name of Object.keys(all)) {
            try { all[name]('x', 'y'); told.push(name) } catch (e) {
                if (e.code !== 'not_granted' || !e.message.startsWith(`not granted: ${name}; enable with --`)) told.push(e.message);
            }
        }
        for (const object of [kv, fs, http]) for (const name of Object.keys(object)) {
            if (name.startsWith('async')) continue;
            try { object[name]('x', 'y'); told.push(name) } catch (e) { if (e.code !== 'not_granted') told.push(`${name}: ${e}`) }
            const async = 'async' + name[0].toUpperCase() + name.slice(1);
            await object[async]('x', 'y').then(() => told.push(async), (e) => e.code === 'not_granted' || told.push(`${async}: ${e}`));
        }
        await fetch('http://localhost/').catch((e) => e.name === 'TypeError' && e.code === 'not_granted' || told.push(`fetch: ${e}`));
        try { call('no_such') } catch (e) { print(e.code, e.message) }
        print(told.length, told)";
    code(source).prints("unknown_function unknown function: no_such\n0 \n");
}

/// A function that waits, and what it can tell of how it was called.
fn slow(wait: Duration) -> (HostFunctions, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let functions = HostFunctions::new().with("slow", move |args: Map<String, Value>| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(wait);
        match args.get("n") {
            Some(n) if n == 3 => Err(HostError::from("three")),
            n => Ok(json!(n)),
        }
    });
    (functions, count)
}

fn calls_of_one_turn_go_together() {
    let (functions, count) = slow(Duration::from_millis(200));
    let started = Instant::now();
    let source = "
        const one = async (n) => { await null; await new Promise((r) => queueMicrotask(r)); return asyncCall('slow', { n }) };
        const settled = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => one(n)));
        print(settled.map(({ value, reason }) => value ?? reason.message).join())";
    prints(&functions, source, "0,1,2,three,4,5,6,7,8,9\n");
    assert!(started.elapsed() < Duration::from_millis(1900));
    assert_eq!(count.load(Ordering::Relaxed), 10);
}

fn many_calls_are_split() {
    let (functions, count) = slow(Duration::ZERO);
    let source = "
        const calls = Array.from({ length: 3000 }, (_, n) => asyncCall('slow', { n: n + 10 }));
        const values = await Promise.all(calls);
        print(values.length, values.every((value, n) => value === n + 10))";
    prints(&functions, source, "3000 true\n");
    assert_eq!(count.load(Ordering::Relaxed), 3000);
}

/// The host holds 64 MiB of answers at most.
fn answers_that_are_too_large_together_come_in_turn() {
    let large = |_: Map<String, Value>| Ok("x".repeat(1 << 20));
    let functions = HostFunctions::new().with("large", large);
    let source = "
        let length = 0;
        const calls = Array.from({ length: 90 }, () => asyncCall('large').then((text) => { length += text.length }));
        await Promise.all(calls);
        print(length / 2 ** 20)";
    prints(&functions, source, "90\n");
}

fn a_call_that_nobody_awaits_is_made() {
    let (functions, count) = slow(Duration::ZERO);
    prints(&functions, "asyncCall('slow'); print(1)", "1\n");
    assert_eq!(count.load(Ordering::Relaxed), 1);
    let source =
        "setTimeout(() => asyncCall('slow').then(() => asyncCall('slow')).then(() => print(2)), 1)";
    prints(&functions, source, "2\n");
    assert_eq!(count.load(Ordering::Relaxed), 3);
}

fn an_aborted_request_is_never_sent() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let functions = HostFunctions::new().with("http_request", move |asked: Map<String, Value>| {
        counted.fetch_add(1, Ordering::Relaxed);
        let timeout = asked.get("timeout").and_then(Value::as_f64);
        if asked["url"] == "http://slow/" {
            std::thread::sleep(Duration::from_secs_f64(timeout.unwrap_or(0.0)));
            return Err(HostError::new(HostErrorKind::Timeout, "too slow"));
        }
        Ok(json!({"status": 200, "body": format!("{:?}", timeout), "headers": {}, "url": asked["url"]}))
    });
    let source = "
        const controller = new AbortController();
        const told = [];
        const tell = (promise) => promise.then((r) => told.push(r.status), (e) => told.push(e?.name ?? e));
        tell(fetch('http://a/', { signal: AbortSignal.abort() }));
        tell(fetch('http://a/', { signal: AbortSignal.abort('why') }));
        tell(fetch('http://b/', { signal: controller.signal }));
        tell(fetch('http://c/', { signal: AbortSignal.any([controller.signal]) }));
        tell(fetch('http://d/'));
        tell(fetch(new Request('http://e/', { signal: controller.signal }), { signal: null }));
        await null;
        controller.abort();
        await new Promise((resolve) => setTimeout(resolve));
        print(told.sort());
        await fetch('http://slow/', { signal: AbortSignal.timeout(50) }).catch((e) => print(e.name));
        await fetch('http://slow/').catch((e) => print(e.name, e.code, e.message, e.cause.name));";
    let expected = "200,200,AbortError,AbortError,AbortError,why\nTimeoutError\n\
        TypeError timeout fetch failed: too slow HostError\n";
    prints(&functions, source, expected);
    assert_eq!(requests.load(Ordering::Relaxed), 4);
}

/// Defects seen elsewhere: names that are not defined in some mode, and a
/// batch that prints nothing.
fn the_host_is_reached_from_every_kind_of_program() {
    let dir = Dir::new();
    let source = "const all = [typeof kv, typeof http, typeof fs, typeof call, typeof kv_get, typeof fetch];\n\
        Promise.all([asyncCall('time_now'), asyncCall('time_now')]).then((times) => print(all, times.length))\n";
    let expected = "object,object,object,function,function,function 2\n";
    code(source).prints(expected);
    code(&format!("{source}await null")).prints(expected);
    for name in ["a.js", "a.mjs"] {
        dormouse([dir.write(name, source)]).prints(expected);
    }
    crate::support::run_with_input(command().args(["-l", "js"]), source.as_bytes())
        .prints(expected);
    code(
        "import d, * as all from 'dormouse';
        print(d.kv === kv, all.http === http, d.fs === fs, all.call === call, all.kv_get === kv_get, d === dormouse);
        print(Object.keys(all).filter((name) => name !== 'default' && all[name] !== d[name]))",
    )
    .prints("true true true true true true\n\n");
}

fn sessions_keep_values_and_forget_what_was_not_sent() {
    let grants = Grants {
        kv: Kv::Memory,
        ..Grants::default()
    };
    let session = Sandbox::new(&Way::current().image(Language::JavaScript))
        .grants(grants)
        .session()
        .expect("it opens");
    let run = |code: &str| {
        let outcome = session.run(code).expect("it runs");
        (
            String::from_utf8_lossy(&outcome.stdout).into_owned(),
            outcome.error.map(|error| error.to_string()),
        )
    };
    let printed = |text: &str| (text.to_owned(), None);
    assert_eq!(
        run("kv.set('a', 1); kv.asyncSet('b', 2).then(() => print('sent'))"),
        printed("sent\n")
    );
    assert_eq!(
        run("print(await Promise.all([kv.asyncGet('a'), kv.asyncGet('b')]))"),
        printed("1,2\n")
    );
    let (_, error) = run("kv.asyncSet('c', 3); throw new Error('no')");
    assert!(error.is_some());
    assert_eq!(run("print(kv.get('c'))"), printed("null\n"));
    let (_, error) = run("fs.readText('/x')");
    let error = error.expect("it fails");
    assert!(
        error.contains("HostError") && error.contains("not granted: fs_read"),
        "{error}"
    );
}

/// The program is captured with nothing granted, and goes on with what its run
/// is granted.
#[test]
fn an_image_calls_the_host_of_its_run() {
    let dir = Dir::new();
    let app = dir.write(
        "app.js",
        "(async () => {
            const codes = [];
            try { kv.get('a') } catch (e) { codes.push(e.code) }
            await kv.asyncGet('a').catch((e) => codes.push(e.code));
            const early = asyncCall('time_now');
            await dormouse.snapshot_point();
            kv.set('a', 1);
            print(codes, await kv.asyncGet('a'), typeof await early, Math.abs(time_now() - Date.now() / 1000) < 5);
        })()",
    );
    let image = dir.path().join("app.dormouse");
    run(command().arg("snapshot").arg(&app).arg("-o").arg(&image)).exits(0);
    for _ in 0..2 {
        run(command().args(["run", "--kv"]).arg(&image))
            .prints("not_granted,not_granted 1 number true\n");
    }
}

fn a_program_may_use_the_names_itself() {
    code("const http = 1; let fs = 2; var kv = 3; function call() { return 4 } class fetch {} print(http, fs, kv, call(), typeof fetch)")
        .prints("1 2 3 4 function\n");
    code("kv = 1; delete globalThis.fs; print(kv, typeof fs, Object.keys(globalThis).includes('http'))")
        .prints("1 undefined false\n");
}

fn a_program_may_change_what_is_built_in() {
    let source = "
        const kept = { print, time: time_now, later: asyncCall };
        Object.prototype.toJSON = () => 'changed';
        Object.prototype.error = 'changed';
        Array.prototype[Symbol.iterator] = Array.prototype.push = Promise.prototype.then = JSON.stringify = JSON.parse = null;
        Promise.all = Object.keys = Array.prototype.join = String.prototype.split = null;
        globalThis.Promise = globalThis.JSON = globalThis.Error = null;
        const typed = typeof kept.time();
        const promise = kept.later('time_now');
        flushAsync();
        kept.print(typed, typeof promise)";
    code(source).prints("number object\n");
}
