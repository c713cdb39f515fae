//! Instances of the engine with a host of their own, and what of one is copied
//! to another.

use super::super::{Engine, link, prepare_image, run, run_prepared};
use crate::{
    GuestStore, Language, Limits, Output, Program, Stdin,
    engine::{MAX_RECURSION_DEPTH, Meter, Metering},
    grants::Mount,
    instance::{Failure, Instance, Prepared, State},
    language::wasm::Ran,
    wasi::{Clock, Context, Random, Root, Stdio},
};
use dormouse_snapshot::{COVERAGE, counts};
use serde_json::Value;
use std::sync::{Arc, OnceLock};
use wasm_encoder::{
    ExportKind, ExportSection, Module,
    reencode::{self, Reencode, utils},
};
use wasmi::{Extern, Val};
use wasmparser::{ExportSectionReader, Parser, Payload};

/// Fuel that no test program burns.
const PLENTY: u64 = u64::MAX / 2;

/// What a run is given.
#[derive(Clone, Default)]
pub(super) struct Given {
    pub(super) program: Option<Program>,
    pub(super) guest_path: Option<String>,
    pub(super) stdin: Vec<u8>,
    pub(super) env: Vec<&'static str>,
    pub(super) mounts: Vec<Mount>,
    pub(super) seed: Option<u64>,
}

/// What a run did.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) status: Result<(), String>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// The guest, translated once for all tests.
pub(super) fn guest() -> &'static Prepared {
    static GUEST: OnceLock<Prepared> = OnceLock::new();
    GUEST.get_or_init(|| load(wasm()))
}

pub(super) fn wasm() -> &'static [u8] {
    static WASM: OnceLock<Vec<u8>> = OnceLock::new();
    WASM.get_or_init(|| {
        let store = GuestStore::open_default().expect("a store");
        store
            .load(Language::JavaScript, &mut |_| {})
            .expect("the guest")
    })
}

/// Translates a form of the guest, its globals exported.
pub(super) fn load(wasm: &[u8]) -> Prepared {
    let wasm = with_globals(wasm);
    Prepared::new(&wasm, Metering::On, MAX_RECURSION_DEPTH, link).expect("it loads")
}

/// A fresh instance with a host of its own.
pub(super) fn fresh(guest: &Prepared, given: &Given) -> Instance {
    let meter = Arc::new(Meter::new(None, None));
    let stdin = Stdin::Bytes(given.stdin.clone());
    let stdio = Stdio::new(stdin, Output::Capture, Output::Capture, &meter).expect("streams");
    let clock = Clock::new(given.seed.is_some(), Arc::clone(&meter));
    let random = Random::new(given.seed).expect("randomness");
    let root = Root::new(&given.mounts, Limits::TMP).expect("a root");
    let mut context = Context::new(root, stdio, clock, random).expect("a context");
    let env = given.env.iter().map(|pair| pair.as_bytes().to_vec());
    context.set_strings(Vec::new(), env.collect());
    let mut state = State::new(context, Limits::MEMORY, Some(PLENTY), meter);
    state.language::<super::super::Data>().guest_path = given.guest_path.clone();
    match Instance::new(guest, state) {
        Ok(instance) => instance,
        Err(Failure::Error(error)) => panic!("{error}"),
        Err(Failure::Stop(stop, _)) => panic!("{stop}"),
    }
}

/// The state of a prepared instance, as an image would hold it.
pub(super) struct Captured {
    memory: Vec<u8>,
    globals: Vec<(String, Val)>,
    pub(super) saved: Value,
}

pub(super) fn captured() -> &'static Captured {
    static CAPTURED: OnceLock<Captured> = OnceLock::new();
    CAPTURED.get_or_init(capture)
}

fn capture() -> Captured {
    let mut instance = fresh(guest(), &Given::default());
    let engine = prepare_image(&mut instance)
        .expect("it is our guest")
        .expect("no limit stops it");
    let memory = engine.exports.memory.data(instance.store()).to_vec();
    let globals = globals(&instance)
        .map(|(name, global)| (name, global.get(instance.store())))
        .collect();
    // Through text, as in a manifest.
    let saved = engine.saved().to_string();
    let saved = serde_json::from_str(&saved).expect("JSON");
    Captured {
        memory,
        globals,
        saved,
    }
}

