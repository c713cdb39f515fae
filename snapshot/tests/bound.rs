//! A bounded module does what the original does, and none can keep its host from
//! being asked soon after it wants to be.

mod support;

use dormouse_snapshot::{STOP, TICK, bound, mend};
use support::generated::{bytes, module};
use wasmi::{Caller, Config, Engine, ExternType, Linker, Memory, MemoryType, Module, Store, Val};

/// How often the host lets a guest go on.
const TICKS: u32 = 3;

fn engine() -> Engine {
    let mut config = Config::default();
    config
        .set_max_recursion_depth(100_000)
        .set_max_stack_height(64 << 20)
        .consume_fuel(true)
        .wasm_tail_call(true);
    Engine::new(&config)
}

/// Ticks of what a comparison has no time for.
const LONG: u32 = 10_000;

/// Fuel that may burn between two ticks: what `bound` says of operators, and the largest
/// fill there is here.
const MOST: u64 = (1 << 21) + (1 << 20);

/// What is seen of a run.
#[derive(Default)]
struct Seen {
    ticks: u32,
    fuel: u64,
    /// The most that burnt between two ticks.
    most: u64,
}

impl Seen {
    fn tick(&mut self, left: u64) {
        self.ticks += 1;
        self.most = self.most.max(self.fuel - left);
        self.fuel = left;
    }
}

/// Calls the export `name` of `wasm` with the word always set, giving what is printed
/// of its end and how often the host was asked.
fn run(wasm: &[u8], name: &str, args: &[Val], ticks: u32) -> (String, u32) {
    let engine = engine();
    let module = Module::new(&engine, wasm).expect("it is valid");
    let mut store = Store::new(&engine, Seen::default());
    store.set_fuel(u64::MAX).expect("it is metered");
    store.data_mut().fuel = u64::MAX;
    let stop = Memory::new(&mut store, MemoryType::new(1, Some(1))).expect("there is memory");
    stop.data_mut(&mut store)[0] = 1;
    let mut linker = Linker::new(&engine);
    let tick = move |mut caller: Caller<'_, Seen>| {
        let left = caller.get_fuel()?;
        caller.data_mut().tick(left);
        stop.data_mut(&mut caller)[0] = 1;
        match caller.data().ticks > ticks {
            true => Err(wasmi::Error::new("stopped")),
            false => Ok(()),
        }
    };
    linker.func_wrap(TICK.0, TICK.1, tick).expect("new");
    linker.define(STOP.0, STOP.1, stop).expect("new");
    for import in module.imports() {
        if let ExternType::Func(ty) = import.ty() {
            let quiet = ty.clone();
            let _ = linker.func_new(import.module(), import.name(), ty.clone(), {
                move |_, _, results: &mut [Val]| {
                    for (result, ty) in results.iter_mut().zip(quiet.results()) {
                        *result = Val::default_for_ty(*ty);
                    }
                    Ok(())
                }
            });
        }
    }
    let ended = linker
        .instantiate_and_start(&mut store, &module)
        .and_then(|instance| {
            let func = instance.get_func(&store, name).expect("exported");
            let ty = func.ty(&store);
            let mut results: Vec<Val> = ty
                .results()
                .iter()
                .map(|t| Val::default_for_ty(*t))
                .collect();
            func.call(&mut store, args, &mut results)?;
            Ok(results)
        });
    let ended = match ended {
        Ok(results) => format!("{results:?}"),
        Err(error) => error.to_string(),
    };
    let asks = module
        .imports()
        .any(|import| (import.module(), import.name()) == STOP);
    let ticks = store.data().ticks;
    if asks {
        let left = store.get_fuel().expect("it is metered");
        store.data_mut().tick(left);
        let most = store.data().most;
        assert!(most < MOST, "{most} between two ticks");
    }
    (ended, ticks)
}

/// What may be said of how often a module's stretches ran, true or not.
fn claims() -> [Vec<u32>; 4] {
    let some = |keep: fn(u32) -> u32| (0..4096).map(keep).collect();
    [
        Vec::new(),
        vec![u32::MAX; 4096],
        some(|stretch| stretch.wrapping_mul(2_654_435_761) >> 12),
        some(|stretch| u32::from(stretch % 3 == 0) << 20),
    ]
}

fn bounded(wat: &str) -> Vec<u8> {
    bound(&wat::parse_str(wat).expect("it parses"), &[])
        .expect("it is bounded")
        .module
}

