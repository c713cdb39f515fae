//! Writes modules that loop over operators: functions of a fixed set of locals,
//! which each round gives other values, and statements that add up results.

use std::fmt::Write;

/// Statements in one function: more of them take wider encodings of slots, which
/// the interpreter has other operators for; there are functions of both sizes.
const STATEMENTS: usize = 120;

/// Locals for vectors, what they are in a round, and how many lanes are summed up.
const VECTORS: (&str, &str, u32) = (
    "(local $v v128) (local $w v128) (local $z v128)",
    "(local.set $v (i64x2.splat (local.get $k)))
      (local.set $w (i32x4.replace_lane 2 (i64x2.splat (local.get $l)) (local.get $i)))",
    4,
);

/// What operators work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ty {
    I32,
    I64,
    F32,
    F64,
    V128,
}

pub(super) const NUMBERS: [Ty; 4] = [Ty::I32, Ty::I64, Ty::F32, Ty::F64];

/// Where an operand is when its operator runs: the interpreter has an operator of
/// its own for each combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// In a local.
    First,
    /// In another local.
    Second,
    /// In the code.
    Constant,
    /// It has just been computed.
    Computed,
}

/// All combinations for two operands.
pub(super) const PAIRS: [(At, At); 8] = [
    (At::First, At::Second),
    (At::First, At::Constant),
    (At::Constant, At::First),
    (At::Computed, At::Second),
    (At::First, At::Computed),
    (At::Computed, At::Constant),
    (At::Constant, At::Computed),
    (At::First, At::First),
];

impl Ty {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
        }
    }

    /// The two locals of this type, neither ever zero.
    fn locals(self) -> (&'static str, &'static str) {
        match self {
            Self::I32 => ("$i", "$j"),
            Self::I64 => ("$k", "$l"),
            Self::F32 => ("$f", "$g"),
            Self::F64 => ("$d", "$e"),
            Self::V128 => ("$v", "$w"),
        }
    }

    /// An operand; a computed one is never zero either.
    pub(super) fn operand(self, at: At) -> String {
        let name = self.name();
        let (first, second) = self.locals();
        match (at, self) {
            (At::First, _) => format!("(local.get {first})"),
            (At::Second, _) => format!("(local.get {second})"),
            (At::Constant, Self::V128) => {
                "(v128.const i32x4 0x01020304 0x75060708 0x190a0b0c 0x3d0e0f10)".to_owned()
            }
            (At::Constant, Self::F32 | Self::F64) => format!("({name}.const 1.75)"),
            (At::Constant, _) => format!("({name}.const 13)"),
            (At::Computed, Self::F32 | Self::F64) => {
                format!("({name}.add (local.get {first}) (local.get {second}))")
            }
            (At::Computed, _) => {
                format!("({name}.or (local.get {first}) (local.get {second}))")
            }
        }
    }

    /// Adds `value`, of this type, to the sums.
    fn add(self, value: &str) -> String {
        match self {
            Self::I32 => format!("(local.set $x (i32.add (local.get $x) {value}))"),
            Self::I64 => format!("(local.set $y (i64.add (local.get $y) {value}))"),
            Self::F32 => Self::I32.add(&format!("(i32.reinterpret_f32 {value})")),
            Self::F64 => Self::I64.add(&format!("(i64.reinterpret_f64 {value})")),
            Self::V128 => {
                format!("(local.set $z (i32x4.add (local.get $z) {value}))")
            }
        }
    }
}

/// A module that grows by statements.
pub(super) struct Writer {
    /// What stands outside of its functions.
    pub(super) outside: String,
    functions: String,
    count: usize,
    statements: Vec<String>,
    has_vectors: bool,
}

impl Writer {
    pub(super) fn new(outside: &str) -> Self {
        Self::with(outside, false)
    }

    /// A module with vectors, which not every machine runs.
    pub(super) fn of_vectors(outside: &str) -> Self {
        Self::with(outside, true)
    }

