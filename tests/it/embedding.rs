//! What embedders are promised beside the command: images, streams, threads.

use crate::support::{Dir, Way, both_ways, command, guest, run};
use dormouse::{
    ErrorKind, Grants, HostError, HostFunctions, Image, Language, Limits, Mount, MountMode, Output,
    Point, Program, Sandbox, Status,
};
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Prints how many arguments there are, and ends with 9; `prepare` is called
/// before.
const COUNTS: &str = r#"(data (i32.const 32) "0 words\n")
    (global $prepared (mut i32) (i32.const 40))
    (func (export "prepare") (global.set $prepared (i32.const 48)))
    (func (export "_start")
        (drop (call $args_sizes_get (i32.const 100) (i32.const 104)))
        (i32.store8 (i32.const 32) (i32.add (global.get $prepared) (i32.load (i32.const 100))))
        (call $print (i32.const 32) (i32.const 8))
        (call $proc_exit (i32.const 9)))"#;

const AT: &str = "wasi_snapshot_preview1.args_sizes_get";

/// The image that `dormouse snapshot` makes of the file `name` in `dir`.
fn by_command(dir: &Dir, name: &str, options: &[&str], args: &[&str]) -> Vec<u8> {
    let ran = run(command()
        .current_dir(dir.path())
        .args(["snapshot", name, "-o", "by-command", "--timeout", "0"])
        .args(options)
        .arg("--")
        .args(args));
    ran.exits(0);
    std::fs::read(dir.path().join("by-command")).expect("it was made")
}

/// Whether the command takes an image for its own, with this process's cache.
fn is_own(image: &Path) -> bool {
    let mut command = command();
    match std::env::var_os("DORMOUSE_CACHE") {
        Some(cache) => command.env("DORMOUSE_CACHE", cache),
        None => command.env_remove("DORMOUSE_CACHE"),
    };
    let shown = run(command.args(["inspect", "--json"]).arg(image)).text();
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    shown["own"].as_bool().expect("a boolean")
}

fn printed(outcome: &dormouse::Outcome) -> String {
    let text = [&outcome.stdout[..], &outcome.stderr[..]].concat();
    String::from_utf8(text).expect("UTF-8")
}

#[test]
fn a_snapshot_is_the_commands_byte_for_byte() {
    let dir = Dir::new();
    let path = dir.write("count.wat", guest(COUNTS));
    let module = Image::open(&path).expect("a module");
    let points = [
        (AT.parse().expect("a point"), ["--at", AT]),
        (Point::init("prepare"), ["--init", "prepare"]),
    ];
    for (point, options) in points {
        let program = Program::start("count.wat").args(["x", "y"]);
        let image = Sandbox::new(&module)
            .snapshot(program.clone(), &point)
            .expect("captured");
        assert!(image.to_bytes() == by_command(&dir, "count.wat", &options, &["x", "y"]));
        let outcome = Sandbox::new(&image)
            .run(Program::start("c").args(["a"]))
            .expect("it runs");
        assert_eq!(outcome.status, Status::Exit(9), "{}", printed(&outcome));
        if options[0] == "--init" {
            assert_eq!(printed(&outcome), "2 words\n");
        }
        let portable = Sandbox::new(&module)
            .snapshot_portable(program, &point)
            .expect("captured");
        let options = [&options[..], &["--portable"]].concat();
        assert!(portable == by_command(&dir, "count.wat", &options, &[]));
    }
}

#[test]
fn a_saved_image_is_this_installations_own() {
    let dir = Dir::new();
    let path = dir.write("count.wat", guest(COUNTS));
    let module = Image::open(&path).expect("a module");
    let image = Sandbox::new(&module)
        .snapshot(Program::start("count.wat"), &Point::init("prepare"))
        .expect("captured");
    let saved = dir.path().join("saved");
    std::fs::write(&saved, "something else").expect("written");
    image.save(&saved).expect("saved");
    assert!(std::fs::read(&saved).expect("there") == image.to_bytes());
    let opened = Image::open(&saved).expect("an image");
    let read = Image::wasm("read", &image.to_bytes()).expect("an image");
    for image in [&image, &opened, &read] {
        let outcome = Sandbox::new(image)
            .run(Program::start("c").args(["a", "b"]))
            .expect("it runs");
        assert_eq!(printed(&outcome), "3 words\n");
        let again = Sandbox::new(image).snapshot(Program::start("c"), &Point::init("prepare"));
        let error = again.expect_err("it is one already");
        assert_eq!(error.kind(), ErrorKind::Image);
        assert!(error.to_string().contains("an image already"), "{error}");
    }
    assert!(is_own(&saved));
    let nowhere = dir.path().join("no/such/folder");
    let error = image.save(&nowhere).expect_err("there is no folder");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("can't be written"), "{error}");
    let error = image.save(dir.path()).expect_err("it is a folder");
    assert!(error.to_string().contains("it is a folder"), "{error}");
}