/// Guests that never end, in every way that there is.
const HOSTILE: &[(&str, &str)] = &[
    ("br", "(func (export \"run\") (loop (br 0)))"),
    ("br_if", "(func (export \"run\") (loop (br_if 0 (i32.const 1))))"),
    ("nested", "(func (export \"run\") (loop $a (block $b (loop $c (br_if $b (i32.const 1)) (br $c))) (br $a)))"),
    ("br_table", "(func (export \"run\") (loop $a (block $b (br_table $b $a $b (i32.const 1)))))"),
    ("default", "(func (export \"run\") (loop $a (br_table $a (i32.const 9))))"),
    ("parameters", "(func (export \"run\") (i32.const 1) (loop (param i32) (br 0)))"),
    ("outer", "(func (export \"run\") (loop $a (block (loop (br $a)))))"),
    ("if", "(func (export \"run\") (loop $a (if (i32.const 1) (then (br $a)))))"),
    ("calls", "(func $f) (func (export \"run\") (loop (call $f) (br 0)))"),
    ("short loops",
     "(func $f (local i32) (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 9)))))
      (func (export \"run\") (loop (call $f) (br 0)))"),
    ("exponential",
     "(func $f (export \"run\") (param i32) (if (local.get 0) (then
        (call $f (i32.sub (local.get 0) (i32.const 1))) (call $f (i32.sub (local.get 0) (i32.const 1))))))"),
    ("two functions",
     "(func $f (export \"run\") (param i32) (if (local.get 0) (then
        (call $g (i32.sub (local.get 0) (i32.const 1))) (call $g (i32.sub (local.get 0) (i32.const 1))))))
      (func $g (param i32) (call $f (local.get 0)))"),
    ("indirect",
     "(table 1 funcref) (elem (i32.const 0) $f) (type $t (func (param i32)))
      (func $f (export \"run\") (type $t) (if (local.get 0) (then
        (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))
        (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))"),
    ("three functions, one of them twice",
     "(func $f (export \"run\") (param i32) (if (local.get 0) (then (call $g (local.get 0)) (call $h (local.get 0)))))
      (func $g (param i32) (call $h (local.get 0)))
      (func $h (param i32) (call $f (i32.sub (local.get 0) (i32.const 1))))"),
    ("through a table and back",
     "(table 2 funcref) (elem (i32.const 0) $f $g) (type $t (func (param i32)))
      (func $f (export \"run\") (type $t) (if (local.get 0) (then (call $g (local.get 0)) (call $g (local.get 0)))))
      (func $g (type $t) (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))"),
    ("tail calls", "(func $f (export \"run\") (return_call $f))"),
    ("tail calls of two",
     "(func $f (export \"run\") (return_call $g)) (func $g (return_call $f))"),
    ("indirect tail calls",
     "(table 1 funcref) (elem (i32.const 0) $f) (type $t (func))
      (func $f (export \"run\") (return_call_indirect (type $t) (i32.const 0)))"),
    ("a budget of its own",
     "(global (mut i32) (i32.const 5))
      (func (export \"run\") (loop (global.set 0 (i32.const 2147483647)) (br 0)))"),
    ("a look before",
     "(func $r (param i32) (if (local.get 0) (then (call $r (i32.const 0)))))
      (func (export \"run\") (call $r (i32.const 0)) (loop $a (br $a)))"),
    ("a look on another way",
     "(func $r (param i32) (if (local.get 0) (then (call $r (i32.const 0)))))
      (func (export \"run\") (loop $a
        (block $b (br_if $b (i32.const 1)) (call $r (i32.const 0)))
        (if (i32.const 0) (then (call $r (i32.const 0))) (else (br $a)))
        (br $a)))"),
    ("a look around",
     "(func $r (param i32) (if (local.get 0) (then (call $r (i32.const 0)))))
      (func (export \"run\") (loop $a (call $r (i32.const 0))
        (block $c (loop $b (br_if $c (i32.const 0)) (br_if $b (i32.const 1)))) (br $a)))"),
    ("a look in what ends",
     "(func (export \"run\") (local i32) (loop $a
        (loop $b (br_if $b (local.get 0))) (block (drop (memory.grow (i32.const 0)))) (loop $c (br $c)) (br $a)))
      (memory 1)"),
    ("a table that is empty",
     "(table 1 funcref) (type $t (func (param i64)))
      (func (export \"run\") (loop $a (if (i32.const 0)
        (then (call_indirect (type $t) (i64.const 0) (i32.const 0)))) (br $a)))"),
    ("large fills",
     "(memory 64) (func (export \"run\")
        (loop (memory.fill (i32.const 0) (i32.const 0) (i32.const 4194304)) (br 0)))"),
];

#[test]
fn every_hostile_guest_is_stopped() {
    for (what, wat) in HOSTILE {
        let wasm = wat::parse_str(format!("(module {wat})")).expect("it parses");
        let takes = wat.contains("(export \"run\") (param") || wat.contains("(type $t) (if");
        let args: &[Val] = if takes { &[Val::I32(60)] } else { &[] };
        for claim in claims() {
            let bounded = bound(&wasm, &claim).expect("it is bounded").module;
            let (ended, ticks) = run(&bounded, "run", args, TICKS);
            assert!(ended.contains("stopped"), "{what}: {ended}");
            assert_eq!(ticks, TICKS + 1, "{what}");
        }
    }
}

/// A tree of calls without loops or circles, each function calling the next
/// four times: 4^30 calls.
#[test]
fn a_tree_of_calls_is_stopped() {
    let mut wat = String::from("(module (func (export \"run\") (call $f0))");
    for index in 0..30 {
        let call = format!("(call $f{})", index + 1);
        wat.push_str(&format!("(func $f{index} {})", call.repeat(4)));
    }
    wat.push_str("(func $f30))");
    let (ended, _) = run(&bounded(&wat), "run", &[], TICKS);
    assert!(ended.contains("stopped"), "{ended}");
}

/// Loops within functions within loops, each too short to pay on its own.
#[test]
fn loops_through_many_functions_are_stopped() {
    let mut wat = String::from("(module (func (export \"run\") (call $f0))");
    let once =
        "(br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 15)))";
    for index in 0..20 {
        let next = index + 1;
        wat.push_str(&format!(
            "(func $f{index} (local i32) (loop (call $f{next}) {once}))"
        ));
    }
    wat.push_str("(func $f20))");
    let (ended, _) = run(&bounded(&wat), "run", &[], TICKS);
    assert!(ended.contains("stopped"), "{ended}");
}

#[test]
fn a_large_fill_looks() {
    let count = |size: u32| {
        let wat = format!(
            "(module (memory 64) (func (export \"run\") (local i32) (loop
                (memory.fill (i32.const 0) (i32.const 0) (i32.const {size}))
                (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 64))))))"
        );
        run(&bounded(&wat), "run", &[], u32::MAX).1
    };
    assert_eq!(count(4 << 20), count(64) + 64);
}

/// What nobody asks for costs nothing of the host's.
#[test]
fn without_the_word_nobody_is_asked() {
    let body = "(local i32) (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 999))))";
    let wasm = bounded(&format!("(module (func (export \"run\") {body}))"));
    let engine = engine();
    let mut store = Store::new(&engine, ());
    store.set_fuel(u64::MAX).expect("it is metered");
    let mut linker = Linker::new(&engine);
    let stop = Memory::new(&mut store, MemoryType::new(1, Some(1))).expect("there is memory");
    linker.define(STOP.0, STOP.1, stop).expect("new");
    let tick = || -> Result<(), wasmi::Error> { Err(wasmi::Error::new("asked")) };
    linker.func_wrap(TICK.0, TICK.1, tick).expect("new");
    let module = Module::new(&engine, &wasm).expect("it is valid");
    let instance = linker.instantiate_and_start(&mut store, &module);
    let run = instance
        .expect("it starts")
        .get_typed_func::<(), ()>(&store, "run");
    run.expect("exported")
        .call(&mut store, ())
        .expect("it ends");
}

#[test]
fn corpus_modules_do_the_same() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut same = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        let wasm = wat::parse_file(&path).expect("it parses");
        same += compare(&wasm, &path.display().to_string());
    }
    assert!(same > 15, "{same} were compared");
}

#[test]
fn generated_modules_do_the_same() {
    let mut same = 0;
    for seed in 0..150 {
        if let Some(wasm) = module(&bytes(seed)) {
            same += compare(&wasm, &format!("seed {seed}"));
        }
    }
    assert!(same > 100, "{same} were compared");
}

/// Runs each export without parameters, bounded and not; how many there were.
fn compare(wasm: &[u8], what: &str) -> u32 {
    // Tail calls of host functions are not for this interpreter.
    let wasm = &mend(wasm).expect("it is mended")[..];
    claims()
        .iter()
        .map(|claim| compare_with(wasm, what, claim))
        .sum::<u32>()
        / 4
}

fn compare_with(wasm: &[u8], what: &str, claim: &[u32]) -> u32 {
    let bounded = bound(wasm, claim)
        .unwrap_or_else(|error| panic!("{what}: {error}"))
        .module;
    wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all())
        .validate_all(&bounded)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut compared = 0;
    let Ok(module) = Module::new(&engine(), wasm) else {
        return 0;
    };
    for export in module.exports() {
        let ExternType::Func(ty) = export.ty() else {
            continue;
        };
        let args: Vec<Val> = ty
            .params()
            .iter()
            .map(|ty| Val::default_for_ty(*ty))
            .collect();
        let (other, ticks) = run(&bounded, export.name(), &args, LONG);
        if ticks > LONG {
            continue;
        }
        let (one, _) = run(wasm, export.name(), &args, LONG);
        assert_eq!(one, other, "{what}, {}", export.name());
        compared += 1;
    }
    compared
}

/// Operators that go on by so many bytes, as they are numbered.
const FORWARD: u8 = 32;
/// Goes to where the next byte says.
const JUMP: u8 = FORWARD;
/// Goes seven bytes back.
const BACK: u8 = JUMP + 1;
const END: u8 = BACK + 1;

/// An interpreter of `program`, which is repeated without end.
fn interpreter(program: &[u8; 256]) -> Vec<u8> {
    interpreter_and(program, "")
}

/// The same, `$run`, and another function.
fn interpreter_and(program: &[u8; 256], another: &str) -> Vec<u8> {
    let handlers: String = (1..=FORWARD)
        .map(|step| {
            format!(
                "(local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 3)) (i32.const {step})))
                 (local.set $pc (i32.add (local.get $pc) (i32.const {step}))) (br $next))"
            )
        })
        .collect();
    let data: String = program.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let depths: String = (0..=END).map(|depth| format!(" {depth}")).collect();
    let blocks = "(block ".repeat(usize::from(END) + 1);
    let at = "(i32.load8_u (i32.and (local.get $pc) (i32.const 255)))";
    let after = "(i32.load8_u offset=1 (i32.and (local.get $pc) (i32.const 255)))";
    wat::parse_str(format!(
        "(module (memory 1) (data (i32.const 0) \"{data}{data}\")
            {another}
            (func $run (export \"run\") (param $pc i32) (result i32) (local $sum i32)
                (loop $next {blocks} (br_table{depths} {at}))
                    {handlers}
                    (local.set $pc {after}) (br $next))
                    (local.set $pc (i32.sub (local.get $pc) (i32.const 7))) (br $next)))
                (local.get $sum)))"
    ))
    .expect("it parses")
}

