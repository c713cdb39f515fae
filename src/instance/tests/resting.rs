//! What a run leaves for the next one can't be told from a new instance.

use super::{CHANGES_TABLE, GUEST, Image as Small, LIMIT, ask, call, peek, state};
use crate::{
    Grants, GuestState, GuestStore, Image, Language, Limits, Outcome, Program, Sandbox, Status,
    engine::{Metering, mapping::Reservation},
    instance::{
        Failure, Instance, Prepared, Reserving, is_restorable,
        resting::{MAX_RESTED, Rested},
    },
};
use dormouse_snapshot::{COLD, LOADED};
use std::{sync::Arc, time::Duration};
use wasm_encoder::{CustomSection, Encode};
use wasmi::{Extern, Val};

fn of(prepared: &Prepared, fuel: Option<u64>) -> Instance {
    let memories = prepared.memories().expect("an image's");
    let reserving = Reserving::begin(memories, LIMIT, None);
    match Instance::of(prepared, state(LIMIT, fuel), Some(reserving)) {
        Ok(instance) => instance,
        Err(Failure::Error(error)) => panic!("{error}"),
        Err(Failure::Stop(stop, _)) => panic!("{stop}"),
    }
}

/// Whether an instance rests, or a reservation.
fn rests(prepared: &Prepared) -> Option<bool> {
    let rested = prepared.resting.take(&state(LIMIT, None))?;
    let is_instance = matches!(rested, Rested::Instance(_));
    prepared.resting.put(rested);
    Some(is_instance)
}

#[test]
fn a_rested_instance_is_like_new() {
    let small = Small::plain();
    for round in 0..3 {
        let mut instance = of(&small.prepared, None);
        assert_eq!(rests(&small.prepared), None, "round {round}: it was taken");
        assert_eq!(peek(&mut instance), [5, 0, 6, 0]);
        assert_eq!(ask(&mut instance, "count", &[]), 8);
        for page in 0..4 {
            ask(&mut instance, "poke", &[page << 16, 9]);
        }
        let meter = Arc::downgrade(&instance.state().meter);
        instance.rest(&small.prepared, true);
        assert!(meter.upgrade().is_none(), "the host's side is gone");
        assert_eq!(rests(&small.prepared), Some(true));
    }
    let mut instance = of(&small.prepared, None);
    assert_eq!(ask(&mut instance, "grow", &[3]), -1);
    assert_eq!(
        ask(&mut instance, "grow", &[2]),
        4,
        "the limit is the run's"
    );
}

