//! Image files: found by what they are, shown, refused when they are not
//! whole, and bundled with the executable.
//!
//! The first images are put together here byte by byte, as the format says.
#![cfg(unix)]

use crate::support::{Dir, Ran, bundled as executable, command, dormouse, guest, run};
use sha2::{Digest, Sha256};
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const PAGE: usize = 64 << 10;

/// A custom section whose size takes five bytes.
fn section(
    image: &mut Vec<u8>,
    name: &str,
    before_content: impl Fn(usize) -> usize,
    content: &[u8],
) {
    let head = image.len() + 6 + 1 + name.len();
    let padding = before_content(head) - head;
    let size = 1 + name.len() + padding + content.len();
    image.push(0);
    for index in 0..5 {
        let more = if index < 4 { 0x80 } else { 0 };
        image.push(u8::try_from(size >> (7 * index) & 0x7f).expect("seven bits") | more);
    }
    image.push(u8::try_from(name.len()).expect("short"));
    image.extend_from_slice(name.as_bytes());
    image.resize(image.len() + padding, 0);
    image.extend_from_slice(content);
}

/// An image of `module` with these pages of `pages` in memory 0; without any,
/// one without memories.
fn image(module: &[u8], more: &str, pages: usize, stored: &[(usize, usize)]) -> Vec<u8> {
    let memories = match pages {
        0 => String::new(),
        _ => format!(r#","memories":[{{"pages":{pages},"maximum":90,"stored":{stored:?}}}]"#)
            .replace('(', "[")
            .replace(')', "]"),
    };
    let json = format!(
        r#"{{"format":1,"tool":"0.1.0","guest":{{"name":"tool.wasm","sha256":"{}"}},"point":"wasi_snapshot_preview1.fd_read:arg0=0","module":{}{memories}{more}}}"#,
        "5a".repeat(32),
        module.len() - 8,
    );
    let mut image = b"\0asm\x01\0\0\0".to_vec();
    section(&mut image, "dormouse.manifest", |at| at, json.as_bytes());
    image.extend_from_slice(&module[8..]);
    let count: usize = stored.iter().map(|(_, count)| count).sum();
    let align = |at: usize| {
        if count == 0 {
            at
        } else {
            at.next_multiple_of(PAGE)
        }
    };
    section(&mut image, "dormouse.memory", align, &vec![7; count * PAGE]);
    let digest = Sha256::digest(&image);
    section(&mut image, "dormouse.digest", |at| at, &digest);
    image
}

/// Prints its arguments, each with a newline, then exits with 5.
fn program() -> Vec<u8> {
    let text = guest(
        r#"(func (export "_start") (local $i i32)
            (drop (call $args_sizes_get (i32.const 100) (i32.const 104)))
            (drop (call $args_get (i32.const 200) (i32.const 1000)))
            ;; Each ends with a zero.
            (loop $next
                (if (i32.eqz (i32.load8_u (i32.add (i32.const 1000) (local.get $i))))
                    (then (i32.store8 (i32.add (i32.const 1000) (local.get $i)) (i32.const 10))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $next (i32.lt_u (local.get $i) (i32.load (i32.const 104)))))
            (call $print (i32.const 1000) (i32.load (i32.const 104)))
            (call $proc_exit (i32.const 5)))"#,
    );
    wat::parse_str(text).expect("well-formed")
}

/// A module whose memory was captured.
fn captured() -> Vec<u8> {
    wat::parse_str(
        r#"(module (import "dormouse" "memory0" (memory 0 90)) (func (export "_start")))"#,
    )
    .expect("well-formed")
}

/// `dormouse` with a cache of its own in `dir`.
fn own(dir: &Dir, words: &[&str]) -> Ran {
    run(command()
        .args(words)
        .env("DORMOUSE_CACHE", dir.path().join("cache"))
        .stdin(Stdio::null()))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn write_image(dir: &Dir, name: &str) -> PathBuf {
    dir.write(name, image(&program(), "", 0, &[]))
}

#[test]
fn an_image_is_run_whatever_it_is_called() {
    let dir = Dir::new();
    for name in ["app.dormouse", "app", "app.py", "app.wasm"] {
        let path = write_image(&dir, name);
        let ran = own(&dir, &[text(&path), "--seed", "x y"]);
        ran.exits(5);
        assert_eq!(ran.text(), format!("{name}\n--seed\nx y\n"));
        own(&dir, &["run", "--seed", "1", text(&path)]).exits(5);
    }
    let path = write_image(&dir, "app");
    own(&dir, &["-l", "py", text(&path)])
        .exits(2)
        .says(&["is an image", "leave out -l"]);
    let input = image(&program(), "", 0, &[]);
    crate::support::run_with_input(command().args(["-l", "wasm", "-", "x"]), &input).exits(5);
    let fake = dir.write("fake.dormouse", "no image");
    own(&dir, &[text(&fake)])
        .exits(2)
        .says(&["fake.dormouse", "no image"]);
}

#[test]
fn damaged_images_are_refused_before_anything_runs() {
    let dir = Dir::new();
    let whole = image(&program(), "", 0, &[]);
    let refused = |bytes: &[u8], parts: &[&str]| {
        let path = dir.write("app.dormouse", bytes);
        let ran = own(&dir, &[text(&path)]);
        ran.exits(1)
            .says(&["dormouse: ", "app.dormouse"])
            .says(parts);
        assert_eq!(ran.text(), "");
        own(&dir, &["inspect", text(&path)]).exits(1).says(parts);
        own(
            &dir,
            &["bundle", text(&path), "-o", text(&dir.path().join("x"))],
        )
        .exits(1)
        .says(parts);
    };
    refused(&whole[..whole.len() - 1], &["truncated", "make it again"]);
    refused(&whole[..100], &["truncated"]);
    let mut altered = whole.clone();
    altered[whole.len() - 200] ^= 1;
    refused(&altered, &["damaged", "SHA-256", "offset"]);
    let versions = |from: &str, to: &str| {
        let text = whole
            .windows(from.len())
            .position(|at| at == from.as_bytes());
        let mut other = whole.clone();
        let at = text.expect("it is there");
        other[at..at + from.len()].copy_from_slice(to.as_bytes());
        other
    };
    refused(
        &versions("\"format\":1", "\"format\":0"),
        &["0.1.0", "too old", "make it again"],
    );
    refused(
        &versions("\"format\":1", "\"format\":9"),
        &["too new", "update Dormouse"],
    );
    assert!(!dir.exists("x"));
}

/// Code that is not valid, under a digest that is right.
#[test]
fn a_foreign_image_is_validated() {
    let dir = Dir::new();
    let mut module = wat::parse_str("(module (func (export \"_start\") i32.const 1 drop))")
        .expect("well-formed");
    let drop = module
        .iter()
        .rposition(|byte| *byte == 0x1a)
        .expect("there");
    module[drop] = 0x6a;
    let path = dir.write("evil.dormouse", image(&module, "", 0, &[]));
    own(&dir, &[text(&path)]).exits(1).says(&["not valid Wasm"]);
    let bundle = dir.path().join("evil");
    own(&dir, &["bundle", text(&path), "-o", text(&bundle)])
        .exits(1)
        .says(&["not valid Wasm"]);
    assert!(!dir.exists("evil"));

    // In the part of the code that is loaded when it is first called.
    let mut outer = wat::parse_str("(module (func (export \"_start\")))").expect("well-formed");
    section(&mut outer, "dormouse.cold", |at| at, &module);
    let path = dir.write("evil.dormouse", image(&outer, "", 0, &[]));
    own(&dir, &[text(&path)]).exits(1).says(&["not valid Wasm"]);
    own(&dir, &["bundle", text(&path), "-o", text(&bundle)])
        .exits(1)
        .says(&["not valid Wasm"]);
    assert!(!dir.exists("evil"));
}

#[test]
fn inspect_shows_what_is_in_an_image() {
    let dir = Dir::new();
    let more = r#","language":"python","args":["a","b"],"files":[{"fd":3,"path":"/"}],
        "frames":[{"function":9,"name":"read\u001b[2J"},{"function":4}],
        "clock":{"realtime":5,"monotonic":6},"state":{"k":[1]},"unknown":{"later":true}"#;
    let path = dir.write(
        "app.dormouse",
        image(&captured(), more, 10, &[(1, 2), (5, 1)]),
    );
    let ran = own(&dir, &["inspect", text(&path)]);
    ran.exits(0);
    let shown = ran.text();
    for part in [
        "tool.wasm, SHA-256 5a5a",
        "language python",
        "wasi_snapshot_preview1.fd_read:arg0=0",
        "2: read\\u{1b}[2J < function 4",
        "args     a b",
        "fd 3: /",
        "0: 10 pages, at most 90; 3 of them stored",
        "192.0 KiB memory (of 640.0 KiB)",
        "dormouse 0.1.0, format 1",
        "validated each time",
    ] {
        assert!(shown.contains(part), "no {part:?} in:\n{shown}");
    }
    let json = own(&dir, &["inspect", "--json", text(&path)]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(json["manifest"]["state"]["k"][0], 1);
    assert_eq!(json["manifest"]["frames"][1]["function"], 4);
    assert_eq!(json["manifest"]["clock"]["monotonic"], 6);
    assert_eq!(json["bytes"]["memory_stored"], 3 * PAGE);
    assert_eq!(
        json["bytes"]["image"],
        std::fs::metadata(&path).expect("there").len()
    );
    assert_eq!(json["own"], false);
    let other = dir.write("m.wat", "(module)");
    own(&dir, &["inspect", text(&other)])
        .exits(1)
        .says(&["m.wat is no Dormouse image"]);
    own(&dir, &["inspect", "/nowhere"])
        .exits(1)
        .says(&["/nowhere: no such file"]);
}

#[test]
fn a_bundle_is_the_whole_program() {
    let dir = Dir::new();
    let image = write_image(&dir, "app.dormouse");
    let app = dir.path().join("app");
    own(&dir, &["bundle", text(&image), "-o", text(&app)]).prints("");
    let mode = std::fs::metadata(&app).expect("there").permissions().mode();
    assert_eq!(mode & 0o700, 0o700);
    assert_eq!(mode & 0o022, 0, "{mode:o}");
    std::fs::remove_file(&image).expect("removed");

    // Every word is the program's, and nothing else is needed.
    let bundled = |words: &[&str]| {
        let mut app = executable(&app);
        run(app.args(words).env_clear().stdin(Stdio::null()))
    };
    let ran = bundled(&["--help", "run", "-c", "x"]);
    ran.exits(5);
    assert_eq!(ran.text(), "app\n--help\nrun\n-c\nx\n");

    let shown = own(&dir, &["inspect", text(&app)]);
    shown.exits(0);
    assert!(shown.text().contains("tool.wasm"), "{}", shown.text());
    own(&dir, &[text(&app), "again"]).exits(5);

    // From a bundle: its image, and this executable.
    let second = dir.path().join("second");
    own(&dir, &["bundle", text(&app), "-o", text(&second)]).prints("");
    assert!(std::fs::read(&app).expect("there") == std::fs::read(&second).expect("there"));

    let mut bytes = std::fs::read(&app).expect("there");
    let trailer = bytes.len() - 40;
    bytes[trailer + 9] ^= 1;
    let damaged = dir.write("damaged", &bytes);
    let installed = Command::new("install")
        .args(["-m", "755", text(&damaged), text(&app)])
        .status();
    assert!(installed.expect("install runs").success());
    bundled(&[])
        .exits(1)
        .says(&["bundle is damaged", "make it again"]);
}

#[test]
fn a_bundle_keeps_the_options_it_was_made_with() {
    let dir = Dir::new();
    let module = guest(
        r#"(func (export "_start")
            (drop (call $environ_sizes_get (i32.const 100) (i32.const 104)))
            (drop (call $environ_get (i32.const 200) (i32.const 1000)))
            (call $print (i32.const 1000) (i32.load (i32.const 104)))
            (loop (br 0)))"#,
    );
    let module = wat::parse_str(module).expect("well-formed");
    let image = dir.write("loop.dormouse", image(&module, "", 0, &[]));
    let app = dir.path().join("app");
    let words = ["--timeout", "300ms", "--env", "A=b c", "--env=D=é"];
    let bundle = ["bundle", text(&image), "-o", text(&app)];
    own(&dir, &[&bundle[..], &words].concat()).prints("");
    let ran = run(executable(&app).env("A", "outside").stdin(Stdio::null()));
    ran.exits(124).says(&["deadline limit of 300ms"]);
    assert_eq!(ran.text(), "A=b c\0D=é\0");

    own(&dir, &[&bundle[..], &["--timeout", "soon"]].concat())
        .exits(2)
        .says(&["soon"]);
    own(&dir, &["bundle", text(&image)])
        .exits(2)
        .says(&["--output"]);
    let folder = ["bundle", text(&image), "-o", text(dir.path())];
    own(&dir, &folder).exits(1).says(&["it is a folder"]);
    let wat = dir.write("m.wat", "(module)");
    own(&dir, &["bundle", text(&wat), "-o", "x"])
        .exits(1)
        .says(&["dormouse snapshot"]);
}

#[test]
fn what_a_snapshot_is_asked_for_is_checked_first() {
    let dir = Dir::new();
    let wat = dir.write("m.wat", guest("(func (export \"_start\"))"));
    let out = dir.path().join("m.dormouse");
    let refused = |words: &[&str], code: i32, parts: &[&str]| {
        own(&dir, &[&["snapshot"], words].concat())
            .exits(code)
            .says(parts);
        assert!(!dir.exists("m.dormouse"));
    };
    let (wat, out) = (text(&wat), text(&out));
    refused(&[wat], 2, &["--output"]);
    refused(&["-o", out], 2, &["FILE"]);
    refused(
        &[wat, "-o", out, "--at", "fd_read"],
        2,
        &["fd_read", "MODULE.NAME"],
    );
    refused(
        &[wat, "-o", out, "--at", "a.b", "--init", "c"],
        2,
        &["--init"],
    );
    refused(
        &[wat, "-o", out, "x"],
        2,
        &["\"x\"", "--"].map(|part| part.trim_matches('"')),
    );
    let odd = dir.write("odd.txt", "print(1)");
    refused(&[text(&odd), "-o", out], 2, &["language required"]);
    refused(
        &["/nowhere.wasm", "-o", out],
        1,
        &["/nowhere.wasm: no such file"],
    );
    let junk = dir.write("junk.wasm", "junk");
    refused(
        &[text(&junk), "-o", out],
        1,
        &["junk.wasm is not a Wasm module"],
    );
}

#[test]
fn packages_are_a_folder_that_python_looks_in() {
    let dir = Dir::new();
    dir.write("site/greeting.py", "text = 'hello'");
    let site = dir.path().join("site");
    dormouse([
        "run",
        "--packages",
        text(&site),
        "-c",
        "import greeting; print(greeting.text, greeting.__file__)",
    ])
    .prints("hello /packages/greeting.py\n");
    dormouse(["run", "--packages", "/nowhere", "-c", "1"])
        .exits(1)
        .says(&["/nowhere"]);
}

/// Prints `before`, then how many arguments there are.
const COUNTS: &str = r#"(data (i32.const 16) "before\n") (data (i32.const 32) "0 words\n")
    (func $work (param i32) (result i32)
        (call $print (i32.const 16) (i32.const 7))
        (drop (call $args_sizes_get (i32.const 100) (i32.const 104)))
        (i32.store8 (i32.const 32) (i32.add (i32.const 48) (i32.load (i32.const 100))))
        (call $print (i32.const 32) (i32.const 8))
        (local.get 0))
    (func (export "_start") (call $proc_exit (call $work (i32.const 9))))"#;

const AT: &str = "wasi_snapshot_preview1.args_sizes_get";

fn is_own(dir: &Dir, image: &Path) -> bool {
    let shown = own(dir, &["inspect", "--json", text(image)]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    shown["own"].as_bool().expect("a boolean")
}

#[test]
fn a_snapshot_goes_on_from_its_point() {
    let dir = Dir::new();
    let module = dir.write("count.wat", guest(COUNTS));
    let paths = ["one", "two", "portable.wasm", "app"].map(|name| dir.path().join(name));
    let [one, two, portable, app] = [0, 1, 2, 3].map(|index| text(&paths[index]));
    let snapshot = |output: &str, more: &[&str]| {
        let words = [
            "snapshot",
            text(&module),
            "-o",
            output,
            "--at",
            AT,
            "--seed",
            "1",
        ];
        own(&dir, &[&words[..], more].concat()).prints("before\n");
    };
    snapshot(one, &[]);
    snapshot(two, &[]);
    assert!(std::fs::read(one).expect("there") == std::fs::read(two).expect("there"));
    snapshot(portable, &["--portable"]);
    // Nor does it depend on when it was made.
    let words = ["snapshot", text(&module), "-o", two, "--at", AT];
    own(&dir, &words).prints("before\n");
    assert!(std::fs::read(one).expect("there") == std::fs::read(two).expect("there"));
    snapshot(two, &["--", "x", "y"]);
    for image in [one, two, portable] {
        let ran = own(&dir, &[image, "a", "b"]);
        ran.exits(9);
        assert_eq!(ran.text(), "3 words\n", "{image}");
    }
    let shown = own(&dir, &["inspect", two]).text();
    for part in ["count.wat", AT, "args     x y", "work < _start"] {
        assert!(shown.contains(part), "no {part:?} in:\n{shown}");
    }
    own(&dir, &["bundle", one, "-o", app]).prints("");
    let ran = run(executable(app).arg("a").env_clear());
    ran.exits(9);
    assert_eq!(ran.text(), "2 words\n");
}

#[test]
fn only_what_this_installation_made_is_its_own() {
    let dir = Dir::new();
    let module = dir.write("count.wat", guest(COUNTS));
    let image = dir.path().join("image");
    own(
        &dir,
        &["snapshot", text(&module), "-o", text(&image), "--at", AT],
    )
    .exits(0);
    assert!(is_own(&dir, &image));
    let copy = dir.path().join("copy");
    std::fs::copy(&image, &copy).expect("copied");
    assert!(is_own(&dir, &copy));
    assert!(
        !is_own(&Dir::new(), &image),
        "another cache is another installation"
    );
    run(command()
        .args([text(&image), "x"])
        .env("DORMOUSE_CACHE", dir.path().join("other")))
    .exits(9);
    let mut bytes = std::fs::read(&image).expect("there");
    let last = bytes.len() - 1;
    bytes[last - 100] ^= 1;
    std::fs::write(&image, bytes).expect("written");
    own(&dir, &[text(&image)]).exits(1).says(&["damaged"]);
}

/// A moment of the monotonic clock, asked for as such, comes when it comes,
/// also where that clock goes on from a snapshot's.
#[test]
fn waiting_for_a_moment_does_not_wait_for_the_snapshots_time_again() {
    let dir = Dir::new();
    let module = guest(
        r#"(func (export "_start")
            (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 16)))
            (if (i64.lt_u (i64.load (i32.const 16)) (i64.const 5000000000000))
                (then (call $proc_exit (i32.const 97))))
            (i32.store (i32.const 1040) (i32.const 1))
            (i64.store (i32.const 1048) (i64.add (i64.load (i32.const 16)) (i64.const 10000000)))
            (i32.store16 (i32.const 1064) (i32.const 1))
            (call $proc_exit (call $poll_oneoff
                (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 16))))"#,
    );
    let module = wat::parse_str(module).expect("well-formed");
    let clock = r#","clock":{"realtime":0,"monotonic":5000000000000}"#;
    let path = dir.write("wait", image(&module, clock, 0, &[]));
    own(&dir, &["run", "--timeout", "20s", text(&path)]).exits(0);
}

