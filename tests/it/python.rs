//! Python programs run as they would anywhere, and reach nothing more than
//! they were given.

use crate::support::{Dir, Ran, SLOW, Way, both_ways, command, dormouse, run, run_with_input};
use dormouse::{Grants, Language, Mount, MountMode, Outcome, Program, Sandbox};
use std::{path::Path, process::Stdio};

both_ways! {
    arguments_and_main_are_as_anywhere,
    main_module_checks,
    exit_codes_are_the_programs,
    a_traceback_shows_the_scripts_own_name_and_lines,
    uncaught_errors_look_as_anywhere,
    a_syntax_error_shows_its_line,
    chained_exceptions_and_own_hooks,
    source_text_of_every_kind,
    stdin_is_the_programs_own,
    modules_run_by_name,
    own_modules_are_imported_from_mounts,
    the_environment_is_what_was_given,
    the_environment_sets_warnings_and_buffering,
    importing_is_as_anywhere,
    long_programs_arrive_whole,
    asyncio_works_without_sockets,
    what_the_sandbox_has_none_of_says_so,
    temporary_files_live_in_their_own_tmp,
    files_on_mounts_are_ordinary_files,
    sqlite_works_in_memory_and_on_a_mount,
    recursion_ends_in_an_exception,
    the_process_and_the_machine_are_sane,
    recursion_that_nobody_counts_is_a_trap,
    clocks_and_sleep,
    the_standard_library_imports,
    ten_megabytes_are_printed,
    a_seed_makes_runs_equal,
    limits_stop_python_too,
    two_runs_in_one_process_share_nothing,
}

/// Runs code given with `-c`.
fn code(code: &str) -> Ran {
    dormouse(["-c", code])
}

/// Runs a program of `tests/python`, which checks itself and prints `ok` last.
#[track_caller]
fn checks_itself(options: &[&str], name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/python")
        .join(name);
    let ran = dormouse([&["run"], options, &[file.to_str().expect("UTF-8")]].concat());
    ran.exits(0);
    assert_eq!(
        ran.text().lines().last(),
        Some("ok"),
        "{}\n{}",
        ran.text(),
        ran.stderr
    );
}

fn arguments_and_main_are_as_anywhere() {
    let dir = Dir::new();
    let script = dir.write(
        "script.py",
        "import sys\nprint(sys.argv[1:], __name__, __file__ == sys.argv[0], __doc__)\n",
    );
    let script = script.to_str().expect("UTF-8");
    dormouse([script, "a b", "--seed", "-c", "ä"])
        .prints("['a b', '--seed', '-c', 'ä'] __main__ True None\n");
    dormouse(["-c", "import sys; print(sys.argv)", "-x", "y"]).prints("['-c', '-x', 'y']\n");
    run(command()
        .current_dir(dir.path())
        .args(["script.py"])
        .stdin(Stdio::null()))
    .prints("[] __main__ True None\n");
    #[cfg(unix)]
    {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
        let words = [
            OsStr::new("-c"),
            OsStr::new("import sys, os; print(os.fsencode(sys.argv[1]))"),
        ];
        dormouse([words[0], words[1], OsStr::from_bytes(b"\xff\n\x80")])
            .prints("b'\\xff\\n\\x80'\n");
    }
}

fn main_module_checks() {
    checks_itself(&[], "main.py");
}

fn exit_codes_are_the_programs() {
    for (program, exit) in [
        ("pass", 0),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit(7)", 7),
        ("raise SystemExit(255)", 255),
        ("import os; os._exit(9)", 9),
        ("1/0", 1),
        ("assert False", 1),
        ("x =", 1),
        ("import sys; sys.exit('reason')", 1),
    ] {
        code(program).exits(exit);
    }
    code("import sys; sys.exit('reason')").says(&["reason\n"]);
    let left =
        code("import atexit; atexit.register(print, 'bye'); print('hi'); raise SystemExit(3)");
    left.exits(3);
    assert_eq!(left.text(), "hi\nbye\n");
}

fn a_traceback_shows_the_scripts_own_name_and_lines() {
    let dir = Dir::new();
    dir.write(
        "script.py",
        "def f(x):\n    return 1 / x\n\nprint('before')\nf(0)\n",
    );
    let ran = run(command()
        .current_dir(dir.path())
        .arg("script.py")
        .stdin(Stdio::null()));
    ran.exits(1);
    assert_eq!(ran.text(), "before\n");
    assert_eq!(
        ran.stderr,
        "Traceback (most recent call last):\n  \
           File \"script.py\", line 5, in <module>\n    f(0)\n  \
           File \"script.py\", line 2, in f\n    return 1 / x\n           ~~^~~\n\
         ZeroDivisionError: division by zero\n"
    );
}

