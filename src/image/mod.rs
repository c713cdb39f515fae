//! What sandboxes are made from.

pub(crate) mod bundle;
pub(crate) mod cache;
pub(crate) mod captured;
pub(crate) mod file;
pub(crate) mod folder;
pub(crate) mod manifest;
pub(crate) mod opened;
pub(crate) mod ready;
pub(crate) mod saved;
mod section;
pub(crate) mod source;
#[cfg(test)]
mod tests;
pub(crate) mod trust;

use crate::{
    Error, ErrorKind, GuestStore, Language, Progress,
    engine::{
        self, Engine, Metering,
        mapping::{Memories, Trusted},
    },
    guests,
    instance::{Code, Cold, Prepared, Reserving},
    language,
};
use cache::Images;
use manifest::{Guest, Manifest};
use opened::{Bytes, Found, Opened};
use ready::Kind;
use std::{
    path::Path,
    sync::{Arc, OnceLock},
};
use trust::Trust;

/// Bytes of a page of Wasm memory.
pub(crate) const PAGE: u64 = 64 << 10;

fn image_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Image, message)
}

/// The image cache can't be used.
fn cache_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Guest, message)
}

/// An image is not what was written.
fn damaged(what: impl std::fmt::Display) -> Error {
    image_error(format!(
        "the image is damaged: {what}; make it again with `dormouse snapshot`"
    ))
}

/// A guest, loaded and checked, from which any number of sandboxes start.
/// Cloning is cheap and shares all of it. `Send` and `Sync`: threads that run
/// sandboxes of one image at the same time don't wait for each other.
///
/// A snapshot keeps up to 16 instances whose runs have ended, brought back to
/// what they were, for the next runs; each holds up to 3 MiB, until all clones
/// of the image are dropped.
///
/// ```
/// let image = dormouse::Image::wasm("add.wat", br#"
///     (module (func (export "add") (param i32 i32) (result i32)
///         local.get 0 local.get 1 i32.add))
/// "#)?;
/// let outcome = dormouse::Sandbox::new(&image)
///     .run(dormouse::Program::invoke("add", ["5", "7"]))?;
/// assert_eq!(outcome.values, [dormouse::Value::I32(12)]);
/// # Ok::<(), dormouse::Error>(())
/// ```
#[derive(Clone)]
pub struct Image(Arc<Inner>);

struct Inner {
    /// The module; of a snapshot, with what lies behind it in the file.
    wasm: Arc<Bytes>,
    language: Option<Language>,
    snapshot: Option<Snapshot>,
    /// Where it comes from; of a module without the digest, of a snapshot nothing.
    guest: Guest,
    /// Of a language's own image, where its guest is.
    store: Option<GuestStore>,
    /// Which of the language's own images it is.
    kind: Kind,
    plain: OnceLock<Image>,
    /// Of a language's own image, the one that is bounded, if there can be one.
    bounded: OnceLock<Option<Image>>,
    unmetered: OnceLock<Prepared>,
    metered: OnceLock<Prepared>,
    /// Of both, where they are made before.
    engines: [OnceLock<Engine>; 2],
}

/// What an image has that goes on from a snapshot.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) manifest: Manifest,
    /// Whether the module must be validated.
    pub(crate) trust: Trust,
    /// The memories that it imports, in order.
    pub(crate) memories: Memories,
    /// Bytes of the module.
    module: usize,
}

impl Snapshot {
    fn code<'a>(&self, wasm: &'a [u8]) -> Code<'a> {
        match self.trust {
            // The record that says so is in our own private folder.
            Trust::Own => Code::Trusted(Trusted::built_here(wasm)),
            Trust::Foreign => Code::Foreign(wasm),
        }
    }
}

