//! Programs in C that are built with the header and the libraries do what they
//! should, touch no memory that is not theirs, and lose none.

use runtime::{GuestState, GuestStore, Language};
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::LazyLock,
};

/// What every program here has to be free of.
const STRICT: [&str; 6] = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-g", "-O1"];

/// How long a deadline in the tests must be at least, for a session to be opened
/// before it, in milliseconds: plainly, and under valgrind.
const DEADLINE: [&str; 2] = ["1000", "10000"];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn example(name: &str) -> PathBuf {
    here("../../examples/c").join(name)
}

/// A folder for what is built.
static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c");
    fs::create_dir_all(&folder).expect("a folder");
    folder
});

/// Where the libraries are, built as anybody does: `cargo test` makes none.
static LIBRARIES: LazyLock<PathBuf> = LazyLock::new(|| {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("it is in there");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--package", "dormouse-c"]);
    cargo.arg("--target-dir").arg(target).current_dir(here("."));
    // What cargo says of this test would have some build scripts run again.
    for (name, _) in env::vars_os() {
        let of_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_"];
        let name = name.to_string_lossy();
        if of_package.iter().any(|of| name.starts_with(of)) {
            cargo.env_remove(&*name);
        }
    }
    succeeds(&mut cargo);
    target.join("debug")
});

/// An image of Python in a file, as a device has it.
static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    fs::create_dir_all(&cache).expect("a folder");
    let users = GuestStore::open_default().and_then(|store| store.list());
    for guest in users.expect("a cache").iter() {
        let copy = cache.join(guest.path.file_name().expect("it is a file"));
        if guest.state != GuestState::Missing && !copy.exists() {
            let part = cache.join(format!("{}.part", std::process::id()));
            fs::copy(&guest.path, &part).expect("a copy");
            fs::rename(&part, &copy).expect("in place");
        }
    }
    let image = GuestStore::at(cache).image(Language::Python, &mut |_| {});
    let path = BUILT.join("python.dormouse");
    image
        .expect("it can be captured")
        .save(&path)
        .expect("it can be written");
    path
});

fn succeeds(command: &mut Command) -> Output {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .expect("it can be started");
    assert!(output.status.success(), "{command:?}: {}", output.status);
    output
}

/// The program in `source`, linked with the static library.
fn built(source: &Path) -> PathBuf {
    let name = source.file_stem().expect("it is a file");
    let program = BUILT.join(name);
    let mut cc = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
    cc.args(["-std=c11", "-I"])
        .arg(here("include"))
        .args(STRICT)
        .arg(source);
    cc.arg(LIBRARIES.join("libdormouse.a"));
    succeeds(cc.args(["-lpthread", "-ldl", "-lm", "-o"]).arg(&program));
    program
}

/// A command that runs `program` and fails where that uses memory which it may
/// not use, or loses some. Without valgrind only CI fails.
fn checked(program: &Path) -> Option<Command> {
    let has_valgrind = Command::new("valgrind").arg("--version").output().is_ok();
    if !has_valgrind {
        assert!(env::var_os("CI").is_none(), "valgrind is not installed");
        return None;
    }
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["-q", "--error-exitcode=9", "--leak-check=full"]);
    valgrind
        .arg("--errors-for-leak-kinds=definite,indirect")
        .arg(program);
    Some(valgrind)
}

/// Runs the test in `source` plainly and under valgrind; `args` are given which of
/// both it is.
fn passes(source: &Path, args: impl Fn(usize) -> Vec<PathBuf>) {
    let program = built(source);
    let ways = [Some(Command::new(&program)), checked(&program)];
    for (way, command) in ways.into_iter().enumerate() {
        let Some(mut command) = command else { continue };
        let output = succeeds(command.args(args(way)));
        let output = String::from_utf8_lossy(&output.stdout);
        assert!(output.ends_with(": ok\n"), "{output}");
    }
}

#[test]
fn programs_run_and_are_refused_what_is_wrong() {
    passes(&here("tests/api.c"), |_| vec![BUILT.clone()]);
}

#[test]
fn modules_are_called() {
    passes(&here("tests/wasm.c"), |_| Vec::new());
}

#[test]
fn a_language_runs_from_an_image_in_a_file() {
    let folder = here("tests");
    passes(&here("tests/language.c"), |way| {
        vec![PYTHON.clone(), folder.clone(), DEADLINE[way].into()]
    });
}

#[test]
fn the_example_says_hello() {
    let expected = format!(
        "dormouse {}\nwasm: 5 + 7 = 12\nwasi: exit code 0, printed: hello, world!\n\
         python: exit code 0, printed: HELLO FROM PYTHON!\ncalls of shout: 1\n\
         python: the deadline limit stopped it\n",
        env!("CARGO_PKG_VERSION")
    );
    let program = built(&example("hello.c"));
    for mut command in [Some(Command::new(&program)), checked(&program)]
        .into_iter()
        .flatten()
    {
        let output = succeeds(command.arg(&*PYTHON));
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    }
}

#[test]
fn the_example_of_a_session_keeps_names() {
    let input = BUILT.join("session.txt");
    fs::write(
        &input,
        "x = 6\nx * 7\nfor i in range(2):\n  print(i)\n\n1 / 0\nx\n",
    )
    .expect("a file");
    let mut session = Command::new(built(&example("session.c")));
    session
        .arg(&*PYTHON)
        .stdin(fs::File::open(input).expect("it is there"));
    let output = succeeds(&mut session);
    let output = String::from_utf8_lossy(&output.stdout);
    assert!(output.starts_with("42\n0\n1\nTraceback"), "{output}");
    assert!(
        output.ends_with("ZeroDivisionError: division by zero\n6\n"),
        "{output}"
    );
}

#[test]
fn the_example_of_an_image_makes_one_or_says_why_not() {
    let program = built(&example("image.c"));
    let output = Command::new(program)
        .args(["cobol", "/nowhere"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.starts_with("image: unknown language \"cobol\""),
        "{said}"
    );
}

#[test]
fn the_header_is_cxx_too() {
    let mut cxx = Command::new(env::var_os("CXX").unwrap_or_else(|| "c++".into()));
    cxx.args(["-std=c++11", "-fsyntax-only", "-include"])
        .arg(here("include/dormouse.h"));
    succeeds(cxx.args(STRICT).args(["-x", "c++", "/dev/null"]));
}

#[test]
fn the_shared_library_has_what_the_header_says_and_no_more() {
    let header = fs::read_to_string(here("include/dormouse.h")).expect("it is there");
    let words = |text: &str| -> BTreeSet<String> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let names = text
            .split('(')
            .filter_map(|before| before.rsplit(|c| !is_part(c)).next());
        names
            .filter(|name| name.starts_with("dormouse_"))
            .map(str::to_owned)
            .collect()
    };
    let declared: BTreeSet<_> = (header.lines())
        .filter(|line| !line.trim_start().starts_with("//") && !line.starts_with(" *"))
        .flat_map(words)
        .collect();
    let library = LIBRARIES.join("libdormouse.so");
    let output = succeeds(
        Command::new("nm")
            .args(["-D", "--defined-only"])
            .arg(library),
    );
    let exported: BTreeSet<_> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_once(" T ").map(|(_, name)| name.to_owned()))
        .collect();
    assert!(declared.len() > 50, "{declared:?}");
    assert_eq!(exported, declared);
}
