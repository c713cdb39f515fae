//! `wasi_calls`: whatever a guest calls of Preview 1, or of `wasi_unstable`, with
//! whatever pointers, lengths, descriptors, flags and paths,
//!
//! 1. gives an errno, and is a trap or an exit only where that is the function's
//!    meaning (`proc_exit`, `proc_raise`), or the end of a limit;
//! 2. writes only what the function may write of the guest's memory, as its
//!    arguments and the memory say before the call;
//! 3. changes nothing of the host's files outside of mounts, nothing in a mount to
//!    be read, no more than its mode allows in another, and tells nothing of it.
//!
//! An input is what is mounted and how (two bytes), then calls: what is put into
//! the memory, a function, its arguments, mostly from a small alphabet.

mod functions;

use crate::{
    allocated::within,
    input::Input,
    world::{SECRET, World},
};
use dormouse::{
    CallError, Engine, Func, Grants, Instance, Limits, Module, Mount, MountMode, Stdin, Value,
};
use functions::{Argument, FUNCTIONS, Function};
use std::{
    ops::Range,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

/// Bytes that one input's calls may have the host hold, beside the guest's memory.
const MOST: usize = 96 << 20;

/// Calls of one input.
const MAX_CALLS: usize = 48;

/// Bytes of the guest's memory.
const MEMORY: usize = 1 << 16;

/// Where its paths are, so many bytes each.
const PATHS_AT: usize = 1024;
const PATH_ROOM: usize = 64;

/// Where its buffers' addresses and lengths are.
const BUFFERS_AT: usize = 8192;

const PATHS: [&str; 40] = [
    "m/a.txt",
    "m",
    "r",
    "r/a.txt",
    "tmp/x",
    "m/new",
    "m/in",
    "m/out",
    "m/abs/secret",
    "m/up/forbidden/secret",
    "m/loop",
    "m/dangling",
    "m/make",
    "m/d",
    "m/d/over/x",
    "../m/a.txt",
    "..",
    ".",
    "/",
    "",
    "/m/a.txt",
    "m/../m/a.txt",
    "m/../../forbidden/secret",
    "tmp",
    "tmp/y/z",
    "dev/zero",
    "dev/random",
    "dev/null",
    "dev",
    "a.txt",
    "out",
    "../forbidden/secret",
    "m/a.txt/",
    "m/empty",
    "r/new",
    "tmp/link",
    "m/w/x",
    "m/large",
    "one",
    "m/b.bin",
];

struct Host {
    /// The one at `/m`, and the one at `/r`, to be read.
    worlds: [World; 2],
    modules: [Module; 2],
}

fn host() -> MutexGuard<'static, Host> {
    static HOST: OnceLock<Mutex<Host>> = OnceLock::new();
    let host = HOST.get_or_init(|| {
        let module = |name: &str| {
            let text = functions::module(name);
            Module::new(&Engine::new(), name, text.as_bytes()).expect("a module")
        };
        Mutex::new(Host {
            worlds: [World::new(), World::new()],
            modules: [module("wasi_snapshot_preview1"), module("wasi_unstable")],
        })
    });
    host.lock().unwrap_or_else(PoisonError::into_inner)
}

/// See the module.
pub fn wasi_calls(bytes: &[u8]) {
    let mut host = host();
    let host = &mut *host;
    let mut input = Input(bytes);
    let (setup, preset) = (input.byte(), input.byte());
    let mode = match setup & 3 {
        0 => MountMode::ReadOnly,
        1 => MountMode::ReadWrite,
        _ => MountMode::ReadWriteCreate,
    };
    let is_old = setup & 4 != 0;
    let mount = |guest: &str, host, mode| Mount {
        guest: guest.to_owned(),
        host,
        mode,
    };
    let mut mounts = vec![
        mount("/m", host.worlds[0].mount(), mode),
        mount("/r", host.worlds[1].mount(), MountMode::ReadOnly),
    ];
    if setup & 8 != 0 {
        mounts.push(mount(
            "/one",
            host.worlds[1].mount().join("large"),
            MountMode::ReadOnly,
        ));
    }
    let grants = Grants {
        mounts,
        env: vec![
            ("A".to_owned(), "b".to_owned()),
            ("LONG".to_owned(), "x".repeat(300)),
        ],
        ..Grants::default()
    };
    let limits = Limits {
        deadline: Some(Duration::from_millis(50)),
        output: Some(1 << 16),
        tmp: 1 << 18,
        ..Limits::default()
    };
    let module = &host.modules[usize::from(is_old)];
    within(MOST, || {
        let guest = module
            .instance()
            .grants(grants)
            .limits(limits)
            .args(["one", "two"]);
        let guest = guest.stdin(Stdin::Bytes(b"what is on stdin".to_vec()));
        let mut guest = Guest::new(guest.start().expect("an instance"), preset, is_old);
        for _ in 0..MAX_CALLS {
            if input.is_empty() || !guest.call(&mut input) {
                break;
            }
        }
        let said = bytes
            .windows(SECRET.len())
            .any(|part| part == SECRET.as_bytes());
        guest.check_memory(said);
    });
    host.worlds[0].hold(Some(mode));
    host.worlds[1].hold(Some(MountMode::ReadOnly));
}

