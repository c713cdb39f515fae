//! What is made to use fewer locals does what it did.

mod support;

use dormouse_snapshot::{coalesce, mend};
use support::generated::{bytes, module, outcome};
use wasmi::{Caller, Config, Engine, Linker, Module, Store};

/// Calls `run` of `wasm` with `args`; what it gives, and what it told the host.
fn run(wasm: &[u8], args: (i32, i32)) -> (Result<i32, String>, Vec<i32>) {
    let mut config = Config::default();
    config.consume_fuel(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, wasm).expect("it is valid");
    let mut store = Store::new(&engine, Vec::new());
    store.set_fuel(20_000).expect("fuel is used");
    let mut linker = Linker::new(&engine);
    let say = |mut caller: Caller<'_, Vec<i32>>, what: i32| {
        caller.data_mut().push(what);
        what.wrapping_mul(3) ^ 5
    };
    linker.func_wrap("host", "say", say).expect("new");
    let result = linker
        .instantiate_and_start(&mut store, &module)
        .and_then(|instance| {
            let run = instance.get_typed_func::<(i32, i32), i32>(&store, "run")?;
            run.call(&mut store, args)
        });
    let result = result.map_err(|error| error.to_string());
    (result, store.into_data())
}

const ARGS: [(i32, i32); 6] = [(0, 0), (1, 2), (5, 3), (-1, 7), (100, -100), (3, i32::MAX)];

/// Runs `wasm` as it is and coalesced.
fn compare(wasm: &[u8], what: &str) {
    let coalesced = coalesce(wasm).expect("it is well-formed");
    for args in ARGS {
        let (before, after) = (run(wasm, args), run(&coalesced, args));
        let is_out_of_fuel = |ended: &(Result<i32, String>, Vec<i32>)| matches!(&ended.0, Err(error) if error.contains("fuel"));
        // How much is burnt is not promised.
        if is_out_of_fuel(&before) || is_out_of_fuel(&after) {
            continue;
        }
        assert_eq!(before, after, "{what} {args:?}");
    }
}

/// A module whose function `run` has `code`, locals 2 to 9, and a host to tell
/// something.
fn around(code: &str) -> Vec<u8> {
    let wat = format!(
        "(module (import \"host\" \"say\" (func $say (param i32) (result i32))) (memory 1)
           (func (export \"run\") (param i32 i32) (result i32)
             (local i32 i32 i32 i32 i32 i32 i32 i32) {code}))"
    );
    wat::parse_str(&wat).unwrap_or_else(|error| panic!("{error}: {wat}"))
}

/// Locals of the only function of `wasm`, apart from its parameters.
fn locals(wasm: &[u8]) -> u32 {
    let mut count = 0;
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        if let wasmparser::Payload::CodeSectionEntry(body) = payload.expect("valid") {
            for local in body.get_locals_reader().expect("valid") {
                count += local.expect("valid").0;
            }
        }
    }
    count
}

