//! The header is what the entry points are, and unsafe code is where it is said
//! to be.

use std::{env, fs, path::Path};

const HEADER: &str = "include/dormouse.h";

/// The sources, in the order that the header has them.
const SOURCES: [&str; 14] = [
    "version", "error", "image", "config", "output", "function", "program", "run", "outcome",
    "session", "value", "module", "instance", "import",
];

fn here(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(here("cbindgen.toml")).expect("it is well-formed");
    let builder = SOURCES
        .iter()
        .map(|name| here(&format!("src/{name}.rs")))
        .fold(
            cbindgen::Builder::new().with_config(config),
            |builder, path| builder.with_src(path),
        );
    let mut header = Vec::new();
    builder
        .generate()
        .expect("it can be made")
        .write(&mut header);
    String::from_utf8(header).expect("it is text")
}

#[test]
fn the_header_is_up_to_date() {
    let made = generated();
    if env::var_os("DORMOUSE_BLESS").is_some() {
        fs::write(here(HEADER), &made).expect("it can be written");
    }
    let kept = fs::read_to_string(here(HEADER)).unwrap_or_default();
    assert!(
        kept == made,
        "{HEADER} is not what src makes of it; run: DORMOUSE_BLESS=1 cargo test -p dormouse-c \
         --test header"
    );
}

#[test]
fn every_entry_point_is_in_it() {
    let header = generated();
    for entry in fs::read_dir(here("src")).expect("it is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            continue;
        }
        let source = fs::read_to_string(&path).expect("it is text");
        for line in source.lines() {
            let Some((_, rest)) = line.split_once("extern \"C\" fn dormouse_") else {
                continue;
            };
            let name = rest.split('(').next().unwrap_or_default();
            assert!(header.contains(&format!("dormouse_{name}(")), "{name}");
        }
    }
}

#[test]
fn unsafe_code_is_in_one_module() {
    for entry in fs::read_dir(here("src")).expect("it is there") {
        let path = entry.expect("it can be read").path();
        if path.ends_with("raw.rs") {
            continue;
        }
        let source = fs::read_to_string(&path).expect("it is text");
        for line in source
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            let word = line.replace("#[unsafe(no_mangle)]", "");
            assert!(!word.contains("unsafe"), "{}: {line}", path.display());
        }
    }
}
