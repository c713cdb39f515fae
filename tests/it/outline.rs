//! Moving code out of functions changes nothing, whichever code is moved.

use dormouse::{Image, Limits, Outcome, Program, Sandbox, Status};
use dormouse_snapshot::{Heat, Outlined, Worth};

/// Functions of two numbers that leave their blocks in every way there is.
const GUEST: &str = r#"(module
    (memory 1)
    (global $seen (mut i32) (i32.const 0))
    (func $note (param i32) (global.set $seen (i32.xor (i32.mul (global.get $seen) (i32.const 31)) (local.get 0))))

    ;; Falls through, jumps over one and two blocks, and returns.
    (func (export "blocks") (param $a i32) (param $b i32) (result i32)
        (local $x i32) (local $y i64) (local $z f64)
        (local.set $x (i32.const 5))
        (block $outer
            (block $inner
                (br_if $inner (i32.lt_s (local.get $a) (i32.const 3)))
                (local.set $x (i32.add (local.get $x) (local.get $b)))
                (local.set $y (i64.extend_i32_s (local.get $x)))
                (br_if $outer (i32.eq (local.get $b) (i32.const 2)))
                (local.set $z (f64.convert_i32_s (local.get $a)))
                (if (i32.eq (local.get $b) (i32.const 4)) (then (return (i32.trunc_f64_s (local.get $z)))))
                (br $outer))
            (local.set $y (i64.add (local.get $y) (i64.const 7)))
            (br_if $outer (i32.eqz (local.get $b)))
            (local.set $x (i32.const 11)))
        (i32.add (local.get $x) (i32.wrap_i64 (local.get $y))))

    ;; A dispatching loop with arms, as interpreters have it.
    (func (export "dispatch") (param $a i32) (param $b i32) (result i32)
        (local $pc i32) (local $acc i32) (local $steps i32) (local $carried i32)
        (local.set $acc (local.get $b))
        (loop $next
            (local.set $steps (i32.add (local.get $steps) (i32.const 1)))
            (if (i32.gt_u (local.get $steps) (i32.const 50)) (then (return (local.get $acc))))
            (block $stop (block $three (block $two (block $one (block $zero
                (br_table $zero $one $two $three $stop
                    (i32.rem_u (i32.add (local.get $pc) (local.get $a)) (i32.const 5))))
                ;; 0
                (local.set $carried (i32.add (local.get $carried) (i32.const 3)))
                (local.set $acc (i32.add (local.get $acc) (local.get $carried)))
                (local.set $pc (i32.add (local.get $pc) (i32.const 2)))
                (br $next))
                ;; 1
                (local.set $acc (i32.mul (local.get $acc) (i32.const 3)))
                (call $note (local.get $acc))
                (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
                (br_if $next (i32.and (local.get $acc) (i32.const 1)))
                (local.set $carried (i32.const 100)))
                ;; 2
                (if (i32.lt_u (local.get $acc) (i32.const 1000))
                    (then (local.set $acc (i32.sub (local.get $acc) (i32.const 1))) (br $next))
                    (else (local.set $acc (i32.shr_u (local.get $acc) (i32.const 2)))))
                (local.set $pc (i32.add (local.get $pc) (i32.const 3)))
                (br $next))
                ;; 3
                (br_if $stop (i32.gt_u (local.get $steps) (i32.const 20)))
                (local.set $pc (i32.add (local.get $pc) (local.get $carried)))
                (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
                (br_table $next $stop (i32.gt_u (local.get $acc) (i32.const 100000))))
            ;; the rest
            (local.set $pc (i32.add (local.get $pc) (i32.const 4)))
            (br_if $next (i32.lt_u (local.get $steps) (i32.const 9))))
        (i32.add (local.get $acc) (global.get $seen)))

    ;; Loops within what moves, blocks with results, values around a block.
    (func (export "nested") (param $a i32) (param $b i32) (result i64)
        (local $i i32) (local $sum i64) (local $last i32)
        (if (i32.gt_s (local.get $a) (local.get $b))
            (then
                (loop $again
                    (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_s (local.get $i))))
                    (local.set $last (block (result i32)
                        (br_if 0 (i32.const 4) (i32.eq (local.get $i) (local.get $b)))
                        (drop)
                        (i32.add (local.get $last) (i32.const 1))))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br_if $again (i32.lt_s (local.get $i) (local.get $a)))))
            (else
                (block $out
                    (loop $again
                        (br_if $out (i32.ge_s (local.get $i) (local.get $b)))
                        (local.set $sum (i64.mul (i64.add (local.get $sum) (i64.const 1)) (i64.const 3)))
                        (local.set $i (i32.add (local.get $i) (i32.const 1)))
                        (if (i64.gt_u (local.get $sum) (i64.const 5000)) (then
                            (local.set $last (i32.const 77))
                            (br $out)))
                        (br $again)))))
        (i64.add (local.get $sum)
            (i64.extend_i32_s (i32.add (local.get $last)
                (if (result i32) (local.get $a)
                    (then (call $note (local.get $last)) (i32.add (global.get $seen) (local.get $i)))
                    (else (i32.sub (local.get $i) (i32.const 9))))))))

    ;; Traps, and ends that are never reached.
    (func (export "traps") (param $a i32) (param $b i32) (result i32)
        (local $x i32)
        (block $bad
            (br_if $bad (i32.eqz (local.get $b)))
            (local.set $x (i32.div_s (local.get $a) (local.get $b)))
            (i32.store (i32.const 16) (local.get $x))
            (if (i32.eq (local.get $x) (i32.const 2)) (then
                (call $note (i32.const 1)) (call $note (i32.const 2)) (call $note (i32.const 3))
                (unreachable)))
            (return (i32.add (i32.load (i32.const 16)) (i32.const 1))))
        (call $note (local.get $a))
        (call $note (local.get $b))
        (drop (i32.load (i32.const -1)))
        (i32.const 3))

    ;; Nothing given back, and locals of every kind.
    (func $kinds (param $a i32) (param $b i32)
        (local $f f32) (local $d f64) (local $l i64) (local $v v128) (local $r funcref)
        (local.set $v (i32x4.splat (local.get $a)))
        (block $end
            (br_if $end (i32.eq (local.get $a) (i32.const 7)))
            (local.set $f (f32.convert_i32_s (local.get $b)))
            (local.set $d (f64.promote_f32 (local.get $f)))
            (local.set $v (i32x4.add (local.get $v) (i32x4.splat (local.get $b))))
            (local.set $r (ref.func $note))
            (if (i32.lt_s (local.get $b) (i32.const 3)) (then
                (local.set $l (i64.trunc_f64_s (local.get $d)))
                (call $note (i32.wrap_i64 (local.get $l)))
                (br_if $end (i32.eqz (local.get $b)))
                (return)))
            (local.set $l (i64.const 99)))
        (call $note (i32x4.extract_lane 2 (local.get $v)))
        (call $note (i32.wrap_i64 (local.get $l)))
        (call $note (i32.trunc_f32_s (local.get $f)))
        (call $note (ref.is_null (local.get $r))))
    (elem declare func $note)
    (func (export "kinds") (param $a i32) (param $b i32) (result i32)
        (call $kinds (local.get $a) (local.get $b))
        (global.get $seen)))"#;

