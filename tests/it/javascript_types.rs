//! `runtimes/javascript/dormouse.d.ts` says what there is: its names, kinds and
//! parameters are compared with the objects themselves, and the TypeScript
//! compiler reads it with a program that uses them.

use crate::support::{Dir, dormouse, run};
use dormouse::{Grants, HostFunctions, Kv, Language, Mount, MountMode, Program, Sandbox};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

const TYPES: &str = include_str!("../../runtimes/javascript/dormouse.d.ts");

/// Compiles `FILE` with the types; the version is that of our tests.
const COMPILER: &str = "typescript@5.9.3";

/// Members by what they belong to (`globalThis` for globals), each with the
/// parameters that it wants: `None` for what is no function.
type Members = BTreeMap<String, BTreeMap<String, Option<usize>>>;

/// What the declarations say.
fn declared() -> Members {
    let mut members = Members::new();
    let mut bases = Vec::new();
    let mut owner: Option<String> = None;
    for line in TYPES.lines() {
        let line = line.trim();
        let words: Vec<&str> = line
            .split(|c: char| !(c.is_alphanumeric() || "_$'".contains(c)))
            .filter(|word| !word.is_empty())
            .collect();
        if line.is_empty() || line.starts_with("//") || line.starts_with("/*") {
            continue;
        }
        if line == "}" {
            owner = None;
            continue;
        }
        match words[..] {
            ["declare", "module", _, ..] if line.ends_with('{') => {
                owner = Some("module".to_owned());
            }
            ["export", "class", name, ..]
            | ["declare", "class", name, ..]
            | ["interface", name, ..] => {
                let parts = line.split_once(" extends ");
                let base = parts.and_then(|(_, rest)| rest.split([' ', '{']).next());
                bases.extend(base.map(|base| (name.to_owned(), base.to_owned())));
                if line.starts_with("declare") {
                    put(&mut members, "globalThis", name, None);
                }
                if line.starts_with("export") {
                    put(&mut members, "module", name, None);
                }
                owner = line.ends_with('{').then(|| name.to_owned());
            }
            ["declare", "const", name, ..] => put(&mut members, "globalThis", name, None),
            ["declare", "function", name, ..] => {
                put(&mut members, "globalThis", name, wanted(line));
            }
            ["export", "const", name, ..] => put(&mut members, "module", name, None),
            ["export", "default", ..] => put(&mut members, "module", "default", None),
            _ => member(&mut members, owner.as_deref(), line),
        }
    }
    inherit(&mut members, &bases);
    members
}

/// A line within a class or interface.
fn member(members: &mut Members, owner: Option<&str>, line: &str) {
    let Some(owner) = owner.filter(|owner| *owner != "module") else {
        return;
    };
    let line = line.trim_start_matches("private ");
    let (owner, line) = match line.strip_prefix("static ") {
        Some(rest) => (format!("static {owner}"), rest),
        None => (owner.to_owned(), line),
    };
    let line = line.trim_start_matches("readonly ");
    let end = line.find(['(', ':', '<', '?']).unwrap_or(0);
    let name = &line[..end];
    let is_function = line[end..].starts_with(['(', '<']);
    if !name.is_empty() {
        let parameters = if is_function { wanted(line) } else { None };
        put(members, &owner, name, parameters);
    }
}

fn put(members: &mut Members, owner: &str, name: &str, wanted: Option<usize>) {
    let known = members.entry(owner.to_owned()).or_default();
    let before = known.get(name).copied().flatten();
    // Of several signatures the shortest.
    let least = match (before, wanted) {
        (Some(before), Some(wanted)) => Some(before.min(wanted)),
        (before, wanted) => wanted.or(before),
    };
    known.insert(name.to_owned(), least);
}

fn inherit(members: &mut Members, bases: &[(String, String)]) {
    for (name, base) in bases {
        let of_base = members.get(base).cloned().unwrap_or_default();
        let own = members.entry(name.clone()).or_default();
        for (member, wanted) in of_base {
            own.entry(member).or_insert(wanted);
        }
    }
}

/// How many parameters the function declared in `line` wants at least.
fn wanted(line: &str) -> Option<usize> {
    let mut depth = 0_i32;
    let mut parameters = vec![String::new()];
    let mut before = ' ';
    for c in line[line.find('(')?..].chars() {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            '>' if before == '=' => {}
            ')' | ']' | '}' | '>' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if c == ',' && depth == 1 {
            parameters.push(String::new());
        } else if let Some(last) = parameters.last_mut() {
            last.push(c);
        }
        before = c;
    }
    let is_wanted = |parameter: &String| {
        let name = parameter.trim_start_matches('(').trim();
        let name = name.split(':').next().unwrap_or_default();
        !name.is_empty() && !name.ends_with('?') && !name.starts_with("...")
    };
    Some(parameters.iter().take_while(|p| is_wanted(p)).count())
}