#[test]
fn rounds_that_climb_do_not_look() {
    let count = |wasm: &[u8], what: &str| {
        let names = names(wasm);
        names.iter().filter(|operator| *operator == what).count()
    };
    let wasm = interpreter(&[0; 256]);
    let bounded = bound(&wasm, &[]).expect("it is bounded").module;
    // The bits that are looked at, where it goes forward.
    let masks = count(&bounded, "I32And") - count(&wasm, "I32And");
    assert_eq!(masks, usize::from(FORWARD));
}

/// The names of all operators of `wasm`.
fn names(wasm: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        if let wasmparser::Payload::CodeSectionEntry(body) = payload.expect("valid") {
            for operator in body.get_operators_reader().expect("valid") {
                names.push(format!("{:?}", operator.expect("valid")));
            }
        }
    }
    names
}

#[test]
fn interpreters_give_what_they_did() {
    let mut program = [0; 256];
    for (at, byte) in program.iter_mut().enumerate() {
        *byte = (at * 7 % usize::from(FORWARD)) as u8;
    }
    program[200..].fill(END);
    let wasm = interpreter(&program);
    let bounded = bound(&wasm, &[]).expect("it is bounded").module;
    for start in 0..200 {
        let start = [Val::I32(start)];
        let (plain, _) = run(&wasm, "run", &start, 0);
        assert!(plain.contains("I32"), "{plain}");
        assert_eq!(run(&bounded, "run", &start, u32::MAX).0, plain);
    }
}

