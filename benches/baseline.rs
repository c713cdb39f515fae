//! Whole-process figures that later work is measured against: each thing
//! measured beside a control, so that the ratio holds on a noisy machine.
//!
//! ```sh
//! cargo bench --bench baseline
//! ```

use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use std::{
    process::{Command, Stdio},
    time::Duration,
};

const PYTHON_LOOP: &str = "
total = 0
for i in range(300_000):
    total += i * i % 7
print(total)";

const JAVASCRIPT_LOOP: &str = "
let total = 0;
for (let i = 0; i < 1_000_000; i++) total += i * i % 7;
console.log(total);";

const WASM_LOOP: &str = r#"(module (func (export "_start") (local i32 i32)
    (loop
        (local.set 1 (i32.add (local.get 1)
            (i32.rem_u (i32.mul (local.get 0) (local.get 0)) (i32.const 7))))
        (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1)))
            (i32.const 20000000))))))"#;

const PYTHON_FILES: &str = "
total = 0
for i in range(2_000):
    with open('/bench/file', 'rb') as file:
        total += len(file.read())
print(total)";

/// Times `dormouse WORDS`, which must succeed.
fn time(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, words: &[&str]) {
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let status = Command::new(env!("CARGO_BIN_EXE_dormouse"))
                .args(words)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .status()
                .expect("dormouse starts");
            assert!(status.success(), "{words:?}: {status}");
        });
    });
}

fn baseline(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let empty = write("empty.wat", b"(module (func (export \"_start\")))");
    let wasm = write("loop.wat", WASM_LOOP.as_bytes());
    write("file", &[b'x'; 4096]);
    let mount = format!("/bench:{}:ro", folder.path().display());

    let mut group = criterion.benchmark_group("start");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(8));
    time(&mut group, "control: no guest", &["--version"]);
    time(&mut group, "wasm", &[&empty]);
    time(
        &mut group,
        "javascript",
        &["run", "--no-snapshot", "-l", "js", "-c", "print(1)"],
    );
    time(
        &mut group,
        "python",
        &["run", "--no-snapshot", "-c", "print(1)"],
    );
    group.finish();

    let mut group = criterion.benchmark_group("cpu loop");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(12));
    time(&mut group, "wasm", &[&wasm]);
    time(
        &mut group,
        "javascript",
        &["-l", "js", "-c", JAVASCRIPT_LOOP],
    );
    time(&mut group, "python", &["-c", PYTHON_LOOP]);
    group.finish();

    let mut group = criterion.benchmark_group("read 2,000 files");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(12));
    time(
        &mut group,
        "python",
        &["run", "--mount", &mount, "-c", PYTHON_FILES],
    );
    group.finish();
}

criterion_group!(benches, baseline);
criterion_main!(benches);
