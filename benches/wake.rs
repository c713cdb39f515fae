//! Waking instances of an image of 8 MiB, and bringing them back to it. The
//! control is the host's side of a run, which both include.
//!
//! ```sh
//! cargo bench --features bench --bench wake
//! ```

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use dormouse::bench::{Dormant, build_state};
use std::time::{Duration, Instant};

/// Bytes of the image's memory.
const SIZE: usize = 8 << 20;

/// OS pages that a run writes to: none, and what CPython does for a line.
const TOUCHED: [i32; 2] = [0, 300];

fn wake(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("memory");
    std::fs::write(&path, vec![0x5a; SIZE]).expect("a file");
    let mut image = Dormant::new(&path).expect("an image");
    let mut group = criterion.benchmark_group("wake");
    group.bench_function("control: state", |bencher| {
        bencher.iter(|| build_state().expect("a state"));
    });
    group.bench_function("wake", |bencher| {
        bencher.iter_with_large_drop(|| image.wake().expect("it wakes"));
    });
    group.bench_function("wake in a ready reservation", |bencher| {
        bencher.iter_custom(|count| wake_ready(&mut image, 0, count));
    });
    group.bench_function("the same, and touch 300 pages", |bencher| {
        bencher.iter_custom(|count| wake_ready(&mut image, 300, count));
    });
    let mut awake = image.wake().expect("it wakes");
    awake.touch(300).expect("it returns");
    image.remember(&awake);
    group.bench_function("the same, knowing which", |bencher| {
        bencher.iter_custom(|count| wake_ready(&mut image, 300, count));
    });
    for pages in TOUCHED {
        let mut awake = Some(image.wake().expect("it wakes"));
        group.bench_function(format!("run touching {pages} pages, reset"), |bencher| {
            bencher.iter_batched(
                || (),
                |()| {
                    let mut instance = awake.take().expect("an instance");
                    instance.touch(pages).expect("it returns");
                    awake = Some(image.reset(instance).expect("it is reset"));
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Time that `count` instances take, each in a reservation made before, to
/// wake and write to `pages` OS pages.
fn wake_ready(image: &mut Dormant, pages: i32, count: u64) -> Duration {
    let mut total = Duration::ZERO;
    for _ in 0..count {
        image.reserve();
        let started = Instant::now();
        let mut awake = image.wake().expect("it wakes");
        awake.touch(pages).expect("it returns");
        total += started.elapsed();
    }
    total
}

criterion_group!(benches, wake);
criterion_main!(benches);