/// Each `tests/python/uncaught/NAME.py` ends as CPython 3.12 let it end on a
/// plain machine (but for the module that is absent only here): `NAME.txt` has
/// the exit code and what was on stderr.
fn uncaught_errors_look_as_anywhere() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/uncaught");
    let mut programs: Vec<_> = std::fs::read_dir(&folder)
        .expect("it is there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .collect();
    programs.sort();
    assert!(programs.len() >= 20, "{programs:?}");
    let mut wrong = String::new();
    for program in programs {
        let name = program.file_name().expect("it has a name");
        let output = command()
            .current_dir(&folder)
            .arg(name)
            .stdin(Stdio::null())
            .output()
            .expect("it starts");
        let expected =
            std::fs::read_to_string(program.with_extension("txt")).expect("what is expected");
        let code = output.status.code().unwrap_or(-1);
        let came = format!("exit {code}\n{}", String::from_utf8_lossy(&output.stderr));
        if came != expected {
            wrong += &format!("{name:?}:\n{came}\ninstead of\n{expected}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn a_syntax_error_shows_its_line() {
    let dir = Dir::new();
    dir.write("bad.py", "x = 1\nif x\n    pass\n");
    let ran = run(command()
        .current_dir(dir.path())
        .arg("bad.py")
        .stdin(Stdio::null()));
    ran.exits(1);
    assert_eq!(
        ran.stderr,
        "  File \"bad.py\", line 2\n    if x\n        ^\nSyntaxError: expected ':'\n"
    );
}

fn chained_exceptions_and_own_hooks() {
    let ran = code("try:\n    1/0\nexcept Exception as e:\n    raise KeyError('k') from e");
    ran.exits(1)
        .says(&["ZeroDivisionError", "direct cause", "KeyError: 'k'"]);
    assert!(!ran.stderr.contains("boot.py"), "{}", ran.stderr);
    let hook = code("import sys\nsys.excepthook = lambda t, v, b: print('hook', v)\n1/0");
    hook.exits(1);
    assert_eq!(hook.text(), "hook division by zero\n");
    assert_eq!(hook.stderr, "");
    code("raise ExceptionGroup('g', [ValueError(1), TypeError(2)])")
        .exits(1)
        .says(&[
            "ExceptionGroup: g (2 sub-exceptions)",
            "ValueError: 1",
            "TypeError: 2",
        ]);
}

fn source_text_of_every_kind() {
    let dir = Dir::new();
    for (name, source, prints) in [
        ("empty.py", &b""[..], ""),
        ("comment.py", b"# nothing", ""),
        ("bom.py", b"\xef\xbb\xbfprint('bom')", "bom\n"),
        ("crlf.py", b"if True:\r\n    print('crlf')\r\n", "crlf\n"),
        (
            "latin.py",
            b"# -*- coding: latin-1 -*-\nprint('\xe4' == chr(0xe4))",
            "True\n",
        ),
        (
            "utf8.py",
            "print(len('ä€😀'), '\u{2028}')".as_bytes(),
            "3 \u{2028}\n",
        ),
    ] {
        let file = dir.write(name, source);
        dormouse([file.as_os_str()]).prints(prints);
    }
    let invalid = dir.write("invalid.py", b"print('\xff')");
    dormouse([invalid.as_os_str()])
        .exits(1)
        .says(&["SyntaxError", "invalid.py"]);
    let null = dir.write("null.py", b"x = 1\0");
    dormouse([null.as_os_str()])
        .exits(1)
        .says(&["SyntaxError", "null bytes"]);
}

fn stdin_is_the_programs_own() {
    let program = "import sys\nprint(repr(input('? ')), sys.stdin.read().split())";
    run_with_input(command().args(["-c", program]), b"one\ntwo three\n")
        .prints("? 'one' ['two', 'three']\n");
    let dir = Dir::new();
    let script = dir.write("script.py", "import sys\nprint(sys.stdin.buffer.read())");
    run_with_input(command().arg(&script), b"\x00\xff\n").prints("b'\\x00\\xff\\n'\n");
    let ended = code("input()");
    ended.exits(1).says(&["EOFError"]);
    // Code on stdin leaves nothing there.
    run_with_input(
        command().args(["-l", "py"]),
        b"import sys\nprint(repr(sys.stdin.read()))",
    )
    .prints("''\n");
}

fn modules_run_by_name() {
    run_with_input(
        command().args(["-m", "json.tool", "--compact"]),
        b"{\"a\": [1, 2]}",
    )
    .prints("{\"a\":[1,2]}\n");
    dormouse(["-m", "no_such_module"])
        .exits(1)
        .says(&["No module named no_such_module"]);
    let dir = Dir::new();
    dir.write("pkg/__init__.py", "");
    dir.write(
        "pkg/__main__.py",
        "import sys\nfrom . import part\nprint(part.X, sys.argv[1:], __package__)",
    );
    dir.write("pkg/part.py", "X = 42");
    dormouse(["run", "--mount", &dir.mount("/", "ro"), "-m", "pkg", "a"]).prints("42 ['a'] pkg\n");
}

fn own_modules_are_imported_from_mounts() {
    let dir = Dir::new();
    let main = dir.write(
        "app/main.py",
        "import helper, sub.deep\nprint(helper.X + sub.deep.Y, __file__)",
    );
    dir.write("app/helper.py", "X = 40");
    dir.write("app/sub/deep.py", "Y = 2");
    // A script inside a mount sees its neighbours, under their guest path.
    let main = main.to_str().expect("UTF-8");
    dormouse(["run", "--mount", &dir.mount("/work", "ro"), main]).prints("42 /work/app/main.py\n");
    // Outside it does not.
    dormouse([main])
        .exits(1)
        .says(&["No module named 'helper'"]);
    let library = dir.path().join("app");
    let mount = format!("/lib/mine:{}", library.display());
    dormouse([
        "run",
        "--mount",
        &mount,
        "--env",
        "PYTHONPATH=/lib/mine",
        "-c",
        "import helper; print(helper.X)",
    ])
    .prints("40\n");
    // Nothing is written beside the sources.
    assert!(!dir.exists("app/__pycache__"));
}

fn the_environment_is_what_was_given() {
    code("import os; print(dict(os.environ))").prints("{}\n");
    dormouse([
        "run",
        "--env",
        "A=ä=",
        "-c",
        "import os; print(dict(os.environ), os.getenv('A'))",
    ])
    .prints("{'A': 'ä='} ä=\n");
}

fn the_environment_sets_warnings_and_buffering() {
    let warn = "import warnings; warnings.warn('careful')";
    let with = |setting: &str| dormouse(["run", "--env", setting, "-c", warn]);
    with("PYTHONWARNINGS=error").exits(1);
    let ignored = with("PYTHONWARNINGS=ignore");
    ignored.exits(0);
    assert_eq!(ignored.stderr, "");
    let through = "import sys; print(sys.stdout.write_through)";
    dormouse(["-c", through]).prints("False\n");
    dormouse(["run", "--env", "PYTHONUNBUFFERED=1", "-c", through]).prints("True\n");
}

fn importing_is_as_anywhere() {
    checks_itself(&[], "imports.py");
}

/// The host says in pieces what to run.
fn long_programs_arrive_whole() {
    let dir = Dir::new();
    for size in [16_000, 16_384, 40_000, 3_000_000] {
        let source = format!("text = '{}'\nprint(len(text))", "x".repeat(size));
        let script = dir.write("long.py", source);
        dormouse([script]).prints(&format!("{size}\n"));
    }
    // With 70 bytes around the text, as long as a piece, or nearly.
    for size in 16_313..=16_315 {
        let text = "x".repeat(size);
        code(&format!("t = '{text}'\nprint(len(t))")).prints(&format!("{size}\n"));
    }
}

fn asyncio_works_without_sockets() {
    checks_itself(&[], "asyncio_loop.py");
}

fn what_the_sandbox_has_none_of_says_so() {
    checks_itself(&[], "absent.py");
}

fn temporary_files_live_in_their_own_tmp() {
    checks_itself(&[], "temporary.py");
}

fn files_on_mounts_are_ordinary_files() {
    let dir = Dir::new();
    dir.write("in.txt", "line 1\nline 2\n");
    dir.write("sub/inner.txt", "x");
    checks_itself(&["--mount", &dir.mount("/data", "rwc")], "files.py");
    assert_eq!(dir.read("made/new.txt"), "hello");
}

fn sqlite_works_in_memory_and_on_a_mount() {
    let dir = Dir::new();
    checks_itself(&["--mount", &dir.mount("/data", "rwc")], "sqlite.py");
    assert!(dir.exists("kept.db"));
}

fn recursion_ends_in_an_exception() {
    checks_itself(&SLOW, "recursion.py");
}

fn the_process_and_the_machine_are_sane() {
    checks_itself(&[], "system.py");
}

/// CPython does not count calls from C code to C code; it dies of such
/// recursion anywhere. Here it traps before its stack runs into its heap.
fn recursion_that_nobody_counts_is_a_trap() {
    for (wrap, depth) in [("map(int, m)", 45_000), ("itertools.chain(m)", 45_000)] {
        let program = |depth: u32| {
            format!(
                "import itertools\nm = iter([1])\nfor i in range({depth}): m = {wrap}\nprint(next(m))"
            )
        };
        let within = |depth| dormouse(["--timeout", "0", "-c", &program(depth)]);
        within(depth).prints("1\n");
        within(200_000).exits(134).says(&["call stack exhausted"]);
    }
}

fn clocks_and_sleep() {
    checks_itself(&SLOW, "clocks.py");
}

/// The modules are those of `tests/python/stdlib.txt`, each by its name.
fn the_standard_library_imports() {
    let names = include_str!("../python/stdlib.txt");
    assert_eq!(names.lines().count(), 176);
    let dir = Dir::new();
    dir.write("stdlib.txt", names);
    let program = "import importlib, io, sys, contextlib, warnings
warnings.simplefilter('ignore')
failed = []
for name in open('/names/stdlib.txt').read().split():
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            importlib.import_module(name)
    except BaseException as error:
        failed.append((name, repr(error)))
print(failed)";
    let mount = dir.mount("/names", "ro");
    run(command()
        .args(SLOW)
        .args(["--mount", &mount, "-c", program]))
    .prints("[]\n");
}

fn ten_megabytes_are_printed() {
    let code = "line = 'x' * 99\nfor i in range(100_000): print(line)";
    let ran = run(command().args(SLOW).args(["-c", code]));
    ran.exits(0);
    assert_eq!(ran.stdout.len(), 10_000_000);
}

fn a_seed_makes_runs_equal() {
    let program = "import time, random, os, uuid, secrets, tempfile
print(time.time(), random.random(), os.urandom(8), uuid.uuid4(), secrets.token_hex(4), hash('a'),
    tempfile.mktemp(), time.monotonic())";
    let with = |seed: &str| dormouse(["run", "--seed", seed, "-c", program]).text();
    assert_eq!(with("1"), with("1"));
    assert_ne!(with("1"), with("2"));
    assert_ne!(code(program).text(), code(program).text());
}

fn limits_stop_python_too() {
    let stopped = |options: &[&str], program: &str, says: &str| {
        let words = [&["run"], options, &["-c", program]].concat();
        dormouse(words).exits(124).says(&[says]);
    };
    let deadline = "deadline limit of 2s";
    stopped(&["--timeout", "2s"], "while True: pass", deadline);
    stopped(
        &["--timeout", "2s"],
        "import time; time.sleep(60)",
        deadline,
    );
    stopped(
        &["--timeout", "2s"],
        "import re; re.match(r'(a+)+$', 'a' * 60 + 'b')",
        deadline,
    );
    stopped(
        &["--timeout", "2s"],
        "import asyncio; asyncio.run(asyncio.sleep(60))",
        deadline,
    );
    stopped(
        &["--max-output", "1000"],
        "while True: print('x' * 100)",
        "output limit of 1000 bytes",
    );
    stopped(&["--fuel", "10000"], "print(1)", "fuel limit of 10000");
    dormouse([
        "run",
        "--memory",
        "64mb",
        "-c",
        "x = []\nwhile True: x.append(bytes(1 << 20))",
    ])
    .exits(1)
    .says(&["MemoryError", "refused memory beyond 64 MiB", "--memory"]);
    dormouse(["run", "--memory", "1mb", "-c", "print(1)"])
        .exits(124)
        .says(&["memory limit of 1 MiB"]);
}

fn library(program: &str, grants: Grants) -> Outcome {
    Sandbox::new(&Way::current().image(Language::Python))
        .grants(grants)
        .run(Program::code(program))
        .expect("it runs")
}

fn two_runs_in_one_process_share_nothing() {
    let dir = Dir::new();
    dir.write("secret.txt", "secret");
    let grants = Grants {
        mounts: vec![Mount {
            guest: "/data".to_owned(),
            host: dir.path().to_owned(),
            mode: MountMode::ReadOnly,
        }],
        env: vec![("TOKEN".to_owned(), "t".to_owned())],
        ..Grants::default()
    };
    let look = "import os, sys
print(sorted(os.listdir('/')), os.listdir('/tmp'), dict(os.environ), hasattr(sys, 'left'))
open('/tmp/left', 'w').write('x'); sys.left = 1";
    let first = library(look, grants);
    assert_eq!(first.status, dormouse::Status::Exit(0), "{first:?}");
    assert_eq!(
        String::from_utf8_lossy(&first.stdout),
        "['data', 'dev', 'lib', 'tmp'] [] {'TOKEN': 't'} False\n"
    );
    let second = library(look, Grants::default());
    assert_eq!(
        String::from_utf8_lossy(&second.stdout),
        "['dev', 'lib', 'tmp'] [] {} False\n"
    );
}
