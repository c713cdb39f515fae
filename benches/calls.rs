//! Round trips from a guest to the host's functions: a program that makes many
//! calls, beside one that only counts as far.
//!
//! What a call costs is what the guest does for it: of Python's 33 µs for
//! `kv.get` the host's part is less than 2. Of those that coroutines wait for,
//! three quarters are the event loop's.
//!
//! ```sh
//! cargo bench --bench calls
//! ```
#![expect(clippy::print_stderr, reason = "what is not measured is named")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dormouse::{Grants, GuestStore, Image, Kv, Language, Program, Sandbox, Status};
use std::time::Duration;

/// Calls of one run: the start of a sandbox is little beside them.
const CALLS: u64 = 10_000;

/// Programs of JavaScript; `N` is the number of calls.
const JAVASCRIPT: &[(&str, &str)] = &[
    (
        "control: counting",
        "let x; for (let i = 0; i < N; i++) x = i;",
    ),
    (
        "kv.get",
        "kv.set('a', 1); for (let i = 0; i < N; i++) kv.get('a');",
    ),
    ("kv.set", "for (let i = 0; i < N; i++) kv.set('a', i);"),
    ("time_now", "for (let i = 0; i < N; i++) time_now();"),
    (
        "kv.asyncGet, 1000 together",
        "for (let i = 0; i < N; i += 1000) await Promise.all(Array.from({ length: 1000 }, () => kv.asyncGet('a')));",
    ),
];

/// The same of Python.
const PYTHON: &[(&str, &str)] = &[
    ("control: counting", "for i in range(N): x = i"),
    ("kv.get", "kv.set('a', 1)\nfor i in range(N): kv.get('a')"),
    ("kv.set", "for i in range(N): kv.set('a', i)"),
    ("time_now", "for i in range(N): time_now()"),
    (
        "kv.async_get, 1000 together",
        "import asyncio\n\
         async def main():\n    \
             for i in range(0, N, 1000): await asyncio.gather(*(kv.async_get('a') for _ in range(1000)))\n\
         asyncio.run(main())",
    ),
];

fn calls(criterion: &mut Criterion) {
    for (language, programs) in [
        (Language::Python, PYTHON),
        (Language::JavaScript, JAVASCRIPT),
    ] {
        let Some(image) = image(language) else {
            continue;
        };
        let mut group = criterion.benchmark_group(language.name());
        group.throughput(Throughput::Elements(CALLS));
        group.sample_size(10).warm_up_time(Duration::from_secs(1));
        for (name, source) in programs {
            let source = source.replace('N', &CALLS.to_string());
            group.bench_function(*name, |bencher| bencher.iter(|| run(&image, &source)));
        }
        group.finish();
    }
}

fn run(image: &Image, source: &str) {
    let grants = Grants {
        kv: Kv::Memory,
        ..Grants::default()
    };
    let outcome = Sandbox::new(image)
        .grants(grants)
        .run(Program::code(source))
        .expect("it runs");
    assert_eq!(outcome.status, Status::Exit(0), "{outcome:?}");
}

/// The language's image, if its guest is there.
fn image(language: Language) -> Option<Image> {
    let image = GuestStore::open_default().and_then(|store| store.image(language, &mut |_| {}));
    image
        .inspect_err(|error| eprintln!("{language} is not measured: {error}"))
        .ok()
}

criterion_group!(benches, calls);
criterion_main!(benches);