    fn with(outside: &str, has_vectors: bool) -> Self {
        Self {
            has_vectors,
            outside: outside.to_owned(),
            functions: String::new(),
            count: 0,
            statements: Vec::new(),
        }
    }

    /// Adds `value` to the sums in each round.
    pub(super) fn value(&mut self, ty: Ty, value: &str) {
        self.statement(&ty.add(value));
    }

    pub(super) fn statement(&mut self, text: &str) {
        self.statements.push(text.to_owned());
        if self.statements.len() == STATEMENTS {
            self.end_function();
        }
    }

    /// What follows is in another function.
    pub(super) fn end_function(&mut self) {
        if self.statements.is_empty() {
            return;
        }
        let statements = self.statements.join("\n      ");
        self.statements.clear();
        let (vectors, rounds, lanes) = match self.has_vectors {
            true => VECTORS,
            false => ("", "", 0),
        };
        let lanes: String = (0..lanes)
            .map(|lane| Ty::I32.add(&format!("(i32x4.extract_lane {lane} (local.get $z))")))
            .collect();
        // The numbers of a round: never zero, no quotient overflows, and no result
        // is not a number, whose bits differ between processors.
        let function = format!(
            "  (func $f{} (param $n i32) (result i64)
    (local $i i32) (local $j i32) (local $x i32) (local $k i64) (local $l i64) (local $y i64)
    (local $f f32) (local $g f32) (local $d f64) (local $e f64)
    {vectors} (local $t i32) (local $u i64)
    (loop $again
      (local.set $i (i32.or (i32.mul (local.get $n) (i32.const 0x9E3779B1)) (i32.const 1)))
      (local.set $j (i32.or (i32.mul (local.get $n) (i32.const 0x05EBCA6B)) (i32.const 2)))
      (local.set $k (i64.or (i64.mul (i64.extend_i32_u (local.get $i)) (i64.const 0x9E3779B97F4A7C15)) (i64.const 1)))
      (local.set $l (i64.or (i64.mul (i64.extend_i32_u (local.get $j)) (i64.const 0x0B4E0EF37BC32127)) (i64.const 2)))
      (local.set $f (f32.add (f32.convert_i32_u (i32.shr_u (local.get $i) (i32.const 20))) (f32.const 0.25)))
      (local.set $g (f32.add (f32.convert_i32_u (i32.shr_u (local.get $j) (i32.const 20))) (f32.const 1.5)))
      (local.set $d (f64.add (f64.convert_i64_u (i64.shr_u (local.get $k) (i64.const 40))) (f64.const 0.375)))
      (local.set $e (f64.add (f64.convert_i64_u (i64.shr_u (local.get $l) (i64.const 40))) (f64.const 2.25)))
      {rounds}
      {statements}
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    {lanes}
    (i64.add (local.get $y) (i64.extend_i32_u (local.get $x))))",
            self.count
        );
        self.function(&function);
    }

    /// A function by its text: `$fN`, of rounds to a sum.
    pub(super) fn function(&mut self, text: &str) {
        self.functions.push_str(text);
        self.functions.push('\n');
        self.count += 1;
    }

    /// The number of the function that comes next.
    pub(super) fn next(&self) -> usize {
        self.count
    }

    /// The module: `run` takes the number of rounds and gives the sum of all.
    pub(super) fn finish(mut self) -> String {
        self.end_function();
        let mut calls = "(i64.const 0)".to_owned();
        for index in 0..self.count {
            calls = format!(
                "(i64.add (i64.rotl {calls} (i64.const 1))\n    (call $f{index} (local.get $n)))"
            );
        }
        let mut module = String::new();
        let _ = write!(
            module,
            "(module\n{}\n{}  (func (export \"run\") (param $n i32) (result i64)\n    {calls}))\n",
            self.outside, self.functions
        );
        module
    }
}
