//! What a small program costs after the point at which images are captured:
//! wasmi translates a function when it is first called, so a start's time goes
//! with the size of all the functions on its path.

use super::{
    super::{Engine, run_prepared},
    harness::{Captured, Given, capture, done, load, program, wasm, woken},
};
use crate::{Program, instance::Prepared};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Instruction, MemArg, MemArgTarget, MemorySection,
    MemoryType, Module,
    reencode::{self, Reencode, utils},
};
use wasmparser::{ExportSectionReader, FunctionBody, MemorySectionReader, Parser, Payload};

/// Programs, and the bytes of code that each may touch: what it touched when
/// this was written and a twentieth more.
const BUDGETS: &[(&str, usize)] = &[
    ("", 88_805),
    ("console.log(1)", 123_344),
    ("console.log('hello')", 121_154),
    ("console.log([1, { a: 2 }])", 158_087),
    ("print(await Promise.resolve(1))", 159_508),
];

#[test]
fn small_programs_touch_little_of_the_engine() {
    let guest = Counting::new(&wasm());
    let prepared = load(&guest.module);
    let captured = capture(&prepared);
    for (source, budget) in BUDGETS {
        let given = Given {
            program: Some(Program::code(*source)),
            ..Given::default()
        };
        let touched = guest.touched(&captured, &prepared, &given);
        assert!(
            (budget / 2..=budget + budget / 20).contains(&touched),
            "{source}: {touched} bytes, not about {budget}"
        );
    }
}

/// A module that counts the calls of each function.
struct Counting {
    module: Vec<u8>,
    /// Bytes of each function's code.
    sizes: Vec<usize>,
}

impl Counting {
    fn new(wasm: &[u8]) -> Self {
        let mut sizes = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            if let Payload::CodeSectionEntry(body) = payload.expect("Wasm") {
                sizes.push(body.as_bytes().len());
            }
        }
        let mut module = Module::new();
        Rewriter { next: 0 }
            .parse_core_module(&mut module, Parser::new(0), wasm)
            .expect("Wasm");
        Self {
            module: module.finish(),
            sizes,
        }
    }

    /// Bytes of the functions that the program calls.
    fn touched(&self, captured: &Captured, guest: &Prepared, given: &Given) -> usize {
        let mut instance = woken(guest, captured, given);
        let engine = Engine::restored(&instance, &captured.saved).expect("it wakes");
        let ran = run_prepared(&mut instance, &engine, program(given));
        let counts = instance
            .raw()
            .get_memory(instance.store(), "counts")
            .expect("counts");
        let (counts, _) = counts.data(instance.store()).as_chunks::<4>();
        let touched = self
            .sizes
            .iter()
            .zip(counts)
            .filter(|(_, count)| **count != [0; 4])
            .map(|(size, _)| size)
            .sum();
        assert_eq!(done(instance, ran).status, Ok(()));
        touched
    }
}

struct Rewriter {
    next: i32,
}

impl Reencode for Rewriter {
    type Error = std::convert::Infallible;

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: MemorySectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_memory_section(self, memories, section)?;
        memories.memory(MemoryType {
            minimum: 1,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_export_section(self, exports, section)?;
        exports.export("counts", ExportKind::Memory, 1);
        exports.export("global 0", ExportKind::Global, 0);
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let at = MemArg {
            offset: 0,
            align: 2,
            target: MemArgTarget::Memory(1),
            ordering: None,
        };
        let address = Instruction::I32Const(4 * self.next);
        self.next += 1;
        let mut function = self.new_function_with_parsed_locals(&body)?;
        function
            .instruction(&address)
            .instruction(&address)
            .instruction(&Instruction::I32Load(at))
            .instruction(&Instruction::I32Const(1))
            .instruction(&Instruction::I32Add)
            .instruction(&Instruction::I32Store(at));
        for operator in body.get_operators_reader()? {
            function.instruction(&self.instruction(operator?)?);
        }
        code.function(&function);
        Ok(())
    }
}
