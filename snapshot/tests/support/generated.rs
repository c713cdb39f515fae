//! The property that capturing must keep, over modules that nobody wrote.
//!
//! For a module made from `bytes`, with exported functions e1, e2, …:
//!
//! 1. Call e1, e2, … one after another.
//! 2. Do the same in the instrumented module up to the n-th call of an
//!    imported function, in ek; restore; call ek, ek+1, … in what was
//!    restored. Or: stop that one too, restore it again, and so on.
//!
//! Results and traps of ek, ek+1, …, all that the host was told, memories,
//! tables and globals must be the same.

#[allow(unused_imports, reason = "not all who check modules make them")]
pub(crate) use super::smith::{bytes, module};
use super::{Contents, Host, Running};
use dormouse_snapshot::{CapturedMemory, Entry, Error, Form, Hot, Instrumented, Point, Rewritten};
use std::collections::BTreeMap;

/// Calls of one import that a module is stopped at.
const STOPS: [u64; 6] = [1, 2, 3, 4, 7, 19];

/// How often a run that was restored is stopped once more.
const GENERATIONS: usize = 3;

/// What was tried.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tried {
    /// Points at which a module was stopped and restored.
    pub(crate) stops: u64,
    /// Of these, in a run that had been restored before.
    pub(crate) again: u64,
    /// Frames on the stacks.
    pub(crate) frames: u64,
    /// States that were refused.
    pub(crate) refused: u64,
}