/// Functions with what is easily got wrong, and how many locals they need.
const SMALL: &[(&str, u32, &str)] = &[
    ("a chain of copies", 0, "(local.set 2 (local.get 0)) (local.set 3 (local.get 2)) (local.set 4 (local.get 3)) (local.get 4)"),
    ("constants", 0, "(local.set 2 (i32.const 7)) (local.set 3 (local.get 2)) (i32.add (local.get 3) (local.get 2))"),
    ("a source that changes", 0, "(local.set 2 (local.get 0)) (local.set 0 (call $say (local.get 0))) (i32.sub (local.get 2) (local.get 0))"),
    ("a swap", 0, "(local.set 2 (local.get 0)) (local.set 0 (local.get 1)) (local.set 1 (local.get 2)) (i32.sub (local.get 0) (local.get 1))"),
    ("swaps in a loop", 1,
     "(loop (local.set 2 (local.get 0)) (local.set 0 (local.get 1)) (local.set 1 (local.get 2))
        (br_if 0 (i32.gt_s (local.tee 0 (i32.sub (local.get 0) (i32.const 3))) (i32.const 0))))
      (i32.sub (local.get 0) (local.get 1))"),
    ("zero from the beginning", 1,
     "(if (local.get 0) (then (local.set 2 (local.get 1)))) (i32.add (local.get 2) (local.get 1))"),
    ("zero, though a parameter is not needed any more", 1,
     "(drop (call $say (local.get 0))) (drop (call $say (local.get 1)))
      (loop (local.set 2 (i32.add (local.get 2) (i32.const 3))) (br_if 0 (i32.lt_s (local.get 2) (i32.const 20))))
      (local.get 2)"),
    ("zero, though parameters are never needed", 1,
     "(loop (local.set 2 (i32.add (local.get 2) (i32.const 3))) (br_if 0 (i32.lt_s (local.get 2) (i32.const 20))))
      (local.get 2)"),
    ("zero the first time round", 2,
     "(loop (drop (call $say (local.get 3))) (local.set 3 (i32.const 9)) (local.set 4 (call $say (i32.const 1)))
        (br_if 0 (i32.lt_s (local.tee 2 (i32.add (local.get 2) (i32.const 1))) (i32.const 3)))
        (drop (call $say (local.get 4))))
      (local.get 3)"),
    ("values around a loop", 1,
     "(local.set 2 (call $say (local.get 0))) (local.set 3 (i32.const 0))
      (loop (local.set 1 (call $say (local.get 1))) (local.set 4 (i32.add (local.get 3) (i32.const 1))) (local.set 3 (local.get 4))
        (br_if 0 (i32.lt_s (local.get 3) (i32.const 4))))
      (i32.add (local.get 2) (local.get 1))"),
    ("parameters taken over", 0,
     "(local.set 2 (i32.mul (local.get 0) (local.get 1))) (local.set 3 (i32.add (local.get 2) (i32.const 1)))
      (drop (call $say (local.get 3))) (i32.add (local.get 2) (local.get 3))"),
    ("a table of branches", 1,
     "(block (block (block (local.set 2 (i32.const 1)) (br_table 0 1 2 1 (local.get 0)))
        (local.set 2 (i32.const 5)) (br 1)) (local.set 1 (i32.const 4)) (br 0))
      (i32.add (local.get 1) (local.get 2))"),
    ("what nothing leads to", 0,
     "(block (br 0) (drop (i32.add (local.get 2))) (block (loop (br 1))) (if (local.get 3) (then) (else)) (local.set 0 (i32.const 1))) (local.get 0)"),
    ("unused, but it traps", 0,
     "(local.set 2 (i32.div_s (i32.const 1) (local.get 0))) (local.set 3 (i32.load (i32.const -1))) (local.get 0)"),
    ("unused", 0,
     "(local.set 2 (i32.add (local.tee 3 (i32.mul (local.get 1) (i32.const 3))) (select (local.get 0) (i32.const 1) (local.get 1)))) (local.get 0)"),
    ("unused, but the host is told", 0,
     "(local.set 2 (i32.add (call $say (local.get 1)) (call $say (local.get 0)))) (i32.const 3)"),
    ("only for itself", 1,
     "(loop (local.set 2 (i32.add (local.get 2) (i32.const 1))) (br_if 0 (i32.lt_s (local.tee 0 (i32.add (local.get 0) (i32.const 50))) (i32.const 0)))) (local.get 0)"),
    ("in turn", 0,
     "(local.set 2 (call $say (local.get 0))) (local.set 3 (call $say (local.get 1)))
      (local.get 2) (local.get 3) (i32.sub)"),
    ("the other way round", 0,
     "(local.set 2 (call $say (local.get 0))) (local.set 3 (call $say (local.get 1)))
      (local.get 3) (local.get 2) (i32.sub)"),
    ("twice", 0,
     "(local.set 2 (call $say (local.get 0))) (local.set 3 (call $say (local.get 1)))
      (drop (call $say (local.get 2))) (local.get 2) (local.get 3) (i32.sub)"),
    ("not into a block", 1,
     "(local.set 2 (call $say (local.get 0))) (block (local.set 3 (call $say (local.get 1))) (br_if 0 (local.get 2)) (local.set 1 (local.get 3))) (local.get 1)"),
    ("tests of tests", 0,
     "(local.set 2 (i32.const 1)) (local.set 3 (i32.lt_s (local.get 0) (local.get 1))) (local.set 4 (i32.and (local.get 3) (local.get 2)))
      (if (i32.eqz (i32.eqz (local.get 4))) (then (local.set 0 (i32.and (local.get 1) (i32.const 1)))))
      (i32.eqz (i32.eqz (local.get 0)))"),
];

#[test]
fn small_functions_do_the_same_with_less() {
    for (what, count, code) in SMALL {
        let wasm = around(code);
        compare(&wasm, what);
        let coalesced = coalesce(&wasm).expect("it is well-formed");
        assert_eq!(locals(&coalesced), *count, "{what}");
    }
}

#[test]
fn copies_and_what_they_are_for_are_gone() {
    let wasm = around(SMALL[0].2);
    let coalesced = coalesce(&wasm).expect("it is well-formed");
    let text = wasmprinter::print_bytes(&coalesced).expect("it prints");
    assert_eq!(text.matches("local.").count(), 1, "{text}");
}

#[test]
fn corpus_modules_do_the_same() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        let wasm = wat::parse_file(&path).expect("it parses");
        count += u32::from(is_same(&wasm, &path.display().to_string()));
    }
    assert!(count > 15, "{count} were compared");
}

#[test]
fn generated_modules_do_the_same() {
    let mut count = 0;
    for seed in 0..400 {
        if let Some(wasm) = module(&bytes(seed)) {
            count += u32::from(is_same(&wasm, &format!("seed {seed}")));
        }
    }
    assert!(count > 250, "{count} were compared");
}

/// Compares all that can be seen of `wasm`; whether it could be.
fn is_same(wasm: &[u8], what: &str) -> bool {
    // Some code is not for this interpreter, nor some that it becomes.
    let wasm = mend(wasm).expect("it is mended");
    let coalesced = coalesce(&wasm).expect("it is well-formed");
    wasmparser::Validator::new()
        .validate_all(&coalesced)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(coalesced, coalesce(&wasm).expect("it is well-formed"));
    let before = outcome(&wasm);
    let coalesced = mend(&coalesced).expect("it is mended");
    if let (Some(before), Some(after)) = (&before, outcome(&coalesced)) {
        assert_eq!(*before, after, "{what}");
    }
    before.is_some()
}

/// Code that does little else than set locals and read them.
struct Writer {
    state: u64,
    left: u32,
}

impl Writer {
    fn below(&mut self, bound: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 20) % bound
    }

    fn local(&mut self) -> u64 {
        self.below(9)
    }

    fn value(&mut self, depth: u32) -> String {
        let local = self.local();
        match self.below(if depth == 0 { 4 } else { 9 }) {
            0..=2 => format!("(local.get {local})"),
            3 => format!("(i32.const {})", self.below(4)),
            4 => format!("(local.tee {local} {})", self.value(depth - 1)),
            5 => format!("(call $say {})", self.value(depth - 1)),
            6 => format!("(i32.eqz {})", self.value(depth - 1)),
            7 => format!(
                "(block (result i32) {} {})",
                self.code(depth - 1),
                self.value(depth - 1)
            ),
            _ => {
                let name = ["add", "sub", "and", "lt_s"][self.below(4) as usize];
                format!(
                    "(i32.{name} {} {})",
                    self.value(depth - 1),
                    self.value(depth - 1)
                )
            }
        }
    }

    /// Statements. Local 9 counts what loops do.
    fn code(&mut self, depth: u32) -> String {
        let mut code = String::new();
        for _ in 0..=self.below(5) {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let local = self.local();
            let inner = depth.saturating_sub(1);
            code += &match self.below(if depth == 0 { 5 } else { 11 }) {
                0 | 1 => format!("(local.set {local} {})", self.value(2)),
                2 | 3 => format!("(local.set {local} (local.get {}))", self.local()),
                4 => format!("(drop {})", self.value(2)),
                5 => format!("(block {})", self.code(inner)),
                6 => format!(
                    "(loop {} (local.set 9 (i32.add (local.get 9) (i32.const 1)))
                       (br_if 0 (i32.and {} (i32.lt_s (local.get 9) (i32.const 60)))))",
                    self.code(inner),
                    self.value(1)
                ),
                7 => format!("(if {} (then {}))", self.value(2), self.code(inner)),
                8 => format!(
                    "(if {} (then {}) (else {}))",
                    self.value(2),
                    self.code(inner),
                    self.code(inner)
                ),
                9 => format!(
                    "(block (block (br_table 0 1 0 {}) {}) {})",
                    self.value(1),
                    self.code(inner),
                    self.code(inner)
                ),
                _ => format!(
                    "(block {} (br_if 0 {}) {} (if {} (then (br 1))) {})",
                    self.code(inner),
                    self.value(1),
                    self.code(inner),
                    self.value(1),
                    self.code(inner)
                ),
            };
        }
        code
    }
}

#[test]
fn code_that_juggles_locals_does_the_same() {
    let mut saved = 0;
    for seed in 1..400u64 {
        let mut writer = Writer {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            left: 60,
        };
        let code = format!("{} {}", writer.code(4), writer.value(2));
        let wasm = around(&code);
        compare(&wasm, &format!("seed {seed}: {code}"));
        let coalesced = coalesce(&wasm).expect("it is well-formed");
        saved += locals(&wasm) - locals(&coalesced);
    }
    assert!(saved > 1000, "{saved} locals less");
}

#[test]
fn what_is_not_understood_or_too_large_stays_as_it_is() {
    let code = "(local.set 0 (i32.const 1)) (local.set 1 (local.get 0)) (local.get 1)";
    let large = "i64 ".repeat(9000);
    for wat in [
        format!("(module (func (result i32) (local i32 i32 {large}) {code}))"),
        format!("(module (func (result i32) (local i32 i32) (try_table) {code}))"),
        "(module (func (result i32) (i32.const 1)))".to_owned(),
        "(module)".to_owned(),
    ] {
        let wasm = wat::parse_str(&wat).expect("it parses");
        let coalesced = coalesce(&wasm).expect("it is well-formed");
        assert!(matches!(coalesced, std::borrow::Cow::Borrowed(_)), "{wat}");
    }
    assert!(coalesce(b"junk").is_err());
}

#[test]
fn functions_keep_their_names_and_locals_lose_them() {
    let wat = "(module (func $callee (param $gone i32) (local $gone_too i32)
                 (local.set $gone_too (local.get $gone)) (drop (local.get $gone_too)))
               (@custom \"other\" \"kept\"))";
    let wasm = wat::parse_str(wat).expect("it parses");
    let coalesced = coalesce(&wasm).expect("it is well-formed");
    assert_eq!(
        dormouse_snapshot::function_name(&coalesced, 0).as_deref(),
        Some("callee")
    );
    let has = |text: &[u8]| coalesced.windows(text.len()).any(|bytes| bytes == text);
    assert!(has(b"kept") && !has(b"gone"));
}
