//! What runs unvalidated is what this installation made: whatever was done to
//! its files, to others with their names, and to the records of them.

use super::{
    originals,
    parts::{self, Parts},
};
use crate::world;
use arbitrary::{Arbitrary, Unstructured};
use dormouse::internals::cache::{Cache, Found};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, Permissions},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// What is done in one go.
const MOST_STEPS: usize = 24;

/// Languages, as far as the cache knows.
const GUESTS: [&str; 2] = ["one", "other"];

/// Of files, and of the cache's folders: these and worse.
const MODES: [u32; 4] = [0o600, 0o644, 0o664, 0o666];
const FOLDER_MODES: [u32; 4] = [0o700, 0o750, 0o701, 0o777];

/// Each number names a file or an image, one of as many as there are.
#[derive(Debug, Arbitrary)]
enum Step<'a> {
    /// As `dormouse snapshot` leaves an image.
    Save {
        to: u8,
        image: u8,
    },
    /// As the image of a language is kept.
    Keep {
        guest: u8,
        image: u8,
    },
    /// Uses what there is.
    Open {
        file: u8,
    },
    Map {
        file: u8,
    },
    Find {
        guest: u8,
    },
    /// What may befall files.
    Fill {
        file: u8,
        image: u8,
        at_once: bool,
    },
    Put {
        file: u8,
        at: u32,
        bytes: &'a [u8],
    },
    Cut {
        file: u8,
        to: u32,
    },
    Copy {
        from: u8,
        to: u8,
    },
    Rename {
        from: u8,
        to: u8,
    },
    Link {
        from: u8,
        to: u8,
    },
    Point {
        from: u8,
        to: u8,
    },
    Remove {
        file: u8,
    },
    Mode {
        file: u8,
        mode: u8,
    },
    Folder {
        own: bool,
        mode: u8,
    },
}

/// A cache, and a folder beside it.
struct Cached {
    base: PathBuf,
    cache: Cache,
    /// Which of the images this installation has made.
    made: Vec<bool>,
}

pub(super) fn cached(bytes: &[u8]) {
    let mut cached = Cached::new();
    let mut source = Unstructured::new(bytes);
    for _ in 0..MOST_STEPS {
        if source.is_empty() {
            break;
        }
        let Ok(step) = source.arbitrary() else {
            break;
        };
        cached.take(&step);
    }
}

impl Cached {
    fn new() -> Self {
        let base = world::folder();
        let cache = Cache::at(&base.join("cache"));
        fs::create_dir_all(&base).expect("a folder");
        let mut cached = Self {
            base,
            cache,
            made: vec![false; images().len()],
        };
        // Otherwise nothing of what follows would mean anything.
        cached.take(&Step::Save { to: 0, image: 0 });
        let opened = cached.cache.open(&cached.file(0)).expect("it is whole");
        assert!(opened.expect("an image").is_own, "it was saved");
        cached
    }

    fn take(&mut self, step: &Step<'_>) {
        match *step {
            Step::Save { to, image } => {
                let image = usize::from(image) % VALID;
                self.made[image] = true;
                let path = self.base.join(["a", "b"][usize::from(to & 1)]);
                _ = self.cache.save(&path, &images()[image]);
            }
            Step::Keep { guest, image } => self.keep(guest, image),
            Step::Find { guest } => match self.cache.kept(guest_of(guest)) {
                Ok(found) => {
                    assert!(found.is_none() || self.is_private(""), "others may look in");
                    if let Some(found) = found {
                        assert!(found.is_own);
                        self.check(&found, None);
                    }
                }
                Err(error) => assert!(!self.is_private(""), "{error}"),
            },
            Step::Open { file } => {
                let path = self.file(file);
                if let Ok(Some(found)) = self.cache.open(&path) {
                    self.check(&found, Some(&path));
                    let is_outside = path.parent() == Some(&self.base);
                    let is_private = self.is_private("") && (!is_outside || self.is_private("own"));
                    assert!(!found.is_own || is_private, "others may look in");
                }
            }
            Step::Map { file } => {
                let path = self.file(file);
                if let Ok(Some(found)) = self.cache.map(&path) {
                    assert!(!found.is_own);
                    self.check(&found, Some(&path));
                }
            }
            // Some of it can't be done, as nothing is there.
            _ => _ = self.befall(step),
        }
    }

    fn befall(&self, step: &Step<'_>) -> io::Result<()> {
        match *step {
            Step::Fill {
                file,
                image,
                at_once,
            } => {
                let (path, image) = (self.file(file), &images()[image_of(image)]);
                let time = fs::metadata(&path).and_then(|metadata| metadata.modified());
                if at_once {
                    let whole = self.base.join("whole");
                    fs::write(&whole, image)?;
                    fs::rename(&whole, &path)?;
                } else {
                    fs::write(&path, image)?;
                }
                // As whoever wants to hide it does.
                File::options().write(true).open(&path)?.set_modified(time?)
            }
            Step::Put { file, at, bytes } => {
                let mut file = File::options().write(true).open(self.file(file))?;
                let length = file.metadata()?.len();
                file.seek(SeekFrom::Start(u64::from(at) % (length + 1)))?;
                file.write_all(bytes)
            }
            Step::Cut { file, to } => {
                let file = File::options().write(true).open(self.file(file))?;
                let length = file.metadata()?.len();
                file.set_len(u64::from(to) % (length + 1))
            }
            Step::Copy { from, to } => fs::copy(self.file(from), self.file(to)).map(|_| ()),
            Step::Rename { from, to } => fs::rename(self.file(from), self.file(to)),
            Step::Link { from, to } => fs::hard_link(self.file(from), self.file(to)),
            Step::Point { from, to } => symlink(self.file(from), self.file(to)),
            Step::Remove { file } => fs::remove_file(self.file(file)),
            Step::Mode { file, mode } => {
                let mode = MODES[usize::from(mode) % MODES.len()];
                fs::set_permissions(self.file(file), Permissions::from_mode(mode))
            }
            Step::Folder { own, mode } => {
                let mode = FOLDER_MODES[usize::from(mode) % FOLDER_MODES.len()];
                let folder = self.images().join(if own { "own" } else { "" });
                fs::set_permissions(folder, Permissions::from_mode(mode))
            }
            _ => Ok(()),
        }
    }