/// Names of the imports and of the exported functions.
fn interface(wasm: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut imports, mut entries) = (Vec::new(), Vec::new());
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        match payload.expect("valid") {
            wasmparser::Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imports.push(import.expect("valid").name.to_owned());
                }
            }
            wasmparser::Payload::ExportSection(section) => {
                for export in section {
                    let export = export.expect("valid");
                    if export.kind == wasmparser::ExternalKind::Func {
                        entries.push(export.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    imports.sort();
    imports.dedup();
    (imports, entries)
}

/// All that can be seen of a run.
#[derive(Debug, PartialEq)]
struct Seen {
    host: Host,
    results: Vec<Result<Vec<String>, String>>,
    memories: Vec<Contents>,
    globals: BTreeMap<String, String>,
    tables: Vec<Vec<String>>,
}

/// A run that has ended.
enum Ended {
    /// Its start function trapped.
    AtStart(Host, String),
    Ran(Box<Running>, Vec<Result<Vec<String>, String>>),
}

fn run(wasm: &[u8], memories: &[CapturedMemory], host: Host, entries: &[String]) -> Ended {
    match Running::try_start(wasm, host, memories) {
        Err((host, error)) => Ended::AtStart(host, error),
        Ok(mut running) => {
            let results = entries
                .iter()
                .map(|entry| running.call_shown(entry))
                .collect();
            Ended::Ran(Box::new(running), results)
        }
    }
}

impl Ended {
    /// What is to be seen, leaving out the results of the first `skipped`
    /// entries and the identity of functions exported as one of `hidden`.
    fn seen(&self, skipped: usize, hidden: &[String]) -> Seen {
        match self {
            Self::AtStart(host, error) => Seen {
                host: host.clone(),
                results: vec![Err(error.clone())],
                memories: Vec::new(),
                globals: BTreeMap::new(),
                tables: Vec::new(),
            },
            Self::Ran(running, results) => Seen {
                host: running.host().clone(),
                results: results[skipped..].to_vec(),
                memories: running.memories(),
                globals: running.globals(hidden),
                tables: running.tables(hidden),
            },
        }
    }

    fn exhausted(&self) -> bool {
        let Self::Ran(_, results) = self else {
            return false;
        };
        results.iter().any(is_exhausted)
    }
}

/// Whether the stack overflowed: frames of instrumented code are larger.
fn is_exhausted<T>(result: &Result<T, String>) -> bool {
    matches!(result, Err(error) if error.contains("stack"))
}

struct Stopped {
    /// Entries that had been called and had returned.
    done: usize,
    host: Host,
    frames: usize,
    portable: Rewritten,
    image: Rewritten,
}

enum Outcome {
    Missed,
    Refused(Error),
    Stopped(Box<Stopped>),
}

fn capture(wasm: &[u8], point: &Point, host: Host, entries: &[String]) -> Outcome {
    let instrumented = match Instrumented::new(wasm, point) {
        Ok(instrumented) => instrumented,
        Err(error) => return Outcome::Refused(error),
    };
    let Ok(mut running) = Running::try_start(instrumented.wasm(), host, &[]) else {
        return Outcome::Missed;
    };
    let start = instrumented.start();
    let calls = start.into_iter().map(|name| (0, name, Entry::Start)).chain(
        (0..)
            .zip(entries)
            .map(|(done, name)| (done, name.as_str(), Entry::Export(name.clone()))),
    );
    for (done, name, entry) in calls {
        let result = running.call_shown(name);
        if is_exhausted(&result) || (entry == Entry::Start && result.is_err()) {
            return Outcome::Missed;
        }
        let guest = running.look();
        if !instrumented.reached(&guest) {
            continue;
        }
        assert!(result.is_ok(), "unwinding trapped: {result:?}");
        let rewritten = instrumented.state(&guest, Some(entry)).and_then(|state| {
            Ok(Stopped {
                done,
                host: running.host().clone(),
                frames: state.frames(),
                portable: state.rewrite(Form::Portable, &Hot::None)?,
                image: state.rewrite(Form::Image, &Hot::None)?,
            })
        });
        return match rewritten {
            Ok(stopped) => Outcome::Stopped(Box::new(stopped)),
            Err(error) => Outcome::Refused(error),
        };
    }
    Outcome::Missed
}

/// All that can be seen of an uninterrupted run; nothing, if its stack ran out.
pub(crate) fn outcome(wasm: &[u8]) -> Option<String> {
    let (_, entries) = interface(wasm);
    let ended = run(wasm, &[], Host::default(), &entries);
    (!ended.exhausted()).then(|| format!("{:?}", ended.seen(0, &[])))
}

/// Holds `wasm` to the property; panics if it fails.
pub(crate) fn check(wasm: &[u8]) -> Tried {
    check_rewritten(wasm, wasm, |_, _, _| true)
}

/// Holds `rewritten`, which is to do the same as `wasm`, to the property, stopped
/// at those calls of its imports for which `stops` says so: by the import's number,
/// of how many, and which of its calls.
pub(crate) fn check_rewritten(
    wasm: &[u8],
    rewritten: &[u8],
    stops: impl Fn(usize, usize, u64) -> bool,
) -> Tried {
    let (imports, entries) = interface(wasm);
    let mut tried = Tried::default();
    let expected = run(wasm, &[], Host::default(), &entries);
    if expected.exhausted() {
        return tried;
    }
    let count = imports.len();
    for (number, import) in imports.iter().enumerate() {
        for nth in STOPS.into_iter().filter(|nth| stops(number, count, *nth)) {
            let point = point(import, nth);
            if !check_at(rewritten, &point, &entries, &expected, &mut tried) {
                break;
            }
        }
    }
    tried
}

fn point(name: &str, nth: u64) -> Point {
    Point::Import {
        module: "any".to_owned(),
        name: name.to_owned(),
        args: Vec::new(),
        nth,
    }
}

/// Whether the point was reached.
fn check_at(
    wasm: &[u8],
    point: &Point,
    entries: &[String],
    expected: &Ended,
    tried: &mut Tried,
) -> bool {
    let mut wasm = wasm.to_vec();
    let mut host = Host::default();
    let mut point = point.clone();
    let (mut done, mut hidden) = (0, Vec::new());
    for generation in 0..GENERATIONS {
        let stopped = match capture(&wasm, &point, host, &entries[done..]) {
            Outcome::Missed => return generation > 0,
            Outcome::Refused(error) => {
                check_refusal(&error);
                tried.refused += 1;
                return true;
            }
            Outcome::Stopped(stopped) => stopped,
        };
        done += stopped.done;
        hidden.extend(entries.get(done).cloned());
        tried.stops += 1;
        tried.again += u64::from(generation > 0);
        tried.frames += stopped.frames as u64;
        let Stopped {
            portable, image, ..
        } = &*stopped;
        for (form, rewritten, memories) in [
            ("portable", portable, &[][..]),
            ("image", image, &image.memories),
        ] {
            let went_on = run(
                &rewritten.module,
                memories,
                stopped.host.clone(),
                &entries[done..],
            );
            if went_on.exhausted() {
                return true;
            }
            assert_eq!(
                went_on.seen(0, &hidden),
                expected.seen(done, &hidden),
                "{form}, {point}, generation {generation}, {hidden:?}"
            );
        }
        wasm = stopped.portable.module;
        host = stopped.host;
        if let Point::Import { nth, .. } = &mut point {
            *nth = 2;
        }
    }
    true
}

/// The host hands out one thing only that can't be captured.
fn check_refusal(error: &Error) {
    assert!(
        error.is_refusal() && error.to_string().contains("externref"),
        "{error}"
    );
}
