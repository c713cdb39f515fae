//! The interpreter runs each operator by a call that the compiler has to turn into
//! a jump. Where it does not, a guest that loops overflows the native stack. Here
//! each operator is run in a loop, on a small stack, and what comes out must be the
//! same on each processor.
//!
//! The modules are left in `torture` below the tests' temporary folder for builds
//! that are no commands: `bindings/python/tests/test_torture.py` runs them.

mod control;
mod numeric;
mod simd;
mod storage;
mod writer;

use crate::support::{bare_command, dormouse, run};
use std::{path::PathBuf, process::Command};
use writer::Ty;

/// Rounds of each loop: what a call leaves on the stack, at the least 8 bytes,
/// makes more of this than [`STACK`].
const ROUNDS: u32 = 200_000;

/// KiB of stack that the command is given.
const STACK: u32 = 1024;

/// The rounds to run, and the stack to run them on: `DORMOUSE_TORTURE_ROUNDS` for more
/// of them, on the stack that there is.
fn rounds() -> (u32, bool) {
    let given = std::env::var("DORMOUSE_TORTURE_ROUNDS").ok();
    match given.and_then(|rounds| rounds.parse().ok()) {
        Some(rounds) => (rounds, false),
        None => (ROUNDS, true),
    }
}

/// Where the modules are left.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("torture");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The sum that `name` must come to after so many rounds.
fn expected(name: &str, rounds: u32) -> Option<&'static str> {
    let mut lines = include_str!("expected.txt").lines();
    let columns: Vec<&str> = lines.next()?.split_whitespace().collect();
    let column = columns
        .iter()
        .position(|column| *column == rounds.to_string())?;
    let line = lines.find(|line| line.split_whitespace().next() == Some(name))?;
    line.split_whitespace().nth(column)
}

/// The command, on a small stack unless it is to take what there is.
fn command(is_small: bool) -> Command {
    let bare = bare_command();
    if !is_small || !cfg!(unix) {
        return bare;
    }
    let mut command = Command::new("sh");
    let limit = format!("ulimit -s {STACK} && exec \"$@\"");
    command
        .args(["-c", &limit, "sh"])
        .arg(bare.get_program())
        .args(bare.get_args());
    // An emulator gives its guest a stack of its own.
    command.env("QEMU_STACK_SIZE", (STACK << 10).to_string());
    command
}

/// Runs the module `text`, with `options`, and looks at its sum.
#[track_caller]
fn survives(name: &str, text: &str, options: &[&str]) {
    let file = folder().join(format!("{name}.wat"));
    std::fs::write(&file, text).expect("a file");
    let (rounds, is_small) = rounds();
    let ran = run(command(is_small)
        .args(["run", "--timeout", "0", "--invoke", "run"])
        .args(options)
        .arg(file)
        .arg(rounds.to_string()));
    ran.exits(0);
    if let Some(sum) = expected(name, rounds) {
        assert_eq!(ran.text().trim(), sum, "the sum of {name}");
    } else {
        assert_ne!(rounds, ROUNDS, "no sum is known of {name}: {}", ran.text());
    }
}

macro_rules! modules {
    ($($name:ident => $text:expr),* $(,)?) => {$(
        #[test]
        fn $name() {
            survives(stringify!($name), &$text, &[]);
        }
    )*};
}

modules! {
    arithmetic_i32 => numeric::arithmetic(Ty::I32),
    arithmetic_i64 => numeric::arithmetic(Ty::I64),
    arithmetic_f32 => numeric::arithmetic(Ty::F32),
    arithmetic_f64 => numeric::arithmetic(Ty::F64),
    conversions => numeric::conversions(),
    comparisons_i32 => numeric::comparisons(Ty::I32),
    comparisons_i64 => numeric::comparisons(Ty::I64),
    comparisons_f32 => numeric::comparisons(Ty::F32),
    comparisons_f64 => numeric::comparisons(Ty::F64),
    selects => numeric::selects(),
    loads_and_stores => storage::loads_and_stores(false),
    loads_and_stores_64 => storage::loads_and_stores(true),
    bulk => storage::bulk(),
    growth => storage::growth(),
    tables => storage::tables(),
    variables => storage::variables(),
    branches => control::branches(),
    tables_of_branches => control::tables_of_branches(),
    calls => control::calls(),
    vectors => simd::arithmetic(),
    lanes => simd::lanes(),
}

/// Fuel is counted by an operator of its own.
#[test]
fn counted() {
    let text = control::calls();
    survives("calls", &text, &["--fuel", "100000000000000"]);
}

/// Each trap is told, however long the guest ran before.
#[test]
fn traps() {
    let (rounds, is_small) = rounds();
    let file = folder().join("traps.wat");
    std::fs::write(&file, control::traps()).expect("a file");
    for (export, kind) in control::TRAPS {
        let ran = run(command(is_small)
            .args(["run", "--timeout", "0", "--invoke", export])
            .arg(&file)
            .arg(rounds.to_string()));
        ran.exits(134).says(&[kind]);
    }
}

/// What a deep recursion takes is not the native stack.
#[test]
fn recursion() {
    let dir = crate::support::Dir::new();
    let file = dir.write("deep.wat", control::RECURSION);
    let words = ["run", "--timeout", "0", "--invoke", "run"].map(Into::into);
    let words = words
        .into_iter()
        .chain([file.into_os_string(), "150000".into()]);
    dormouse(words).prints("150000\n");
}
