//! Any Wasm program runs: commands, reactors, single exports; and what can't
//! be run is refused with the reason.

use crate::support::{Dir, command, dormouse, guest, run_with_input};

const HELLO: &str = r#"
    (data (i32.const 16) "hello\n")
    (func (export "_start") (call $print (i32.const 16) (i32.const 6)))"#;

#[test]
fn a_command_runs_from_text_and_from_binary() {
    let dir = Dir::new();
    let text = dir.write("hello.wat", guest(HELLO));
    dormouse(["run".as_ref(), text.as_os_str()]).prints("hello\n");
    dormouse([text.as_os_str()]).prints("hello\n");
    let binary = dir.write("hello.wasm", wat::parse_str(guest(HELLO)).expect("valid"));
    dormouse([binary.as_os_str()]).prints("hello\n");
}

#[test]
fn a_module_can_come_on_stdin() {
    let binary = wat::parse_str(guest(HELLO)).expect("valid");
    run_with_input(command().args(["-l", "wasm"]), &binary).prints("hello\n");
    run_with_input(command().args(["-l", "wasm", "-"]), guest(HELLO).as_bytes()).prints("hello\n");
}

/// Copies its stdin to its stdout.
const CAT: &str = r#"
    (func (export "_start") (local $n i32)
        (loop $more
            (local.set $n (call $read (i32.const 1024) (i32.const 60000)))
            (if (local.get $n) (then
                (call $print (i32.const 1024) (local.get $n))
                (br $more)))))"#;

#[test]
fn stdin_is_piped_byte_for_byte() {
    let dir = Dir::new();
    let cat = dir.write("cat.wat", guest(CAT));
    let input: Vec<u8> = (0..1_000_000u32).map(|n| (n * 31 % 256) as u8).collect();
    let ran = run_with_input(command().arg(&cat), &input);
    ran.exits(0);
    assert!(ran.stdout == input, "{} bytes came back", ran.stdout.len());
}

/// Prints its arguments as `args_get` lays them out: each with a NUL.
const ARGS: &str = r#"
    (func (export "_start")
        (drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
        (drop (call $args_get (i32.const 1024) (i32.const 4096)))
        (call $print (i32.const 4096) (i32.load (i32.const 20))))"#;

#[test]
fn arguments_arrive_byte_for_byte() {
    let dir = Dir::new();
    let args = dir.write("args.wat", guest(ARGS));
    let words = [args.to_str().expect("UTF-8"), "x y", "", "--seed", "ä"];
    dormouse(words).prints("args.wat\0x y\0\0--seed\0ä\0");
    #[cfg(unix)]
    {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
        let ran = dormouse([args.as_os_str(), OsStr::from_bytes(b"a\xff\x80b")]);
        assert_eq!(ran.stdout, b"args.wat\0a\xff\x80b\0");
    }
}

#[test]
fn environment_holds_what_was_given_and_nothing_else() {
    let dir = Dir::new();
    let env = dir.write("env.wat", guest(&ARGS.replace("args_", "environ_")));
    dormouse([env.as_os_str()]).prints("");
    let file = env.to_str().expect("UTF-8");
    dormouse([
        "run", "--env", "A=1", "--env", "B=x=y", "--env", "A=2", file,
    ])
    .prints("B=x=y\0A=2\0");
}

const ADD: &str = r#"(module
    (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
    (func (export "all") (param i64 f32 f64 v128) (result i64 f32 f64 v128)
        local.get 0 local.get 1 local.get 2 local.get 3)
    (func (export "refs") (param externref) (result externref funcref)
        local.get 0 ref.null func)
    (func (export "nothing"))
    (global (export "g") i32 (i32.const 1)))"#;

#[test]
fn an_export_is_called_by_its_signature() {
    let dir = Dir::new();
    let add = dir.write("add.wat", ADD);
    let add = add.to_str().expect("UTF-8");
    dormouse(["run", "--invoke", "add", add, "5", "7"]).prints("12\n");
    dormouse(["run", "--invoke", "add", add, "-1", "0x10"]).prints("15\n");
    dormouse(["run", "--invoke", "add", add, "4294967295", "2"]).prints("1\n");
    dormouse(["run", "--invoke", "all", add, "-9", "1.5", "-inf", "0xff"])
        .prints("-9\n1.5\n-inf\n0x000000000000000000000000000000ff\n");
    dormouse(["run", "--invoke", "refs", add, "null"]).prints("null\nnull\n");
    dormouse(["run", "--invoke", "nothing", add]).prints("");
}

#[test]
fn a_comparison_with_zero_selects_what_it_should() {
    let dir = Dir::new();
    let select = r#"(module
        (func (export "f") (param $a i32) (param $x i32) (result i32) (local $b i32)
            (local.set $b (i32.add (local.get $a) (i32.const 5)))
            (select (local.get $a) (i32.const 9) (i32.eqz (local.get $x)))))"#;
    let select = dir.write("select.wat", select);
    let select = select.to_str().expect("UTF-8");
    dormouse(["run", "--invoke", "f", select, "77", "0"]).prints("77\n");
    dormouse(["run", "--invoke", "f", select, "77", "3"]).prints("9\n");
}

#[test]
fn a_wrong_call_of_an_export_is_refused() {
    let dir = Dir::new();
    let add = dir.write("add.wat", ADD);
    let add = add.to_str().expect("UTF-8");
    dormouse(["run", "--invoke", "sub", add])
        .exits(1)
        .says(&["\"sub\"", "add, all, nothing, refs"]);
    dormouse(["run", "--invoke", "g", add])
        .exits(1)
        .says(&["\"g\""]);
    dormouse(["run", "--invoke", "add", add, "5"])
        .exits(1)
        .says(&["takes 2 arguments (i32, i32), not 1"]);
    dormouse(["run", "--invoke", "add", add, "5", "x"])
        .exits(1)
        .says(&["\"x\"", "i32"]);
    dormouse(["run", "--invoke", "add", add, "5", "4294967296"])
        .exits(1)
        .says(&["i32"]);
    dormouse([add]).exits(1).says(&["_start", "--invoke"]);
}