#[test]
fn no_program_of_an_interpreter_keeps_it_from_asking() {
    // Each leaves out the bytes at which there is a look, if it can.
    let forward = [0; 256];
    let long = [FORWARD - 1; 256];
    let mut jumps = [0; 256];
    (jumps[254], jumps[255]) = (JUMP, 17);
    let mut short = [JUMP; 256];
    (short[17], short[18]) = (JUMP, 17);
    let mut back = [0; 256];
    back[40] = BACK;
    for (what, program) in [
        ("forward", forward),
        ("long", long),
        ("jumps", jumps),
        ("short", short),
        ("back", back),
    ] {
        let bounded = bound(&interpreter(&program), &[]).expect("it is bounded");
        for start in [17, -30, i32::MAX - 5] {
            let (ended, _) = run(&bounded.module, "run", &[Val::I32(start)], 1000);
            assert!(ended.contains("stopped"), "{what}: {ended}");
        }
    }
}

/// Each call of the interpreter goes over the bytes between two looks.
#[test]
fn many_short_programs_are_stopped() {
    let mut program = [0; 256];
    program[..8].fill(END);
    let calls = "(drop (call $run (i32.const 32)))".repeat(20_000);
    let all = format!("(func (export \"all\") {calls})");
    let bounded = bound(&interpreter_and(&program, &all), &[]);
    let bounded = bounded.expect("it is bounded").module;
    let (ended, ticks) = run(&bounded, "all", &[], u32::MAX);
    assert_eq!(ended, "[]");
    assert!(ticks >= 20_000, "{ticks}");
}
