//! Python packages: installed by `dormouse deps` and by guests, from wheels
//! that the tests make.

use crate::{
    calls::{answer_with, caller},
    support::{Dir, Ran, command, dormouse, has_pip, run, run_with_input},
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Makes a wheel in argv[1]: name, version, tag, what it needs, and files, as
/// JSON in argv[2].
const MAKE: &str = r#"
import json, os, sys, zipfile
spec = json.loads(sys.argv[2])
name, version, tag = spec["name"], spec["version"], spec.get("tag", "py3-none-any")
info = f"{name}-{version}.dist-info"
files = dict(spec["files"])
files[f"{info}/METADATA"] = "".join(
    [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
    + [f"Requires-Dist: {need}\n" for need in spec.get("needs", [])])
files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: {tag}\n"
files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in files) + f"{info}/RECORD,,\n"
with zipfile.ZipFile(os.path.join(sys.argv[1], f"{name}-{version}-{tag}.whl"), "w") as wheel:
    for path, text in files.items():
        wheel.writestr(path, text)
"#;

/// An index in a folder, and a folder of packages beside it.
struct Index {
    dir: Dir,
}

impl Index {
    /// One with packages to install; `None` where there is no pip.
    fn new(what: &str) -> Option<Self> {
        let index = Self { dir: Dir::new() };
        if !has_pip(what) {
            return None;
        }
        for wheel in [
            json!({"name": "alpha", "version": "1.0", "files": {"alpha.py": "V = 1", "gone.py": ""}}),
            json!({"name": "alpha", "version": "2.0", "needs": ["beta>=1"],
                "files": {"alpha.py": "import beta; V = 2", "alpha.data/scripts/alpha": "#!python\n"}}),
            json!({"name": "beta", "version": "1.5", "files": {"beta/__init__.py": "", "beta/x/y.py": ""}}),
            json!({"name": "Gam_ma", "version": "1", "files": {"gamma.py": "", "beta/z.py": ""}}),
            json!({"name": "native", "version": "0.9", "files": {"native.py": ""}}),
            json!({"name": "native", "version": "1.0", "tag": "cp312-cp312-linux_x86_64", "files": {"native.so": ""}}),
            json!({"name": "needy", "version": "3", "needs": ["native>=1"], "files": {"needy.py": ""}}),
            json!({"name": "liar", "version": "1", "files": {"liar/_x.so": "", "liar/__init__.py": ""}}),
        ] {
            let made = run(Command::new("python3")
                .args(["-c", MAKE])
                .arg(index.wheels())
                .arg(wheel.to_string()));
            made.exits(0);
        }
        Some(index)
    }

    fn wheels(&self) -> PathBuf {
        let wheels = self.dir.path().join("wheels");
        std::fs::create_dir_all(&wheels).expect("a folder");
        wheels
    }

    fn packages(&self) -> PathBuf {
        self.dir.path().join("packages")
    }

    fn env(&self) -> [(&'static str, String); 3] {
        [
            ("PIP_NO_INDEX", "1".to_owned()),
            ("PIP_FIND_LINKS", self.wheels().display().to_string()),
            ("PIP_CONFIG_FILE", "/dev/null".to_owned()),
        ]
    }

    /// Runs `dormouse deps` with `words`.
    fn deps(&self, words: &[&str]) -> Ran {
        let (subcommand, words) = words.split_first().expect("a subcommand");
        run(command()
            .args(["deps", subcommand, "--packages"])
            .arg(self.packages())
            .args(words)
            .envs(self.env())
            .stdin(Stdio::null()))
    }

    /// What `install_pkg` answers to a guest that runs with `flags`.
    fn asked(&self, flags: &[&str], args: Value) -> Value {
        let env = self.env();
        let env: Vec<(&str, &str)> = env
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        answer_with(flags, &env, &json!({"fn": "install_pkg", "args": args}))
    }

    /// The files of the folder of packages.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        collect(&self.packages(), "", &mut files);
        files.sort();
        files
    }

    /// Nothing is left beside what the test knows.
    fn is_tidy(&self) {
        let mut beside = Vec::new();
        for entry in std::fs::read_dir(self.dir.path())
            .expect("a folder")
            .flatten()
        {
            beside.push(entry.file_name());
        }
        beside.retain(|name| name != "wheels" && name != "packages");
        assert!(beside.is_empty(), "{beside:?}");
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{path}/"), files);
        } else {
            files.push(path);
        }
    }
}

