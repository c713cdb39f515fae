//! Instances that wake from an image, run, and are brought back to it.

mod resting;

use super::{Code, Failure, Instance, Prepared, State, WakeError};
use crate::{
    Output, Stdin,
    engine::{
        Engine, MAX_RECURSION_DEPTH, Meter, Metering,
        mapping::{Contents, Extent, Memories, PAGE, Reservation, Source, Trusted},
    },
    wasi::{Clock, Context, Random, Root, Stdio},
};
use std::{fs::File, io::Write, path::Path, sync::Arc};
use wasmi::Val;

/// What a captured guest looks like: an imported memory, exported globals.
const GUEST: &str = r#"(module
    (import "wasi_snapshot_preview1" "clock_time_get"
        (func $clock (param i32 i64 i32) (result i32)))
    (import "dormouse" "memory0" (memory 0))
    (global $count (export "dormouse:global:0") (mut i32) (i32.const 7))
    (table (export "table") 2 funcref)
    (export "memory" (memory 0))
    (func (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "poke") (param i32 i32) (result i32)
        (i32.store8 (local.get 0) (local.get 1)) (i32.const 0))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "size") (result i32) (memory.size))
    (func (export "count") (result i32)
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (global.get $count))
    (func (export "spin") (result i32) (loop (br 0)) (i32.const 0))
    (func (export "time") (result i32)
        (call $clock (i32.const 1) (i64.const 0) (i32.const 64))))"#;

/// The same, but with a table that it changes.
const CHANGES_TABLE: &str = r#"
    (elem declare func 0)
    (func (export "set_table") (result i32)
        (table.set 0 (i32.const 0) (ref.func 0)) (i32.const 0))
    (func (export "table_is_null") (result i32)
        (ref.is_null (table.get 0 (i32.const 0)))))"#;

/// Bytes of memory that the guest has when it wakes.
const PAGES: u64 = 4;

/// A limit of two pages more.
const LIMIT: u64 = (PAGES + 2) * PAGE;

fn state(limit: u64, fuel: Option<u64>) -> State {
    let meter = Arc::new(Meter::new(None, None));
    let stdio = Stdio::new(
        Stdin::default(),
        Output::default(),
        Output::default(),
        &meter,
    )
    .expect("streams");
    let clock = Clock::new(false, Arc::clone(&meter));
    let random = Random::new(None).expect("randomness");
    let root = Root::new(&[], 0).expect("a root");
    let context = Context::new(root, stdio, clock, random).expect("a context");
    State::new(context, limit, fuel, meter)
}

/// Pages of 5, zeros, 6 and zeros, in a file at `path`.
fn memories(path: &Path) -> Memories {
    let mut file = File::create(path).expect("a file");
    for byte in [5, 6] {
        file.write_all(&[byte; PAGE as usize]).expect("room");
    }
    let file = File::open(path).expect("the file");
    let extent = |guest, file| Extent {
        guest: guest * PAGE,
        file: file * PAGE,
        len: PAGE,
    };
    let contents = Contents {
        pages: PAGES,
        maximum: None,
        extents: vec![extent(0, 0), extent(2, 1)],
    };
    Memories::new(Source::File(Arc::new(file)), vec![contents]).expect("an image")
}

struct Image {
    prepared: Prepared,
    path: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

impl Image {
    fn new(guest: &str, metering: Metering) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("image");
        let wasm = wat::parse_str(guest).expect("valid text");
        let prepared = Prepared::image(
            &Code::Trusted(Trusted::built_here(&wasm)),
            None,
            memories(&path),
            &Engine::new(metering, MAX_RECURSION_DEPTH),
            |_| Ok(()),
        )
        .unwrap_or_else(|error| panic!("{error}"))
        .reset_in_place(super::is_restorable(&wasm).expect("readable"));
        Self {
            prepared,
            path,
            _folder: folder,
        }
    }

    fn plain() -> Self {
        Self::new(GUEST, Metering::Off)
    }

    fn reserve(&self) -> Reservation {
        let memories = self.prepared.memories().expect("an image's");
        Reservation::new(memories, LIMIT)
    }

    fn wake(&self) -> Instance {
        woken(Instance::wake(
            &self.prepared,
            state(LIMIT, None),
            self.reserve(),
        ))
    }
}