/// What the objects themselves say.
fn found() -> Members {
    let dir = Dir::new();
    dir.write("f", "text");
    let store = crate::support::store();
    let image = store
        .image(Language::JavaScript, &mut |_| {})
        .expect("it can be captured");
    let grants = Grants {
        kv: Kv::Memory,
        mounts: vec![Mount {
            guest: "/d".to_owned(),
            host: dir.path().to_owned(),
            mode: MountMode::ReadOnly,
        }],
        ..Grants::default()
    };
    let request = |_: Map<String, Value>| {
        Ok(json!({"status": 200, "body": "", "headers": {}, "url": "http://a/"}))
    };
    let functions = HostFunctions::new().with("http_request", request);
    let code = include_str!("../javascript/host/members.js");
    let outcome = Sandbox::new(&image)
        .grants(grants)
        .functions(functions)
        .run(Program::code(code))
        .expect("it runs");
    let errors = String::from_utf8_lossy(&outcome.stderr);
    let members: BTreeMap<String, BTreeMap<String, Option<usize>>> =
        serde_json::from_slice(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"));
    members
}

#[test]
fn declarations_and_objects_agree() {
    let (declared, found) = (declared(), found());
    let mut wrong = Vec::new();
    for (owner, members) in &found {
        let none = BTreeMap::new();
        let of_types = declared.get(owner).unwrap_or(&none);
        let names: BTreeSet<&String> = members.keys().chain(of_types.keys()).collect();
        for name in names {
            match (of_types.get(name), members.get(name)) {
                (None, Some(_)) => wrong.push(format!("{owner}.{name} is not declared")),
                (Some(_), None) => wrong.push(format!("{owner}.{name} is declared only")),
                // A function may be declared by its type alone.
                (Some(None), Some(_)) if owner == "globalThis" || owner == "module" => {}
                (Some(None), Some(Some(_))) if owner == "Dormouse" => {}
                (Some(types), Some(real)) if types != real => wrong.push(format!(
                    "{owner}.{name} wants {real:?} parameters, declared are {types:?}"
                )),
                _ => {}
            }
        }
    }
    for owner in declared.keys() {
        let says_only = [
            "HttpOptions",
            "RequestInit",
            "ResponseInit",
            "Body",
            "EventInit",
        ];
        let more = [
            "EventListenerOptions",
            "BlobPropertyBag",
            "FilePropertyBag",
            "Error",
        ];
        if !found.contains_key(owner) && !says_only.contains(&&**owner) && !more.contains(&&**owner)
        {
            wrong.push(format!("{owner} is not compared"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // It compares something.
    assert!(found["Kv"].len() == 8 && found["Response"].len() > 12);
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The TypeScript compiler, put into `folder`; nothing where npm can't.
fn compiler(folder: &Path) -> Option<PathBuf> {
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
        .arg(folder)
        .arg(COMPILER);
    let done = npm.output().is_ok_and(|output| output.status.success());
    let compiler = folder.join("node_modules/typescript/bin/tsc");
    (done && compiler.exists()).then_some(compiler)
}

#[test]
fn the_compiler_accepts_a_program_that_uses_everything() {
    let dir = Dir::new();
    let Some(compiler) = compiler(dir.path()) else {
        eprintln!("SKIPPED: TypeScript: npm can't install {COMPILER}");
        return;
    };
    dormouse([Path::new("stubs"), &dir.path().join("stubs")]).exits(0);
    let check = |file: &Path| {
        run(Command::new("node")
            .arg(&compiler)
            .args([
                "--noEmit", "--strict", "--target", "es2023", "--lib", "es2023",
            ])
            .args(["--module", "esnext", "--moduleResolution", "bundler"])
            .arg(dir.path().join("stubs/dormouse.d.ts"))
            .arg(file))
    };
    let ran = check(&root().join("tests/javascript/host/types.ts"));
    assert!(ran.status.success(), "{}", ran.text());
    // And it finds what is wrong.
    let wrong = dir.write(
        "wrong.ts",
        "kv.get(5);\nfetch();\nfs.readText('a').nothing;\nexport {};\n",
    );
    let ran = check(&wrong);
    for line in ["wrong.ts(1,", "wrong.ts(2,", "wrong.ts(3,"] {
        assert!(ran.text().contains(line), "{}", ran.text());
    }
}
