//! What we call of the engine's exports.

use super::guest_error;
use crate::{Error, instance::State};
use wasmi::{AsContext, AsContextMut, Instance, Memory, Store, StoreContext, TypedFunc};

macro_rules! exports {
    ($($name:ident : ($($param:ty),*) -> $result:ty;)*) => {
        /// The engine's exported functions and memory.
        ///
        /// `qjs_*` functions speak in handles: addresses of cells that hold a
        /// value. Whoever gets a handle frees it, but for the arguments of a
        /// host function.
        #[derive(Clone, Copy)]
        #[expect(non_snake_case, reason = "the engine's own names")]
        pub(super) struct Exports {
            pub(super) memory: Memory,
            $(pub(super) $name: TypedFunc<($($param,)*), $result>,)*
        }

        impl Exports {
            pub(super) fn new(store: &Store<State>, instance: &Instance) -> Result<Self, Error> {
                Ok(Self {
                    memory: instance
                        .get_memory(store, "memory")
                        .ok_or_else(|| guest_error("it exports no memory"))?,
                    $($name: instance
                        .get_typed_func(store, stringify!($name))
                        .map_err(|error| {
                            guest_error(format_args!(
                                "its export {}: {error}", stringify!($name)
                            ))
                        })?,)*
                })
            }
        }
    };
}

exports! {
    _initialize: () -> ();
    qjs_init: () -> i32;
    qjs_get_context_ptr: () -> i32;
    qjs_set_promise_rejection_handler: (i32) -> ();
    qjs_set_interrupt_handler: (i32) -> ();
    qjs_set_module_loader: (i32) -> ();
    qjs_set_max_stack_size: (i32) -> ();
    qjs_set_gc_threshold: (i32) -> ();
    qjs_run_gc: () -> ();
    qjs_eval: (i32, i32, i32, i32) -> i32;
    qjs_call: (i32, i32, i32, i32) -> i32;
    qjs_is_job_pending: () -> i32;
    qjs_execute_pending_job: () -> i32;
    qjs_get_exception: () -> i32;
    qjs_is_exception: (i32) -> i32;
    qjs_is_error: (i32) -> i32;
    qjs_is_null: (i32) -> i32;
    qjs_is_string: (i32) -> i32;
    qjs_is_promise: (i32) -> i32;
    qjs_is_proxy: (i32) -> i32;
    qjs_is_array_buffer: (i32) -> i32;
    qjs_get_undefined: () -> i32;
    qjs_get_null: () -> i32;
    qjs_get_true: () -> i32;
    qjs_get_false: () -> i32;
    qjs_new_number: (f64) -> i32;
    qjs_new_string: (i32, i32) -> i32;
    qjs_new_object: () -> i32;
    qjs_new_error: () -> i32;
    qjs_new_array_buffer: (i32, i32) -> i32;
    qjs_new_host_function: (i32, i32, i32) -> i32;
    qjs_get_float64: (i32) -> f64;
    qjs_get_string_len: (i32, i32) -> i32;
    qjs_free_cstring: (i32) -> ();
    qjs_get_array_buffer: (i32, i32) -> i32;
    qjs_get_prop_string: (i32, i32) -> i32;
    qjs_set_prop_string: (i32, i32, i32) -> i32;
    qjs_get_proxy_target: (i32) -> i32;
    qjs_get_value_ptr: (i32) -> i32;
    qjs_promise_state: (i32) -> i32;
    qjs_promise_result: (i32) -> i32;
    qjs_throw: (i32) -> i32;
    qjs_free_value: (i32) -> ();
    wasm_malloc: (i32) -> i32;
    wasm_free: (i32) -> ();
    JS_ThrowOutOfMemory: (i32) -> i64;
    JS_EvalFunction: (i32, i64) -> i64;
    JS_GetImportMeta: (i32, i32) -> i64;
}

/// An address or a length as the engine gives it.
pub(super) fn address(value: i32) -> usize {
    value.cast_unsigned() as usize
}

/// An address or a length as the engine takes it. Guest memory has fewer than
/// 2^32 bytes, so nothing that came from it is cut.
pub(super) fn pointer(value: usize) -> i32 {
    u32::try_from(value).unwrap_or(u32::MAX).cast_signed()
}

impl Exports {
    /// The bytes of guest memory at `at`, if they are all there.
    pub(super) fn slice<'a>(
        &self,
        store: impl Into<StoreContext<'a, State>>,
        at: i32,
        len: usize,
    ) -> Option<&'a [u8]> {
        let start = address(at);
        let end = start.checked_add(len)?;
        self.memory.data(store).get(start..end)
    }

    pub(super) fn write(
        &self,
        store: &mut impl AsContextMut<Data = State>,
        at: i32,
        bytes: &[u8],
    ) -> Option<()> {
        self.memory.write(store, address(at), bytes).ok()
    }

    pub(super) fn read_u32(&self, store: &impl AsContext<Data = State>, at: i32) -> Option<u32> {
        let mut bytes = [0; 4];
        self.memory.read(store, address(at), &mut bytes).ok()?;
        Some(u32::from_le_bytes(bytes))
    }

    pub(super) fn read_u64(&self, store: &impl AsContext<Data = State>, at: i32) -> Option<u64> {
        let mut bytes = [0; 8];
        self.memory.read(store, address(at), &mut bytes).ok()?;
        Some(u64::from_le_bytes(bytes))
    }
}
