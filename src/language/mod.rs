//! What the languages need beyond plain WASI.

pub(crate) mod javascript;
pub(crate) mod python;
pub(crate) mod session;
mod stack;
pub(crate) mod wasm;

use crate::{
    Error, ErrorKind, Image, Program,
    arrange::Training,
    engine,
    instance::{Instance, State},
    program::Entry,
};
use std::{fmt, str::FromStr};
use wasmi::Linker;

/// A language that Dormouse runs source code of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Language {
    /// CPython 3.12.
    Python,
    /// QuickJS-NG.
    JavaScript,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Python, Self::JavaScript];

    /// `python` or `javascript`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::JavaScript => "javascript",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Language {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "python" | "py" => Ok(Self::Python),
            "javascript" | "js" => Ok(Self::JavaScript),
            _ => Err(Error::new(
                ErrorKind::Guest,
                format!("unknown language {name:?}; there are python (py) and javascript (js)"),
            )),
        }
    }
}

/// The guest of `language` as it is run: `wasm` with whatever it needs changed.
pub(crate) fn adapt(language: Language, wasm: Vec<u8>) -> Vec<u8> {
    match language {
        Language::Python => python::export(stack::enlarge(wasm)),
        Language::JavaScript => wasm,
    }
}

/// Whether other engines can run its guest.
pub(crate) fn is_portable(language: Language) -> bool {
    // JavaScript's imports what `link` gives it.
    language == Language::Python
}

/// Whether the language, before it knows its program, draws what must not be
/// the same everywhere: Python the seed of its hashes.
pub(crate) fn draws_secrets(language: Language) -> bool {
    language == Language::Python
}

/// What to watch, to arrange the language's image by.
pub(crate) fn training(language: Language) -> Training {
    match language {
        Language::Python => python::TRAINING,
        Language::JavaScript => javascript::TRAINING,
    }
}

/// Changes with any code of ours that runs in the guest before its snapshot
/// point.
pub(crate) fn fingerprint(language: Language) -> u64 {
    match language {
        Language::Python => python::FINGERPRINT,
        Language::JavaScript => javascript::bootstrap::FINGERPRINT,
    }
}

/// How deep calls in the language's guest may nest.
pub(crate) fn frames(language: Option<Language>) -> usize {
    match language {
        Some(Language::Python) => stack::FRAMES,
        None | Some(Language::JavaScript) => engine::MAX_RECURSION_DEPTH,
    }
}

/// Runs `program` in an instance of `image`.
pub(crate) fn run(image: &Image, instance: &mut Instance, program: &Program) -> wasm::Ran {
    let language = image.guest_language();
    if let (Some(Language::JavaScript), Some(snapshot)) = (language, image.snapshot()) {
        return javascript::run_woken(instance, snapshot, program);
    }
    match (language, &program.entry) {
        (None, Entry::Invoke { function, args }) => wasm::invoke(instance, function, args),
        (None | Some(Language::Python), _) => wasm::start(instance),
        (Some(Language::JavaScript), _) => javascript::run(instance, program),
    }
}

/// What a language's guest imports beyond WASI.
pub(crate) fn link(language: Option<Language>) -> fn(&mut Linker<State>) -> Result<(), Error> {
    match language {
        None | Some(Language::Python) => |_| Ok(()),
        Some(Language::JavaScript) => javascript::link,
    }
}
