//! A Python program ends as it does where the interpreter takes itself apart:
//! each is compared with the same guest started without our bootstrap.

use crate::support::{Dir, both_ways, command, dormouse, store, without_addresses};
use dormouse::Language;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Stdio,
    sync::{LazyLock, Mutex},
};

both_ways! {
    functions_to_be_called_at_exit,
    objects_that_do_something_when_they_go,
    exit_codes_of_every_kind,
    streams_at_the_end,
    files_left_open_are_written,
}

/// The plain guest, as a Wasm program.
static PLAIN: LazyLock<(Dir, PathBuf)> = LazyLock::new(|| {
    let dir = Dir::new();
    let wasm = store()
        .load(Language::Python, &mut |_| {})
        .expect("it can be fetched");
    let path = dir.write("python.wasm", wasm);
    (dir, path)
});

/// Exit code, stdout and stderr.
type Ended = (Option<i32>, String, String);

fn ended(words: &[&str], program: &str) -> Ended {
    let output = command()
        .args(words)
        .arg(program)
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        without_addresses(&String::from_utf8_lossy(&output.stderr)),
    )
}

/// How `program` ends in the plain guest. Both ways are compared with it.
fn anywhere(program: &str) -> Ended {
    static KNOWN: Mutex<BTreeMap<String, Ended>> = Mutex::new(BTreeMap::new());
    let known = || KNOWN.lock().expect("nobody panics with it");
    if let Some(known) = known().get(program) {
        return known.clone();
    }
    let plain = PLAIN.1.to_str().expect("UTF-8");
    let ended = ended(&[plain, "-B", "-I", "-c"], program);
    known().insert(program.to_owned(), ended.clone());
    ended
}

#[track_caller]
fn ends_as_anywhere(programs: &[&str]) {
    for program in programs {
        let here = ended(&["-c"], program);
        let anywhere = anywhere(program);
        assert_eq!(here, anywhere, "{program}");
    }
}

/// Something shows that an object goes.
const D: &str = "
class D:
    def __init__(self, name): self.name = name
    def __del__(self): print('del', self.name, len(self.name), os)
import os
";

fn functions_to_be_called_at_exit() {
    ends_as_anywhere(&[
        "import atexit\nfor i in range(3): atexit.register(print, i)\nprint('end')",
        "import atexit, sys
def fail(): 1/0
atexit.register(print, 'last')
atexit.register(fail)
atexit.register(sys.exit, 3)
atexit.register(lambda: atexit.register(print, 'never'))
raise SystemExit(5)",
        "import atexit, threading
atexit.register(lambda: print(threading.main_thread().is_alive()))
threading._register_atexit(print, 'threading')",
        "import logging, logging.handlers, sys
handler = logging.handlers.MemoryHandler(10, target=logging.StreamHandler(sys.stdout))
logging.getLogger().addHandler(handler)
logging.warning('kept back')
print('end')",
    ]);
}

fn objects_that_do_something_when_they_go() {
    let with_d = |rest: &str| format!("{D}{rest}");
    let programs = [
        with_d("a = D('a'); b = D('b'); print('end')"),
        with_d("a = D('a'); a.itself = a; b = [D('b')]; b.append(b)"),
        with_d("import gc; gc.disable(); a = D('a'); a.itself = a; del a; print('end')"),
        with_d("import gc; a = D('a'); a.itself = a; del a; print('end')"),
        with_d("import sys, types; sys.modules['m'] = m = types.ModuleType('m'); m.a = D('a')"),
        with_d("import sys; sys.kept = D('kept'); raise SystemExit(4)"),
        with_d("a = D('a'); 1/0"),
        with_d("def f():\n    a = D('a')\n    1/0\nf()"),
        with_d("a = D(1)"),
        "class E(tuple):\n    __slots__ = ()\n    def __del__(self): print('del')\ne = E()".into(),
        "class E:\n    __slots__ = ()\n    def __del__(self): print('del')\ne = E()".into(),
        "class E(int):\n    def __del__(self): print('del', self)\ne = [E(3)]".into(),
        "import sys\nclass E:\n    def __del__(self): print(sys.is_finalizing())\ne = E()".into(),
        "def g():\n    try: yield\n    finally: print('finally')\ng = g(); next(g)".into(),
        "async def c(): pass\nc = c()".into(),
        "import weakref\nclass C: pass\nc = C()\nr = weakref.ref(c, lambda r: print('gone'))"
            .into(),
        "import weakref\nclass C: pass\nc = C()\nweakref.finalize(c, print, 'finalized')".into(),
        "import weakref\nclass C: pass\nc = C()\nw = weakref.WeakValueDictionary(c=c); print(1)"
            .into(),
        "import gc\ngc.callbacks.append(lambda phase, info: print(phase))".into(),
        "import contextlib, tempfile\nt = tempfile.TemporaryDirectory()\nprint(1)".into(),
        "class M(type):\n    __hash__ = None\n    def __eq__(self, other): 1/0\nclass C(metaclass=M): pass\nc = C()".into(),
        "class M(type):\n    def __getattr__(self, name): print(name)\nclass C(metaclass=M): pass\nc = C()".into(),
        "class C:\n    @property\n    def __class__(self): print('class')\nc = C()".into(),
        "import weakref\nclass C: pass\nc = C()\nw = weakref.proxy(c, print)".into(),
        "import builtins; builtins.print = lambda *a: None; x = 1".into(),
    ];
    ends_as_anywhere(&programs.each_ref().map(String::as_str));
}

fn exit_codes_of_every_kind() {
    for code in [
        "", "0", "3", "255", "256", "-1", "True", "False", "None", "'why'", "''", "1.5", "2 ** 70",
        "(1, 2)", "[]",
    ] {
        ends_as_anywhere(&[&format!("import sys\nprint('out')\nsys.exit({code})")]);
    }
    ends_as_anywhere(&[
        "class E(SystemExit): pass\nraise E(7)",
        "import os\nprint('lost')\nos._exit(9)",
    ]);
}

fn streams_at_the_end() {
    ends_as_anywhere(&[
        "import sys\nprint('no newline', end='')\nsys.stderr.write('nor here')",
        "import sys\nsys.stdout.close()",
        "import os, sys\nprint('lost')\nos.close(1)",
        "import sys\nsys.stdout = None\nsys.stderr = None",
        "import sys\nprint('first')\nb = sys.stdout.detach()\nb.write(b'second')",
        "import io, sys\nw = io.TextIOWrapper(sys.stdout.buffer)\nw.write('wrapped')",
        "import io\ns = io.StringIO()\ns.write('x')\nprint(1)",
        "import sys
class Out:
    def write(self, text): sys.__stdout__.write(text.upper())
    def flush(self): sys.__stdout__.write('flushed\\n')
sys.stdout = Out()
print('out')",
        "import sys
class Bad:
    def write(self, text): pass
    def flush(self): raise ValueError('bad')
sys.stderr = Bad()
print('out')",
    ]);
}

fn files_left_open_are_written() {
    let dir = Dir::new();
    dormouse([
        "run",
        "--mount",
        &dir.mount("/data", "rwc"),
        "-c",
        "f = open('/data/a', 'w'); f.write('text')\n\
         g = open('/data/b', 'wb'); g.write(b'bytes'); h = [g]\n\
         def k():\n    with open('/data/c', 'w') as k: k.write('held'); yield\n\
         k = k(); next(k)",
    ])
    .exits(0);
    assert_eq!(dir.read("a"), "text");
    assert_eq!(dir.read("b"), "bytes");
    assert_eq!(dir.read("c"), "held");
}
