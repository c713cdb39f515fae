//! `dormouse inspect`: what is in an image.

use crate::{
    Error, ErrorKind,
    image::{
        PAGE,
        cache::Images,
        manifest::{Frame, Manifest},
        opened::{self, Found, Opened},
        trust::Trust,
    },
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Frames that are listed; `--json` has all of them.
const FRAMES: usize = 8;

/// The subcommand and its options.
pub(super) fn command() -> Command {
    Command::new("inspect")
        .about("Show what is in an image or a bundle: guest, point, frames, memory, sizes")
        .arg(
            Arg::new("image")
                .value_name("IMAGE")
                .required(true)
                .value_parser(clap::value_parser!(PathBuf))
                .help("What `dormouse snapshot` or `dormouse bundle` made"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print JSON"),
        )
}

/// Shows what `matches` name.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, Error> {
    let path: &Path = matches
        .get_one::<PathBuf>("image")
        .map_or(Path::new(""), PathBuf::as_path);
    let Found::Image(opened) = opened::open(path, Images::open_default().as_ref())? else {
        return Err(Error::new(
            ErrorKind::Image,
            format!(
                "{} is no Dormouse image; `dormouse snapshot` makes them",
                path.display()
            ),
        ));
    };
    let text = if matches.get_flag("json") {
        format!("{:#}\n", as_json(&opened))
    } else {
        as_text(&opened)
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(_) => Ok(ExitCode::FAILURE),
    }
}

/// Bytes of what an image consists of.
struct Sizes {
    image: u64,
    code: u64,
    memory: u64,
    stored: u64,
}

impl Sizes {
    fn of(opened: &Opened) -> Self {
        let memories = &opened.parts.manifest.memories;
        let pages = |count: &mut dyn Iterator<Item = u64>| {
            count
                .fold(0u64, |sum, pages| sum.saturating_add(pages))
                .saturating_mul(PAGE)
        };
        Self {
            image: opened.parts.length,
            code: opened.parts.manifest.module,
            memory: pages(&mut memories.iter().map(|memory| memory.pages)),
            stored: pages(&mut memories.iter().map(|memory| memory.stored_pages())),
        }
    }
}

/// The digest that an image ends with.
fn digest(opened: &Opened) -> String {
    let last = opened.bytes.last_chunk::<32>().copied().unwrap_or_default();
    last.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn as_json(opened: &Opened) -> Value {
    let manifest = &opened.parts.manifest;
    let sizes = Sizes::of(opened);
    json!({
        "manifest": manifest,
        "digest": digest(opened),
        "own": opened.trust == Trust::Own,
        "bytes": {
            "image": sizes.image,
            "code": sizes.code,
            "memory": sizes.memory,
            "memory_stored": sizes.stored,
        },
    })
}

fn as_text(opened: &Opened) -> String {
    let manifest = &opened.parts.manifest;
    let sizes = Sizes::of(opened);
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<9}{value}");
    };
    let guest = &manifest.guest;
    line(
        "guest",
        format!("{}, SHA-256 {}", shown(&guest.name), shown(&guest.sha256)),
    );
    if let Some(language) = &manifest.language {
        line("language", shown(language));
    }
    if let Some(program) = &manifest.program {
        line(
            "program",
            format!(
                "{}, SHA-256 {}",
                shown(&program.name),
                shown(&program.sha256)
            ),
        );
    }
    line("point", shown(&manifest.point));
    if !manifest.args.is_empty() {
        line("args", shown(&manifest.args.join(" ")));
    }
    for mount in &manifest.mounts {
        line(
            "mount",
            format!("{} {}", shown(&mount.guest), shown(&mount.mode)),
        );
    }
    line("frames", frames(&manifest.frames));
    for file in &manifest.files {
        line("open", format!("fd {}: {}", file.fd, shown(&file.path)));
    }
    for (index, memory) in manifest.memories.iter().enumerate() {
        let maximum = memory.maximum.map(|maximum| format!(", at most {maximum}"));
        line(
            "memory",
            format!(
                "{index}: {} pages{}; {} of them stored",
                memory.pages,
                maximum.unwrap_or_default(),
                memory.stored_pages()
            ),
        );
    }
    line(
        "size",
        format!(
            "{} = {} code + {} memory (of {}) + {} padding and manifest",
            size(sizes.image),
            size(sizes.code),
            size(sizes.stored),
            size(sizes.memory),
            size(
                sizes
                    .image
                    .saturating_sub(sizes.code)
                    .saturating_sub(sizes.stored)
            ),
        ),
    );
    line("digest", digest(opened));
    line("made by", made_by(manifest));
    let trust = match opened.trust {
        Trust::Own => "made by this installation: runs without being validated again",
        Trust::Foreign => "not known to this installation: validated each time it is run",
    };
    line("trust", trust.to_owned());
    text
}

fn made_by(manifest: &Manifest) -> String {
    format!(
        "dormouse {}, format {}",
        shown(&manifest.tool),
        manifest.format
    )
}

/// How many functions were active, and the innermost ones.
fn frames(frames: &[Frame]) -> String {
    let names: Vec<String> = frames
        .iter()
        .take(FRAMES)
        .map(|frame| match &frame.name {
            Some(name) => shown(name),
            None => format!("function {}", frame.function),
        })
        .collect();
    match frames.len() {
        0 => "none".to_owned(),
        all if all > FRAMES => format!("{all}: {} < …", names.join(" < ")),
        all => format!("{all}: {}", names.join(" < ")),
    }
}

/// Text from an image, which may be anybody's, with nothing in it that a
/// terminal would act on.
fn shown(text: &str) -> String {
    let escape = |character: char| match character.is_control() {
        true => character.escape_default().collect(),
        false => character.to_string(),
    };
    text.chars().map(escape).collect()
}

/// A size with three digits that count.
fn size(bytes: u64) -> String {
    let kib = bytes as f64 / 1024.0;
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{kib:.1} KiB"),
        _ => format!("{:.1} MiB", kib / 1024.0),
    }
}
