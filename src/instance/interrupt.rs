//! Interrupting a guest in the middle of what it does.

use super::{Instance, State};
use crate::engine::{Stop, mapping::MappedStore};
use wasmi::{Func, Global, Val, ValType};

/// Stack that is left alone below what a paused function says that it uses:
/// compilers let functions that call none use so much without saying it.
const RED_ZONE: i32 = 256;

/// A function of the guest that notes an interrupt, as a signal handler would.
/// It is called wherever the guest just is, between two of its basic blocks.
#[derive(Clone, Copy)]
pub(crate) struct Interrupt {
    function: Func,
    argument: i32,
    stack_pointer: Global,
}

impl Interrupt {
    /// The exports of `instance` for it: `function`, to be called with
    /// `argument`. `None` where it lacks one, or has one of another type.
    pub(crate) fn of(
        instance: &Instance,
        function: &str,
        argument: i32,
        stack_pointer: &str,
    ) -> Option<Self> {
        let store = &instance.store;
        let function = instance.func(function)?;
        let ty = function.ty(store);
        let stack_pointer = instance.instance.get_global(store, stack_pointer)?;
        let fits = ty.params() == [ValType::I32]
            && ty.results().is_empty()
            && stack_pointer.get(store).i32().is_some();
        fits.then_some(Self {
            function,
            argument,
            stack_pointer,
        })
    }

    pub(super) fn raise(self, store: &mut MappedStore<State>) -> Result<(), Stop> {
        let before = self.stack_pointer.get(&*store);
        let top = before.i32().unwrap_or(0).wrapping_sub(RED_ZONE);
        let moved = self.stack_pointer.set(&mut *store, Val::I32(top));
        moved.map_err(|error| Stop::new(error.to_string()))?;
        let called = self
            .function
            .call(&mut *store, &[Val::I32(self.argument)], &mut []);
        let moved = self.stack_pointer.set(&mut *store, before);
        called.and(moved.map_err(|error| Stop::new(error.to_string())))
    }
}
