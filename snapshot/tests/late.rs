//! How much a bounded module does between two times that it asks its host: in
//! interpreters' loops, which don't count each round, and where many functions wait
//! that have paid ahead.

use dormouse_snapshot::{TICK, bound, bound_every};
use std::time::{Duration, Instant};
use wasmi::{Caller, Config, Engine, Extern, Linker, Module, Store};

/// Units of 1024 operators between two ticks.
const UNITS: u32 = 1 << 8;

/// What is seen of a run.
#[derive(Default)]
struct Seen {
    ticks: u32,
    /// Rounds that the guest had counted at the last tick, and the most between two.
    rounds: u64,
    most: u64,
    /// The same in time.
    last: Option<Instant>,
    longest: Duration,
}

impl Seen {
    fn tick(&mut self, rounds: u64) {
        self.ticks += 1;
        self.most = self.most.max(rounds - self.rounds);
        self.rounds = rounds;
        let now = Instant::now();
        let last = self.last.replace(now).unwrap_or(now);
        self.longest = self.longest.max(now - last);
    }
}

/// Counts a round, in four operators.
const COUNT: &str = "(global.set 0 (i64.add (global.get 0) (i64.const 1)))";

/// Calls `run` of `wasm` with `argument` for `ticks` ticks at the most; its result,
/// if it has one.
fn run(wasm: &[u8], argument: i32, ticks: u32) -> (Option<i32>, Seen) {
    let mut config = Config::default();
    config
        .set_max_recursion_depth(100_000)
        .set_max_stack_height(64 << 20);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, wasm).expect("it is valid");
    let mut store = Store::new(&engine, Seen::default());
    store.data_mut().last = Some(Instant::now());
    let mut linker = Linker::new(&engine);
    let tick = move |mut caller: Caller<'_, Seen>| {
        let rounds = caller.get_export("rounds").and_then(Extern::into_global);
        let rounds = rounds.map(|rounds| rounds.get(&caller));
        let rounds = rounds.and_then(|rounds| rounds.i64()).expect("exported");
        caller.data_mut().tick(rounds.cast_unsigned());
        match caller.data().ticks >= ticks {
            true => Err(wasmi::Error::new("enough")),
            false => Ok(()),
        }
    };
    linker.func_wrap(TICK.0, TICK.1, tick).expect("new");
    let instance = linker.instantiate_and_start(&mut store, &module);
    let instance = instance.expect("it starts");
    let run = instance.get_typed_func::<i32, i32>(&store, "run");
    let result = run.expect("exported").call(&mut store, argument);
    let rounds = instance.get_global(&store, "rounds").expect("exported");
    let rounds = rounds.get(&store).i64().expect("a count");
    store.data_mut().tick(rounds.cast_unsigned());
    (result.ok(), store.into_data())
}

/// Operators that go on by so many bytes, as they are numbered.
const FORWARD: u8 = 32;
/// Goes to where the next byte says.
const JUMP: u8 = FORWARD;
/// Goes seven bytes back.
const BACK: u8 = JUMP + 1;
const END: u8 = BACK + 1;

/// Operators of a round, at the least.
const ROUND: u64 = 13;

/// An interpreter of `program`, which is repeated without end.
fn interpreter(program: &[u8; 256]) -> Vec<u8> {
    let mut handlers = String::new();
    for step in 1..=FORWARD {
        handlers.push_str(&format!(
            "(local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 3)) (i32.const {step})))
             (local.set $pc (i32.add (local.get $pc) (i32.const {step}))) (br $next))"
        ));
    }
    let data: String = program.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let depths: String = (0..=END).map(|depth| format!(" {depth}")).collect();
    let blocks = "(block ".repeat(usize::from(END) + 1);
    let at = "(i32.load8_u (i32.and (local.get $pc) (i32.const 255)))";
    let after = "(i32.load8_u offset=1 (i32.and (local.get $pc) (i32.const 255)))";
    wat::parse_str(format!(
        "(module (global (export \"rounds\") (mut i64) (i64.const 0)) (memory 1) (data (i32.const 0) \"{data}{data}\")
            (func (export \"run\") (param $pc i32) (result i32) (local $sum i32)
                (loop $next {COUNT} {blocks} (br_table{depths} {at}))
                    {handlers}
                    (local.set $pc {after}) (br $next))
                    (local.set $pc (i32.sub (local.get $pc) (i32.const 7))) (br $next)))
                (local.get $sum)))"
    ))
    .expect("it parses")
}

