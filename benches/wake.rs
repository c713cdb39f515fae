//! Waking instances of an image of 8 MiB, and bringing them back to it. The
//! control is the host's side of a run, which both include.
//!
//! ```sh
//! cargo bench --features bench --bench wake
//! ```

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use dormouse::bench::{Dormant, build_state};

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
        bencher.iter_custom(|count| {
            let mut total = std::time::Duration::ZERO;
            for _ in 0..count {
                image.reserve();
                let started = std::time::Instant::now();
                let awake = image.wake().expect("it wakes");
                total += started.elapsed();
                drop(awake);
            }
            total
        });
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

criterion_group!(benches, wake);
criterion_main!(benches);
