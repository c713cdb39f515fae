//! `dormouse snapshot`: a program, run up to a point and kept.

use super::{
    args, output, report,
    run::{self, Kind},
};
use crate::{
    Error, ErrorKind, GuestStore, Image, Language, Mount, MountMode, Output, Program, Sandbox,
    Stdin,
    capture::{self, Request},
    image::{
        cache::{self, Images},
        captured::Origin,
        manifest::{Guest, Mounted, Script},
        trust::sha256,
    },
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use dormouse_snapshot::Point;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The subcommand and its options.
pub(super) fn command() -> Command {
    Command::new("snapshot")
        .about("Run a program up to a point, and keep it as an image that goes on from there")
        .override_usage("dormouse snapshot [OPTIONS] FILE -o IMAGE [-- ARGS...]")
        .after_help(
            "Without --at or --init the program says where: it calls dormouse.snapshot_point();\n\
             a Python or JavaScript program that doesn't is captured after its first imports.\n\
             `dormouse IMAGE ARGS...` goes on from that point, with arguments, environment and\n\
             grants of its own; the same file made twice has the same bytes.",
        )
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(clap::value_parser!(PathBuf))
                .help("A .py, .js, .mjs, .wasm or .wat file, or an image, to go on from"),
        )
        .arg(output::argument("IMAGE", "Where to put the image"))
        .arg(
            Arg::new("at")
                .long("at")
                .value_name("IMPORT[:COND]")
                .value_parser(|text: &str| text.parse::<Point>().map_err(|error| error.to_string()))
                .conflicts_with("init")
                .help(
                    "Stop before a call of MODULE.NAME[:argI=K][,nth=N], such as \
                     wasi_snapshot_preview1.fd_read:arg0=0",
                ),
        )
        .arg(
            Arg::new("init")
                .long("init")
                .value_name("FUNC")
                .help("Call this export, and stop when it returns"),
        )
        .arg(
            Arg::new("portable")
                .long("portable")
                .action(ArgAction::SetTrue)
                .help("Make a plain Wasm module that runs on any engine, but starts slower here"),
        )
        .arg(
            Arg::new("lang")
                .short('l')
                .long("lang")
                .value_name("LANG")
                .value_parser(run::kind)
                .help("python (py), javascript (js) or wasm; by default the extension tells"),
        )
        .args(args::arguments())
        .arg(
            Arg::new("args")
                .value_name("ARGS")
                .last(true)
                .num_args(0..)
                .value_parser(clap::value_parser!(OsString))
                .help("What the program finds as its arguments up to that point"),
        )
}

/// Makes the image that `matches` describe.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, Error> {
    let guest_args: Vec<OsString> = matches
        .get_many("args")
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let origin_args = guest_args
        .iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let (image, program, mut origin) = plan(matches)?;
    origin.args = origin_args;
    let program = program.args(guest_args.into_iter().map(OsString::into_encoded_bytes));
    let request = request(matches);
    check_point(&request, &origin)?;
    let grants = args::grants(matches);
    origin.mounts = grants.mounts.iter().map(mounted).collect();
    let sandbox = Sandbox::new(&image)
        .grants(grants)
        .limits(args::limits(matches))
        .stdin(Stdin::Host)
        .stdout(Output::Host)
        .stderr(Output::Host);
    let captured = capture::capture(sandbox, &program, &request)?;
    if request.portable {
        output::write(matches, &captured.module, 0o644)?;
        return Ok(ExitCode::SUCCESS);
    }
    keep(matches, &captured.image(&origin)?)?;
    Ok(ExitCode::SUCCESS)
}

/// A program in a language has its own way to say where, after which it finds
/// arguments and randomness of its own; and its engine may need our functions.
fn check_point(request: &Request, origin: &Origin) -> Result<(), Error> {
    let Some(language) = origin.language else {
        return Ok(());
    };
    if request.point.is_some() {
        return Err(args::usage_error(format!(
            "--at and --init are for Wasm modules; a {language} program calls \
             dormouse.snapshot_point()"
        )));
    }
    if request.portable && language == Language::JavaScript {
        return Err(args::usage_error(
            "--portable: a javascript program needs functions that only Dormouse has; leave it out",
        ));
    }
    Ok(())
}

/// How an image remembers a mount: as the guest saw it.
fn mounted(mount: &Mount) -> Mounted {
    let mode = match mount.mode {
        MountMode::ReadOnly => "ro",
        MountMode::ReadWrite => "rw",
        MountMode::ReadWriteCreate => "rwc",
    };
    Mounted {
        guest: mount.guest.clone(),
        mode: mode.to_owned(),
    }
}

/// The file that was named.
fn file(matches: &ArgMatches) -> &Path {
    matches
        .get_one::<PathBuf>("file")
        .map_or(Path::new(""), PathBuf::as_path)
}

/// Writes an image and remembers that it is ours.
fn keep(matches: &ArgMatches, image: &[u8]) -> Result<(), Error> {
    cache::validate(image)?;
    let (path, file) = output::write(matches, image, 0o644)?;
    let registered = match Images::open_default() {
        Some(images) => images.register(&file, image),
        None => Ok(()),
    };
    if let Err(error) = registered {
        report(&format!(
            "{} is complete, but will be validated each time it is run: {error}",
            path.display()
        ));
    }
    Ok(())
}

fn request(matches: &ArgMatches) -> Request {
    let init = matches.get_one::<String>("init").cloned();
    Request {
        point: match init {
            Some(export) => Some(Point::Init { export }),
            None => matches.get_one("at").cloned(),
        },
        portable: matches.get_flag("portable"),
        bounded: false,
    }
}

/// What is to be captured, without its arguments.
fn plan(matches: &ArgMatches) -> Result<(Image, Program, Origin), Error> {
    let path = file(matches);
    let kind = match matches.get_one::<Kind>("lang").copied() {
        Some(kind) => Some(kind),
        None => run::kind_of(path).ok(),
    };
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    if let Some(Kind::Source(language)) = kind {
        let source = run::read(path)?;
        let script = Script {
            name: name.into_owned(),
            sha256: sha256(&source),
        };
        let program = Program::script(path.to_string_lossy(), source).host_path(path);
        let image = run::guest(language, run::Start::Plain)?;
        return Ok((image, program, language_origin(language, script)?));
    }
    let image = match kind {
        // A Wasm file; an image is one too.
        Some(Kind::Wasm) => Image::open(path)?,
        _ => Image::open(path).map_err(|error| match run::kind_of(path) {
            Err(usage) if error.kind() == ErrorKind::Module => usage,
            _ => error,
        })?,
    };
    let program = Program::start(name.as_ref());
    let origin = match image.snapshot() {
        Some(snapshot) => Origin {
            guest: snapshot.manifest.guest.clone(),
            language: image.guest_language(),
            ..Origin::default()
        },
        None => Origin {
            guest: Guest {
                name: name.into_owned(),
                sha256: sha256(image.wasm_bytes()),
            },
            ..Origin::default()
        },
    };
    Ok((image, program, origin))
}

fn language_origin(language: Language, script: Script) -> Result<Origin, Error> {
    let (name, sha256) = GuestStore::open_default()?.identity(language)?;
    Ok(Origin {
        guest: Guest { name, sha256 },
        language: Some(language),
        program: Some(script),
        ..Origin::default()
    })
}