/// What is saved of an image that was not made here is not believed to be.
#[test]
fn a_foreign_image_stays_foreign_when_it_is_saved() {
    let dir = Dir::new();
    // One that no test has ever made.
    let name = dir.path().file_name().expect("a name").to_string_lossy();
    let module = Image::wasm(&name, guest(COUNTS).as_bytes()).expect("a module");
    let image = Sandbox::new(&module)
        .snapshot(Program::start(&*name), &Point::init("prepare"))
        .expect("captured");
    let read = Image::wasm("read", &image.to_bytes()).expect("an image");
    let saved = dir.path().join("saved");
    read.save(&saved).expect("saved");
    assert!(!is_own(&saved));
}

/// Where nothing is about how long it may take.
fn endless() -> Limits {
    Limits {
        deadline: None,
        ..Limits::default()
    }
}

const PYTHON: &str = "\
import dormouse, json, sys
table = json.dumps([n * n for n in range(5)])
print('made', sys.argv[1:], dormouse.call('shout', text='up to here'))
dormouse.snapshot_point()
print(table, sys.argv[1:], open('/data/near.txt').read())
";

const JAVASCRIPT: &str = "\
const table = JSON.stringify([0, 1, 2].map(n => n * n));
console.log('made', scriptArgs.slice(1));
await dormouse.snapshot_point();
console.log(table, scriptArgs.slice(1), std.loadFile('/data/near.txt'));
";

fn programs(way: Way) {
    let dir = Dir::new();
    dir.write("data/near.txt", "near");
    let grants = Grants {
        mounts: vec![Mount {
            guest: "/data".to_owned(),
            host: dir.path().join("data"),
            mode: MountMode::ReadOnly,
        }],
        ..Grants::default()
    };
    #[derive(serde::Deserialize)]
    struct Text {
        text: String,
    }
    let functions = HostFunctions::new().with("shout", |args: Text| {
        Ok::<_, HostError>(args.text.to_uppercase())
    });
    for (language, name, source) in [
        (Language::Python, "app.py", PYTHON),
        (Language::JavaScript, "app.mjs", JAVASCRIPT),
    ] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let image = Sandbox::new(&way.image(language))
            .limits(endless())
            .grants(grants.clone())
            .functions(functions.clone())
            .stdout(Output::callback(move |bytes| {
                sink.lock().expect("not poisoned").extend_from_slice(bytes);
            }))
            .snapshot(Program::script(name, source).args(["x"]), &Point::program())
            .expect("captured");
        let seen = String::from_utf8(seen.lock().expect("not poisoned").clone()).expect("UTF-8");
        assert!(seen.starts_with("made"), "{seen}");
        assert!(seen.contains('x'), "{seen}");
        let outcome = Sandbox::new(&image)
            .grants(grants.clone())
            .run(Program::start("app").args(["a", "b"]))
            .expect("it runs");
        let text = printed(&outcome);
        assert!(text.starts_with("[0"), "{text}");
        assert!(text.contains("near") && text.contains('b'), "{text}");
        assert_eq!(outcome.status, Status::Exit(0));
    }
}

fn programs_of_a_language_are_captured_where_they_say() {
    programs(Way::current());
}

both_ways!(programs_of_a_language_are_captured_where_they_say);