fn woken(result: Result<Instance, WakeError>) -> Instance {
    match result {
        Ok(instance) => instance,
        Err(WakeError::TooLarge(_)) => panic!("too large"),
        Err(WakeError::Failed(Failure::Error(error))) => panic!("{error}"),
        Err(WakeError::Failed(Failure::Stop(stop, _))) => panic!("{stop}"),
    }
}

fn call(instance: &mut Instance, name: &str, args: &[i32]) -> Result<i32, String> {
    let func = instance.func(name).expect("an export");
    let args: Vec<Val> = args.iter().copied().map(Val::I32).collect();
    let mut results = [Val::I32(0)];
    instance
        .call(func, &args, &mut results)
        .map_err(|stop| stop.to_string())?;
    Ok(results[0].i32().expect("an i32"))
}

fn ask(instance: &mut Instance, name: &str, args: &[i32]) -> i32 {
    call(instance, name, args).expect("it returns")
}

/// The first byte of each page that there is.
fn peek(instance: &mut Instance) -> Vec<i32> {
    let pages = ask(instance, "size", &[]);
    (0..pages)
        .map(|page| ask(instance, "peek", &[page << 16]))
        .collect()
}

#[test]
fn a_guest_wakes_with_its_memory() {
    let mut instance = Image::plain().wake();
    assert_eq!(peek(&mut instance), [5, 0, 6, 0]);
    assert_eq!(ask(&mut instance, "count", &[]), 8);
    assert_eq!(ask(&mut instance, "time", &[]), 0, "WASI finds the memory");
}

#[test]
fn the_memory_limit_holds_after_waking() {
    let mut instance = Image::plain().wake();
    assert_eq!(ask(&mut instance, "grow", &[3]), -1);
    assert!(instance.state().meter.memory_refused());
    assert_eq!(ask(&mut instance, "grow", &[1]), 4);
    assert_eq!(ask(&mut instance, "grow", &[1]), 5);
    assert_eq!(ask(&mut instance, "grow", &[1]), -1);
    assert_eq!(peek(&mut instance), [5, 0, 6, 0, 0, 0]);
    let beyond = call(&mut instance, "peek", &[6 << 16]);
    assert!(beyond.is_err_and(|stop| stop.contains("out of bounds")));
}

#[test]
fn an_image_above_the_limit_is_told_apart() {
    let image = Image::plain();
    let limit = PAGES * PAGE - 1;
    let result = Instance::wake(&image.prepared, state(limit, None), image.reserve());
    // The state comes back, for a plain start.
    assert!(matches!(
        result,
        Err(WakeError::TooLarge(state)) if state.limiter.memory_left() == limit
    ));
}

#[test]
fn a_larger_limit_than_reserved_for_holds_too() {
    let image = Image::plain();
    let state = state(LIMIT + 10 * PAGE, None);
    let mut instance = woken(Instance::wake(&image.prepared, state, image.reserve()));
    assert_eq!(ask(&mut instance, "grow", &[12]), 4);
    assert_eq!(ask(&mut instance, "grow", &[1]), -1);
}

#[test]
fn a_reset_instance_is_like_new() {
    let image = Image::plain();
    assert!(image.prepared.is_reset_in_place());
    let mut instance = image.wake();
    for _ in 0..3 {
        assert_eq!(ask(&mut instance, "count", &[]), 8);
        for page in 0..4 {
            ask(&mut instance, "poke", &[page << 16, 9]);
        }
        assert_eq!(peek(&mut instance), [9; 4]);
        instance = woken(instance.reset(&image.prepared, state(LIMIT, None)));
        assert_eq!(peek(&mut instance), [5, 0, 6, 0]);
    }
    assert_eq!(ask(&mut instance, "grow", &[2]), 4);
    assert_eq!(ask(&mut instance, "grow", &[1]), -1, "the limit holds");
}

#[test]
fn a_grown_instance_is_reset() {
    let image = Image::plain();
    let mut instance = image.wake();
    for _ in 0..3 {
        assert_eq!(ask(&mut instance, "grow", &[2]), 4);
        ask(&mut instance, "poke", &[5 << 16, 9]);
        ask(&mut instance, "poke", &[0, 9]);
        assert_eq!(ask(&mut instance, "count", &[]), 8);
        instance = woken(instance.reset(&image.prepared, state(LIMIT, None)));
        assert_eq!(peek(&mut instance), [5, 0, 6, 0]);
    }
}

