//! What of an instance has handles outside of it.

use super::{Func, leaf::Leaf};
use crate::instance::State;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use wasmi::{AsContextMut, ExternRef, FuncType};

/// The functions and references of one instance that its host knows.
pub(super) struct Handles {
    /// Never that of another instance.
    id: u64,
    functions: Vec<Resolved>,
    names: HashMap<String, u32>,
    /// Functions by what tells them apart.
    known: HashMap<String, u32>,
    externs: HashMap<u64, ExternRef>,
    /// The instance itself, once it has been started.
    pub(super) instance: Option<wasmi::Instance>,
    /// Memories that were made for imports, by the names of those.
    pub(super) memories: Vec<(String, wasmi::Memory)>,
    /// Calls of the guest that are under way inside of each other.
    pub(super) depth: usize,
}

/// A function that was looked up.
pub(super) struct Resolved {
    pub(super) raw: wasmi::Func,
    pub(super) ty: FuncType,
    /// What it was looked up as.
    pub(super) name: Option<String>,
    /// The same, if it is so short that it need not be entered.
    pub(super) leaf: Option<Arc<Leaf>>,
}

impl Default for Handles {
    fn default() -> Self {
        // A handle must not fit an instance that it was not made for.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            functions: Vec::new(),
            names: HashMap::new(),
            known: HashMap::new(),
            externs: HashMap::new(),
            instance: None,
            memories: Vec::new(),
            depth: 0,
        }
    }
}

impl Handles {
    pub(super) fn of(state: &mut State) -> &mut Self {
        state.language::<Self>()
    }

    /// What `func` stands for, if it is this instance's.
    pub(super) fn get(&self, func: Func) -> Option<&Resolved> {
        if func.instance != self.id {
            return None;
        }
        self.functions.get(func.index as usize)
    }

    /// The function that was looked up as `name`.
    pub(super) fn named(&self, name: &str) -> Option<Func> {
        let index = *self.names.get(name)?;
        Some(self.func(index))
    }

    /// States that `func` is as short as `leaf`.
    pub(super) fn set_leaf(&mut self, func: Func, leaf: &Arc<Leaf>) {
        if let Some(resolved) = self.functions.get_mut(func.index as usize) {
            resolved.leaf = Some(Arc::clone(leaf));
        }
    }

    fn func(&self, index: u32) -> Func {
        Func {
            instance: self.id,
            index,
        }
    }
}

/// A handle for `raw`, which has been looked up as `name`.
pub(super) fn name(
    mut store: impl AsContextMut<Data = State>,
    raw: wasmi::Func,
    name: &str,
) -> Func {
    let func = handle(&mut store, raw);
    let mut store = store.as_context_mut();
    let handles = Handles::of(store.data_mut());
    handles.names.insert(name.to_owned(), func.index);
    if let Some(resolved) = handles.functions.get_mut(func.index as usize) {
        resolved.name.get_or_insert_with(|| name.to_owned());
    }
    func
}

/// The handle for `raw`: the same each time, so that there are no more than the
/// instance has functions.
pub(super) fn handle(store: &mut impl AsContextMut<Data = State>, raw: wasmi::Func) -> Func {
    // wasmi lets nobody compare its handles, but they say what they are.
    let key = format!("{raw:?}");
    let ty = raw.ty(&*store);
    let mut store = store.as_context_mut();
    let handles = Handles::of(store.data_mut());
    if let Some(index) = handles.known.get(&key) {
        return handles.func(*index);
    }
    // A store has fewer than 2^32.
    let index = handles.functions.len() as u32;
    handles.functions.push(Resolved {
        raw,
        ty,
        name: None,
        leaf: None,
    });
    handles.known.insert(key, index);
    handles.func(index)
}

/// The reference that stands for `id` in this instance: wasmi keeps each that is
/// made for as long as the store.
pub(super) fn external(store: &mut impl AsContextMut<Data = State>, id: u64) -> ExternRef {
    let mut store = store.as_context_mut();
    if let Some(known) = Handles::of(store.data_mut()).externs.get(&id) {
        return *known;
    }
    let made = ExternRef::new(&mut store, id);
    Handles::of(store.data_mut()).externs.insert(id, made);
    made
}
