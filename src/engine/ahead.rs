//! Translating functions before they are called, on other threads.
//!
//! wasmi translates a function when it is first called, which is most of what
//! a fresh process spends on a large guest. An image can list the functions
//! that its runs call, in a table of functions that it exports as [`HOT`].
//! A thread of ours makes an instance of the module of its own, without memory
//! and without host functions, and calls each of them; wasmi translates it for
//! all instances, then asks the store's call hook whether to go on, which
//! refuses. So no code of the guest ever runs here.
//!
//! Largest first is the best order for the list: the run itself translates
//! what it calls in its own order, and where it comes to a function that a
//! thread is at, it waits for it.

use dormouse_snapshot::HOT;
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};
use wasmi::{
    Extern, ExternType, Func, Linker, Memory, MemoryType, Module, Nullable, Ref, Store, Val,
};

/// Functions of the list that are looked at: the table is the image's, and a
/// few thousand are what the largest interpreters call in a short run.
const MAX_HOT: u64 = 20_000;

/// Threads that translate. What is left to the run itself bounds the gain.
const MAX_THREADS: usize = 3;

/// Bytes of a thread's stack: translating nests with the guest's blocks, and
/// wasmi bounds those.
const STACK: usize = 1 << 20;

/// Begins to translate what `module` lists as hot, and does not wait for it.
/// Does nothing where there is no list, or no idle processor.
pub(crate) fn translate(module: &Module) {
    if matches!(module.get_export(HOT), Some(ExternType::Table(_))) {
        start(module, idle_processors().min(MAX_THREADS));
    }
}

/// Processors that nobody uses right now. On a busy machine a thread of ours
/// can be put aside in the middle of a function, for which the run then waits,
/// spinning: translating ahead would cost more than it saves. Looked at once,
/// before threads of ours are among those that run.
pub(crate) fn idle_processors() -> usize {
    static IDLE: OnceLock<usize> = OnceLock::new();
    *IDLE.get_or_init(|| {
        let processors = processors();
        let running = std::fs::read_to_string("/proc/loadavg")
            .ok()
            .and_then(|load| running(&load));
        // Where the system does not tell, at least we run.
        processors.saturating_sub(running.unwrap_or(1))
    })
}

/// Processors that this process may use. Quotas don't matter here: they are of
/// processor time, and none is wasted.
#[cfg(target_os = "linux")]
fn processors() -> usize {
    rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count() as usize)
}

#[cfg(not(target_os = "linux"))]
fn processors() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// How many threads run or want to, by a line like `0.20 0.18 0.12 2/80 11206`.
fn running(load: &str) -> Option<usize> {
    let (running, _) = load.split_ascii_whitespace().nth(3)?.split_once('/')?;
    running.parse().ok()
}

/// Lets `threads` threads share the list.
fn start(module: &Module, threads: usize) -> Vec<thread::JoinHandle<usize>> {
    let next = Arc::new(AtomicUsize::new(0));
    (0..threads)
        .filter_map(|_| {
            let (module, next) = (module.clone(), Arc::clone(&next));
            thread::Builder::new()
                .name("dormouse-ahead".to_owned())
                .stack_size(STACK)
                .spawn(move || work(&module, &next))
                // Without a thread the run translates all itself.
                .ok()
        })
        .collect()
}

/// Translates functions of the list from `next` on; how many.
fn work(module: &Module, next: &AtomicUsize) -> usize {
    #[cfg(feature = "cli")]
    super::mapping::keep_all();
    let Some((mut store, hot)) = list(module) else {
        return 0;
    };
    let mut count = 0;
    while let Some(func) = hot.get(next.fetch_add(1, Ordering::Relaxed)) {
        call(&mut store, *func);
        count += 1;
    }
    count
}

/// An instance that can't run, and its list. `None` where the module needs
/// more of an instance than can be had without running it.
fn list(module: &Module) -> Option<(Store<()>, Vec<Func>)> {
    let mut store = Store::new(module.engine(), ());
    store.call_hook(|(), _| Err(refusal()));
    // Where fuel is metered, translating may cost some. Else it is an error.
    let _ = store.set_fuel(u64::MAX);
    let mut linker = Linker::new(module.engine());
    for import in module.imports() {
        let (from, name) = (import.module(), import.name());
        match import.ty() {
            ExternType::Func(ty) => {
                let refuse = |_: wasmi::Caller<'_, ()>, _: &[Val], _: &mut [Val]| Err(refusal());
                linker.func_new(from, name, ty.clone(), refuse).ok()?;
            }
            ExternType::Memory(ty) => {
                let memory = Memory::new(&mut store, empty(*ty)?).ok()?;
                linker.define(from, name, memory).ok()?;
            }
            ExternType::Global(_) | ExternType::Table(_) => return None,
        }
    }
    let instance = linker.instantiate_and_start(&mut store, module).ok()?;
    let Some(Extern::Table(table)) = instance.get_export(&store, HOT) else {
        return None;
    };
    let hot = (0..table.size(&store).min(MAX_HOT))
        .filter_map(|index| match table.get(&store, index) {
            Some(Ref::Func(Nullable::Val(func))) => Some(func),
            _ => None,
        })
        .collect();
    Some((store, hot))
}

