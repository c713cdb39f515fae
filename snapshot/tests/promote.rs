//! A module whose variables became locals gives what it gave, with fewer loads
//! and stores; and what others may reach stays in memory.

use dormouse_snapshot::promote;
use gimli::write::{AttributeValue, DwarfUnit, EndianVec, Expression, Sections, UnitEntryId};
use gimli::{Encoding, Format, LittleEndian};
use wasm_encoder::{CustomSection, Section};
use wasmi::{Engine, Linker, Module, Store, Val};
use wasmparser::{Operator, Parser, Payload};

/// A variable of a routine.
#[derive(Clone, Copy)]
enum Var {
    /// A parameter of four bytes at the offset.
    Param(i64),
    /// A variable of so many bytes.
    Scalar(i64, u64),
    /// An array of four-byte elements.
    Array(i64, u64),
}

/// The bytes of `wat` with debug information of `routines`, all in one unit.
fn module(wat: &str, routines: &[&[Var]]) -> Vec<u8> {
    let mut wasm = wat::parse_str(wat).expect("well-formed");
    let encoding = Encoding {
        format: Format::Dwarf32,
        version: 4,
        address_size: 4,
    };
    let mut dwarf = DwarfUnit::new(encoding);
    for routine in routines {
        add(&mut dwarf, routine);
    }
    let mut sections = Sections::new(EndianVec::new(LittleEndian));
    dwarf.write(&mut sections).expect("it can be written");
    sections
        .for_each(|id, bytes| -> Result<(), gimli::write::Error> {
            let section = CustomSection {
                name: id.name().into(),
                data: bytes.slice().into(),
            };
            section.append_to(&mut wasm);
            Ok(())
        })
        .expect("nothing fails");
    wasm
}

fn add(dwarf: &mut DwarfUnit, routine: &[Var]) {
    let unit = &mut dwarf.unit;
    let root = unit.root();
    let subprogram = unit.add(root, gimli::DW_TAG_subprogram);
    // The frame is where the local 1 points to.
    let base = Expression::raw(vec![0xed, 0, 1, 0x9f]);
    let base = AttributeValue::Exprloc(base);
    unit.get_mut(subprogram).set(gimli::DW_AT_frame_base, base);
    for var in routine {
        let (tag, offset) = match var {
            Var::Param(offset) => (gimli::DW_TAG_formal_parameter, *offset),
            Var::Scalar(offset, _) | Var::Array(offset, _) => (gimli::DW_TAG_variable, *offset),
        };
        let ty = ty(unit, root, *var);
        let entry = unit.add(subprogram, tag);
        let mut place = Expression::new();
        place.op_fbreg(offset);
        let entry = unit.get_mut(entry);
        entry.set(gimli::DW_AT_location, AttributeValue::Exprloc(place));
        entry.set(gimli::DW_AT_type, AttributeValue::UnitRef(ty));
    }
}

fn ty(unit: &mut gimli::write::Unit, root: UnitEntryId, var: Var) -> UnitEntryId {
    let base = unit.add(root, gimli::DW_TAG_base_type);
    let size = match var {
        Var::Scalar(_, size) => size,
        _ => 4,
    };
    let size = AttributeValue::Udata(size);
    unit.get_mut(base).set(gimli::DW_AT_byte_size, size);
    let Var::Array(_, count) = var else {
        return base;
    };
    let array = unit.add(root, gimli::DW_TAG_array_type);
    let element = AttributeValue::UnitRef(base);
    unit.get_mut(array).set(gimli::DW_AT_type, element);
    let range = unit.add(array, gimli::DW_TAG_subrange_type);
    let count = AttributeValue::Udata(count);
    unit.get_mut(range).set(gimli::DW_AT_count, count);
    array
}

/// What `f(arg)` gives, or how it fails.
fn run(wasm: &[u8], arg: i32) -> String {
    let engine = Engine::default();
    let module = Module::new(&engine, wasm).expect("it is valid");
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate_and_start(&mut store, &module)
        .expect("nothing is imported");
    let function = instance.get_func(&store, "f").expect("exported");
    let mut results = [Val::I32(0)];
    let ended = function.call(&mut store, &[Val::I32(arg)], &mut results);
    let pointer = instance.get_global(&store, "sp").expect("exported");
    format!("{ended:?} {results:?} {:?}", pointer.get(&store))
}

