//! Images that this installation made: those of the languages, kept in the
//! cache, and records of others, wherever they lie.
//!
//! ```text
//! <cache>/images/             for this user alone
//!     python-<key>.dormouse   an image
//!     python-<key>.record     what it was when it was placed
//!     python.lock             held by whoever makes it
//!     secret                  what images draw instead of the host's randomness
//!     own/<digest>            `dormouse snapshot` made an image with that digest
//!     own/file-<dev>-<inode>  and that file was one, when last looked at
//! ```

use super::{
    cache_error,
    file::{self, hex},
    folder::Folder,
    opened::Opened,
    trust::{Identity, Record, Trust, sha256},
};
use crate::{
    Error, GuestStore, Language, Progress,
    engine::{self, Engine, MAX_RECURSION_DEPTH, Metering},
    guests::Lock,
    image::manifest::{FORMAT, TOOL},
    instance::cold_code,
    wasi::{Random, Secret},
};
use sha2::{Digest, Sha256};
use std::{
    fs::{File, Metadata},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Images of a language that are kept beside the one in use: some versions of
/// Dormouse can take turns without making theirs anew each time, and the disk
/// does not fill.
const KEPT: usize = 7;

/// Records of images that lie elsewhere. Without its record an image is
/// validated, nothing worse; so the oldest go.
const MAX_OWN: usize = 1000;

/// The images in a cache folder.
#[derive(Debug, Clone)]
pub(crate) struct Images {
    path: PathBuf,
}

/// Which image of a language: another one as soon as anything that went into
/// it is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    language: Language,
    name: String,
}

impl Key {
    /// The image of `language` that this executable makes of the guest with
    /// the digest `guest`. `bootstrap` is the [`fingerprint`] of all code of
    /// ours that runs in the guest before the snapshot point.
    ///
    /// # Errors
    ///
    /// When the system does not say what is running.
    pub(crate) fn new(
        language: Language,
        guest: &str,
        bootstrap: u64,
        draws: Draws,
        bounded: bool,
    ) -> Result<Self, Error> {
        let executable = executable()
            .and_then(|metadata| Ok((metadata.len(), metadata.modified()?)))
            .map_err(|error| {
                cache_error(format!(
                    "the running executable can't be looked at: {error}"
                ))
            })?;
        Ok(Self::of(
            language,
            guest,
            bootstrap,
            (draws, bounded),
            &executable,
        ))
    }

    fn of(
        language: Language,
        guest: &str,
        bootstrap: u64,
        kind: (Draws, bool),
        executable: &(u64, std::time::SystemTime),
    ) -> Self {
        let all = format!("{FORMAT} {TOOL} {language} {guest} {bootstrap} {kind:?} {executable:?}");
        // Half of it is more than enough to tell images apart.
        let digest = &Sha256::digest(all)[..16];
        Self {
            language,
            name: format!("{language}-{}", hex(digest)),
        }
    }

    /// What its files' names begin with.
    #[cfg(feature = "internals")]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn image(&self) -> String {
        format!("{}{IMAGE}", self.name)
    }

    fn record(&self) -> String {
        format!("{}{RECORD}", self.name)
    }
}

/// What a language draws while it is made an image of. Either way it draws the
/// same each time, and an image is the same each time it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Draws {
    /// What nobody else knows: the [secret](Images::secret) of this cache.
    /// Seeds of hashes among it.
    Secret,
    /// The same everywhere, so that seeded runs are.
    Fixed,
}

const IMAGE: &str = ".dormouse";
const RECORD: &str = ".record";

/// What [`fingerprint`] begins with.
pub(crate) const NO_SOURCES: u64 = 0xcbf2_9ce4_8422_2325;

/// A number that changes with `source` and all that came `before`; to be
/// computed by the compiler.
pub(crate) const fn fingerprint(before: u64, source: &[u8]) -> u64 {
    // FNV-1a; the length goes first, so that no source can run into the next.
    const PRIME: u64 = 0x0100_0000_01b3;
    let mut hash = (before ^ source.len() as u64).wrapping_mul(PRIME);
    let mut at = 0;
    while at < source.len() {
        hash = (hash ^ source[at] as u64).wrapping_mul(PRIME);
        at += 1;
    }
    hash
}

