//! Tries the modules of a range of seeds.

use std::panic::catch_unwind;

fn main() {
    let mut range = std::env::args().skip(1).map(|arg| {
        arg.parse::<u64>()
            .unwrap_or_else(|_| panic!("{arg:?} is not a number; give FROM and TO"))
    });
    let (from, to) = (range.next().unwrap_or(0), range.next().unwrap_or(1000));
    let (mut stops, mut failed) = (0, 0u64);
    for seed in from..to {
        let bytes = dormouse_fuzz::bytes(seed);
        match catch_unwind(|| dormouse_fuzz::stops(&bytes)) {
            Ok(stopped) => stops += stopped.unwrap_or(0),
            Err(_) => {
                failed += 1;
                let path = format!("seed-{seed}.wasm");
                let wasm = dormouse_fuzz::module(&bytes).unwrap_or_default();
                match std::fs::write(&path, wasm) {
                    Ok(()) => eprintln!("seed {seed} failed; its module is in {path}"),
                    Err(error) => eprintln!("seed {seed} failed; {path}: {error}"),
                }
            }
        }
    }
    println!("{} modules, {stops} stops, {failed} failed", to - from);
    assert_eq!(failed, 0, "the property fails");
}
