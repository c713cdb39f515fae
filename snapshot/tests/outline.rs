//! Functions that are cut down do the same, wherever they are cut.

mod support;

use dormouse_snapshot::{Heat, Outlined, Point, Worth, outline, split};
use support::{generated, go_on, stop, uninterrupted};

/// More stretches than any module here has.
const STRETCHES: usize = 20_000;

/// Ways to cut that each module is tried with.
const WAYS: u32 = 6;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// `wasm` cut at random; functions begin hot, mostly.
    fn cut(&mut self, wasm: &[u8], way: u32) -> Outlined {
        let keep = u64::from(way) * 2;
        let mut heat: Vec<Heat> = (0..STRETCHES)
            .map(|_| match self.below(20) {
                n if n < keep => Heat::Hot,
                n if n < 2 * keep => Heat::Near,
                _ => Heat::Cold,
            })
            .collect();
        for entry in dormouse_snapshot::entries(wasm).expect("it is valid") {
            if self.below(8) > 0 {
                heat[entry] = Heat::Hot;
            }
        }
        let worth = Worth {
            bytes: self.below(12) as usize,
        };
        let outlined = outline(wasm, &heat, worth).expect("it is valid");
        wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all())
            .validate_all(&outlined.module)
            .expect("what is made of it is");
        outlined
    }
}

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    std::fs::read_dir(folder)
        .expect("the corpus is there")
        .map(|entry| {
            let path = entry.expect("a file").path();
            let wasm = wat::parse_file(&path).expect("it is Wasm");
            (path.display().to_string(), wasm)
        })
        .collect()
}

#[test]
fn programs_that_are_cut_do_the_same() {
    let mut random = Random(1);
    let mut moved = 0;
    for (name, wasm) in corpus() {
        let expected = uninterrupted(&wasm);
        for way in 0..WAYS {
            let Outlined { module, .. } = random.cut(&wasm, way);
            moved += u32::from(module != wasm);
            assert_eq!(uninterrupted(&module), expected, "{name}, {way}");
        }
    }
    assert!(moved > 3 * WAYS, "only {moved}");
}

#[test]
fn images_that_are_cut_and_split_do_the_same() {
    let mut random = Random(2);
    let mut splits = 0;
    for (name, wasm) in corpus() {
        let expected = uninterrupted(&wasm);
        let point = Point::Import {
            module: "host".to_owned(),
            name: "say".to_owned(),
            args: Vec::new(),
            nth: 1,
        };
        let Ok(Some(mut stopped)) = stop(&wasm, &point) else {
            continue;
        };
        let whole = stopped.image.module;
        for way in 0..WAYS {
            let Outlined { module, near } = random.cut(&whole, way);
            let seed = random.below(1000) as u32;
            let stays =
                |index: u32| near.contains(&index) || (index ^ seed).count_ones().is_multiple_of(2);
            stopped.image.module = split(&module, stays).expect("it is an image");
            let observed = go_on(&stopped.image, true, stopped.host.clone());
            assert_eq!(observed, expected, "{name}, {way}");
            splits += 1;
        }
    }
    assert!(splits > 5 * WAYS, "only {splits}");
}

#[test]
fn generated_modules_that_are_cut_do_the_same() {
    let mut random = Random(3);
    let mut moved = 0;
    for seed in 0..150 {
        let Some(wasm) = generated::module(&generated::bytes(seed)) else {
            continue;
        };
        let Some(expected) = generated::outcome(&wasm) else {
            continue;
        };
        for way in 0..WAYS {
            let Outlined { module, .. } = random.cut(&wasm, way);
            moved += u32::from(module != wasm);
            let outcome = generated::outcome(&module);
            assert_eq!(outcome, Some(expected.clone()), "{seed}, {way}");
        }
    }
    assert!(moved > 20 * WAYS, "only {moved}");
}

#[test]
fn a_segment_in_the_last_slot_that_there_could_be_is_split() {
    let wasm = wat::parse_str(
        r#"(module
            (table 1 funcref)
            (func $f (result i32) (i32.const 7))
            (elem (i32.const 0xffff_ffff) $f $f)
            (func (export "run") (result i32) (call $f)))"#,
    )
    .expect("well-formed");
    let split = split(&wasm, |index| index > 0).expect("it imports nothing");
    wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all())
        .validate_all(&split)
        .expect("what is made of it is");
}

#[test]
fn what_is_not_valid_is_refused() {
    // Its body calls function 9, of which there is none.
    let mut wasm = wat::parse_str("(module (func $f (call $f)))").expect("it is Wasm");
    let call = wasm.windows(2).position(|code| code == [0x10, 0]);
    wasm[call.expect("it is there") + 1] = 9;
    assert!(outline(&wasm, &[Heat::Hot; 9], Worth { bytes: 0 }).is_err());
    assert!(split(&wasm, |_| true).is_err());
}
