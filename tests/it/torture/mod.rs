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
fn rounds() -> (u32, Option<u32>) {
    let given = std::env::var("DORMOUSE_TORTURE_ROUNDS").ok();
    match given.and_then(|rounds| rounds.parse().ok()) {
        Some(rounds) => (rounds, None),
        None => (ROUNDS, Some(STACK)),
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

/// The command, on a stack of `kib` KiB, or what there is.
fn command(kib: Option<u32>) -> Command {
    let bare = bare_command();
    let Some(kib) = kib.filter(|_| cfg!(unix)) else {
        return bare;
    };
    let mut command = Command::new("sh");
    let limit = format!("ulimit -s {kib} && exec \"$@\"");
    command
        .args(["-c", &limit, "sh"])
        .arg(bare.get_program())
        .args(bare.get_args());
    // An emulator gives its guest a stack of its own.
    command.env("QEMU_STACK_SIZE", (kib << 10).to_string());
    command
}

/// Runs the module `text`, with `options`, and looks at its sum.
#[track_caller]
fn survives(name: &str, text: &str, options: &[&str]) {
    let file = folder().join(format!("{name}.wat"));
    std::fs::write(&file, text).expect("a file");
    let (rounds, stack) = rounds();
    let ran = run(command(stack)
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
}

/// On big-endian machines the interpreter gets vectors wrong, and on riscv64 it keeps
/// a call, so modules with any are refused there.
fn vectors_survive(name: &str, text: &str) {
    let file = folder().join("any_vector.wat");
    let any = "(module (func (export \"run\") (result i32) (i8x16.extract_lane_u 0 (v128.const i32x4 5 0 0 0))))";
    std::fs::write(&file, any).expect("a file");
    let ran = run(command(None).args(["run", "--invoke", "run"]).arg(file));
    if ran.status.success() {
        ran.prints("5\n");
        survives(name, text, &[]);
    } else {
        ran.exits(1)
            .says(&["SIMD on this kind of processor", "does not support"]);
    }
}

macro_rules! modules_of_vectors {
    ($($name:ident => $text:expr),* $(,)?) => {$(
        #[test]
        fn $name() {
            vectors_survive(stringify!($name), &$text);
        }
    )*};
}

modules_of_vectors! {
    vectors => simd::arithmetic(),
    lanes => simd::lanes(),
    places_of_vectors => simd::places(),
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
    let (rounds, stack) = rounds();
    let file = folder().join("traps.wat");
    std::fs::write(&file, control::traps()).expect("a file");
    for (export, kind) in control::TRAPS {
        let ran = run(command(stack)
            .args(["run", "--timeout", "0", "--invoke", export])
            .arg(&file)
            .arg(rounds.to_string()));
        ran.exits(134).says(&[kind]);
    }
}

/// Each growth that asks the host takes some of the native stack, which is why they
/// are counted. This is the least stack that any of our threads has.
#[test]
fn growing_without_end() {
    for what in [
        "(memory.grow (i32.const 1))",
        "(table.grow (ref.null func) (i32.const 1))",
    ] {
        let dir = crate::support::Dir::new();
        let grows = format!(
            "(module (memory 1) (table 1 funcref)
              (func (export \"run\") (loop (drop {what}) (br 0))))"
        );
        let file = dir.write("grows.wat", grows);
        let ran = run(command(Some(2048))
            .args(["run", "--timeout", "0", "--invoke", "run"])
            .arg(file));
        ran.exits(124).says(&["memory"]);
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
