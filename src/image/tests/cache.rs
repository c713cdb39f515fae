use super::{invalid, small};
use crate::{
    Error, ErrorKind, Image, Language,
    image::{
        cache::{Draws, Images, Key, NO_SOURCES, fingerprint},
        trust::Trust,
    },
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

struct Setting {
    dir: tempfile::TempDir,
    images: Images,
    made: AtomicU32,
}

impl Setting {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let images = Images::at(&dir.path().join("cache"));
        Self {
            dir,
            images,
            made: AtomicU32::new(0),
        }
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("cache/images")
    }

    /// Opens or makes the image for `key`; it must be trusted then.
    fn open(&self, key: &Key) -> Result<Vec<u8>, Error> {
        let opened = self.images.open_or_make(key, &mut |_| {}, |_| {
            self.made.fetch_add(1, Ordering::Relaxed);
            Ok(small("nop"))
        })?;
        assert_eq!(opened.trust, Trust::Own);
        Ok(opened.bytes.to_vec())
    }

    fn made(&self) -> u32 {
        self.made.load(Ordering::Relaxed)
    }

    /// The files whose names end so.
    fn files(&self, ending: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder()).expect("the folder");
        entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.to_string_lossy().ends_with(ending))
            .collect()
    }

    fn image(&self) -> PathBuf {
        let images = self.files(".dormouse");
        assert_eq!(images.len(), 1, "{images:?}");
        images[0].clone()
    }
}

fn key(guest: &str) -> Key {
    Key::new(Language::Python, guest, 7, Draws::Secret, false).expect("something is running")
}

#[test]
fn an_image_is_made_once_and_only_its_user_can_get_at_it() {
    let setting = Setting::new();
    for _ in 0..3 {
        assert!(setting.open(&key("a")).expect("usable") == small("nop"));
    }
    assert_eq!(setting.made(), 1);
    for path in [setting.folder(), setting.image()] {
        let mode = fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
    assert!(setting.images.find(&key("b")).expect("usable").is_none());
}

#[test]
fn whatever_goes_into_an_image_goes_into_its_key() {
    let key = |language, guest, bootstrap| {
        Key::new(language, guest, bootstrap, Draws::Secret, false).expect("running")
    };
    let one = key(Language::Python, "a", 1);
    assert_eq!(one, key(Language::Python, "a", 1));
    assert_ne!(one, key(Language::JavaScript, "a", 1));
    assert_ne!(one, key(Language::Python, "b", 1));
    assert_ne!(one, key(Language::Python, "a", 2));
    let fixed = Key::new(Language::Python, "a", 1, Draws::Fixed, false).expect("running");
    assert_ne!(one, fixed);
    const fn two(first: &[u8], second: &[u8]) -> u64 {
        fingerprint(fingerprint(NO_SOURCES, first), second)
    }
    const SOURCES: u64 = two(b"ab", b"c");
    assert_eq!(SOURCES, two(b"ab", b"c"));
    assert_ne!(SOURCES, two(b"a", b"bc"));
    assert_ne!(SOURCES, two(b"ab", b"d"));
    assert_ne!(SOURCES, two(b"c", b"ab"));
}

/// Also when its size and its time are what they were.
#[test]
fn an_altered_image_is_made_again() {
    let setting = Setting::new();
    setting.open(&key("a")).expect("usable");
    let image = setting.image();
    let time = fs::metadata(&image)
        .expect("there")
        .modified()
        .expect("known");
    let altered = invalid();
    assert_eq!(altered.len(), small("i32.const 1 drop").len());
    for bytes in [altered, small("nop")[..100].to_vec(), Vec::new()] {
        let made = setting.made();
        fs::write(&image, bytes).expect("written");
        let file = fs::File::options().write(true).open(&image).expect("there");
        file.set_modified(time).expect("set");
        assert!(setting.images.find(&key("a")).expect("usable").is_none());
        assert!(setting.open(&key("a")).expect("usable") == small("nop"));
        assert_eq!(setting.made(), made + 1);
    }
}

#[test]
fn an_image_that_was_copied_is_recognized() {
    let setting = Setting::new();
    setting.open(&key("a")).expect("usable");
    let image = setting.image();
    let copy = setting.dir.path().join("copy");
    fs::copy(&image, &copy).expect("copied");
    fs::rename(&copy, &image).expect("renamed");
    let record = || fs::read(&setting.files(".record")[0]).expect("there");
    let before = record();
    setting.open(&key("a")).expect("usable");
    assert_ne!(record(), before, "the next time it need not be read");
    setting.open(&key("a")).expect("usable");
    assert_eq!(setting.made(), 1);
}

#[test]
fn without_its_record_an_image_is_nothing() {
    let setting = Setting::new();
    setting.open(&key("a")).expect("usable");
    let record = setting.files(".record")[0].clone();
    fs::write(&record, "1").expect("written");
    setting.open(&key("a")).expect("usable");
    assert_eq!(setting.made(), 2);
    fs::remove_file(&record).expect("removed");
    setting.open(&key("a")).expect("usable");
    assert_eq!(setting.made(), 3);
}

#[test]
fn a_cache_that_others_can_look_into_is_not_relied_on() {
    let setting = Setting::new();
    setting.open(&key("a")).expect("usable");
    fs::set_permissions(setting.folder(), fs::Permissions::from_mode(0o750)).expect("chmod");
    let error = setting.open(&key("a")).expect_err("not private");
    let text = error.to_string();
    assert!(
        text.contains("chmod 700") && text.contains("DORMOUSE_CACHE"),
        "{text}"
    );
    fs::set_permissions(setting.folder(), fs::Permissions::from_mode(0o700)).expect("chmod");

    // A link in its place is no folder of ours, wherever it leads.
    let elsewhere = setting.dir.path().join("elsewhere");
    fs::rename(setting.folder(), &elsewhere).expect("renamed");
    std::os::unix::fs::symlink(&elsewhere, setting.folder()).expect("linked");
    let error = setting.open(&key("a")).expect_err("a link");
    assert!(error.to_string().contains("not usable"), "{error}");
    assert_eq!(setting.made(), 1);
}

#[test]
fn the_disk_does_not_fill() {
    let setting = Setting::new();
    for guest in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        setting.open(&key(guest)).expect("usable");
        std::thread::sleep(Duration::from_millis(20));
    }
    let js = Key::new(Language::JavaScript, "a", 7, Draws::Fixed, false).expect("running");
    setting.open(&js).expect("usable");
    assert_eq!(
        setting.files(".dormouse").len(),
        9,
        "eight, and one of another language"
    );
    assert_eq!(setting.files(".record").len(), 9);
    assert_eq!(setting.made(), 11);
    for guest in ["c", "d", "e", "f", "g", "h", "i", "j"] {
        setting.open(&key(guest)).expect("usable");
    }
    assert_eq!(setting.made(), 11, "the last ones are there");
    setting.open(&key("a")).expect("usable");
    assert_eq!(setting.made(), 12, "the first is not");
}

