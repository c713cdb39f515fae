//! What is fuzzed, and what a run of it may do.

use super::{driver, runner::Runner};
use crate::{Error, ErrorKind, Grants, Image, Limits, Output, Point, Program, Sandbox, Stdin};
use dormouse_snapshot::{calls, compares, edges};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// Where the guest finds its input as a file.
pub(crate) const INPUT: &str = "/input";

/// Bytes that are kept of what a guest prints until it asks for its input; a driver says
/// less at its end.
const MAX_SAID: usize = 1 << 20;

/// How long a guest may take until it asks for its input.
const PREPARATION: Duration = Duration::from_secs(600);

/// A guest, and how it gets its input.
pub(crate) struct Target {
    pub(crate) image: Image,
    pub(crate) program: Program,
    pub(crate) feed: Feed,
    pub(crate) setting: Setting,
}

/// How a guest gets its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Feed {
    /// It reads it from stdin.
    Stdin,
    /// It reads the file [`INPUT`].
    File,
    /// The host puts it into its memory and calls the export, with where that is
    /// and how many bytes.
    Export(String),
}

/// What a run may do and take.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) grants: Grants,
    /// How long it may take; counted in instructions instead where there is `fuel`.
    pub(crate) timeout: Option<Duration>,
    pub(crate) fuel: Option<u64>,
    pub(crate) memory: u64,
    /// Which exit codes are crashes.
    pub(crate) exits: Exits,
}

/// Exit codes that are crashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Exits {
    #[default]
    None,
    /// All but 0.
    Any,
    These(Vec<i32>),
}

impl Exits {
    pub(crate) fn has(&self, code: i32) -> bool {
        match self {
            Self::None => false,
            Self::Any => code != 0,
            Self::These(codes) => codes.contains(&code),
        }
    }
}

/// What of a run is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Which edges of its code it takes.
    Edges,
    /// What it compares.
    Compares,
    /// Which functions are active.
    Calls,
}

impl Target {
    /// Captures the guest where it first asks for its input, watched so.
    ///
    /// # Errors
    ///
    /// When it never comes there, or can't be captured.
    pub(crate) fn runner(&self, watch: Watch) -> Result<Runner, Error> {
        let wasm = self.image.wasm_bytes();
        let (wasm, edges) = match watch {
            Watch::Edges => edges(wasm).map_err(refused)?,
            Watch::Compares => (compares(wasm).map_err(refused)?, 0),
            Watch::Calls => (calls(wasm).map_err(refused)?, 0),
        };
        let watched = self.image.rewritten(wasm);
        let bounded = self.setting.fuel.is_none();
        // What a guest did before its input is no part of a run.
        let forgets = watch != Watch::Calls;
        // A run's time is for its input.
        let patient = Target {
            setting: Setting {
                timeout: Some(PREPARATION),
                fuel: None,
                ..self.setting.clone()
            },
            ..self.again()
        };
        // All but the end of what it prints until then is nobody's.
        let said = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&said);
        let hear = move |bytes: &[u8]| {
            if let Ok(mut said) = hears.lock() {
                if said.len() > 2 * MAX_SAID {
                    let end = said.len() - MAX_SAID;
                    said.drain(..end);
                }
                said.extend_from_slice(bytes);
            }
        };
        let image = patient
            .sandbox(&watched, Vec::new())
            .stdout(Output::callback(hear))
            .stderr(Output::Host)
            .snapshot_to_repeat(self.program.clone(), &self.point()?, bounded, |captured| {
                if let Some(memory) = captured.memories.last_mut().filter(|_| forgets) {
                    memory.contents.fill(0);
                }
            })
            .map_err(|error| self.explain(error))?;
        let said = said.lock().map(|mut said| std::mem::take(&mut *said));
        Runner::new(self, image, &said.unwrap_or_default(), watch, edges)
    }

    /// A run of `image`, which is the target's in some form, with `input`.
    pub(super) fn sandbox(&self, image: &Image, input: Vec<u8>) -> Sandbox {
        let sandbox = Sandbox::new(image)
            .grants(self.setting.grants.clone())
            .limits(Limits {
                deadline: self.setting.timeout,
                fuel: self.setting.fuel,
                memory: self.setting.memory,
                output: None,
                ..Limits::default()
            });
        match self.feed {
            Feed::Stdin => sandbox.stdin(Stdin::Bytes(input)),
            Feed::File => sandbox.file(INPUT, input),
            Feed::Export(_) => sandbox,
        }
    }

    /// The same once more.
    pub(super) fn again(&self) -> Self {
        Self {
            image: self.image.clone(),
            program: self.program.clone(),
            feed: self.feed.clone(),
            setting: self.setting.clone(),
        }
    }

    /// Whether it is a function in a language.
    pub(crate) fn is_function(&self) -> bool {
        self.image.guest_language().is_some()
    }

    /// Where it is captured.
    fn point(&self) -> Result<Point, Error> {
        if self.is_function() {
            return Ok(Point::program());
        }
        let wasm = self.image.wasm_bytes();
        let call = match &self.feed {
            Feed::Stdin => "fd_read",
            Feed::File => "path_open",
            Feed::Export(export) => {
                return match has_export(wasm, "_initialize")? {
                    true => Ok(Point::init("_initialize")),
                    false => Err(Error::new(
                        ErrorKind::Invoke,
                        format!(
                            "--export {export}: the module is no reactor, it lacks an export \
                             _initialize; build it with -mexec-model=reactor"
                        ),
                    )),
                };
            }
        };
        let Some(module) = importer(wasm, call)? else {
            return Err(never_reads(&self.feed));
        };
        let point = Point::import(module, call);
        Ok(if self.feed == Feed::Stdin {
            point.arg(0, 0)
        } else {
            point
        })
    }

    fn explain(&self, error: Error) -> Error {
        if self.is_function() {
            return driver::explain(error);
        }
        if error
            .to_string()
            .contains("without coming to its snapshot point")
        {
            return never_reads(&self.feed);
        }
        error
    }
}

fn never_reads(feed: &Feed) -> Error {
    let message = match feed {
        Feed::File => format!(
            "the target ends without opening any file; give it {INPUT} as an argument by @@, or \
             leave @@ out if it reads stdin"
        ),
        _ => "the target ends without reading stdin; if it reads a file, say where in its \
              arguments by @@"
            .to_owned(),
    };
    Error::new(ErrorKind::Invoke, message)
}

fn refused(error: dormouse_snapshot::Error) -> Error {
    Error::new(ErrorKind::Module, error.to_string()).with_source(error)
}

/// The module that `wasm` imports the function `name` of WASI from, if it does.
fn importer(wasm: &[u8], name: &str) -> Result<Option<String>, Error> {
    use wasmparser::{Parser, Payload};
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::ImportSection(imports) = payload.map_err(unreadable)? {
            for import in imports.into_imports() {
                let import = import.map_err(unreadable)?;
                if import.name == name && import.module.starts_with("wasi_") {
                    return Ok(Some(import.module.to_owned()));
                }
            }
        }
    }
    Ok(None)
}

fn has_export(wasm: &[u8], name: &str) -> Result<bool, Error> {
    use wasmparser::{Parser, Payload};
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::ExportSection(exports) = payload.map_err(unreadable)? {
            for export in exports {
                if export.map_err(unreadable)?.name == name {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

fn unreadable(error: wasmparser::BinaryReaderError) -> Error {
    Error::new(
        ErrorKind::Module,
        format!("the target can't be read: {error}"),
    )
}