#[test]
fn a_changed_table_is_reset() {
    let guest = format!("{}{CHANGES_TABLE}", &GUEST[..GUEST.len() - 1]);
    let image = Image::new(&guest, Metering::Off);
    assert!(!image.prepared.is_reset_in_place());
    let mut instance = image.wake();
    for _ in 0..2 {
        assert_eq!(ask(&mut instance, "table_is_null", &[]), 1);
        ask(&mut instance, "set_table", &[]);
        assert_eq!(ask(&mut instance, "table_is_null", &[]), 0);
        instance = woken(instance.reset(&image.prepared, state(LIMIT, None)));
    }
}

#[test]
fn a_hidden_global_is_reset() {
    let guest = GUEST.replace(r#"(export "dormouse:global:0")"#, "");
    let image = Image::new(&guest, Metering::Off);
    assert!(!image.prepared.is_reset_in_place());
    let mut instance = image.wake();
    assert_eq!(ask(&mut instance, "count", &[]), 8);
    instance = woken(instance.reset(&image.prepared, state(LIMIT, None)));
    assert_eq!(ask(&mut instance, "count", &[]), 8);
}

#[test]
fn a_reset_to_a_smaller_limit_is_told_apart() {
    let image = Image::plain();
    let result = image
        .wake()
        .reset(&image.prepared, state(PAGES * PAGE - 1, None));
    assert!(matches!(result, Err(WakeError::TooLarge(_))));
}

#[test]
fn a_reset_instance_has_its_fuel_anew() {
    let image = Image::new(GUEST, Metering::On);
    let metered = || state(LIMIT, Some(10_000));
    let mut instance = woken(Instance::wake(&image.prepared, metered(), image.reserve()));
    for _ in 0..2 {
        assert!(call(&mut instance, "spin", &[]).is_err());
        instance = woken(instance.reset(&image.prepared, metered()));
        assert_eq!(ask(&mut instance, "count", &[]), 8);
        assert!(instance.into_state().fuel_used() < Some(100));
        instance = woken(Instance::wake(&image.prepared, metered(), image.reserve()));
    }
}

#[test]
fn module_and_memories_must_belong_together() {
    let folder = tempfile::tempdir().expect("a folder");
    for guest in [
        r#"(module)"#,
        r#"(module (import "dormouse" "memory1" (memory 0)))"#,
        r#"(module (import "other" "memory0" (memory 0)))"#,
        r#"(module (import "dormouse" "nothing" (func)))"#,
    ] {
        let wasm = wat::parse_str(guest).expect("valid text");
        let prepared = Prepared::image(
            &Code::Foreign(&wasm),
            None,
            memories(&folder.path().join("image")),
            &Engine::new(Metering::Off, MAX_RECURSION_DEPTH),
            |_| Ok(()),
        );
        assert!(prepared.is_err(), "{guest}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn instances_share_clean_pages() {
    let image = Image::plain();
    let mut instances: Vec<Instance> = (0..20).map(|_| image.wake()).collect();
    for instance in &mut instances {
        assert_eq!(peek(instance), [5, 0, 6, 0]);
    }
    assert_eq!(private_dirty(&image.path), 0);
    ask(&mut instances[3], "poke", &[0, 9]);
    assert_eq!(private_dirty(&image.path), rustix::param::page_size());
    drop(instances);
    assert_eq!(private_dirty(&image.path), 0);
}

/// Bytes that mappings of the file hold for this process alone.
#[cfg(target_os = "linux")]
fn private_dirty(path: &Path) -> usize {
    let maps = std::fs::read_to_string("/proc/self/smaps").expect("smaps");
    let mut is_ours = false;
    let mut sum = 0;
    for line in maps.lines() {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        if !first.ends_with(':') {
            is_ours = line.ends_with(&*path.to_string_lossy());
        } else if is_ours && first == "Private_Dirty:" {
            let kilobytes: usize = words.next().and_then(|n| n.parse().ok()).expect("a size");
            sum += kilobytes << 10;
        }
    }
    sum
}
