//! Where guests are kept, and how they get there whole or not at all.

use super::{
    Progress, added::Added, fetch, folder::platform_cache, guest_error, lock::Lock, pin::pin,
};
use crate::{
    Error, Image, Language,
    image::{
        cache::Images,
        manifest::Guest,
        ready::{self, Kind},
        trust::sha256,
    },
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Bytes of a module that may be added as a guest.
const MAX_ADDED: u64 = 1 << 30;

/// The folder that language guests are cached in.
///
/// Everything in it is checked by digest each time it is used, and appears
/// there by renaming: a fetch that is killed leaves nothing that could be
/// mistaken for a guest.
///
/// `Send` and `Sync`; a clone is the same folder, which several processes may
/// use at a time.
///
#[cfg_attr(feature = "javascript", doc = "```")]
#[cfg_attr(not(feature = "javascript"), doc = "```ignore")]
/// use dormouse::{GuestStore, Language, Program, Sandbox};
/// let store = GuestStore::open_default()?;
/// let javascript = store.image(Language::JavaScript, &mut |_| {})?;
/// let outcome = Sandbox::new(&javascript).run(Program::code("console.log(6 * 7)"))?;
/// assert_eq!(outcome.stdout, b"42\n");
/// # Ok::<(), dormouse::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GuestStore {
    pub(super) folder: PathBuf,
}

/// What a [`GuestStore`] has for a language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestSummary {
    /// The language.
    pub language: Language,
    /// What the guest is.
    pub name: String,
    /// Its version; empty for one that was added.
    pub version: String,
    /// Whether it is there.
    pub state: GuestState,
    /// Where it is, or would be.
    pub path: PathBuf,
}

/// Whether a guest is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GuestState {
    /// Pinned, and not fetched yet.
    Missing,
    /// Pinned, fetched, this many bytes.
    Fetched(u64),
    /// Added by the user, this many bytes.
    Added(u64),
}

impl GuestStore {
    /// The store in `$DORMOUSE_CACHE`, or else in the platform's folder for
    /// caches.
    ///
    /// # Errors
    ///
    /// When the platform names no such folder.
    pub fn open_default() -> Result<Self, Error> {
        let folder = match std::env::var_os("DORMOUSE_CACHE").filter(|folder| !folder.is_empty()) {
            Some(folder) => PathBuf::from(folder),
            None => platform_cache()
                .ok_or_else(|| {
                    guest_error("there is no home folder to keep guests in; set DORMOUSE_CACHE")
                })?
                .join("dormouse"),
        };
        Ok(Self::at(folder))
    }

    /// The store in `folder`, which is made when it is first needed.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Where everything is kept.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Name and SHA-256 of the guest that [`load`](Self::load) gives for
    /// `language`, without looking at it.
    ///
    /// # Errors
    ///
    /// When the store is not usable.
    pub(crate) fn identity(&self, language: Language) -> Result<(String, String), Error> {
        Ok(match self.added()?.remove(language.name()) {
            Some(added) => {
                let file = Path::new(&added.from).file_name().unwrap_or_default();
                (file.to_string_lossy().into_owned(), added.sha256)
            }
            None => {
                let pin = pin(language);
                (pin.full_name(), pin.sha256.clone())
            }
        })
    }