/// Counts by which the loop runs often.
fn counts() -> Vec<u32> {
    let mut counts = vec![1000; 64];
    counts[0] = 1;
    counts
}

#[test]
fn rounds_that_climb_are_not_counted() {
    let wasm = interpreter(&[0; 256]);
    let [often, seldom] = [counts(), Vec::new()].map(|counts| {
        let bounded = bound(&wasm, &counts).expect("it is bounded").module;
        names(&bounded)
    });
    // The bits that are looked at, where it goes forward.
    let masks = |text: &[String]| text.iter().filter(|op| *op == "I32And").count();
    assert_eq!(masks(&often) - masks(&seldom), usize::from(FORWARD));
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
    for start in 0..200 {
        let wasm = interpreter(&program);
        let bounded = bound_every(UNITS, &wasm, &counts()).expect("it is bounded");
        let (plain, _) = run(&wasm, start, 1);
        assert!(plain.is_some());
        assert_eq!(run(&bounded.module, start, 100).0, plain, "{start}");
    }
}

#[test]
fn no_program_of_an_interpreter_keeps_it_from_asking() {
    // Each leaves out the bytes at which rounds are counted, if it can.
    let forward = [0; 256];
    let mut long = [FORWARD - 1; 256];
    long[0] = FORWARD - 1;
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
        for counts in [Vec::new(), counts()] {
            let wasm = interpreter(&program);
            let bounded = bound_every(UNITS, &wasm, &counts).expect("it is bounded");
            for start in [17, -30, i32::MAX - 5] {
                let (result, seen) = run(&bounded.module, start, 8);
                assert_eq!(result, None, "{what}");
                // What is paid ahead may come on top.
                let operators = seen.most * ROUND;
                assert!(operators < 1 << 19, "{what}: {operators}");
            }
        }
    }
}

/// Each function pays ahead, calls the next, and uses up what it has paid once
/// that comes back.
fn nest() -> Vec<u8> {
    let rounds = |count: u32| {
        format!(
            "(local.set $i (i32.const 0))
             (loop $l {COUNT} (br_if $l (i32.lt_u
                (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {count}))))"
        )
    };
    let (before, after) = (rounds(100), rounds(5_900));
    wat::parse_str(format!(
        "(module (global (export \"rounds\") (mut i64) (i64.const 0))
            (func $f (export \"run\") (param $depth i32) (result i32) (local $i i32)
            {before}
            (if (local.get $depth)
                (then (drop (call $f (i32.sub (local.get $depth) (i32.const 1))))))
            {after} (i32.const 0)))"
    ))
    .expect("it parses")
}

/// Operators of a round of these.
const NESTED: u64 = 11;

/// What a function that waits may have paid ahead: see `AHEAD`, `FIRST`.
const WAITING: u64 = (1 << 16) + (1 << 11);

#[test]
fn what_waits_is_late_by_no_more_than_it_paid_ahead() {
    let bounded = bound_every(UNITS, &nest(), &[]);
    let bounded = bounded.expect("it is bounded").module;
    for depth in [20, 200] {
        let (_, seen) = run(&bounded, depth, u32::MAX);
        let most = seen.most * NESTED;
        let bound = u64::from(UNITS) * 1024 + (u64::from(depth.cast_unsigned()) + 2) * WAITING;
        assert!(most < bound, "{depth}: {most} of {bound}");
        // It is made for it.
        assert!(most > bound / 2, "{depth}: {most} of {bound}");
    }
}

/// Takes seconds, and asserts nothing: `cargo test -p dormouse-snapshot --test late --
/// --ignored --nocapture`.
#[test]
#[ignore = "it measures"]
fn how_late_code_that_is_made_for_it_can_be() {
    let bounded = bound(&nest(), &[]).expect("it is bounded").module;
    for depth in [0, 1_000, 10_000, 49_000] {
        let (_, seen) = run(&bounded, depth, u32::MAX);
        let text = format!(
            "{depth} wait: asked {} times, {:?} and {} operators between two at the most\n",
            seen.ticks - 1,
            seen.longest,
            seen.most * NESTED
        );
        std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).expect("stderr");
    }
}