#[test]
fn what_can_not_be_reset_in_place_is_not() {
    let hidden = GUEST.replace(r#"(export "dormouse:global:0")"#, "");
    let table = format!("{}{CHANGES_TABLE}", &GUEST[..GUEST.len() - 1]);
    for guest in [&hidden, &table] {
        let small = Small::new(guest, Metering::Off);
        for _ in 0..2 {
            let mut instance = of(&small.prepared, None);
            assert_eq!(ask(&mut instance, "count", &[]), 8);
            assert_eq!(peek(&mut instance), [5, 0, 6, 0]);
            if guest == &table {
                assert_eq!(ask(&mut instance, "table_is_null", &[]), 1);
                ask(&mut instance, "set_table", &[]);
            }
            ask(&mut instance, "poke", &[0, 9]);
            instance.rest(&small.prepared, true);
            assert_eq!(rests(&small.prepared), Some(false));
        }
    }
}

#[test]
fn grown_and_stopped_instances_leave_their_space_only() {
    let small = Small::plain();
    for in_place in [true, false] {
        let mut instance = of(&small.prepared, None);
        assert_eq!(ask(&mut instance, "size", &[]), 4);
        if in_place {
            assert_eq!(ask(&mut instance, "grow", &[2]), 4);
            ask(&mut instance, "poke", &[5 << 16, 9]);
        } else {
            assert!(call(&mut instance, "peek", &[9 << 16]).is_err());
        }
        ask(&mut instance, "poke", &[1 << 16, 9]);
        instance.rest(&small.prepared, in_place);
        assert_eq!(rests(&small.prepared), Some(false));
        let mut instance = of(&small.prepared, None);
        assert_eq!(peek(&mut instance), [5, 0, 6, 0]);
        assert_eq!(ask(&mut instance, "grow", &[2]), 4);
        assert_eq!(peek(&mut instance), [5, 0, 6, 0, 0, 0]);
    }
}

#[test]
fn limited_fuel_and_larger_limits_get_new_instances() {
    let small = Small::new(GUEST, Metering::On);
    of(&small.prepared, None).rest(&small.prepared, true);
    assert!(
        small
            .prepared
            .resting
            .take(&state(LIMIT, Some(1000)))
            .is_none()
    );
    assert!(
        small
            .prepared
            .resting
            .take(&state(LIMIT + 1, None))
            .is_none()
    );
    assert!(
        small
            .prepared
            .resting
            .take(&state(LIMIT - 1, None))
            .is_some()
    );
}

#[test]
fn so_many_rest_and_no_more() {
    let small = Small::plain();
    let all: Vec<Instance> = (0..MAX_RESTED + 3)
        .map(|_| of(&small.prepared, None))
        .collect();
    for instance in all {
        instance.rest(&small.prepared, true);
    }
    let taken = std::iter::from_fn(|| small.prepared.resting.take(&state(LIMIT, None)));
    assert_eq!(taken.count(), MAX_RESTED);
}

#[test]
fn what_begins_by_itself_is_not_reset_in_place() {
    for (text, expected) in [
        (r#"(module (func (export "f")))"#, true),
        (r#"(module (func $f (export "f")) (start $f))"#, false),
    ] {
        let wasm = wat::parse_str(text).expect("valid text");
        assert_eq!(is_restorable(&wasm).expect("readable"), expected);
    }
}

#[test]
fn cold_code_is_looked_at_too() {
    let main = wat::parse_str(GUEST).expect("valid text");
    for (cold, expected) in [
        ("(module (func nop))", true),
        ("(module (global i32 (i32.const 1)))", true),
        ("(module (global (mut i32) (i32.const 1)))", false),
        ("(module (memory 1))", false),
        ("(module (table 1 funcref))", false),
        (
            r#"(module (import "dormouse:main" "t" (table 1 funcref))
                (func (table.set (i32.const 0) (ref.null func))))"#,
            false,
        ),
    ] {
        let mut wasm = main.clone();
        let cold = wat::parse_str(cold).expect("valid text");
        let section = CustomSection {
            name: COLD.into(),
            data: cold.into(),
        };
        wasm.push(0);
        section.encode(&mut wasm);
        assert_eq!(is_restorable(&wasm).expect("readable"), expected);
    }
}

/// All that a guest could find of another one: its memories, globals and the
/// sizes of its tables.
fn contents(instance: &Instance) -> Vec<(String, Vec<u8>, Option<Val>)> {
    let store = instance.store();
    let exports = instance.raw().exports(store);
    exports
        // That code is there already, which it then does not ask for.
        .filter(|export| export.name() != LOADED)
        .map(|export| {
            let name = export.name().to_owned();
            match export.into_extern() {
                Extern::Memory(memory) => (name, memory.data(store).to_vec(), None),
                Extern::Global(global) => (name, Vec::new(), Some(global.get(store))),
                Extern::Table(table) => (name, table.size(store).to_le_bytes().to_vec(), None),
                Extern::Func(_) => (name, Vec::new(), None),
            }
        })
        .collect()
}

/// The language's image for runs with a deadline, if its guest is there.
fn language(language: Language) -> Option<Image> {
    let store = GuestStore::open_default().ok()?;
    let all = store.list().ok()?;
    let missing = |state: &GuestState| matches!(state, GuestState::Missing);
    if all
        .iter()
        .any(|one| one.language == language && missing(&one.state))
    {
        return None;
    }
    let image = store.image(language, &mut |_| {}).expect("it is captured");
    Some(image.bounded().expect("it is captured too").clone())
}

fn run(image: &Image, source: &str, seed: Option<u64>) -> Outcome {
    let grants = Grants {
        seed,
        ..Grants::default()
    };
    let limits = Limits {
        deadline: Some(Duration::from_secs(3)),
        ..Limits::default()
    };
    let sandbox = Sandbox::new(image).grants(grants).limits(limits);
    sandbox.run(Program::code(source)).expect("it runs")
}

/// Runs each of `hostile`, and looks at what it left: an instance, where that is
/// told; else it depends on how much memory was left in the image.
fn leave_nothing(image: &Image, witness: &str, hostile: &[(&str, bool)]) {
    let prepared = image.prepared(Metering::Off).expect("it loads");
    assert!(prepared.is_reset_in_place());
    let limit = Limits::default().memory;
    let memories = prepared.memories().expect("an image's");
    let new = Reservation::new(memories, limit);
    let new = super::woken(Instance::wake(prepared, state(limit, None), new));
    let expected = run(image, witness, Some(1));
    assert_eq!(expected.status, Status::Exit(0), "{expected:?}");
    let shown = |outcome: &Outcome| String::from_utf8_lossy(&outcome.stdout).into_owned();
    for (source, stays) in hostile {
        let outcome = run(image, source, None);
        let rested = prepared
            .resting
            .take(&state(limit, None))
            .expect("something rests");
        let is_instance = matches!(rested, Rested::Instance(_));
        assert!(!stays || is_instance, "{source}: {outcome:?}");
        let rested = match rested {
            Rested::Instance(rested) => *rested,
            Rested::Space(space) => {
                super::woken(Instance::wake(prepared, state(limit, None), space))
            }
        };
        for (one, other) in contents(&rested).iter().zip(contents(&new)) {
            assert_eq!(one.0, other.0);
            assert!(one.1 == other.1, "{source}: {} has other bytes", one.0);
            assert_eq!(
                format!("{:?}", one.2),
                format!("{:?}", other.2),
                "{}",
                one.0
            );
        }
        rested.rest(prepared, true);
        assert_eq!(
            shown(&run(image, witness, Some(1))),
            shown(&expected),
            "{source}"
        );
    }
}

#[test]
fn python_programs_leave_nothing() {
    let Some(image) = language(Language::Python) else {
        return;
    };
    let witness = "
import sys, os, json, builtins, random, time
print(sorted(vars(builtins)), sorted(sys.modules), sorted(vars(json)), os.environ, os.getcwd())
print(os.listdir('/tmp'), sys.getrecursionlimit(), sys.argv, sys.path, len([]), json.dumps([1]))
print(os.open('/dev/null', os.O_RDONLY), random.random(), time.time(), sys.stdout.write('x'))
print(os.read(0, 9), sys.getswitchinterval(), type(5).__subclasses__(), gc if 'gc' in dir() else 0)
";
    let hostile = [
        ("print(1)", true),
        (
            "import sys, json, builtins, os, gc\nsys.left = json.left = builtins.left = 'x' * 99\n\
             builtins.len = json.dumps = None\nos.environ['A'] = 'b'; os.chdir('/tmp')\n\
             open('/tmp/left', 'w').write('x'); f = open('/tmp/open', 'w'); f.write('y')\n\
             sys.setrecursionlimit(77); sys.setswitchinterval(9); gc.disable()",
            true,
        ),
        (
            "import os, sys\nsys.stdout.write('left'); sys.stdout.buffer.write(b'l'); os._exit(3)",
            true,
        ),
        (
            "import unittest, html, asyncio, random\nrandom.seed(1)\nasyncio.run(asyncio.sleep(0))",
            false,
        ),
        (
            "x = [bytearray(b'secret') * 1000 for _ in range(500)]\nraise ValueError(x)",
            false,
        ),
        ("x = bytearray(b'secret') * 5_000_000", false),
        ("while True: pass", false),
        (
            "import os\ndef f(): f()\ntry: f()\nexcept RecursionError: os.write(1, b'y')",
            false,
        ),
    ];
    leave_nothing(&image, witness, &hostile);
    let draw = || {
        run(
            &image,
            "import random, uuid; print(random.random(), uuid.uuid4())",
            None,
        )
    };
    assert_ne!(draw().stdout, draw().stdout);
}

#[test]
fn javascript_programs_leave_nothing() {
    let Some(image) = language(Language::JavaScript) else {
        return;
    };
    let witness = "console.log(Object.getOwnPropertyNames(globalThis).sort().join(), \
        Object.getOwnPropertyNames(Object.prototype).join(), [1, 2].map(x => x * 2), \
        Math.random(), Date.now(), JSON.stringify([1]), new Error('e').stack)";
    let hostile = [
        ("console.log(1)", true),
        (
            "globalThis.left = 'x'.repeat(999); Object.prototype.left = 1; Array.prototype.map = null; \
             JSON.stringify = () => 'no'; Math.random = () => 4; Error.prepareStackTrace = () => 'z'",
            true,
        ),
        (
            "setTimeout(() => { throw new Error('late') }, 1); Promise.reject(1)",
            true,
        ),
        (
            "const all = []; for (let i = 0; i < 1e5; i++) all.push({ secret: `s${i}` }); left = all",
            false,
        ),
        ("for (;;);", false),
        ("(function f() { f() })()", true),
    ];
    leave_nothing(&image, witness, &hostile);
    let draw = || run(&image, "console.log(Math.random())", None);
    assert_ne!(draw().stdout, draw().stdout);
}
