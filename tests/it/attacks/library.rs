//! Several attacks in one process, through the library.

use super::{MEMORY, OVERHEAD, watched::Watched};
use crate::support::Way;
use dormouse::{Image, Language, Limit, Limits, Program, Sandbox, Status};
use std::{process::Command, process::Stdio, time::Duration};

/// Bytes that both languages' images and instances hold which rest for the next
/// run, and the output of one.
const REST: u64 = 64 << 20;

/// Asks the test below to run in a process of its own.
const ALONE: &str = "DORMOUSE_TEST_ALONE";

fn limits() -> Limits {
    Limits {
        memory: MEMORY,
        deadline: Some(Duration::from_secs(5)),
        output: Some(1 << 20),
        ..Limits::default()
    }
}

fn run(image: &Image, code: &str) -> Status {
    let sandbox = Sandbox::new(image).limits(limits());
    let program = match code {
        "" => Program::start("attack"),
        code => Program::code(code),
    };
    sandbox.run(program).expect("it runs").status
}

/// Runs by itself: what else the tests' process holds would be counted too.
#[test]
fn one_after_the_other() {
    super::watched::ready();
    for language in [Language::Python, Language::JavaScript] {
        // As this executable makes them.
        let image = Way::Woken.image(language);
        image.prepare_for_deadlines(&mut |_| {}).expect("an image");
    }
    let own = std::env::current_exe().expect("it is known");
    let mut command = Command::new(own);
    command
        .args([
            "attacks::library::all_of_them",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(ALONE, "1")
        .stdin(Stdio::null());
    let seen = Watched::run(&mut command);
    assert!(seen.status.success(), "{seen:?}");
    assert!(seen.stdout.contains("1 passed"), "{seen:?}");
    assert!(
        seen.peak <= MEMORY + OVERHEAD + REST,
        "{} MiB",
        seen.peak >> 20
    );
}

#[test]
#[ignore = "`one_after_the_other` runs it in a process of its own"]
fn all_of_them() {
    if std::env::var_os(ALONE).is_none() {
        return;
    }
    let languages =
        [Language::Python, Language::JavaScript].map(|language| Way::Woken.image(language));
    let [python, javascript] = &languages;
    let wasm = |text: &str| Image::wasm("attack.wat", text.as_bytes()).expect("it is Wasm");
    let grow = wasm(
        "(module (memory (export \"memory\") 1) (func (export \"_start\") (loop (drop (memory.grow (i32.const 60000))) (br 0))))",
    );
    let deep = wasm("(module (func $f (export \"_start\") (call $f) (call $f)))");
    let fine = || {
        for image in &languages {
            assert_eq!(run(image, "print(1)"), Status::Exit(0));
        }
    };
    fine();
    let memory = Status::Limit(Limit::Memory);
    let deadline = Status::Limit(Limit::Deadline);
    let output = Status::Limit(Limit::Output);
    for (image, code, status) in [
        (&grow, "", Some(&memory)),
        (&deep, "", None),
        (
            python,
            "while True:\n try: bytearray(10**9)\n except MemoryError: pass",
            Some(&memory),
        ),
        (
            python,
            "x = []\nwhile True: x.append(bytearray(1 << 20))",
            Some(&Status::Exit(1)),
        ),
        (python, "def f(): f()\nf()", Some(&Status::Exit(1))),
        (python, "while True: print('x' * 10000)", Some(&output)),
        (python, "while True: pass", Some(&deadline)),
        (
            javascript,
            "for (;;) try { new ArrayBuffer(1e9) } catch { }",
            Some(&memory),
        ),
        (
            javascript,
            "(function f() { f() })()",
            Some(&Status::Exit(1)),
        ),
        (
            javascript,
            "for (;;) print('x'.repeat(10000))",
            Some(&output),
        ),
        (javascript, "for (;;);", Some(&deadline)),
    ] {
        let ended = run(image, code);
        match status {
            Some(status) => assert_eq!(ended, *status, "{code}"),
            None => assert!(matches!(ended, Status::Trap(_)), "{ended:?}"),
        }
        fine();
    }
    sessions(&languages);
}

/// The same in sessions: what a limit ends, it ends alone.
fn sessions(languages: &[Image; 2]) {
    let [python, javascript] = languages;
    for (image, attack) in [
        (
            python,
            "while True:\n try: bytearray(10**9)\n except MemoryError: pass",
        ),
        (
            javascript,
            "for (;;) try { new ArrayBuffer(1e9) } catch { }",
        ),
    ] {
        let open = || {
            Sandbox::new(image)
                .limits(limits())
                .session()
                .expect("it opens")
        };
        let (bystander, session) = (open(), open());
        bystander.run("x = 5").expect("it runs");
        for _ in 0..20 {
            // A copy of a copy, and each is gone at once.
            let copy = bystander.fork().expect("a copy");
            let copy = copy.fork().expect("a copy");
            assert_eq!(copy.run("print(x)").expect("it runs").stdout, b"5\n");
        }
        let ended = session.run(attack);
        assert_eq!(ended.expect("it runs").status, Status::Limit(Limit::Memory));
        assert!(session.run("print(1)").is_err());
        assert_eq!(bystander.run("print(x)").expect("it runs").stdout, b"5\n");
    }
}