    /// The guest of `language`, fetched first if it is not there; its bytes
    /// have the digest that was pinned, or that it was added with.
    ///
    /// # Errors
    ///
    /// When the store is not usable, when the guest cannot be fetched, or when
    /// one that was added is no longer what it was.
    pub fn load(
        &self,
        language: Language,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<u8>, Error> {
        if let Some(added) = self.added()?.get(language.name()) {
            return self.load_added(language, added);
        }
        match self.cached(pin(language)) {
            Some(wasm) => Ok(wasm),
            None => self.fetch(language, progress),
        }
    }

    /// The guest of `language` as it begins: a start of it goes all the way.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    pub(crate) fn plain_image(
        &self,
        language: Language,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Image, Error> {
        let (name, sha256) = self.identity(language)?;
        let wasm = self.load(language, progress)?;
        Image::guest(language, wasm, Guest { name, sha256 })
    }

    /// The guest of `language` as an image that waits for a program. The first
    /// time it is made, which takes seconds, and kept in the store; from then
    /// on it is mapped, which takes next to no time. So is, by the first run that
    /// has a [deadline](crate::Limits::deadline), another one that keeps it; see
    /// [`Image::prepare_for_deadlines`].
    ///
    /// # Errors
    ///
    /// When the store is not usable, or the guest can't be fetched or captured.
    pub fn image(
        &self,
        language: Language,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Image, Error> {
        ready::open_or_make(self, language, Kind::default(), progress)
    }

    /// The same for runs with a [seed](crate::Grants::seed). In one that
    /// [`image`](Self::image) gives, Python's hashes depend on what was drawn
    /// when the image was made on this machine; here they are those of every
    /// seeded run everywhere.
    ///
    /// # Errors
    ///
    /// As for [`image`](Self::image).
    pub fn seeded_image(
        &self,
        language: Language,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Image, Error> {
        let kind = Kind {
            seeded: true,
            ..Kind::default()
        };
        ready::open_or_make(self, language, kind, progress)
    }

    /// The same for runs that somebody may end: what [`image`](Self::image) gives
    /// would be exchanged for it.
    #[cfg(all(feature = "server", feature = "cli"))]
    pub(crate) fn bounded_image(
        &self,
        language: Language,
        seeded: bool,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Image, Error> {
        let kind = Kind {
            seeded,
            bounded: true,
        };
        ready::open_or_make(self, language, kind, progress)
    }

    /// Fetches the pinned guest of `language`, if it is not there.
    ///
    /// # Errors
    ///
    /// When the store is not usable or the guest cannot be fetched.
    pub fn fetch(
        &self,
        language: Language,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<u8>, Error> {
        let pin = pin(language);
        if let Some(wasm) = self.cached(pin) {
            return Ok(wasm);
        }
        #[cfg(feature = "cli")]
        if crate::lockdown::is_locked() {
            return Err(guest_error(format!(
                "{} is not in the cache, and a process that is locked down can't start npm; run \
                 `dormouse guest fetch {language}` before",
                pin.name
            )));
        }
        self.prepare()?;
        let lock = self.folder.join("lock");
        let _lock = Lock::take(&lock, || progress(Progress::Waiting))
            .map_err(|error| self.not_usable(&error))?;
        // Whoever held the lock may have fetched it.
        if let Some(wasm) = self.cached(pin) {
            return Ok(wasm);
        }
        self.sweep();
        let folder = self.folder.join(format!("fetch-{}", std::process::id()));
        fs::create_dir(&folder).map_err(|error| self.not_usable(&error))?;
        let fetched = fetch::fetch(language, pin, &folder, progress);
        let _ = fs::remove_dir_all(&folder);
        let wasm = fetched?;
        self.place(&self.path_of(&pin.sha256), &wasm)?;
        progress(Progress::Done);
        Ok(wasm)
    }

    /// Makes the Wasm file at `path` the guest of `language`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is no core Wasm module, or cannot be
    /// stored.
    pub fn add(&self, language: Language, path: &Path) -> Result<(), Error> {
        let about =
            |problem: &dyn std::fmt::Display| guest_error(format!("{}: {problem}", path.display()));
        let size = fs::metadata(path).map_err(|error| about(&error))?.len();
        if size > MAX_ADDED {
            return Err(about(&format!("is larger than {MAX_ADDED} bytes")));
        }
        let source = fs::read(path).map_err(|error| about(&error))?;
        let wasm = crate::engine::binary(&path.display().to_string(), &source)?;
        self.prepare()?;
        let _lock = Lock::take(&self.folder.join("lock"), || {})
            .map_err(|error| self.not_usable(&error))?;
        let digest = sha256(&wasm);
        self.place(&self.path_of(&digest), &wasm)?;
        let mut all = self.added()?;
        let from = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let added = Added {
            sha256: digest,
            size: wasm.len() as u64,
            from: from.display().to_string(),
        };
        all.insert(language.name().to_owned(), added);
        self.write_added(&all)
    }

    /// Forgets the guest that was added for `language`, so that the pinned one
    /// is used again; without one, removes the pinned one from the cache. Its
    /// images go in either case.
    /// Whether there was anything to remove.
    ///
    /// # Errors
    ///
    /// When the store is not usable.
    pub fn remove(&self, language: Language) -> Result<bool, Error> {
        if !self.folder.exists() {
            return Ok(false);
        }
        self.prepare()?;
        let _lock = Lock::take(&self.folder.join("lock"), || {})
            .map_err(|error| self.not_usable(&error))?;
        Images::at(&self.folder).forget(language);
        let mut all = self.added()?;
        let digest = match all.remove(language.name()) {
            Some(added) => {
                self.write_added(&all)?;
                added.sha256
            }
            None => pin(language).sha256.clone(),
        };
        let still_used = all.values().any(|added| added.sha256 == digest)
            || Language::ALL
                .iter()
                .any(|other| *other != language && pin(*other).sha256 == digest);
        if still_used {
            return Ok(true);
        }
        match fs::remove_file(self.path_of(&digest)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.not_usable(&error)),
        }
    }

    /// What there is for each language.
    ///
    /// # Errors
    ///
    /// When the store is not usable.
    pub fn list(&self) -> Result<Vec<GuestSummary>, Error> {
        let added = self.added()?;
        let summary = |language: Language| match added.get(language.name()) {
            Some(added) => GuestSummary {
                language,
                name: added.from.clone(),
                version: String::new(),
                state: GuestState::Added(added.size),
                path: self.path_of(&added.sha256),
            },
            None => {
                let pin = pin(language);
                let path = self.path_of(&pin.sha256);
                let state = match fs::metadata(&path) {
                    Ok(file) if file.len() == pin.size => GuestState::Fetched(pin.size),
                    _ => GuestState::Missing,
                };
                let (name, version) = (pin.name.clone(), pin.version.clone());
                GuestSummary {
                    language,
                    name,
                    version,
                    state,
                    path,
                }
            }
        };
        Ok(Language::ALL.iter().copied().map(summary).collect())
    }
}