#[test]
fn a_script_gives_the_commands_image() {
    let dir = Dir::new();
    let source = "import dormouse\nx = 5\ndormouse.snapshot_point()\nprint(x)\n";
    let path = dir.write("app.py", source);
    dir.write("data/x", "");
    let mount = format!("/data:{}", dir.path().join("data").display());
    let expected = by_command(&dir, "app.py", &["--mount", &mount, "--seed", "3"], &["x"]);
    let grants = Grants {
        mounts: vec![Mount {
            guest: "/data".to_owned(),
            host: dir.path().join("data"),
            mode: MountMode::ReadOnly,
        }],
        seed: Some(3),
        ..Grants::default()
    };
    let store = crate::support::store();
    let image = store.image(Language::Python, &mut |_| {}).expect("ready");
    // As the command was given it.
    let name = Path::new(&path).file_name().expect("a name");
    let program = Program::script(name.to_string_lossy(), source)
        .host_path(&path)
        .args(["x"]);
    let image = Sandbox::new(&image)
        .limits(endless())
        .grants(grants)
        .snapshot(program, &Point::program())
        .expect("captured");
    assert!(image.to_bytes() == expected);
    // Source text that has no file is a script, too.
    let code = "import dormouse; y = 6; dormouse.snapshot_point(); print(y)";
    let image = crate::support::store()
        .image(Language::Python, &mut |_| {})
        .and_then(|python| {
            Sandbox::new(&python)
                .limits(endless())
                .snapshot(Program::code(code), &Point::program())
        })
        .expect("captured");
    let outcome = Sandbox::new(&image)
        .run(Program::start("app"))
        .expect("it runs");
    assert_eq!(printed(&outcome), "6\n");
}

#[test]
fn what_can_not_be_captured_is_refused() {
    let module = Image::wasm("count.wat", guest(COUNTS).as_bytes()).expect("a module");
    let refused = |image: &Image, program: Program, point: &Point, part: &str| {
        let sandbox = Sandbox::new(image).limits(Limits {
            deadline: Some(Duration::from_millis(300)),
            ..Limits::default()
        });
        let error = sandbox.snapshot(program, point).expect_err(part);
        assert!(error.to_string().contains(part), "{error}");
    };
    let start = || Program::start("x");
    refused(
        &module,
        start(),
        &Point::program(),
        "dormouse.snapshot_point",
    );
    refused(&module, start(), &Point::init("absent"), "absent");
    let endless = r#"(func (export "_start") (loop (br 0)))"#;
    let endless = Image::wasm("loop.wat", guest(endless).as_bytes()).expect("a module");
    let read = Point::import("wasi_snapshot_preview1", "args_sizes_get");
    refused(&endless, start(), &read, "deadline limit");
    let mut sandbox = Sandbox::new(&endless);
    let stopper = sandbox.stopper();
    stopper.stop();
    let error = sandbox.snapshot(start(), &read).expect_err("stopped");
    assert_eq!(error.kind(), ErrorKind::Stopped);
    let javascript = Way::Plain.image(Language::JavaScript);
    let script = || Program::script("x.js", "dormouse.snapshot_point()");
    refused(
        &javascript,
        script(),
        &Point::init("f"),
        "says where itself",
    );
    refused(&javascript, start(), &Point::program(), "source text");
    let error = Sandbox::new(&javascript)
        .snapshot_portable(script(), &Point::program())
        .expect_err("it needs our functions");
    assert!(error.to_string().contains("portable"), "{error}");
    for text in ["idle", "fd_read", "a.b:c", "a.b:nth=0"] {
        let error = text.parse::<Point>().expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Invoke);
    }
}

/// Writes to a stream, and ends with the error that this gives.
const WRITES: &str = r#"(data (i32.const 32) "x") (data (i32.const 48) "\20\00\00\00\01\00\00\00")
    (func (export "_start")
        (call $proc_exit
            (call $fd_write (i32.const 1) (i32.const 48) (i32.const 1) (i32.const 60))))"#;

#[test]
fn a_callback_that_panics_fails_the_write() {
    let image = Image::wasm("writes.wat", guest(WRITES).as_bytes()).expect("a module");
    let outcome = Sandbox::new(&image)
        .stdout(Output::callback(|_| panic!("it is meant to")))
        .run(Program::start("writes"))
        .expect("it runs");
    // WASI's word for it.
    assert_eq!(outcome.status, Status::Exit(29), "{}", printed(&outcome));
    let outcome = Sandbox::new(&image)
        .stdout(Output::callback(|_| ()))
        .run(Program::start("writes"))
        .expect("it runs");
    assert_eq!(outcome.status, Status::Exit(0));
}

#[test]
fn types_cross_threads_as_they_say() {
    fn sends<T: Send + 'static>() {}
    fn shares<T: Send + Sync + 'static>() {}
    sends::<Sandbox>();
    sends::<dormouse::Stdin>();
    sends::<Output>();
    shares::<Image>();
    shares::<dormouse::Session>();
    shares::<dormouse::GuestStore>();
    shares::<Grants>();
    shares::<Limits>();
    shares::<Program>();
    shares::<Point>();
    shares::<dormouse::Outcome>();
    shares::<HostFunctions>();
    shares::<HostError>();
    shares::<dormouse::Stopper>();
    shares::<dormouse::Interrupter>();
    shares::<dormouse::Error>();
}