struct Guest {
    instance: Instance,
    functions: Vec<Func>,
    is_old: bool,
    /// The descriptors that were opened.
    opened: Vec<u32>,
    /// What the memory was before the call.
    before: Vec<u8>,
}

impl Guest {
    fn new(mut instance: Instance, preset: u8, is_old: bool) -> Self {
        let name = |function: &Function| instance.function(function.name).expect("it is exported");
        let functions = FUNCTIONS.iter().map(name).collect();
        let mut memory = vec![preset; MEMORY];
        for (place, path) in PATHS.iter().enumerate() {
            let at = PATHS_AT + place * PATH_ROOM;
            memory[at..at + path.len()].copy_from_slice(path.as_bytes());
        }
        // Some good buffers, and some that aren't.
        let buffers: [(u32, u32); 16] = [
            (0x4000, 16),
            (0x4100, 0),
            (0x4200, 300),
            (0x4000, 64),
            (0xfff8, 8),
            (0xfff8, 9),
            (0xffff_fff0, 8),
            (0x4400, 0x7fff_ffff),
            (0x2000, 64),
            (0x4500, 1),
            (0x5000, 0x4000),
            (0, 0),
            (0x10000, 0),
            (0x10000, 1),
            (0x4600, 4096),
            (0x2010, 8),
        ];
        for (place, (at, len)) in buffers.iter().enumerate() {
            let there = BUFFERS_AT + 8 * place;
            memory[there..there + 4].copy_from_slice(&at.to_le_bytes());
            memory[there + 4..there + 8].copy_from_slice(&len.to_le_bytes());
        }
        instance
            .memory("memory")
            .expect("it is there")
            .write(0, &memory)
            .expect("it fits");
        Self {
            instance,
            functions,
            is_old,
            opened: Vec::new(),
            before: memory,
        }
    }

    /// One call; whether there can be another.
    fn call(&mut self, input: &mut Input<'_>) -> bool {
        let place = usize::from(input.byte());
        if place >= 0xe0 {
            // Something else is to be in the memory.
            let at = u64::from(self.pointer(input)).min(MEMORY as u64 - 64);
            let mut bytes = input.bytes().to_vec();
            bytes.truncate(64);
            let mut memory = self.instance.memory("memory").expect("it is there");
            memory.write(at, &bytes).expect("it fits");
            self.before = memory.bytes().to_vec();
            return true;
        }
        let place = place % FUNCTIONS.len();
        let function = &FUNCTIONS[place];
        let args: Vec<u64> = function
            .takes
            .iter()
            .map(|argument| self.argument(*argument, input))
            .collect();
        let values: Vec<Value> = (function.takes.iter().zip(&args))
            .map(|(argument, value)| match argument.is_wide() {
                true => Value::I64(value.cast_signed()),
                false => Value::I32((*value as u32).cast_signed()),
            })
            .collect();
        let told = self.instance.call_function(self.functions[place], &values);
        let errno = match (told, function.name) {
            (Ok(results), _) => match results.as_slice() {
                [Value::I32(errno)] if (0..=76).contains(errno) => *errno,
                other => panic!("{} gave {other:?}", function.name),
            },
            (Err(CallError::Exit(code)), "proc_exit") => {
                assert_eq!(code, (args[0] as u32).cast_signed());
                return false;
            }
            // As Preview 1 has it for what is outside of the memory, or not aligned.
            (Err(CallError::Trap(trap)), _) if trap.message.contains("Pointer ") => -1,
            (Err(CallError::Trap(_)), "proc_raise") | (Err(CallError::Limit(_)), _) => {
                return false;
            }
            (Err(error), name) => panic!("{name}{args:x?} is no errno: {error:?}"),
        };
        let writable = functions::writable(function, &args, &self.before, self.is_old);
        let memory = self.instance.memory("memory").expect("it is there");
        assert_same_but(
            &self.before,
            memory.bytes(),
            &writable,
            function.name,
            &args,
        );
        self.before = memory.bytes().to_vec();
        if function.name == "path_open" && errno == 0 {
            let at = args[8] as usize;
            let fd = self.before[at..at + 4].try_into().expect("four bytes");
            self.opened.push(u32::from_le_bytes(fd));
        }
        true
    }