const FUNCTIONS: &[&str] = &["blocks", "dispatch", "nested", "traps", "kinds"];

const INPUTS: &[i32] = &[-1, 0, 1, 2, 4, 7];

/// More than the guest has stretches.
const STRETCHES: usize = 200;

fn results(wasm: &[u8]) -> Vec<(Vec<dormouse::Value>, Status)> {
    let image = Image::wasm("guest", wasm).expect("it is valid");
    // A guest that was taken apart wrongly may loop for ever.
    let limits = Limits {
        fuel: Some(100_000),
        ..Limits::default()
    };
    let mut results = Vec::new();
    for function in FUNCTIONS {
        for a in INPUTS {
            for b in INPUTS {
                let program = Program::invoke(*function, [a.to_string(), b.to_string()]);
                let Outcome {
                    values, mut status, ..
                } = Sandbox::new(&image)
                    .limits(limits.clone())
                    .run(program)
                    .expect("it runs");
                if let Status::Trap(trap) = &mut status {
                    trap.function = None;
                }
                results.push((values, status));
            }
        }
    }
    results
}

#[test]
fn whatever_moves_functions_do_the_same() {
    let guest = guest();
    let expected = results(&guest);
    assert!(
        expected
            .iter()
            .any(|(_, status)| matches!(status, Status::Trap(_)))
    );
    let mut random = 1_u32;
    let mut next = move |below: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % below
    };
    let mut largest = 0;
    for round in 0..60 {
        // Each round keeps more; the first moves all that can move.
        let heat: Vec<Heat> = (0..STRETCHES)
            .map(|_| match next(40) {
                n if n < round / 2 => Heat::Hot,
                n if n < round => Heat::Near,
                _ => Heat::Cold,
            })
            .collect();
        let bytes = next(20) as usize;
        for heat in [with_entries(&guest, &heat), heat] {
            let Outlined { module, .. } = outline(&guest, &heat, bytes);
            largest = largest.max(module.len());
            assert_eq!(results(&module), expected, "{bytes} {heat:?}");
        }
    }
    assert!(largest > guest.len() + 500, "nothing moved");
}

