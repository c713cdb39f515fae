//! The code of a module, loaded.

use super::python;
use crate::{
    Error, GuestStore, Image, Language, Mount, Program,
    cli::progress::with_progress,
    image::{
        cache::Images,
        opened::{self, Found},
        trust::sha256,
    },
    program::Entry,
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

/// What runs for a request where nothing else is said.
pub(crate) const START: &str = "_start";

/// The code of a module. Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) enum Guest {
    /// A Wasm module, one of whose exports is called.
    Module(Image),
    /// A program in a language that goes on from where it was kept.
    Kept(Image),
    /// A program in a language, from its source.
    Script {
        image: Image,
        path: PathBuf,
        source: Vec<u8>,
    },
    /// The pinned interpreter, as a module that is told by its arguments what to
    /// run.
    Interpreter {
        /// As it waits for a program.
        image: Image,
        /// For what it is told and we know no better way to do.
        plain: std::sync::Arc<OnceLock<Image>>,
        store: GuestStore,
    },
}

/// What is to be run.
pub(crate) struct Planned {
    pub(crate) image: Image,
    pub(crate) program: Program,
}

impl Guest {
    /// The module, if it is one whose exports can be called.
    pub(crate) fn module(&self) -> Option<&Image> {
        match self {
            Self::Module(image) => Some(image),
            Self::Kept(_) | Self::Script { .. } | Self::Interpreter { .. } => None,
        }
    }

    /// What it runs for `words`, its arguments with its name first.
    ///
    /// # Errors
    ///
    /// When the interpreter is no longer to be had.
    pub(crate) fn plan(
        &self,
        entrypoint: &str,
        words: &[String],
        mounts: &[Mount],
    ) -> Result<Planned, Error> {
        let name = words.first().cloned().unwrap_or_default();
        let args = words.get(1..).unwrap_or_default().iter().cloned();
        let start = |name| Program::start(name).args(args.clone());
        let (image, program) = match self {
            Self::Module(image) if entrypoint == START => (image, start(name)),
            Self::Module(image) => {
                let program = Program {
                    entry: Entry::Invoke {
                        function: entrypoint.to_owned(),
                        args: Vec::new(),
                    },
                    ..start(name)
                };
                (image, program)
            }
            Self::Kept(image) => (image, start(name)),
            Self::Script {
                image,
                path,
                source,
            } => {
                let program = Program::script(path.to_string_lossy(), source.clone());
                (image, program.host_path(path).args(args))
            }
            Self::Interpreter {
                image,
                plain,
                store,
            } => match python::program(words, mounts) {
                Some(program) => (image, program),
                None => (interpreter(plain, store)?, start(name)),
            },
        };
        Ok(Planned {
            image: image.clone(),
            program,
        })
    }
}

/// The interpreter from its beginning, as any module.
fn interpreter<'a>(plain: &'a OnceLock<Image>, store: &GuestStore) -> Result<&'a Image, Error> {
    if let Some(image) = plain.get() {
        return Ok(image);
    }
    let wasm = store.fetch("python".parse()?, &mut |_| {})?;
    let image = Image::wasm("python.wasm", &wasm)?;
    Ok(plain.get_or_init(|| image))
}

/// Loads what modules name. What was loaded and is unchanged is not loaded anew.
#[derive(Debug, Default)]
pub(crate) struct Loader {
    languages: Mutex<HashMap<Language, Image>>,
    /// By digest.
    modules: Mutex<HashMap<String, Guest>>,
}

impl Loader {
    /// The code in the file at `path`.
    ///
    /// # Errors
    ///
    /// When it can't be read, is no code, or is not valid.
    pub(crate) fn load(&self, path: &Path) -> Result<Guest, Error> {
        let file = match opened::open(path, Images::open_default().as_ref())? {
            Found::Image(opened) => {
                let image = Image::opened(*opened)?;
                image.prepare_bounded()?;
                return Ok(match image.guest_language() {
                    Some(_) => Guest::Kept(image),
                    None => Guest::Module(image),
                });
            }
            Found::Other(file) => file,
        };
        let source = file.read()?;
        if let Some(language) = language_of(path) {
            return Ok(Guest::Script {
                image: self.language(language)?,
                path: path.to_owned(),
                source,
            });
        }
        let digest = sha256(&source);
        if let Some(guest) = lock(&self.modules).get(&digest) {
            return Ok(guest.clone());
        }
        let guest = self.module(path, &source)?;
        lock(&self.modules).insert(digest, guest.clone());
        Ok(guest)
    }

    /// Makes ready what the code in the file at `path` needs of the cache. What is
    /// wrong with it is left for [`load`](Self::load) to say.
    pub(crate) fn prepare(&self, path: &Path) {
        let language = language_of(path).or_else(|| {
            let Ok(Found::Other(file)) = opened::open(path, None) else {
                return None;
            };
            let is_interpreter = self.interpreter(&file.read().ok()?).is_some();
            is_interpreter.then(|| "python".parse().ok()).flatten()
        });
        if let Some(language) = language {
            let _ = self.language(language);
        }
    }

    /// Forgets the modules that are not `used`.
    pub(crate) fn keep(&self, used: &[&Guest]) {
        let is_used = |guest: &Guest| {
            let same = |other: &&Guest| match (guest.module(), other.module()) {
                (Some(one), Some(other)) => one.is_same(other),
                (None, None) => true,
                _ => false,
            };
            used.iter().any(same)
        };
        lock(&self.modules).retain(|_, guest| is_used(guest));
    }

    fn module(&self, path: &Path, source: &[u8]) -> Result<Guest, Error> {
        if let Some(interpreter) = self.interpreter(source) {
            return Ok(interpreter);
        }
        let image = Image::wasm(&path.display().to_string(), source)?;
        image.prepare_bounded()?;
        Ok(Guest::Module(image))
    }

    /// The pinned interpreter, if `source` is that and can be woken.
    fn interpreter(&self, source: &[u8]) -> Option<Guest> {
        let store = GuestStore::open_default().ok()?;
        let python = "python".parse().ok()?;
        if !store.keep_pinned(python, source).ok()? {
            return None;
        }
        // Another one may have been added in its place.
        let (_, in_use) = store.identity(python).ok()?;
        if in_use != sha256(source) {
            return None;
        }
        let image = self.language(python).ok()?;
        Some(Guest::Interpreter {
            image,
            plain: Default::default(),
            store,
        })
    }

    fn language(&self, language: Language) -> Result<Image, Error> {
        if let Some(image) = lock(&self.languages).get(&language) {
            return Ok(image.clone());
        }
        let store = GuestStore::open_default()?;
        let image = with_progress(|progress| store.bounded_image(language, false, progress))?;
        image.prepare_bounded()?;
        lock(&self.languages).insert(language, image.clone());
        Ok(image)
    }
}

/// The language of a script.
fn language_of(path: &Path) -> Option<Language> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "py" => "python".parse().ok(),
        "js" | "mjs" => "javascript".parse().ok(),
        _ => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
