//! WASI of instances: commands, reactors, grants and streams.

use super::{host_error, instance, module};
use crate::support::{Dir, guest};
use dormouse::{CallError, ErrorKind, Grants, Instance, Mount, MountMode, Output, Stdin, Value};
use std::{
    io::Write,
    sync::{Arc, Mutex},
};

#[test]
fn a_command_runs_and_exits() {
    let mut returns = instance(r#"(module (func (export "_start")))"#);
    assert_eq!(returns.run().expect("it returns"), 0);
    for code in [0, 1, 42] {
        let text = format!(
            r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                (func (export "_start") (call $exit (i32.const {code})))
                (func (export "f")))"#
        );
        let mut exits = instance(&text);
        let error = exits.call("_start", &[]).expect_err("it exits");
        assert!(
            matches!(error, CallError::Exit(given) if given == code),
            "{error:?}"
        );
        let message = host_error(exits.call("f", &[]), ErrorKind::Invoke);
        assert!(
            message.contains(&format!("exited with code {code}")),
            "{message}"
        );
        assert_eq!(instance(&text).run().expect("an exit is none"), code);
    }
    let mut none = instance("(module)");
    host_error(none.run(), ErrorKind::Invoke);
}

#[test]
fn a_reactor_is_initialized_once() {
    let mut reactor = instance(
        r#"(module (global $n (export "n") (mut i32) (i32.const 0))
            (func (export "_initialize") (global.set $n (i32.add (global.get $n) (i32.const 1))))
            (func (export "f")))"#,
    );
    reactor.call("f", &[]).expect("it returns");
    assert_eq!(reactor.global("n").expect("it is there"), Value::I32(1));
    let traps = module(r#"(module (func (export "_initialize") (unreachable)))"#);
    let error = Instance::new(&traps).expect_err("it traps");
    assert!(matches!(error, CallError::Trap(_)), "{error:?}");
}

/// Copies its stdin to its stdout, then its first argument's bytes.
const CAT: &str = r#"
    (func (export "_start") (local $n i32)
        (loop $more
            (local.set $n (call $read (i32.const 1024) (i32.const 60000)))
            (if (local.get $n) (then
                (call $print (i32.const 1024) (local.get $n))
                (br $more)))))
    (func (export "args")
        (drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
        (drop (call $args_get (i32.const 1024) (i32.const 4096)))
        (call $print (i32.const 4096) (i32.load (i32.const 20))))
    (func (export "environ")
        (drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
        (drop (call $environ_get (i32.const 1024) (i32.const 4096)))
        (call $print (i32.const 4096) (i32.load (i32.const 20))))"#;

#[test]
fn streams_arguments_and_environment_are_the_instances_own() {
    let module = module(&guest(CAT));
    let mut instance = module
        .instance()
        .args(["x", "y z"])
        .stdin(Stdin::Bytes(b"some input".to_vec()))
        .grants(Grants {
            env: vec![("A".to_owned(), "1".to_owned())],
            ..Grants::default()
        })
        .start()
        .expect("an instance");
    assert_eq!(instance.run().expect("it returns"), 0);
    assert_eq!(instance.take_stdout(), b"some input");
    instance.call("args", &[]).expect("it returns");
    assert_eq!(instance.take_stdout(), b"test.wat\0x\0y z\0");
    instance.call("environ", &[]).expect("it returns");
    assert_eq!(instance.take_stdout(), b"A=1\0");
    assert_eq!(instance.take_stdout(), b"");
    assert_eq!(instance.take_stderr(), b"");

    let mut other = Instance::new(&module).expect("an instance");
    other.call("environ", &[]).expect("it returns");
    assert_eq!(other.run().expect("it returns"), 0);
    assert_eq!(other.take_stdout(), b"");
}

#[test]
fn output_goes_to_a_writer_as_it_comes() {
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);
    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("nobody panicked").extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let kept = Kept::default();
    let builder = module(&guest(CAT)).instance();
    let builder = builder.stdin(Stdin::Bytes(b"abc".to_vec()));
    let builder = builder.stdout(Output::Writer(Box::new(kept.clone())));
    let mut instance = builder.start().expect("an instance");
    instance.run().expect("it returns");
    assert_eq!(*kept.0.lock().expect("nobody panicked"), b"abc");
    assert_eq!(instance.take_stdout(), b"");
}

/// Opens `/d/f` for reading: what `path_open` answers.
const OPEN: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open" (func $open
        (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 100) "d/f")
    (func (export "open") (result i32)
        (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 3) (i32.const 0)
            (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 8))))"#;

#[test]
fn only_what_is_mounted_can_be_opened() {
    let dir = Dir::new();
    dir.write("f", "content");
    let module = module(OPEN);
    let mounted = module.instance().grants(Grants {
        mounts: vec![Mount {
            guest: "/d".to_owned(),
            host: dir.path().to_owned(),
            mode: MountMode::ReadOnly,
        }],
        ..Grants::default()
    });
    let mut mounted = mounted.start().expect("an instance");
    assert_eq!(mounted.call("open", &[]).expect("it returns"), [0.into()]);
    let mut bare = Instance::new(&module).expect("an instance");
    assert_ne!(bare.call("open", &[]).expect("it returns"), [0.into()]);

    let missing = module.instance().grants(Grants {
        mounts: vec![Mount {
            guest: "/d".to_owned(),
            host: dir.path().join("nothing"),
            mode: MountMode::ReadOnly,
        }],
        ..Grants::default()
    });
    host_error(missing.start(), ErrorKind::Grant);
}

#[test]
fn a_seed_makes_instances_the_same() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "random_get"
            (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "draw") (result i64)
            (drop (call $random (i32.const 0) (i32.const 8)))
            (i64.load (i32.const 0))))"#;
    let module = module(text);
    let draw = |seed| {
        let grants = Grants {
            seed,
            ..Grants::default()
        };
        let mut instance = module
            .instance()
            .grants(grants)
            .start()
            .expect("an instance");
        instance.call("draw", &[]).expect("it returns")
    };
    assert_eq!(draw(Some(1)), draw(Some(1)));
    assert_ne!(draw(Some(1)), draw(Some(2)));
    assert_ne!(draw(None), draw(None));
}