/// A memory that can be imported as `ty`; images ask for no pages, and for one to
/// look at.
fn empty(ty: MemoryType) -> Option<MemoryType> {
    (ty.minimum() <= 1).then_some(ty)
}

/// Has `func` translated. The hook ends the call before its first instruction.
fn call(store: &mut Store<()>, func: Func) -> Option<wasmi::Error> {
    let ty = func.ty(&*store);
    let params: Vec<Val> = ty
        .params()
        .iter()
        .copied()
        .map(Val::default_for_ty)
        .collect();
    let mut results: Vec<Val> = ty
        .results()
        .iter()
        .copied()
        .map(Val::default_for_ty)
        .collect();
    func.call(store, &params, &mut results).err()
}

fn refusal() -> wasmi::Error {
    wasmi::Error::new("translated only")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every function would do something that a test notices.
    const GUEST: &str = r#"(module
        (import "host" "call" (func $host (param i32)))
        (import "dormouse" "memory0" (memory 0))
        (table (export "dormouse:hot") 7 funcref)
        (elem (i32.const 0) $spin $trap $call $wide $recurse $host)
        (func $spin (export "spin") (loop (br 0)))
        (func $trap (unreachable))
        (func $call (call $host (i32.const 1)))
        (func $wide (param i32 i64 f32 f64 v128 funcref externref) (result v128 i32)
            (local.get 4) (i32.load (local.get 0)))
        (func $recurse (call $recurse))
        (func $cold (export "cold") (result i32) (i32.const 5)))"#;

    /// An engine that charges for translating, so that it can be seen.
    fn module(text: &str) -> Module {
        let mut config = wasmi::Config::default();
        config
            .consume_fuel(true)
            .compilation_mode(wasmi::CompilationMode::LazyTranslation);
        let wasm = wat::parse_str(text).expect("valid text");
        Module::new(&wasmi::Engine::new(&config), wasm).expect("a module")
    }

    /// Which functions of the list `module` has translated already: its engine
    /// charges for that, and a call that can't pay fails before it has done
    /// anything.
    fn translated(module: &Module) -> Vec<bool> {
        let Some((mut store, hot)) = list(module) else {
            return Vec::new();
        };
        hot.into_iter()
            .map(|func| {
                let unpaid = store.set_fuel(0).is_ok()
                    && call(&mut store, func).is_some_and(|error| {
                        error.as_trap_code() == Some(wasmi::TrapCode::OutOfFuel)
                    });
                !unpaid
            })
            .collect()
    }

    #[test]
    fn hot_functions_are_translated_and_none_runs() {
        let module = module(GUEST);
        let nothing = [false, false, false, false, false];
        // The sixth is the host's, which is never translated.
        assert_eq!(translated(&module)[..5], nothing);
        let counts = start(&module, 2)
            .into_iter()
            .map(|thread| thread.join().expect("it ends"));
        // The seventh entry is null.
        assert_eq!(counts.sum::<usize>(), 6);
        assert_eq!(translated(&module)[..5], [true; 5]);
    }

    #[test]
    fn asking_translates_nothing() {
        let module = module(GUEST);
        let before = translated(&module);
        assert_eq!(translated(&module), before);
    }

    #[test]
    fn a_run_in_the_foreground_is_undisturbed() {
        let module = module(GUEST);
        let threads = start(&module, 2);
        let mut store = Store::new(module.engine(), ());
        store.set_fuel(1_000_000).expect("metered");
        let mut linker = Linker::new(module.engine());
        linker.func_wrap("host", "call", |_: i32| ()).expect("new");
        let memory = Memory::new(&mut store, MemoryType::new(0, None)).expect("a memory");
        linker.define("dormouse", "memory0", memory).expect("new");
        let instance = linker
            .instantiate_and_start(&mut store, &module)
            .expect("an instance");
        let cold = instance.get_typed_func::<(), i32>(&store, "cold");
        assert_eq!(cold.expect("a function").call(&mut store, ()).ok(), Some(5));
        for thread in threads {
            thread.join().expect("it ends");
        }
    }

    #[test]
    fn busy_threads_are_counted() {
        assert_eq!(running("0.20 0.18 0.12 2/80 11206\n"), Some(2));
        assert_eq!(running("0.20 0.18"), None);
        assert_eq!(running("a b c d/e"), None);
        assert_eq!(running(""), None);
    }

    #[test]
    fn modules_without_a_usable_list_are_left_alone() {
        for text in [
            "(module)",
            r#"(module (func (export "dormouse:hot")))"#,
            r#"(module (import "x" "t" (table 1 funcref)) (export "dormouse:hot" (table 0)))"#,
            r#"(module (table (export "dormouse:hot") 1 funcref) (func $f) (start $f))"#,
            r#"(module (table (export "dormouse:hot") 1 externref))"#,
            r#"(module (table (export "dormouse:hot") 1 funcref) (memory 0))"#,
        ] {
            let module = wat::parse_str(text).expect("valid text");
            let module = Module::new(&wasmi::Engine::default(), module).expect("a module");
            assert_eq!(work(&module, &AtomicUsize::new(0)), 0, "{text}");
            translate(&module);
        }
    }
}
