//! Generated modules, captured and restored: see [`support::generated`].

#![allow(clippy::print_stdout, reason = "a failing test shows it")]

mod support;

use dormouse_snapshot::{calls, compares, edges, mend};
use support::generated::{Tried, bytes, check, module};

/// Seeds to try: `DORMOUSE_SEEDS=FROM..TO` chooses others.
fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("DORMOUSE_SEEDS") else {
        return 0..120;
    };
    let range = text
        .split_once("..")
        .and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    range.unwrap_or_else(|| panic!("DORMOUSE_SEEDS={text:?} is not FROM..TO"))
}

#[test]
fn generated_modules_go_on_as_if_not_interrupted() {
    let seeds = seeds();
    let mut all = Tried::default();
    for seed in seeds.clone() {
        let Some(wasm) = module(&bytes(seed)) else {
            continue;
        };
        // The interpreter (2.0.0) gets some of what is valid wrong.
        let wasm = mend(&wasm).expect("it can be mended").into_owned();
        // Shown only when the test fails.
        println!("seed {seed}, {} bytes", wasm.len());
        if let Ok(path) = std::env::var("DORMOUSE_KEEP") {
            std::fs::write(path, &wasm).expect("written");
        }
        let tried = check(&wasm);
        all.stops += tried.stops;
        all.again += tried.again;
        all.frames += tried.frames;
        all.refused += tried.refused;
    }
    println!("{all:?}");
    // The property says nothing about modules that are never stopped.
    let modules = seeds.end - seeds.start;
    assert!(all.stops > modules && all.again > modules / 4, "{all:?}");
    assert!(all.refused < all.stops / 4, "{all:?}");
}

#[test]
fn generated_modules_stay_valid_when_they_are_watched() {
    let mut edges_seen = 0;
    for seed in seeds() {
        let Some(wasm) = module(&bytes(seed)) else {
            continue;
        };
        println!("seed {seed}, {} bytes", wasm.len());
        let (with_edges, count) = edges(&wasm).expect("it can be watched");
        edges_seen += count;
        let compared = compares(&with_edges).expect("it can be watched");
        for watched in [&with_edges, &compared, &calls(&compared).expect("likewise")] {
            wasmparser::Validator::new()
                .validate_all(watched)
                .expect("it is valid");
        }
    }
    assert!(edges_seen > 1000, "{edges_seen}");
}