/// How many loads and stores, and uses of the stack pointer, the last function
/// has.
fn counts(wasm: &[u8]) -> (usize, usize) {
    let mut counts = (0, 0);
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload.expect("well-formed") {
            counts = (0, 0);
            for operator in body.get_operators_reader().expect("code") {
                match operator.expect("an operator") {
                    Operator::GlobalGet { .. } | Operator::GlobalSet { .. } => counts.1 += 1,
                    operator if format!("{operator:?}").contains("memarg") => counts.0 += 1,
                    _ => {}
                }
            }
        }
    }
    counts
}

/// Both give the same for some arguments; gives the counts of the new one.
fn same(wasm: &[u8]) -> (usize, usize) {
    let promoted = promote(wasm).expect("it is well-formed");
    for arg in [0, 1, 2, 7, 100, -1, -200, i32::MAX] {
        assert_eq!(run(&promoted, arg), run(wasm, arg), "{arg}");
    }
    counts(&promoted)
}

/// `f` with a frame of 32 bytes.
fn with_frame(helpers: &str, code: &str) -> String {
    format!(
        r#"(module (memory 1)
            (global $sp (export "sp") (mut i32) (i32.const 65536))
            {helpers}
            (func (export "f") (param $n i32) (result i32) (local $fp i32) (local $r i32)
                global.get $sp
                i32.const 32
                i32.sub
                local.tee $fp
                global.set $sp
                (i32.store offset=28 (local.get $fp) (local.get $n))
                {code}
                (global.set $sp (i32.add (local.get $fp) (i32.const 32)))
                local.get $r))"#
    )
}

/// Sums up what is below the parameter, at most a thousand of it.
const SUM: &str = "
    (i32.store offset=28 (local.get $fp)
        (i32.rem_s (i32.load offset=28 (local.get $fp)) (i32.const 1000)))
    (i32.store offset=24 (local.get $fp) (i32.const 0))
    (loop $again
        (i32.store offset=24 (local.get $fp) (i32.add
            (i32.load offset=24 (local.get $fp))
            (i32.load offset=28 (local.get $fp))))
        (i32.store offset=28 (local.get $fp)
            (i32.sub (i32.load offset=28 (local.get $fp)) (i32.const 1)))
        (br_if $again (i32.gt_s (i32.load offset=28 (local.get $fp)) (i32.const 0))))
    (local.set $r (i32.load offset=24 (local.get $fp)))";

#[test]
fn variables_that_nothing_else_reaches_become_locals() {
    let wasm = module(&with_frame("", SUM), &[&[Var::Param(28)]]);
    assert_eq!(counts(&wasm), (11, 3));
    // And with them the frame is gone.
    assert_eq!(same(&wasm), (0, 0));
}

#[test]
fn modules_without_debug_information_stay_as_they_are() {
    let wasm = wat::parse_str(with_frame("", SUM)).expect("well-formed");
    assert_eq!(promote(&wasm).expect("well-formed"), wasm);
}

/// Writes behind and at the address that it is given.
const HELPER: &str = "(func $fill (param i32)
    (i32.store (local.get 0) (i32.const 5))
    (i32.store offset=4 (local.get 0) (i32.const 6)))";

/// Gives the address of what is at 16, and uses what is at 20.
const ESCAPE: &str = "
    (i32.store offset=24 (local.get $fp) (i32.const 3))
    (i32.store offset=20 (local.get $fp) (i32.const 4))
    (call $fill (i32.add (local.get $fp) (i32.const 16)))
    (local.set $r (i32.add
        (i32.mul (i32.load offset=24 (local.get $fp)) (i32.const 1000))
        (i32.add
            (i32.mul (i32.load offset=20 (local.get $fp)) (i32.const 10))
            (i32.load offset=28 (local.get $fp)))))";

#[test]
fn what_is_in_an_array_that_others_reach_stays() {
    let routine = [Var::Param(28), Var::Scalar(24, 4), Var::Array(16, 2)];
    let wasm = module(&with_frame(HELPER, ESCAPE), &[&routine]);
    // The one at 20 is stored and loaded; the pointer is set for the callee.
    assert_eq!(same(&wasm), (2, 3));
}

