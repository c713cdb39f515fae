//! `dormouse snapshot`: a program, run up to a point and kept.

use super::{
    args, output, report,
    run::{self, Kind},
};
use crate::{
    Error, ErrorKind, Image, Language, Output, Point, Program, Sandbox, Stdin, image::saved,
};
use clap::{Arg, ArgAction, ArgMatches, Command};
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
    let guest_args = matches.get_many::<OsString>("args").into_iter().flatten();
    let guest_args = guest_args.map(|arg| arg.clone().into_encoded_bytes());
    let (image, program) = plan(matches)?;
    let point = point(matches);
    check_options(matches, image.guest_language())?;
    let program = program.args(guest_args);
    let sandbox = Sandbox::new(&image)
        .grants(args::grants(matches))
        .limits(args::limits(matches))
        .stdin(Stdin::Host)
        .stdout(Output::Host)
        .stderr(Output::Host);
    let path = output::path(matches);
    if matches.get_flag("portable") {
        let module = sandbox.snapshot_portable(program, &point)?;
        saved::write(path, &module, 0o644)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Err(error) = sandbox.snapshot(program, &point)?.write(path)? {
        report(&format!(
            "{} is complete, but will be validated each time it is run: {error}",
            path.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// A program in a language has its own way to say where, after which it finds
/// arguments and randomness of its own; and its engine may need our functions.
fn check_options(matches: &ArgMatches, language: Option<Language>) -> Result<(), Error> {
    let Some(language) = language else {
        return Ok(());
    };
    if matches.contains_id("at") || matches.contains_id("init") {
        return Err(args::usage_error(format!(
            "--at and --init are for Wasm modules; a {language} program calls \
             dormouse.snapshot_point()"
        )));
    }
    if matches.get_flag("portable") && !crate::language::is_portable(language) {
        return Err(args::usage_error(format!(
            "--portable: a {language} program needs functions that only Dormouse has; leave it out"
        )));
    }
    Ok(())
}

/// The file that was named.
fn file(matches: &ArgMatches) -> &Path {
    matches
        .get_one::<PathBuf>("file")
        .map_or(Path::new(""), PathBuf::as_path)
}

fn point(matches: &ArgMatches) -> Point {
    match matches.get_one::<String>("init") {
        Some(export) => Point::init(export),
        None => matches.get_one("at").cloned().unwrap_or_default(),
    }
}

/// What is to be captured, without its arguments.
fn plan(matches: &ArgMatches) -> Result<(Image, Program), Error> {
    let path = file(matches);
    let kind = match matches.get_one::<Kind>("lang").copied() {
        Some(kind) => Some(kind),
        None => run::kind_of(path).ok(),
    };
    if let Some(Kind::Source(language)) = kind {
        let source = run::read(path)?;
        let program = Program::script(path.to_string_lossy(), source).host_path(path);
        return Ok((run::guest(language, run::Start::Plain)?, program));
    }
    let image = match kind {
        // A Wasm file; an image is one too.
        Some(Kind::Wasm) => Image::open(path)?,
        _ => Image::open(path).map_err(|error| match run::kind_of(path) {
            Err(usage) if error.kind() == ErrorKind::Module => usage,
            _ => error,
        })?,
    };
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok((image, Program::start(name.to_string_lossy())))
}