#[test]
fn what_is_hot_stays() {
    let guest = guest();
    for heat in [
        vec![Heat::Hot; STRETCHES],
        vec![Heat::Cold; STRETCHES],
        Vec::new(),
    ] {
        let Outlined { module, near } = outline(&guest, &heat, 0);
        assert_eq!(module, guest);
        assert!(near.is_empty());
    }
}

fn outline(wasm: &[u8], heat: &[Heat], bytes: usize) -> Outlined {
    let worth = Worth { bytes };
    dormouse_snapshot::outline(wasm, heat, worth).expect("it is valid")
}

#[test]
fn counting_changes_nothing() {
    let guest = guest();
    let counting = dormouse_snapshot::cover(&guest).expect("it is valid");
    assert_eq!(results(&counting), results(&guest));
}

#[test]
fn what_is_no_module_is_refused() {
    let guest = guest();
    for wrong in [&guest[..100], b"\0asm\x01\0\0\0\x01\x02\x01", b""] {
        assert!(dormouse_snapshot::outline(wrong, &[Heat::Hot], Worth::default()).is_err());
        assert!(dormouse_snapshot::cover(wrong).is_err());
    }
}

/// `heat`, with each function's first stretch hot.
fn with_entries(wasm: &[u8], heat: &[Heat]) -> Vec<Heat> {
    let mut all = heat.to_vec();
    let mut next = 0;
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        if let wasmparser::Payload::CodeSectionEntry(body) = payload.expect("Wasm") {
            all[next] = Heat::Hot;
            next += 1;
            for operator in body.get_operators_reader().expect("Wasm") {
                use wasmparser::Operator::{BrIf, Else, End, If, Loop};
                let operator = operator.expect("Wasm");
                next += usize::from(matches!(
                    operator,
                    Loop { .. } | If { .. } | Else | End | BrIf { .. }
                ));
            }
        }
    }
    all
}

/// The guest, each of its statements made long enough to be worth moving.
fn guest() -> Vec<u8> {
    let long = "(call $note (i32.const 5)) ".repeat(8) + "(local.set $";
    wat::parse_str(GUEST.replace("(local.set $", &long)).expect("Wasm text")
}
