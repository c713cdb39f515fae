//! A run that is captured at any of its host calls and restored goes on as one
//! that was not interrupted.

mod support;

use dormouse_snapshot::{Instrumented, Point};
use support::{go_on, stop, uninterrupted};

/// Host calls that a corpus program is stopped at, at most.
const STOPS: u64 = 200;

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let mut programs: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpus is there")
        .map(|entry| entry.expect("a file").path())
        .collect();
    programs.sort();
    programs
        .into_iter()
        .map(|path| {
            let name = path.display().to_string();
            let wasm = wat::parse_file(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, wasm)
        })
        .collect()
}

fn point(name: &str, nth: u64) -> Point {
    Point::Import {
        module: "host".to_owned(),
        name: name.to_owned(),
        args: Vec::new(),
        nth,
    }
}

/// Stops `wasm` at each call of the import `name`, and compares.
fn check(program: &str, wasm: &[u8], import: &str) -> u64 {
    let expected = uninterrupted(wasm);
    for nth in 1..=STOPS {
        let at = point(import, nth);
        let stopped = stop(wasm, &at).unwrap_or_else(|error| panic!("{program} at {at}: {error}"));
        let Some(stopped) = stopped else {
            return nth - 1;
        };
        let portable = go_on(&stopped.portable, false, stopped.host.clone());
        assert_eq!(portable, expected, "{program}, portable, at {at}");
        let image = go_on(&stopped.image, true, stopped.host);
        assert_eq!(image, expected, "{program}, image, at {at}");
    }
    STOPS
}

#[test]
fn every_stop_of_every_program() {
    for (name, wasm) in corpus() {
        let imports: Vec<String> = wasmparser::Parser::new(0)
            .parse_all(&wasm)
            .filter_map(|payload| match payload {
                Ok(wasmparser::Payload::ImportSection(section)) => Some(section),
                _ => None,
            })
            .flat_map(wasmparser::SectionLimited::into_imports)
            .map(|import| import.expect("valid").name.to_owned())
            .collect();
        let stops: u64 = imports
            .iter()
            .map(|import| check(&name, &wasm, import))
            .sum();
        assert!(stops > 0, "{name} was never stopped");
    }
}

#[test]
fn a_restored_run_is_captured_again() {
    for (name, wasm) in corpus() {
        let expected = uninterrupted(&wasm);
        let at = point("say", 2);
        let Ok(Some(first)) = stop(&wasm, &at) else {
            continue;
        };
        let second = support::stop_with(&first.portable.module, &at, first.host.clone());
        let second = second.unwrap_or_else(|error| panic!("{name}: {error}"));
        let Some(second) = second else { continue };
        let observed = go_on(&second.portable, false, second.host.clone());
        assert_eq!(observed, expected, "{name}, second capture");
        let third = support::stop_with(&second.portable.module, &at, second.host)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        if let Some(third) = third {
            let observed = go_on(&third.image, true, third.host);
            assert_eq!(observed, expected, "{name}, third capture");
        }
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for (name, wasm) in corpus() {
        let at = point("say", 1);
        let [first, second] = [stop(&wasm, &at), stop(&wasm, &at)].map(|stopped| {
            stopped
                .unwrap_or_else(|error| panic!("{name}: {error}"))
                .map(|stopped| (stopped.portable.module, stopped.image.module))
        });
        assert!(first == second, "{name}");
    }
}

#[test]
fn split_images_do_the_same() {
    let mut splits = 0;
    for (name, wasm) in corpus() {
        let expected = uninterrupted(&wasm);
        for nth in 1..=4 {
            let at = point("say", nth);
            let Ok(Some(mut stopped)) = stop(&wasm, &at) else {
                break;
            };
            let whole = stopped.image.module;
            // Nothing, all, and each second function stays.
            let keeps: [fn(u32) -> bool; 4] = [
                |_| false,
                |_| true,
                |index| index % 2 == 0,
                |index| index % 2 == 1,
            ];
            for (which, keep) in keeps.into_iter().enumerate() {
                let split = dormouse_snapshot::split(&whole, keep);
                stopped.image.module =
                    split.unwrap_or_else(|error| panic!("{name} at {at}, {which}: {error}"));
                let observed = go_on(&stopped.image, true, stopped.host.clone());
                assert_eq!(observed, expected, "{name}, split {which}, at {at}");
                splits += 1;
            }
        }
    }
    assert!(splits > 100, "only {splits}");
}

#[test]
fn frames_are_those_on_the_stack() {
    let wasm = wat::parse_str(
        r#"(module (import "host" "say" (func $say (param i32) (result i32)))
            (func $a (result i32) (call $say (i32.const 1)))
            (func $b (result i32) (call $a))
            (func (export "run") (result i32) (call $b)))"#,
    )
    .expect("well-formed");
    let stopped = stop(&wasm, &point("say", 1)).expect("it can be captured");
    assert_eq!(stopped.map(|stopped| stopped.frames), Some(3));
}

/// Blocks are looked at before they are validated.
#[test]
fn blocks_that_are_not_valid_are_refused() {
    let text = r#"(module (import "host" "tick" (func $tick)) (type $two (func (param i32 i32)))
        (func (export "f") (block (type $two) (drop) (drop)) (call $tick)))"#;
    let too_few = wat::parse_str(text).expect("well-formed");
    let mut of_no_type = too_few.clone();
    let block = of_no_type.windows(2).position(|code| code == [0x02, 1]);
    of_no_type[block.expect("it is there") + 1] = 44;
    for wasm in [too_few, of_no_type] {
        assert!(Instrumented::new(&wasm, &point("tick", 1)).is_err());
    }
}