    fn argument(&self, argument: Argument, input: &mut Input<'_>) -> u64 {
        let choice = input.byte();
        match argument {
            Argument::Fd => u64::from(match choice {
                0..0x40 => u32::from(choice % 8),
                0x40..0x80 => self
                    .opened
                    .get(usize::from(choice) % self.opened.len().max(1))
                    .copied()
                    .unwrap_or(3),
                0x80..0xe0 => 3,
                0xe0..0xf0 => [u32::MAX, 65_535, 65_536, 0x7fff_ffff][usize::from(choice % 4)],
                _ => input.u32(),
            }),
            // The length comes behind it.
            Argument::Path => match choice {
                0..0xf0 => (PATHS_AT + usize::from(choice) % PATHS.len() * PATH_ROOM) as u64,
                _ => u64::from(self.pointer(input)),
            },
            Argument::Length => match choice {
                0..0xc0 => PATHS[usize::from(choice) % PATHS.len()].len() as u64,
                0xc0..0xe0 => [0, 1, 4, 8, 24, 64, 300, 4096][usize::from(choice % 8)],
                0xe0..0xf0 => [65_535, 65_536, 0xffff_ffff, 0x8000_0000][usize::from(choice % 4)],
                _ => u64::from(input.u32()),
            },
            Argument::Out => match choice {
                0..0xc0 => 0x4000 + u64::from(choice) * 8,
                _ => u64::from(self.pointer(input)),
            },
            Argument::Buffers => match choice {
                0..0xe0 => (BUFFERS_AT + usize::from(choice % 16) * 8) as u64,
                _ => u64::from(self.pointer(input)),
            },
            Argument::Count => match choice {
                0..0xe0 => u64::from(choice % 5),
                0xe0..0xf0 => [1024, 1025, 0xffff_ffff, 4096][usize::from(choice % 4)],
                _ => u64::from(input.u32()),
            },
            Argument::Flags => match choice {
                0..0xf0 => u64::from(choice & 0x1f),
                _ => u64::from(input.u32()),
            },
            Argument::Rights => match choice {
                0..0xe0 => u64::MAX >> (choice % 64),
                _ => input.u64(),
            },
            Argument::Wide => match choice {
                0..0x80 => u64::from(choice % 16),
                0x80..0xe0 => [
                    u64::MAX,
                    1 << 63,
                    1 << 24,
                    1 << 20,
                    1 << 40,
                    5000,
                    300,
                    1 << 18,
                ][usize::from(choice % 8)],
                _ => input.u64(),
            },
        }
    }

    fn pointer(&self, input: &mut Input<'_>) -> u32 {
        match input.byte() {
            choice @ 0..0x80 => [
                0,
                65_535,
                65_536,
                65_532,
                65_528,
                0xffff_ffff,
                0xffff_fffc,
                0x8000_0000,
                8192,
                8196,
                1024,
                0x4000,
                65_472,
                65_480,
                65_504,
                65_505,
            ][usize::from(choice % 16)],
            0x80..0xc0 => u32::from(input.u16()),
            _ => input.u32(),
        }
    }

    /// The memory, and what was printed, hold nothing that is not in a mount.
    fn check_memory(&mut self, said: bool) {
        let printed = [self.instance.take_stdout(), self.instance.take_stderr()].concat();
        for bytes in [&self.before, &printed] {
            let tells = bytes
                .windows(SECRET.len())
                .any(|part| part == SECRET.as_bytes());
            assert!(!tells || said, "it tells what is not in a mount");
        }
    }
}

/// Panics where `after` differs from `before` elsewhere than in `writable`.
fn assert_same_but(before: &[u8], after: &[u8], writable: &[Range<u64>], name: &str, args: &[u64]) {
    assert_eq!(before.len(), after.len());
    if before == after {
        return;
    }
    let differs =
        (before.iter().zip(after).enumerate()).filter(|(_, (before, after))| before != after);
    for (at, _) in differs {
        let at = at as u64;
        let may = writable.iter().any(|range| range.contains(&at));
        assert!(
            may,
            "{name}{args:x?} wrote at {at:#x}, and may write {writable:x?}"
        );
    }
}