/// The QuickJS guest in a cache of its own.
fn with_guest() -> Dir {
    let dir = Dir::new();
    dormouse(["guest", "fetch", "js"]).exits(0);
    let listed = dormouse(["guest", "list"]).text();
    let line = listed.lines().find(|line| line.starts_with("javascript"));
    let path = line
        .and_then(|line| line.rsplit('\t').next())
        .expect("a path");
    let name = Path::new(path).file_name().expect("a file");
    let cache = dir.path().join("cache");
    std::fs::create_dir(&cache).expect("a folder");
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o700)).expect("chmod");
    std::fs::copy(path, cache.join(name)).expect("copied");
    dir
}

fn kept(dir: &Dir) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir.path().join("cache/images")) else {
        return Vec::new();
    };
    entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "dormouse")
        })
        .collect()
}

#[test]
fn a_language_is_started_once_and_woken_ever_after() {
    let dir = with_guest();
    let js = |more: &[&str]| {
        let words = [&["run", "-l", "js"], more, &["-c", "console.log(6 * 7)"]].concat();
        let ran = own(&dir, &words);
        ran.prints("42\n");
        ran.stderr
    };
    assert_eq!(js(&["--no-snapshot"]), "");
    assert_eq!(kept(&dir).len(), 0);
    assert_eq!(js(&[]), "");
    let images = kept(&dir);
    assert_eq!(images.len(), 1, "{images:?}");
    assert!(is_own(&dir, &images[0]));
    let made = || {
        std::fs::metadata(&images[0])
            .expect("there")
            .modified()
            .expect("known")
    };
    let first = made();
    assert_eq!(js(&[]), "");
    assert_eq!(made(), first);

    std::fs::write(&images[0], "altered").expect("written");
    assert_eq!(js(&[]), "");
    assert_ne!(made(), first);

    own(&dir, &["guest", "remove", "js"]).prints("");
    assert_eq!(kept(&dir).len(), 0, "nothing of it stays");
}

#[test]
fn without_its_image_a_language_is_started_from_its_beginning() {
    let dir = with_guest();
    let folder = dir.path().join("cache/images");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    let words = ["-l", "js", "-c", "console.log(6 * 7)"];
    own(&dir, &words)
        .prints("42\n")
        .says(&["takes longer", "chmod 700"]);
    assert_eq!(kept(&dir).len(), 0);
}
