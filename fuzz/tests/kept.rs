//! Every kept input, through the target that it is kept for.

use dormouse_fuzz::{TARGETS, prepare_languages};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kept")
}

/// What a folder holds, by name.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Holds each input that is kept for `target` to its property.
fn replay(target: &str) {
    let Some((_, property)) = TARGETS.iter().find(|(name, _)| *name == target) else {
        eprintln!("SKIPPED: {target} needs --features other-engine");
        return;
    };
    // One after the other: some count what the process allocates.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    if target == "languages" {
        prepare_languages();
    }
    let inputs = entries(&kept().join(target));
    assert!(!inputs.is_empty(), "nothing is kept for {target}");
    for input in inputs {
        // Shown where it fails.
        println!("{}", input.display());
        property(&fs::read(&input).unwrap());
    }
}

macro_rules! targets {
    ($($target:ident)*) => {
        $(
            #[test]
            fn $target() {
                replay(stringify!($target));
            }
        )*

        #[test]
        fn none_is_left_out() {
            let replayed = [$(stringify!($target)),*];
            let folders = entries(&kept());
            let folders: Vec<_> = folders.iter().filter_map(|path| path.file_name()).collect();
            assert_eq!(folders, replayed);
            for (name, _) in TARGETS {
                assert!(replayed.contains(name), "{name}");
            }
        }
    };
}

// In the order of the alphabet.
targets! {
    gateway
    host_call
    image
    languages
    restored_goes_on
    rewrite_validates
    same_result
    wasi_calls
}