#[test]
fn installing_listing_removing() {
    let Some(index) = Index::new("deps install, list, remove") else {
        return;
    };
    index.deps(&["list"]).prints("No packages installed.\n");
    index
        .deps(&["install", "alpha==1.*", "gam.ma"])
        .prints("alpha 1.0\nGam_ma 1\n");
    assert!(index.files().contains(&"gone.py".to_owned()));
    let ran = index.deps(&["install", "alpha>=1,<3"]);
    ran.prints("alpha 2.0\nbeta 1.5\n")
        .says(&["dormouse: installing into", "Processing"]);
    index
        .deps(&["list"])
        .prints("alpha 2.0\nbeta 1.5\nGam_ma 1\n");
    let files = index.files();
    for gone in ["gone.py", "alpha-1.0.dist-info/RECORD", "bin/alpha"] {
        assert!(!files.contains(&gone.to_owned()), "{gone} in {files:?}");
    }
    let ran = dormouse([
        "--packages",
        index.packages().to_str().expect("Unicode"),
        "-c",
        "import alpha, gamma; print(alpha.V)",
    ]);
    ran.prints("2\n");
    index
        .deps(&["remove", "beta", "nothing"])
        .prints_nothing_and_exits(1)
        .says(&["nothing is not installed", "deps list"]);
    assert_eq!(index.files(), files);
    index
        .deps(&["remove", "BETA", "alpha"])
        .prints("removed beta 1.5\nremoved alpha 2.0\n");
    index.deps(&["list"]).prints("Gam_ma 1\n");
    let files = index.files();
    assert!(files.contains(&"beta/z.py".to_owned()), "{files:?}");
    assert!(
        !files
            .iter()
            .any(|file| file.starts_with("alpha") || file.starts_with("beta/x"))
    );
    assert!(!index.packages().join("beta/x").exists());
    index.is_tidy();
}

#[test]
fn only_pure_python() {
    let Some(index) = Index::new("packages with native code") else {
        return;
    };
    index
        .deps(&["install", "native>=1"])
        .prints_nothing_and_exits(1)
        .says(&[
            "native>=1 has no pure-Python wheel",
            "newest version that installs is native 0.9",
        ]);
    index
        .deps(&["install", "needy"])
        .prints_nothing_and_exits(1)
        .says(&["native>=1, which needy", "no version installs"]);
    index
        .deps(&["install", "liar"])
        .prints_nothing_and_exits(1)
        .says(&["liar/_x.so is native code"]);
    assert!(!index.packages().exists());
    index.deps(&["install", "native"]).prints("native 0.9\n");
    let before = index.files();
    index
        .deps(&["install", "alpha", "liar"])
        .prints_nothing_and_exits(1);
    index
        .deps(&["install", "alpha", "nowhere"])
        .prints_nothing_and_exits(1)
        .says(&["there is no package nowhere"]);
    assert_eq!(index.files(), before);
    index.is_tidy();
}

#[test]
fn what_is_no_package_is_refused() {
    for word in [
        "./x",
        "/x",
        "x @ file:///etc/passwd",
        "http://x/y.whl",
        "git+https://x/y",
        "a;b",
        "a|b",
        "a`b`",
        "$(touch x)",
        "a --pre",
        "a==1;touch x",
        "",
    ] {
        dormouse(["deps", "install", word])
            .prints_nothing_and_exits(2)
            .says(&["invalid"]);
    }
    for word in ["-r", "--index-url", "-e"] {
        dormouse(["deps", "install", word, "x"]).prints_nothing_and_exits(2);
    }
    let none = Dir::new();
    let ran = run(command()
        .args(["deps", "install", "alpha"])
        .current_dir(none.path())
        .env("PATH", none.path()));
    ran.prints_nothing_and_exits(1).says(&["there is no pip"]);
    assert!(!none.path().join(".dormouse/python/packages").exists());
}