/// The running executable. Asked for by its name in the system's own folder
/// where there is one: that is one step, and right even when it was replaced.
fn executable() -> std::io::Result<Metadata> {
    if cfg!(target_os = "linux") {
        return std::fs::metadata("/proc/self/exe");
    }
    std::fs::metadata(std::env::current_exe()?)
}

impl Images {
    /// The images below the cache folder `cache`.
    pub(crate) fn at(cache: &Path) -> Self {
        Self {
            path: cache.join("images"),
        }
    }

    /// Those in the cache folder that [`GuestStore::open_default`] uses, if there
    /// is one.
    pub(crate) fn open_default() -> Option<Self> {
        let store = GuestStore::open_default().ok()?;
        Some(Self::at(store.folder()))
    }

    /// The image for `key`, if it is there and unchanged.
    ///
    /// # Errors
    ///
    /// When the cache is not private.
    pub(crate) fn find(&self, key: &Key) -> Result<Option<Opened>, Error> {
        match Folder::open(&self.path)? {
            Some(folder) => Ok(find_in(&folder, key)),
            None => Ok(None),
        }
    }

    /// The image for `key`: as it was kept, or else as `make` gives it, which
    /// is validated and kept. One process at a time makes it; the others wait.
    ///
    /// # Errors
    ///
    /// When `make` fails, gives what is no valid image, or the cache is not
    /// usable. Starting the language without an image is possible then.
    pub(crate) fn open_or_make(
        &self,
        key: &Key,
        progress: &mut dyn FnMut(Progress<'_>),
        make: impl FnOnce(&mut dyn FnMut(Progress<'_>)) -> Result<Vec<u8>, Error>,
    ) -> Result<Opened, Error> {
        if let Some(found) = self.find(key)? {
            return Ok(found);
        }
        let folder = Folder::create(&self.path)?;
        let lock = self.path.join(format!("{}.lock", key.language));
        let _lock = Lock::take(&lock, || progress(Progress::Waiting))
            .map_err(|error| folder.not_usable(&error))?;
        // Whoever held the lock may have made it.
        if let Some(found) = find_in(&folder, key) {
            return Ok(found);
        }
        folder.sweep();
        progress(Progress::Capturing {
            language: key.language,
        });
        let image = make(progress)?;
        validate(&image)?;
        let opened = keep(&folder, key, &image)?;
        remove_others(&folder, key);
        progress(Progress::Done);
        Ok(opened)
    }

    /// What images draw from. Made at random the first time.
    ///
    /// # Errors
    ///
    /// When the cache is not usable.
    pub(crate) fn secret(&self) -> Result<Secret, Error> {
        let folder = Folder::create(&self.path)?;
        let read = || Secret::try_from(folder.read_small(SECRET).ok()?).ok();
        if let Some(secret) = read() {
            return Ok(secret);
        }
        let mut secret = Secret::default();
        Random::new(None)?.fill(&mut secret);
        folder.place(SECRET, &secret)?;
        Ok(secret)
    }

    /// Removes all images of `language`.
    pub(crate) fn forget(&self, language: Language) {
        // What is not ours is not removed.
        let Ok(Some(folder)) = Folder::open(&self.path) else {
            return;
        };
        let prefix = format!("{language}-");
        for name in folder.names() {
            if name.starts_with(&prefix) {
                folder.remove(&name);
            }
        }
    }

    /// Remembers that this installation made the image in `file`, with the
    /// bytes `image`, which have been validated.
    ///
    /// # Errors
    ///
    /// When the cache is not usable.
    pub(crate) fn register(&self, file: &File, image: &[u8]) -> Result<(), Error> {
        let own = Folder::create(&self.path)
            .and_then(|folder| Folder::create(&folder.path().join(OWN)))?;
        let metadata = file.metadata().map_err(|error| own.not_usable(&error))?;
        let record = Record::new(&metadata, sha256(image));
        own.place(&record.sha256, record.to_text().as_bytes())?;
        if let Some(identity) = &record.identity {
            own.place(&identity.name(), record.to_text().as_bytes())?;
        }
        for name in own.names().iter().skip(MAX_OWN) {
            own.remove(name);
        }
        Ok(())
    }

    /// Whether the file at `path`, unread, is an image that was registered, or
    /// one of those kept here.
    pub(super) fn knows_file(&self, path: &Path, metadata: &Metadata) -> bool {
        let kept = || {
            let name = path.file_name()?.to_str()?.strip_suffix(IMAGE)?;
            let folder = Folder::open(&self.path).ok()??;
            Some(Record::read(&folder, &format!("{name}{RECORD}"))?.is_of(metadata))
        };
        let known = || {
            let identity = Identity::of(metadata)?;
            let own = self.own()?;
            Some(Record::read(&own, &identity.name())?.is_of(metadata))
        };
        known().unwrap_or(false) || kept().unwrap_or(false)
    }

    /// Whether an image with the bytes `image` was registered. If so, `file`,
    /// which has them, is remembered as another one with them.
    pub(super) fn knows_bytes(&self, image: &[u8], metadata: &Metadata) -> bool {
        let Some(own) = self.own() else { return false };
        let sha256 = sha256(image);
        let known = Record::read(&own, &sha256).is_some_and(|record| record.sha256 == sha256);
        if known {
            let record = Record::new(metadata, sha256);
            if let Some(identity) = &record.identity {
                // Without it the image is read in full again the next time.
                let _ = own.place(&identity.name(), record.to_text().as_bytes());
            }
        }
        known
    }

    /// Where images that lie elsewhere are registered, if that can be relied on.
    fn own(&self) -> Option<Folder> {
        Folder::open(&self.path).ok()??;
        Folder::open(&self.path.join(OWN)).ok()?
    }
}

const OWN: &str = "own";
const SECRET: &str = "secret";

/// Checks that `image` is whole, and valid its module and what that loads on
/// demand: nobody will again.
pub(crate) fn validate(image: &[u8]) -> Result<(), Error> {
    let parts = file::read(image)?;
    let module = parts.module(image);
    let mut engine = Engine::new(Metering::Off, MAX_RECURSION_DEPTH);
    engine::load(&mut engine, module)?;
    match cold_code(module) {
        Some(cold) => engine::load(&mut engine, cold).map(|_| ()),
        None => Ok(()),
    }
}

fn find_in(folder: &Folder, key: &Key) -> Option<Opened> {
    let record = Record::read(folder, &key.record())?;
    let file = Arc::new(folder.file(&key.image()).ok()?);
    let metadata = file.metadata().ok()?;
    if record.is_of(&metadata) {
        return Opened::mapped(file, 0..metadata.len(), Trust::Own).ok();
    }
    // It was moved, copied, restored from a backup, or altered.
    let bytes = super::source::read_range(&file, 0..metadata.len()).ok()?;
    if sha256(&bytes) != record.sha256 {
        return None;
    }
    let again = Record::new(&metadata, record.sha256);
    let _ = folder.place(&key.record(), again.to_text().as_bytes());
    Opened::mapped(file, 0..metadata.len(), Trust::Own).ok()
}

/// Places an image and its record, in this order: a record that is there
/// belongs to what is there or to nothing.
fn keep(folder: &Folder, key: &Key, image: &[u8]) -> Result<Opened, Error> {
    folder.remove(&key.record());
    let file = folder.place(&key.image(), image)?;
    let metadata = file.metadata().map_err(|error| folder.not_usable(&error))?;
    let record = Record::new(&metadata, sha256(image));
    folder.place(&key.record(), record.to_text().as_bytes())?;
    Opened::mapped(Arc::new(file), 0..metadata.len(), Trust::Own)
}

/// Removes images of the same language that nobody is likely to want again.
/// Whoever has one open keeps it.
fn remove_others(folder: &Folder, key: &Key) {
    let prefix = format!("{}-", key.language);
    let names = folder.names();
    let others = names.iter().filter_map(|name| {
        let name = name.strip_suffix(IMAGE)?;
        (name.starts_with(&prefix) && name != key.name).then_some(name)
    });
    for name in others.skip(KEPT) {
        folder.remove(&format!("{name}{RECORD}"));
        folder.remove(&format!("{name}{IMAGE}"));
    }
}