impl Image {
    /// A WASI program or any other core Wasm module, binary or text; `name`
    /// is what errors call it. A snapshot's bytes give what [`open`](Self::open)
    /// gives.
    ///
    /// # Errors
    ///
    /// When `source` is not Wasm. What it imports and which proposals it uses
    /// is looked at when it first runs.
    pub fn wasm(name: &str, source: &[u8]) -> Result<Self, Error> {
        if file::is_image(source) {
            let opened = Opened::checked(source.to_vec(), Trust::Foreign)
                .map_err(|error| Error::new(error.kind(), format!("{name}: {error}")))?;
            return Self::opened(opened);
        }
        let wasm = engine::binary(name, source)?.into_owned();
        let guest = Guest {
            name: saved::file_name(name),
            sha256: String::new(),
        };
        Ok(Self::new(Bytes::Owned(wasm), None, None, guest))
    }

    /// The snapshot, bundle or Wasm module (binary or text) in the file at
    /// `path`. A snapshot that this installation made, and that is unchanged,
    /// need not be read, only mapped; it is not to be written to, but may be
    /// replaced. Any other is checked in full.
    ///
    /// # Errors
    ///
    /// When the file can't be read, is no Wasm, or is a snapshot that is
    /// damaged or of another version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        match opened::open(path, Images::open_default().as_ref())? {
            Found::Image(opened) => Self::opened(*opened),
            Found::Other(file) => Self::wasm(&path.display().to_string(), &file.read()?),
        }
    }

    /// The same, of a file that nobody changes for as long as the image, or
    /// anything started from it, lives: a resource of an installed app, a file in
    /// a read-only file system. A snapshot in it is mapped, whoever made it: what
    /// no guest has written to is the file's own memory, which the system shares
    /// between processes, and can take back. It is checked in full all the same.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn map(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        match opened::map(path, Images::open_default().as_ref())? {
            Some(opened) => Self::opened(opened),
            None => Self::open(path),
        }
    }

    /// The guest of `language`, as [`GuestStore::load`](crate::GuestStore::load)
    /// gives it.
    ///
    /// # Errors
    ///
    /// When `wasm` is not Wasm.
    pub fn language(language: Language, wasm: Vec<u8>) -> Result<Self, Error> {
        let guest = guests::recognize(language, &wasm);
        Self::guest(language, wasm, guest)
    }

    /// The same of a guest that is known.
    pub(crate) fn guest(language: Language, wasm: Vec<u8>, guest: Guest) -> Result<Self, Error> {
        engine::binary(language.name(), &wasm)?;
        let wasm = language::adapt(language, wasm);
        Ok(Self::new(Bytes::Owned(wasm), Some(language), None, guest))
    }

    /// The image that was opened.
    ///
    /// # Errors
    ///
    /// When it is in a language that this version does not have.
    pub(crate) fn opened(opened: Opened) -> Result<Self, Error> {
        let language = opened.parts.manifest.guest_language()?;
        let memories = Memories::new(opened.source.clone(), opened.contents())?;
        let snapshot = Snapshot {
            memories,
            module: opened.parts.module(&opened.bytes).len(),
            manifest: opened.parts.manifest,
            trust: opened.trust,
        };
        Ok(Self::new(
            opened.bytes,
            language,
            Some(snapshot),
            Guest::default(),
        ))
    }

    fn new(
        wasm: Bytes,
        language: Option<Language>,
        snapshot: Option<Snapshot>,
        guest: Guest,
    ) -> Self {
        Self(Arc::new(Inner {
            wasm: Arc::new(wasm),
            language,
            snapshot,
            guest,
            store: None,
            kind: Kind::default(),
            plain: OnceLock::new(),
            bounded: OnceLock::new(),
            unmetered: OnceLock::new(),
            metered: OnceLock::new(),
            engines: Default::default(),
        }))
    }

    /// The same image of a language, whose guest is in `store`. Only for an
    /// image that nobody else has yet.
    #[must_use]
    pub(crate) fn of_store(mut self, store: GuestStore, kind: Kind) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.store = Some(store);
            inner.kind = kind;
        }
        self
    }

    /// The same image, whose code asks the host, from time to time, whether to go
    /// on. Only for an image that nobody else has yet.
    #[cfg(feature = "fuzz")]
    #[must_use]
    pub(crate) fn that_asks(mut self) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.kind.bounded = true;
        }
        self
    }

    /// The guest that this language's own image was made from.
    pub(crate) fn plain(&self) -> Option<Result<&Self, Error>> {
        let (store, language) = (self.0.store.as_ref()?, self.0.language?);
        if let Some(plain) = self.0.plain.get() {
            return Some(Ok(plain));
        }
        let loaded = store.plain_image(language, &mut |_| {});
        Some(loaded.map(|plain| self.0.plain.get_or_init(|| plain)))
    }

    /// Whether it asks the host, from time to time, whether to go on.
    pub(crate) fn is_bounded(&self) -> bool {
        self.0.kind.bounded
    }

    /// Makes ready what runs with a [deadline](crate::Limits::deadline), and
    /// sessions, need of a language's own image: another image, whose code looks
    /// at the deadline itself. Otherwise the first of them does, which then takes
    /// seconds more, once for each installation; of any other image there is
    /// nothing to make ready.
    ///
    /// # Errors
    ///
    /// When it can't be captured or kept. Guests are metered then where they have
    /// to be stopped: they run all the same, slower.
    pub fn prepare_for_deadlines(
        &self,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), Error> {
        if self.is_bounded() || self.0.bounded.get().is_some() {
            return Ok(());
        }
        let Some(made) = self.make_bounded(progress) else {
            return Ok(());
        };
        let (bounded, made) = match made {
            Ok(bounded) => (Some(bounded), Ok(())),
            Err(error) => (None, Err(error)),
        };
        // Another thread may have done it meanwhile.
        self.0.bounded.get_or_init(|| bounded);
        made
    }

    fn make_bounded(&self, progress: &mut dyn FnMut(Progress<'_>)) -> Option<Result<Self, Error>> {
        let (store, language) = (self.0.store.as_ref()?, self.0.language?);
        let kind = Kind {
            bounded: true,
            ..self.0.kind
        };
        Some(ready::open_or_make(store, language, kind, progress))
    }

    /// What does the same and is bounded: of a language's own image, another
    /// one of its images, which is made first if it is not in the cache. Where
    /// there is none, a run with a deadline has to be metered.
    pub(crate) fn bounded(&self) -> Option<&Self> {
        if self.is_bounded() {
            return Some(self);
        }
        let make = || self.make_bounded(&mut |_| {})?.ok();
        self.0.bounded.get_or_init(make).as_ref()
    }

    /// What to start for a run with `limit` bytes of memory: where that is less
    /// than a language's image has, the guest from its beginning.
    pub(crate) fn within(&self, limit: u64) -> Result<&Self, Error> {
        let is_larger = |snapshot: &Snapshot| snapshot.memories.bytes() > limit;
        if !self.0.snapshot.as_ref().is_some_and(is_larger) {
            return Ok(self);
        }
        self.plain().unwrap_or(Ok(self))
    }

    /// The same guest with other code, which nobody has validated.
    pub(crate) fn rewritten(&self, wasm: Vec<u8>) -> Self {
        let snapshot = self.0.snapshot.clone().map(|snapshot| Snapshot {
            trust: Trust::Foreign,
            module: wasm.len(),
            ..snapshot
        });
        Self::new(
            Bytes::Owned(wasm),
            self.0.language,
            snapshot,
            self.0.guest.clone(),
        )
    }

    /// The module.
    pub(crate) fn wasm_bytes(&self) -> &[u8] {
        let wasm = &self.0.wasm;
        match &self.0.snapshot {
            Some(snapshot) => wasm.get(..snapshot.module).unwrap_or(wasm),
            None => wasm,
        }
    }

    /// What it goes on from, if it is a snapshot.
    pub(crate) fn snapshot(&self) -> Option<&Snapshot> {
        self.0.snapshot.as_ref()
    }

    pub(crate) fn guest_language(&self) -> Option<Language> {
        self.0.language
    }

    /// Begins to reserve address space for an instance with `limit` bytes of
    /// memory, if it is a snapshot; beside its loading, where that is still to
    /// come and a processor is idle.
    pub(crate) fn reserve(&self, metering: Metering, limit: u64) -> Option<Reserving> {
        let snapshot = self.0.snapshot.as_ref()?;
        // What is foreign is loaded for an engine that suits it.
        let is_coming = snapshot.trust == Trust::Own && self.cell(metering).get().is_none();
        let engine = is_coming.then(|| self.engine(metering));
        Some(Reserving::begin(&snapshot.memories, limit, engine))
    }

    fn cell(&self, metering: Metering) -> &OnceLock<Prepared> {
        match metering {
            Metering::Off => &self.0.unmetered,
            Metering::On => &self.0.metered,
        }
    }

    /// The engine that a snapshot is loaded for, if it is our own.
    fn engine(&self, metering: Metering) -> &Engine {
        let cell = match metering {
            Metering::Off => &self.0.engines[0],
            Metering::On => &self.0.engines[1],
        };
        cell.get_or_init(|| Engine::new(metering, language::frames(self.0.language)))
    }

    /// Whether `other` is a clone of this one.
    #[cfg(all(feature = "cli", feature = "server"))]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Makes ready what runs need that may be ended; what is wrong with the
    /// module is found then.
    ///
    /// # Errors
    ///
    /// When it is not valid, or imports what the host does not have.
    #[cfg(all(feature = "cli", feature = "server"))]
    pub(crate) fn prepare_bounded(&self) -> Result<(), Error> {
        match self.bounded() {
            Some(bounded) => bounded.prepared(Metering::Off),
            None => self.prepared(Metering::On),
        }
        .map(|_| ())
    }

    /// Whether it exports a function `name` that can be called without
    /// arguments; `None` where it exports no such function.
    ///
    /// # Errors
    ///
    /// As of [`prepare_bounded`](Self::prepare_bounded).
    #[cfg(all(feature = "cli", feature = "server"))]
    pub(crate) fn export_takes_nothing(&self, name: &str) -> Result<Option<bool>, Error> {
        let export = self.prepared(Metering::On)?.export(name);
        Ok(match export {
            Some(wasmi::ExternType::Func(ty)) => Some(ty.params().is_empty()),
            _ => None,
        })
    }

    /// The module, translated for an engine with or without metering.
    pub(crate) fn prepared(&self, metering: Metering) -> Result<&Prepared, Error> {
        let cell = self.cell(metering);
        if let Some(prepared) = cell.get() {
            return Ok(prepared);
        }
        let extend = language::link(self.0.language);
        let frames = language::frames(self.0.language);
        let wasm = self.wasm_bytes();
        let prepared = match &self.0.snapshot {
            None => Prepared::new(wasm, metering, frames, extend)?,
            Some(snapshot) => {
                let memories = snapshot.memories.clone();
                let shared: Arc<Bytes> = Arc::clone(&self.0.wasm);
                let is_own = snapshot.trust == Trust::Own;
                let cold = Cold::new(shared, snapshot.module, is_own);
                let code = snapshot.code(wasm);
                Prepared::image(&code, Some(cold), memories, self.engine(metering), extend)?
                    .reset_in_place(is_own && snapshot.manifest.in_place)
            }
        };
        Ok(cell.get_or_init(|| prepared))
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image")
            .field("language", &self.0.language)
            .field("bytes", &self.wasm_bytes().len())
            .field("snapshot", &self.snapshot().is_some())
            .finish_non_exhaustive()
    }
}