/// A file called like a requirement is not what is installed.
#[test]
fn files_of_the_current_folder_are_no_packages() {
    let Some(index) = Index::new("files called like packages") else {
        return;
    };
    let here = Dir::new();
    here.write("alpha.whl", "no wheel");
    here.write("alpha/setup.py", "open('built', 'w')");
    let install = |word| {
        run(command()
            .args(["deps", "install", word])
            .envs(index.env())
            .current_dir(here.path()))
    };
    install("alpha").prints("alpha 2.0\nbeta 1.5\n");
    install("alpha.whl")
        .says(&["there is no package alpha-whl"])
        .exits(1);
    assert!(here.exists(".dormouse/python/packages/alpha.py"));
    assert!(!here.exists("built"));
}

/// What a package records outside of its folder stays.
#[test]
fn removing_stays_inside() {
    let dir = Dir::new();
    dir.write("keep", "x");
    dir.write("packages/evil.py", "");
    dir.write(
        "packages/evil-1.dist-info/METADATA",
        "Name: Evil\nVersion: 1\n",
    );
    let record = "evil.py,,\n../keep,,\nlinked/keep,,\n/etc/hostname,,\n";
    dir.write("packages/evil-1.dist-info/RECORD", record);
    let packages = dir.path().join("packages");
    std::os::unix::fs::symlink(dir.path(), packages.join("linked")).expect("a link");
    let folder = packages.to_str().expect("Unicode");
    dormouse(["deps", "remove", "--packages", folder, "evil"]).prints("removed Evil 1\n");
    assert!(dir.exists("keep"));
    assert!(!dir.exists("packages/evil.py") && !dir.exists("packages/evil-1.dist-info"));
}

#[test]
fn guests_install_what_is_allowed() {
    let Some(index) = Index::new("install_pkg") else {
        return;
    };
    let error = |answer: &Value, kind: &str| {
        assert_eq!(answer["kind"], kind, "{answer}");
        answer["error"].as_str().expect("an error").to_owned()
    };
    let none = index.asked(&[], json!({"name": "alpha"}));
    let message = "not granted: install_pkg; enable with --allow-pkg-install";
    assert_eq!(error(&none, "not_granted"), message);
    let any = ["--allow-pkg-install"];
    for (args, message) in [
        (json!({}), "package name required"),
        (json!({"name": ""}), "package name required"),
        (json!({"name": "a;b"}), "invalid package name"),
        (json!({"name": "--pre"}), "invalid package name"),
        (json!({"name": "x @ file:///x"}), "invalid package name"),
        (
            json!({"name": "a", "version": "; rm"}),
            "invalid version specifier",
        ),
        (
            json!({"name": "a", "version": "1 --pre"}),
            "invalid version specifier",
        ),
    ] {
        assert_eq!(error(&index.asked(&any, args), "invalid"), message);
    }
    let answer = index.asked(&any, json!({"name": "alpha", "version": "1.0"}));
    assert_eq!(answer["data"]["success"], true, "{answer}");
    assert_eq!(answer["data"]["version"], "1.0");
    assert_eq!(answer["data"]["output"], "Successfully installed alpha-1.0");
    let some = ["--allow-pkg", "Alpha[x]<2", "--allow-pkg", "native>=1"];
    let refused = index.asked(&some, json!({"name": "beta"}));
    assert_eq!(
        error(&refused, "not_granted"),
        "package \"beta\" not allowed"
    );
    let answer = index.asked(&some, json!({"name": "alpha[x,y]"}));
    assert_eq!(answer["data"]["version"], "1.0", "{answer}");
    let refused = index.asked(&some, json!({"name": "alpha", "version": ">=2"}));
    error(&refused, "failed");
    let refused = index.asked(&some, json!({"name": "native"}));
    assert!(error(&refused, "failed").contains("no pure-Python wheel"));
    let mount = index.dir.mount("/packages", "ro");
    dormouse([
        "--allow-pkg-install",
        "--mount",
        &mount,
        "-c",
        "print('started')",
    ])
    .prints_nothing_and_exits(1)
    .says(&["/packages is mounted"]);
    dormouse(["--allow-pkg", "a;b", "-c", "print('started')"])
        .prints_nothing_and_exits(1)
        .says(&["the allowed package \"a;b\" is none"]);
}

