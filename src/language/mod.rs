//! What the languages need beyond plain WASI.

#[cfg(feature = "javascript")]
pub(crate) mod javascript;
#[cfg(feature = "python")]
pub(crate) mod python;
pub(crate) mod session;
#[cfg(feature = "python")]
mod stack;
pub(crate) mod start;
pub(crate) mod wasm;

use crate::{
    Error, ErrorKind, Image, Program,
    arrange::Training,
    engine,
    instance::{Instance, State},
    program::Entry,
};
use dormouse_snapshot::Point;
use std::{fmt, str::FromStr};
use wasmi::Linker;

/// A language that Dormouse runs source code of, each where it was built with
/// the feature of its name.
///
/// ```
/// use dormouse::Language;
/// for language in Language::ALL {
///     assert_eq!(language.name().parse::<Language>()?, *language);
/// }
/// assert!("cobol".parse::<Language>().is_err());
/// # Ok::<(), dormouse::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Language {
    /// CPython 3.12.
    #[cfg(feature = "python")]
    Python,
    /// QuickJS-NG.
    #[cfg(feature = "javascript")]
    JavaScript,
}

impl Language {
    /// All of them.
    pub const ALL: &[Self] = &[
        #[cfg(feature = "python")]
        Self::Python,
        #[cfg(feature = "javascript")]
        Self::JavaScript,
    ];

    /// `python` or `javascript`.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "python")]
            Self::Python => "python",
            #[cfg(feature = "javascript")]
            Self::JavaScript => "javascript",
        }
    }

    fn is(self, name: &str) -> bool {
        self.name() == name
    }

    /// Whether it is Python.
    pub(crate) fn is_python(self) -> bool {
        self.is("python")
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
        let name = match name {
            "py" => "python",
            "js" => "javascript",
            name => name,
        };
        let found = Self::ALL.iter().find(|language| language.is(name));
        found.copied().ok_or_else(|| {
            let message = match name {
                "python" | "javascript" => {
                    format!("this build of dormouse has no {name} (its feature `{name}`)")
                }
                _ => {
                    format!("unknown language {name:?}; there are python (py) and javascript (js)")
                }
            };
            Error::new(ErrorKind::Guest, message)
        })
    }
}

/// The guest of `language` as it is run: `wasm` with whatever it needs changed.
pub(crate) fn adapt(language: Language, wasm: Vec<u8>) -> Vec<u8> {
    match language {
        #[cfg(feature = "python")]
        Language::Python => python::export(stack::enlarge(wasm)),
        #[cfg(feature = "javascript")]
        Language::JavaScript => wasm,
    }
}

/// Whether other engines can run its guest: JavaScript's imports what [`link`]
/// gives it.
pub(crate) fn is_portable(language: Language) -> bool {
    language.is_python()
}

/// Whether the language, before it knows its program, draws what must not be
/// the same everywhere: Python the seed of its hashes.
pub(crate) fn draws_secrets(language: Language) -> bool {
    language.is_python()
}

/// What to watch, to arrange the language's image by.
pub(crate) fn training(language: Language) -> Training {
    match language {
        #[cfg(feature = "python")]
        Language::Python => python::TRAINING,
        #[cfg(feature = "javascript")]
        Language::JavaScript => javascript::TRAINING,
    }
}

/// Changes with any code of ours that runs in the guest before its snapshot
/// point.
pub(crate) fn fingerprint(language: Language) -> u64 {
    match language {
        #[cfg(feature = "python")]
        Language::Python => python::FINGERPRINT,
        #[cfg(feature = "javascript")]
        Language::JavaScript => javascript::bootstrap::FINGERPRINT,
    }
}

/// Where the language's guest waits for what it has to run; or, of a program
/// that it runs, for being captured.
pub(crate) fn point(language: Language, of_program: bool) -> Point {
    match language {
        #[cfg(feature = "python")]
        Language::Python if of_program => python::program_point(),
        #[cfg(feature = "python")]
        Language::Python => python::point(),
        #[cfg(feature = "javascript")]
        Language::JavaScript => {
            let _ = of_program;
            Point::Idle
        }
    }
}

/// The descriptor that the language's guest has open for itself.
pub(crate) fn channel(language: Option<Language>) -> Option<u32> {
    match language? {
        #[cfg(feature = "python")]
        Language::Python => Some(python::CHANNEL),
        #[cfg(feature = "javascript")]
        Language::JavaScript => None,
    }
}

/// How deep calls in the language's guest may nest.
pub(crate) fn frames(language: Option<Language>) -> usize {
    match language {
        #[cfg(feature = "python")]
        Some(Language::Python) => stack::FRAMES,
        _ => engine::MAX_RECURSION_DEPTH,
    }
}

/// Runs `program` in an instance of `image`.
pub(crate) fn run(image: &Image, instance: &mut Instance, program: &Program) -> wasm::Ran {
    match (image.guest_language(), &program.entry) {
        #[cfg(feature = "javascript")]
        (Some(Language::JavaScript), _) => match image.snapshot() {
            Some(snapshot) => javascript::run_woken(instance, snapshot, program),
            None => javascript::run(instance, program),
        },
        (None, Entry::Invoke { function, args }) => wasm::invoke(instance, function, args),
        _ => wasm::start(instance),
    }
}

/// What a language's guest imports beyond WASI.
pub(crate) fn link(language: Option<Language>) -> fn(&mut Linker<State>) -> Result<(), Error> {
    match language {
        #[cfg(feature = "javascript")]
        Some(Language::JavaScript) => javascript::link,
        _ => |_| Ok(()),
    }
}