#[test]
fn several_at_once_make_it_once() {
    let setting = Setting::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| setting.open(&key("a")).expect("usable"));
        }
    });
    assert_eq!(setting.made(), 1);
}

#[test]
fn what_is_not_valid_is_not_kept() {
    let setting = Setting::new();
    let refused = |bytes: Vec<u8>| {
        let made = setting
            .images
            .open_or_make(&key("a"), &mut |_| {}, |_| Ok(bytes));
        let error = made.err().expect("refused");
        assert_eq!(setting.files(".dormouse"), [""; 0].map(PathBuf::from));
        error
    };
    let error = refused(invalid());
    assert_eq!(error.kind(), ErrorKind::Module);
    assert!(error.to_string().contains("not valid Wasm"), "{error}");
    assert_eq!(refused(b"junk".to_vec()).kind(), ErrorKind::Image);
    let failed = setting.images.open_or_make(&key("a"), &mut |_| {}, |_| {
        Err(Error::new(ErrorKind::Engine, "no"))
    });
    assert_eq!(failed.err().expect("passed on").kind(), ErrorKind::Engine);
}

#[test]
fn what_was_opened_is_an_image() {
    let setting = Setting::new();
    let made = |bytes: Vec<u8>, key: &Key| {
        setting
            .images
            .open_or_make(key, &mut |_| {}, |_| Ok(bytes))
            .expect("usable")
    };
    let image = Image::opened(made(small("nop"), &key("a"))).expect("known");
    assert_eq!(image.snapshot().expect("a snapshot").manifest.point, "m.f");
    assert!(
        crate::Sandbox::new(&image)
            .run(crate::Program::start("x"))
            .is_ok()
    );
}

#[test]
fn a_cache_keeps_its_secret_and_has_its_own() {
    let (one, other) = (Setting::new(), Setting::new());
    let secret = one.images.secret().expect("usable");
    assert_eq!(one.images.secret().expect("usable"), secret);
    assert_ne!(other.images.secret().expect("usable"), secret);
    // What is cut short is no secret.
    fs::write(one.dir.path().join("cache/images/secret"), "short").expect("written");
    assert_ne!(one.images.secret().expect("usable"), secret);
}