#[test]
fn what_may_be_in_an_array_stays() {
    let one = [Var::Param(28), Var::Scalar(24, 4), Var::Array(16, 2)];
    let other = [Var::Param(28), Var::Array(20, 2), Var::Scalar(16, 4)];
    let wasm = module(&with_frame(HELPER, ESCAPE), &[&one, &other]);
    assert_eq!(same(&wasm), (2, 3));
    // Of the other alone all but the one at 16 could be a local.
    let wasm = module(&with_frame(HELPER, ESCAPE), &[&other]);
    let promoted = promote(&wasm).expect("well-formed");
    assert_eq!(counts(&promoted), (0, 3));
}

#[test]
fn frames_of_no_known_shape_stay() {
    // It has its parameter elsewhere, a variable beyond the frame, or one that
    // an access lies across.
    let wrong: [&[Var]; 3] = [
        &[Var::Param(20), Var::Scalar(24, 4)],
        &[Var::Param(28), Var::Scalar(40, 4)],
        &[Var::Param(28), Var::Scalar(22, 4)],
    ];
    for routine in wrong {
        let wasm = module(&with_frame(HELPER, ESCAPE), &[routine]);
        assert_eq!(same(&wasm), counts(&wasm));
    }
}

#[test]
fn code_that_uses_its_parameters_directly_is_of_no_routine() {
    let code = ESCAPE.replace("(i32.load offset=28 (local.get $fp))", "(local.get $n)");
    let wat = with_frame(HELPER, &code).replace(
        "(i32.store offset=28 (local.get $fp) (local.get $n))",
        "(i32.store offset=28 (local.get $fp) (i32.const 1))",
    );
    let routine = [Var::Param(28), Var::Scalar(24, 4), Var::Array(16, 2)];
    let wasm = module(&wat, &[&routine]);
    assert_eq!(same(&wasm), counts(&wasm));
}

#[test]
fn addresses_that_are_computed_with_keep_all_in_memory() {
    let code = format!("{SUM} (local.set $r (i32.and (local.get $fp) (i32.const -16)))");
    let wasm = module(&with_frame("", &code), &[&[Var::Param(28)]]);
    assert_eq!(same(&wasm), counts(&wasm));
}

#[test]
fn narrow_variables_keep_their_width() {
    let code = "
        (i32.store8 offset=27 (local.get $fp) (local.get $n))
        (i32.store16 offset=24 (local.get $fp) (local.get $n))
        (i64.store32 offset=20 (local.get $fp) (i64.extend_i32_s (local.get $n)))
        (i64.store offset=8 (local.get $fp) (i64.load32_s offset=20 (local.get $fp)))
        (local.set $r (i32.add
            (i32.add
                (i32.load8_s offset=27 (local.get $fp))
                (i32.mul (i32.load8_u offset=27 (local.get $fp)) (i32.const 3)))
            (i32.add
                (i32.add
                    (i32.mul (i32.load16_s offset=24 (local.get $fp)) (i32.const 5))
                    (i32.mul (i32.load16_u offset=24 (local.get $fp)) (i32.const 7)))
                (i32.wrap_i64 (i64.add
                    (i64.mul (i64.load offset=8 (local.get $fp)) (i64.const 11))
                    (i64.shr_u (i64.load32_u offset=20 (local.get $fp)) (i64.const 3)))))))";
    let wasm = module(&with_frame("", code), &[&[Var::Param(28)]]);
    assert_eq!(same(&wasm), (0, 0));
}

#[test]
fn parts_that_overlap_stay() {
    let code = "
        (i32.store offset=16 (local.get $fp) (local.get $n))
        (i32.store8 offset=17 (local.get $fp) (i32.const 1))
        (f32.store offset=20 (local.get $fp) (f32.const 1.5))
        (local.set $r (i32.add
            (i32.load offset=16 (local.get $fp))
            (i32.load offset=20 (local.get $fp))))";
    let wasm = module(&with_frame("", code), &[&[Var::Param(28)]]);
    // The parameter's own place is only stored to.
    assert_eq!(same(&wasm), (5, 3));
}

#[test]
fn malformed_debug_information_is_as_good_as_none() {
    let mut wasm = wat::parse_str(with_frame("", SUM)).expect("well-formed");
    let section = CustomSection {
        name: ".debug_info".into(),
        data: (&b"\xff\x00\x00\x00nothing of use"[..]).into(),
    };
    section.append_to(&mut wasm);
    assert_eq!(promote(&wasm).expect("well-formed"), wasm);
}
