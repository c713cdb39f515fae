//! New sandboxes in a running process, one after the other on one thread: each
//! is made, runs a program of one line, and ends.
//!
//! ```sh
//! cargo bench --bench sandboxes
//! ```
#![expect(clippy::print_stderr, reason = "what is not measured is named")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dormouse::{GuestStore, Image, Language, Limits, Outcome, Program, Sandbox, Status};

fn sandboxes(criterion: &mut Criterion) {
    let python = [
        ("empty", ""),
        ("print", "print(1)"),
        ("json", "import json; json.dumps(1)"),
    ];
    let javascript = [("empty", ""), ("print", "console.log(1)")];
    for (language, programs) in [
        (Language::Python, &python[..]),
        (Language::JavaScript, &javascript[..]),
    ] {
        let Some(image) = image(language) else {
            continue;
        };
        let mut group = criterion.benchmark_group(language.name());
        group.throughput(Throughput::Elements(1));
        for (name, source) in programs {
            for (limits, how) in [
                (Limits::default(), "deadline"),
                (unlimited(), "no deadline"),
            ] {
                group.bench_function(format!("{name}, {how}"), |bencher| {
                    bencher.iter(|| run(&image, source, limits.clone()));
                });
            }
        }
        group.finish();
    }
}

fn unlimited() -> Limits {
    Limits {
        deadline: None,
        ..Limits::default()
    }
}

fn run(image: &Image, source: &str, limits: Limits) -> Outcome {
    let outcome = Sandbox::new(image)
        .limits(limits)
        .run(Program::code(source))
        .expect("it runs");
    assert_eq!(outcome.status, Status::Exit(0));
    outcome
}

/// The language's image, if its guest is there.
fn image(language: Language) -> Option<Image> {
    let image = GuestStore::open_default().and_then(|store| store.image(language, &mut |_| {}));
    image
        .inspect_err(|error| eprintln!("{language} is not measured: {error}"))
        .ok()
}

criterion_group!(benches, sandboxes);
criterion_main!(benches);