/// Seen at once, and nothing remains of a run without a folder of its own.
#[test]
fn what_a_guest_installs_it_imports() {
    let Some(index) = Index::new("importing what was installed") else {
        return;
    };
    let code = r"
import importlib, json, os
def call(fn, **args):
    with open('/dev/host', 'r+b', buffering=0) as host:
        host.write(json.dumps({'fn': fn, 'args': args}).encode() + b'\n')
        answer = b''
        while not answer.endswith(b'\n'):
            answer += host.read(65536)
        return json.loads(answer)
print(os.listdir('/packages'))
print(call('install_pkg', name='alpha')['data']['version'])
importlib.invalidate_caches()
import alpha, beta
print(alpha.V, alpha.__file__)
try:
    open('/packages/x', 'w')
except OSError as error:
    print(error.strerror)
";
    let expected = "[]\n2.0\n2 /packages/alpha.py\nRead-only file system\n";
    let temporary = Dir::new();
    let ran = run(command()
        .args(["--timeout", "300s", "--allow-pkg-install", "-c", code])
        .envs(index.env())
        .env("TMPDIR", temporary.path()));
    ran.prints(expected);
    let left = std::fs::read_dir(temporary.path())
        .expect("a folder")
        .count();
    assert_eq!(left, 0);
    let packages = index.packages();
    let folder = packages.to_str().expect("Unicode");
    let ran = run(command()
        .args([
            "--timeout",
            "300s",
            "--allow-pkg",
            "alpha",
            "--packages",
            folder,
            "-c",
            code,
        ])
        .envs(index.env()));
    assert!(
        ran.text().starts_with("[]\n2.0\n2 "),
        "{}{}",
        ran.text(),
        ran.stderr
    );
    index.deps(&["list"]).prints("alpha 2.0\nbeta 1.5\n");
}

/// An installer that hangs ends with the run, and leaves nothing.
#[test]
fn the_deadline_ends_an_installation() {
    let dir = Dir::new();
    let fake = dir.write(
        "bin/python3",
        "#!/bin/sh\necho $$ > \"$PIDS\"\nexec sleep 60\n",
    );
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(fake, mode).expect("chmod");
    let temporary = Dir::new();
    let pids = dir.path().join("pid");
    let file = dir.write("caller.wat", caller());
    let began = Instant::now();
    let path = format!("{}:/bin:/usr/bin", dir.path().join("bin").display());
    let ran = run_with_input(
        command()
            .args(["--timeout", "1s", "--allow-pkg-install"])
            .arg(file)
            .env("PATH", path)
            .env("PIDS", &pids)
            .env("TMPDIR", temporary.path()),
        b"{\"fn\": \"install_pkg\", \"args\": {\"name\": \"alpha\"}}\n",
    );
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    assert!(
        matches!(ran.status.code(), Some(124 | 0)),
        "{} {}",
        ran.text(),
        ran.stderr
    );
    let pid = std::fs::read_to_string(pids).expect("it was started");
    assert!(
        !Path::new("/proc").join(pid.trim()).exists(),
        "{pid} still runs"
    );
    assert_eq!(
        std::fs::read_dir(temporary.path())
            .expect("a folder")
            .count(),
        0
    );
}