fn globals(instance: &Instance) -> impl Iterator<Item = (String, wasmi::Global)> {
    instance
        .raw()
        .exports(instance.store())
        .filter_map(|export| match export.ty(instance.store()) {
            wasmi::ExternType::Global(ty) if ty.mutability().is_mut() => {
                let name = export.name().to_owned();
                let Extern::Global(global) = export.into_extern() else {
                    return None;
                };
                Some((name, global))
            }
            _ => None,
        })
}

/// A fresh instance, with the captured state in it.
pub(super) fn woken(guest: &Prepared, captured: &Captured, given: &Given) -> Instance {
    let mut instance = fresh(guest, given);
    let memory = instance
        .raw()
        .get_memory(instance.store(), "memory")
        .expect("a memory");
    let missing = captured.memory.len() - memory.data_size(instance.store());
    let store = instance.store_mut();
    memory
        .grow(&mut *store, (missing >> 16) as u64)
        .expect("it grows");
    memory
        .write(&mut *store, 0, &captured.memory)
        .expect("it fits");
    let found: Vec<_> = globals(&instance).collect();
    assert_eq!(found.len(), captured.globals.len());
    for ((name, global), (captured_name, value)) in found.into_iter().zip(&captured.globals) {
        assert_eq!(name, *captured_name);
        global
            .set(instance.store_mut(), value.clone())
            .expect("its type");
    }
    instance
}

/// Runs the program in a fresh instance.
pub(super) fn run_plainly(given: &Given) -> Done {
    let mut instance = fresh(guest(), given);
    let ran = run(&mut instance, program(given));
    done(instance, ran)
}

/// Runs the program in a copy.
pub(super) fn run_woken(given: &Given) -> Done {
    run_in(guest(), given).0
}

/// Runs the program in a copy whose code is another form of the guest's; also
/// the counts of its stretches, if it counts them.
pub(super) fn run_in(guest: &Prepared, given: &Given) -> (Done, Vec<u32>) {
    let mut instance = woken(guest, captured(), given);
    let engine = Engine::restored(&instance, &captured().saved).expect("it wakes");
    let ran = run_prepared(&mut instance, &engine, program(given));
    let counts = match instance.raw().get_memory(instance.store(), COVERAGE) {
        Some(memory) => counts(memory.data(instance.store())).collect(),
        None => Vec::new(),
    };
    (done(instance, ran), counts)
}

fn program(given: &Given) -> &Program {
    given.program.as_ref().expect("a program")
}

fn done(instance: Instance, ran: Ran) -> Done {
    let state = instance.into_state();
    let stdio = state.stdio();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let status = match ran.expect("it is our guest") {
        Ok(_) => Ok(()),
        Err(stop) => Err(match stop.i32_exit_status() {
            Some(code) => format!("exit {code}"),
            None => stop.to_string(),
        }),
    };
    Done {
        status,
        stdout: text(stdio.out.take()),
        stderr: text(stdio.err.take()),
    }
}

/// The module with its globals exported.
fn with_globals(wasm: &[u8]) -> Vec<u8> {
    struct Exporter {
        globals: u32,
    }
    impl Reencode for Exporter {
        type Error = std::convert::Infallible;

        fn parse_export_section(
            &mut self,
            exports: &mut ExportSection,
            section: ExportSectionReader<'_>,
        ) -> Result<(), reencode::Error> {
            utils::parse_export_section(self, exports, section)?;
            for index in 0..self.globals {
                exports.export(&format!("global {index}"), ExportKind::Global, index);
            }
            Ok(())
        }
    }
    let mut globals = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::GlobalSection(section) = payload.expect("Wasm") {
            globals = section.count();
        }
    }
    let mut module = Module::new();
    Exporter { globals }
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .expect("Wasm");
    module.finish()
}