    /// What is not valid is not kept.
    fn keep(&mut self, guest: u8, image: u8) {
        let (guest, image) = (guest_of(guest), image_of(image));
        let was_kept = matches!(self.cache.kept(guest), Ok(Some(_)));
        match self.cache.keep(guest, &images()[image]) {
            Ok(found) => {
                assert!(found.is_own && self.is_private(""));
                if !was_kept {
                    assert_ne!(image, INVALID, "it is not valid");
                    self.made[image] = true;
                }
                self.check(&found, None);
            }
            Err(_) if !self.is_private("") => {}
            Err(error) => assert_eq!(image, INVALID, "{error}"),
        }
    }

    /// What is opened is whole, is what the file has, and is trusted only where it
    /// was made here.
    fn check(&self, found: &Found, path: Option<&Path>) {
        let mut sealed = found.bytes.clone();
        parts::seal(&mut sealed);
        assert!(sealed == found.bytes, "its digest is wrong");
        if let Some(path) = path {
            assert!(fs::read(path).is_ok_and(|bytes| bytes == found.bytes));
        }
        let mut known = images().iter().zip(&self.made);
        let is_made = known.any(|(image, made)| *made && *image == found.bytes);
        assert!(is_made || !found.is_own, "nobody here made this");
    }

    fn images(&self) -> PathBuf {
        self.base.join("cache/images")
    }

    fn is_private(&self, folder: &str) -> bool {
        let metadata = fs::metadata(self.images().join(folder));
        metadata.is_ok_and(|metadata| metadata.mode() & 0o077 == 0)
    }

    /// An image beside the cache or in it, or what the cache has written down.
    fn file(&self, number: u8) -> PathBuf {
        let kept = |guest: u8, end| {
            let name = Cache::name(guest_of(guest)).expect("something is running");
            self.images().join(format!("{name}{end}"))
        };
        let own = |name: &str| self.images().join("own").join(name);
        let by_file = |name: &str| {
            let file = fs::metadata(self.base.join(name));
            let id = file.map_or((0, 0), |file| (file.dev(), file.ino()));
            own(&format!("file-{:x}-{:x}", id.0, id.1))
        };
        let digest = |number: usize| own(&digests()[number]);
        match number % 12 {
            0 => self.base.join("a"),
            1 => self.base.join("b"),
            number @ 2..=3 => kept(number, ".dormouse"),
            number @ 4..=5 => kept(number, ".record"),
            6 => by_file("a"),
            7 => by_file("b"),
            number => digest(usize::from(number) - 8),
        }
    }
}

impl Drop for Cached {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.base);
    }
}

/// The first of [`images`] are valid, and may be saved.
const VALID: usize = 2;

/// The one that is not; that between is, and has been made elsewhere.
const INVALID: usize = 3;

fn image_of(number: u8) -> usize {
    usize::from(number) % images().len()
}

fn guest_of(number: u8) -> &'static str {
    GUESTS[usize::from(number) % GUESTS.len()]
}

fn images() -> &'static [Vec<u8>; 4] {
    static IMAGES: OnceLock<[Vec<u8>; 4]> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let original = &originals()[1];
        let mut changed = original.parts.clone();
        let last = changed.pages.last_mut().expect("it has pages");
        *last ^= 1;
        let small = "(module (func (export \"_start\") i32.const 1 drop))";
        let small = wat::parse_str(small).expect("well-formed");
        let mut invalid = small.clone();
        let drop = invalid.iter().rposition(|byte| *byte == 0x1a);
        // It adds what is not there.
        invalid[drop.expect("there is one")] = 0x6a;
        [
            original.bytes.clone(),
            image_with(&original.parts, &small),
            changed.assemble(true),
            image_with(&original.parts, &invalid),
        ]
    })
}

/// An image without memory, of the module `wasm`.
fn image_with(parts: &Parts, wasm: &[u8]) -> Vec<u8> {
    let mut parts = parts.clone();
    parts.json = None;
    parts.module = wasm[8..].to_vec();
    parts.pages.clear();
    parts.manifest["module"] = json!(parts.module.len());
    parts.manifest["memories"] = json!([]);
    parts.assemble(true)
}

fn digests() -> &'static [String; 4] {
    static DIGESTS: OnceLock<[String; 4]> = OnceLock::new();
    DIGESTS.get_or_init(|| {
        images().each_ref().map(|image| {
            let digest = Sha256::digest(image);
            digest.iter().map(|byte| format!("{byte:02x}")).collect()
        })
    })
}
