//! What a small program costs after the point at which images are captured:
//! wasmi translates a function when it is first called, so a start's time goes
//! with the size of all the functions on its path.

use super::{
    super::training::TRAINING,
    harness::{Given, guest, load, run_in, wasm},
    waking::PROGRAMS,
};
use crate::{Program, instance::Prepared};
use dormouse_snapshot::{Heat, Worth, cover, outline};
use std::sync::OnceLock;
use wasmparser::{Operator, Parser, Payload};

/// Programs, and the bytes of code that each touches, plainly and with the
/// engine's rarely used code moved away. A twentieth more is an error.
const BUDGETS: &[(&str, usize, usize)] = &[
    ("", 88_805, 49_651),
    ("console.log(1)", 123_344, 64_297),
    ("console.log('hello')", 121_154, 62_296),
    ("console.log([1, { a: 2 }])", 158_087, 88_392),
    ("print(await Promise.resolve(1))", 159_508, 91_920),
];

#[test]
fn small_programs_touch_little_of_the_engine() {
    let plain = Counting::new(wasm());
    let outlined = Counting::new(outlined());
    for (source, before, after) in BUDGETS {
        for (form, budget) in [(&plain, before), (&outlined, after)] {
            let touched = form.touched(source);
            assert!(
                (budget / 2..=budget + budget / 20).contains(&touched),
                "{source}: {touched} bytes, not about {budget}"
            );
        }
    }
}

#[test]
fn moving_code_away_changes_nothing_that_a_program_could_see() {
    let outlined = load(outlined());
    let all = load(&cut(&entries(wasm())));
    for (source, _) in PROGRAMS {
        let (expected, _) = run_in(guest(), &code(source));
        for form in [&outlined, &all] {
            assert_eq!(run_in(form, &code(source)).0, expected, "{source}");
        }
    }
}

fn code(source: &str) -> Given {
    Given {
        program: Some(Program::code(source)),
        ..Given::default()
    }
}

/// The guest without the code that is not worth keeping at hand.
fn outlined() -> &'static [u8] {
    static OUTLINED: OnceLock<Vec<u8>> = OnceLock::new();
    OUTLINED.get_or_init(|| {
        let counting = Counting::new(wasm());
        let mut heat: Vec<Heat> = counting
            .counts(TRAINING.steady)
            .map(|count| Heat::from(count >= TRAINING.often))
            .collect();
        for (number, source) in TRAINING.starts.iter().enumerate() {
            let ran = if number == 0 { Heat::Hot } else { Heat::Near };
            for (heat, count) in heat.iter_mut().zip(counting.counts(source)) {
                if count > 0 {
                    *heat = ran.max(*heat);
                }
            }
        }
        cut(&heat)
    })
}

fn cut(heat: &[Heat]) -> Vec<u8> {
    let outlined = outline(wasm(), heat, Worth::default());
    outlined.expect("it is ours").module
}

/// Functions' first stretches only: everything moves that can.
fn entries(wasm: &[u8]) -> Vec<Heat> {
    let mut heat = Vec::new();
    for stretches in stretches(wasm) {
        heat.push(Heat::Hot);
        heat.resize(heat.len() + stretches - 1, Heat::Cold);
    }
    heat
}

/// How many stretches each function has.
fn stretches(wasm: &[u8]) -> Vec<usize> {
    bodies(wasm)
        .iter()
        .map(|body| {
            let operators = body.get_operators_reader().expect("Wasm").into_iter();
            let begins = operators.filter(|operator| {
                matches!(
                    operator.as_ref().expect("Wasm"),
                    Operator::Loop { .. }
                        | Operator::If { .. }
                        | Operator::Else
                        | Operator::End
                        | Operator::BrIf { .. }
                )
            });
            1 + begins.count()
        })
        .collect()
}

fn bodies(wasm: &[u8]) -> Vec<wasmparser::FunctionBody<'_>> {
    let payloads = Parser::new(0).parse_all(wasm);
    payloads
        .filter_map(|payload| match payload.expect("Wasm") {
            Payload::CodeSectionEntry(body) => Some(body),
            _ => None,
        })
        .collect()
}

/// A form of the guest that counts.
struct Counting {
    guest: Prepared,
    /// Each function's first stretch, and the bytes of its code.
    functions: Vec<(usize, usize)>,
}

impl Counting {
    fn new(wasm: &[u8]) -> Self {
        let mut next = 0;
        let functions = bodies(wasm)
            .into_iter()
            .zip(stretches(wasm))
            .map(|(body, stretches)| {
                let first = next;
                next += stretches;
                (first, body.as_bytes().len())
            });
        Self {
            functions: functions.collect(),
            guest: load(&cover(wasm).expect("it is ours")),
        }
    }

    fn counts(&self, source: &str) -> impl Iterator<Item = u32> + use<> {
        let (done, counts) = run_in(&self.guest, &code(source));
        assert_eq!(done.status, Ok(()), "{}", done.stderr);
        counts.into_iter()
    }

    /// Bytes of the functions that the program calls.
    fn touched(&self, source: &str) -> usize {
        let counts: Vec<u32> = self.counts(source).collect();
        let called = |(first, _): &&(usize, usize)| counts[*first] > 0;
        let called = self.functions.iter().filter(called);
        called.map(|(_, bytes)| bytes).sum()
    }
}