/// Sleeps for an hour of the clock's.
const SLEEPS: &str = r#"(func (export "_start")
    (i32.store (i32.const 1040) (i32.const 1))
    (i64.store (i32.const 1048) (i64.const 3600000000000))
    (drop (call $poll_oneoff
        (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 16))))"#;

#[test]
fn a_run_is_stopped_from_another_thread() {
    let computes = r#"(func (export "_start") (loop (br 0)))"#;
    for source in [computes, SLEEPS] {
        let image = Image::wasm("guest.wat", guest(source).as_bytes()).expect("a module");
        let mut sandbox = Sandbox::new(&image).limits(endless());
        let stopper = sandbox.stopper();
        let run = std::thread::spawn(move || sandbox.run(Program::start("guest")));
        // So that it has likely begun.
        std::thread::sleep(Duration::from_millis(50));
        stopper.stop();
        let error = run.join().expect("no panic").expect_err("it was stopped");
        assert_eq!(error.kind(), ErrorKind::Stopped);
    }
}

/// What a guest waits for at the host ends with it, once the host's function
/// has returned: it may look for itself whether it should.
#[test]
fn a_run_that_waits_for_the_host_is_stopped_when_that_returns() {
    let image = Way::Woken.image(Language::JavaScript);
    let (entered, inside) = std::sync::mpsc::channel();
    let (leave, left) = std::sync::mpsc::channel();
    let left = Mutex::new(left);
    let functions = HostFunctions::new().with("wait", move |_: serde_json::Value| {
        let left = left.lock().map_err(|_| HostError::from("poisoned"))?;
        entered
            .send(())
            .map_err(|error| HostError::from(error.to_string()))?;
        left.recv()
            .map_err(|error| HostError::from(error.to_string()))?;
        Ok::<_, HostError>(())
    });
    let mut sandbox = Sandbox::new(&image).functions(functions);
    let stopper = sandbox.stopper();
    let code = "call('wait', {}); for (;;) {}";
    let run = std::thread::spawn(move || sandbox.run(Program::code(code)));
    inside.recv().expect("it is called");
    stopper.stop();
    leave.send(()).expect("it waits");
    let error = run.join().expect("no panic").expect_err("it was stopped");
    assert_eq!(error.kind(), ErrorKind::Stopped);
}

/// What a device brings along: a language's image as a file, and nothing else.
#[test]
fn a_languages_image_is_a_file_like_any_other() {
    let dir = Dir::new();
    let image = Way::Woken.image(Language::JavaScript);
    let path = dir.path().join("javascript.dormouse");
    image.save(&path).expect("saved");
    let opened = Image::open(&path).expect("an image");
    let carried = Image::wasm("javascript", &image.to_bytes()).expect("an image");
    for image in [opened, carried] {
        let outcome = Sandbox::new(&image)
            .run(Program::code("console.log(6 * 7)"))
            .expect("it runs");
        assert_eq!(printed(&outcome), "42\n");
        let session = Sandbox::new(&image).session().expect("it opens");
        session.run("var x = 6").expect("it is open");
        let outcome = session.run("console.log(x)").expect("it is open");
        assert_eq!(printed(&outcome), "6\n");
        let error = Sandbox::new(&image)
            .snapshot(Program::code("1"), &Point::program())
            .expect_err("its guest is not there");
        assert!(error.to_string().contains("an image already"), "{error}");
    }
}

/// A panic of the embedder's own is the guest's error, alone and in a batch.
#[test]
fn a_function_that_panics_fails_its_call() {
    let image = Way::Woken.image(Language::JavaScript);
    let functions = HostFunctions::new()
        .with("broken", |_: serde_json::Value| -> Result<(), HostError> {
            panic!("it is meant to, with a secret")
        })
        .with("fine", |_: serde_json::Value| Ok::<_, HostError>(7));
    let code = "
        try { call('broken', {}) } catch (error) { console.log(error.code, error.message) }
        const both = [asyncCall('broken', {}), asyncCall('fine', {})];
        Promise.allSettled(both).then(all => console.log(all[0].status, all[1].value));";
    let outcome = Sandbox::new(&image)
        .functions(functions)
        .run(Program::code(code))
        .expect("it runs");
    let text = printed(&outcome);
    let expected = "failed the host's function broken panicked\nrejected 7\n";
    assert_eq!(text, expected);
}
