use super::{invalid, small};
use crate::{
    ErrorKind, Image, Program, Sandbox,
    image::{
        cache::Images,
        folder::place,
        opened::{Found, Opened, map, open},
        source::Source,
        trust::Trust,
    },
};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

struct Setting {
    dir: tempfile::TempDir,
    images: Images,
}

impl Setting {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let images = Images::at(&dir.path().join("cache"));
        Self { dir, images }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes an image and registers it, as `dormouse snapshot` does.
    fn own(&self, name: &str, image: &[u8]) -> PathBuf {
        let file = place(self.dir.path(), name.as_ref(), image, 0o644).expect("written");
        self.images.register(&file, image).expect("usable");
        self.path(name)
    }

    fn open(&self, path: &Path) -> Opened {
        match open(path, Some(&self.images)).expect("whole") {
            Found::Image(opened) => *opened,
            Found::Other(_) => panic!("it is an image"),
        }
    }
}

/// Whether it is the file itself that runs, not what was read of it.
fn is_mapped(opened: &Opened) -> bool {
    let has_name = |file: &fs::File| MetadataExt::nlink(&file.metadata().expect("open")) > 0;
    matches!(&opened.source, Source::File(file) if has_name(file))
}

#[test]
fn our_own_images_are_mapped_wherever_they_lie() {
    let setting = Setting::new();
    let path = setting.own("a.dormouse", &small("nop"));
    let opened = setting.open(&path);
    assert_eq!(opened.trust, Trust::Own);
    assert!(is_mapped(&opened));

    // Moved: its change time is another. Then it is known again.
    let moved = setting.path("moved");
    fs::rename(&path, &moved).expect("renamed");
    fs::copy(&moved, &path).expect("copied");
    for path in [moved, path] {
        let opened = setting.open(&path);
        assert_eq!(opened.trust, Trust::Own);
        assert!(!is_mapped(&opened), "it was read");
        assert!(is_mapped(&setting.open(&path)));
    }
}

#[test]
fn anybody_elses_are_validated() {
    let setting = Setting::new();
    setting.own("own", &small("nop"));
    let path = setting.path("foreign");
    fs::write(&path, small("nop nop")).expect("written");
    for _ in 0..2 {
        let opened = setting.open(&path);
        assert_eq!(opened.trust, Trust::Foreign);
        assert!(!is_mapped(&opened), "what is checked is what runs");
    }
    fs::write(&path, invalid()).expect("written");
    let opened = setting.open(&path);
    assert_eq!(opened.trust, Trust::Foreign);
    let image = Image::opened(opened).expect("known");
    let error = Sandbox::new(&image)
        .run(Program::start("x"))
        .expect_err("invalid");
    assert_eq!(error.kind(), ErrorKind::Module);
    assert!(error.to_string().contains("not valid Wasm"), "{error}");
}

/// As a resource of an installed app is.
#[test]
fn what_nobody_changes_is_mapped_whoever_made_it() {
    let setting = Setting::new();
    let map = |path: &Path| map(path, Some(&setting.images));
    let path = setting.path("foreign");
    fs::write(&path, small("nop")).expect("written");
    let opened = map(&path).expect("whole").expect("an image");
    assert_eq!(opened.trust, Trust::Foreign);
    assert!(is_mapped(&opened));
    let image = Image::opened(opened).expect("known");
    assert!(Sandbox::new(&image).run(Program::start("x")).is_ok());

    let mut altered = small("nop");
    *altered.last_mut().expect("it is not empty") ^= 1;
    fs::write(&path, altered).expect("written");
    let error = map(&path).err().expect("it is damaged");
    assert_eq!(error.kind(), ErrorKind::Image);
    fs::write(&path, invalid()).expect("written");
    let image = Image::opened(map(&path).expect("whole").expect("an image")).expect("known");
    let error = Sandbox::new(&image).run(Program::start("x"));
    assert_eq!(
        error.map_err(|error| error.kind()).err(),
        Some(ErrorKind::Module)
    );

    // What `open` maps, or what is no image, is left to that.
    let own = setting.own("own", &small("nop nop"));
    assert!(map(&own).expect("whole").is_none());
    fs::write(&path, b"(module)").expect("written");
    assert!(map(&path).expect("a file").is_none());
    assert!(Image::map(&path).is_ok());
    let error = Image::map(setting.path("nowhere")).expect_err("it is not there");
    assert_eq!(error.kind(), ErrorKind::Io);
}

/// With the size and the time of the one that was registered.
#[test]
fn an_altered_image_is_no_longer_ours() {
    let setting = Setting::new();
    let path = setting.own("a", &small("i32.const 1 drop"));
    let time = fs::metadata(&path)
        .expect("there")
        .modified()
        .expect("known");
    let write = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("written");
        let file = fs::File::options().write(true).open(&path).expect("there");
        file.set_modified(time).expect("set");
    };
    assert_eq!(invalid().len(), small("i32.const 1 drop").len());
    write(&invalid());
    assert_eq!(setting.open(&path).trust, Trust::Foreign);

    let mut damaged = small("i32.const 1 drop");
    damaged[60] ^= 1;
    write(&damaged);
    let error = open(&path, Some(&setting.images)).err().expect("damaged");
    assert_eq!(error.kind(), ErrorKind::Image);
    assert!(
        error.to_string().starts_with(&path.display().to_string()),
        "{error}"
    );
}

#[test]
fn a_file_that_others_may_write_to_is_read_each_time() {
    let setting = Setting::new();
    let path = setting.own("a", &small("nop"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("chmod");
    for _ in 0..2 {
        let opened = setting.open(&path);
        assert!(!is_mapped(&opened));
        assert_eq!(opened.trust, Trust::Own, "the bytes are ours");
    }
}

#[test]
fn records_that_others_can_look_at_count_for_nothing() {
    let setting = Setting::new();
    let path = setting.own("a", &small("nop"));
    assert_eq!(setting.open(&path).trust, Trust::Own);
    for folder in ["cache/images/own", "cache/images"] {
        let folder = setting.path(folder);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o701)).expect("chmod");
        assert_eq!(setting.open(&path).trust, Trust::Foreign);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("chmod");
    }
    assert_eq!(setting.open(&path).trust, Trust::Own);
    let without = open(&path, None).expect("whole");
    assert!(matches!(without, Found::Image(opened) if opened.trust == Trust::Foreign));
}

#[test]
fn what_is_no_image_is_given_as_it_is() {
    let setting = Setting::new();
    let module = wat::parse_str("(module)").expect("well-formed");
    for bytes in [&b""[..], b"print(1)", &module, &[0; 100]] {
        let path = setting.path("other");
        fs::write(&path, bytes).expect("written");
        let found = open(&path, Some(&setting.images)).expect("readable");
        let Found::Other(found) = found else {
            panic!("it is no image")
        };
        assert_eq!(found.read().expect("readable"), bytes);
    }
    for path in ["missing", "."] {
        let error = open(&setting.path(path), None).err().expect("unreadable");
        assert_eq!(error.kind(), ErrorKind::Io);
    }
}