#[test]
fn a_reactor_is_initialized_before_an_export_is_called() {
    let dir = Dir::new();
    let reactor = dir.write(
        "reactor.wat",
        guest(
            r#"(global $n (mut i32) (i32.const 0))
            (data (i32.const 16) "once\n")
            (func (export "_initialize")
                (call $print (i32.const 16) (i32.const 5))
                (global.set $n (i32.add (global.get $n) (i32.const 41))))
            (func (export "next") (result i32) (i32.add (global.get $n) (i32.const 1)))"#,
        ),
    );
    let reactor = reactor.to_str().expect("UTF-8");
    dormouse(["run", "--invoke", "next", reactor]).prints("once\n42\n");
    dormouse([reactor]).prints("once\n");
}

#[test]
fn the_start_section_runs_first() {
    let dir = Dir::new();
    let module = dir.write(
        "start.wat",
        "(module (global $g (mut i32) (i32.const 1)) (func $s (global.set $g (i32.const 7)))
            (start $s) (func (export \"g\") (result i32) (global.get $g)))",
    );
    dormouse(["run", "--invoke", "g", module.to_str().expect("UTF-8")]).prints("7\n");
}

#[test]
fn missing_imports_are_all_named() {
    let dir = Dir::new();
    let module = dir.write(
        "imports.wat",
        r#"(module
            (import "env" "launch" (func (param i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
            (import "env" "memory" (memory 1))
            (func (export "_start")))"#,
    );
    dormouse([module.as_os_str()])
        .exits(1)
        .says(&["env.launch (function)", "env.memory (memory)"]);
    let ran = dormouse([module.as_os_str()]);
    assert!(!ran.stderr.contains("fd_write"), "{}", ran.stderr);
}

#[test]
fn an_import_of_another_type_is_refused() {
    let dir = Dir::new();
    let module = dir.write(
        "type.wat",
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param i64))) (func (export "_start")))"#,
    );
    dormouse([module.as_os_str()])
        .exits(1)
        .says(&["dormouse: ", "fd_write"]);
}

#[test]
fn what_is_no_module_is_refused() {
    let dir = Dir::new();
    let refused = |name: &str, content: &[u8], parts: &[&str]| {
        let file = dir.write(name, content);
        dormouse([file.as_os_str()]).exits(1).says(parts);
    };
    refused(
        "elf.wasm",
        b"\x7fELF\x02\x01",
        &["elf.wasm", "magic number", "7f, 45, 4c, 46"],
    );
    refused("empty.wasm", b"", &["empty.wasm", "magic number"]);
    refused("short.wasm", b"\0asm", &["ends inside the Wasm header"]);
    refused("new.wasm", b"\0asm\x02\0\0\0", &["version"]);
    refused(
        "component.wasm",
        b"\0asm\x0d\0\x01\0",
        &["component", "wasm32-wasip1"],
    );
    refused(
        "cut.wasm",
        b"\0asm\x01\0\0\0\x01\x7f",
        &["not valid Wasm", "offset 0x"],
    );
    refused("bad.wat", b"(module (func (bogus)))", &["bad.wat", "bogus"]);
    refused(
        "type.wat",
        b"(module (func (result i32)))",
        &["not valid Wasm", "offset 0x"],
    );
    let missing = dir.path().join("missing.wasm");
    dormouse([missing.as_os_str()])
        .exits(1)
        .says(&["missing.wasm", "no such file"]);
    let folder = dir.path().join("folder.wasm");
    std::fs::create_dir(&folder).expect("a folder");
    dormouse([folder.as_os_str()])
        .exits(1)
        .says(&["folder.wasm", "folder"]);
}

#[test]
fn an_unsupported_proposal_is_named_with_its_offset() {
    let dir = Dir::new();
    let refused = |content: &str, proposal: &str| {
        let file = dir.write("proposal.wat", content);
        dormouse([file.as_os_str()])
            .exits(1)
            .says(&[proposal, "offset 0x"]);
    };
    refused("(module (memory 1 1 shared))", "threads proposal");
    refused(
        "(module (tag $e) (func (throw $e)))",
        "exception-handling proposal",
    );
    refused("(module (type (struct (field i32))))", "GC proposal");
    refused(
        "(module (func (param i64 i64 i64 i64) (result i64 i64)
            local.get 0 local.get 1 local.get 2 local.get 3 i64.add128))",
        "wide-arithmetic proposal",
    );
}

#[test]
fn supported_proposals_run() {
    let dir = Dir::new();
    let module = dir.write(
        "proposals.wat",
        r#"(module
            (memory $a 1) (memory $b i64 1)
            (func $down (param i32 i64) (result i64)
                (if (result i64) (i32.eqz (local.get 0))
                    (then (local.get 1))
                    (else (return_call $down
                        (i32.sub (local.get 0) (i32.const 1))
                        (i64.add (local.get 1) (i64.const 2))))))
            (func (export "run") (result i64 i32)
                (memory.fill $b (i64.const 0) (i32.const 3) (i64.const 4))
                (call $down (i32.const 1000000) (i64.const 0))
                (i32x4.extract_lane 0
                    (i32x4.add (v128.const i32x4 1 2 3 4)
                        (i32x4.splat (i32.load $b (i64.const 0)))))))"#,
    );
    dormouse(["run", "--invoke", "run", module.to_str().expect("UTF-8")])
        .prints("2000000\n50529028\n");
}
