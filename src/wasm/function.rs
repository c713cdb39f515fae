//! Functions of an instance, by handle.

/// A function of one [`Instance`](crate::Instance): an export that was looked
/// up, or a reference that the guest gave out. It can be called, and passed to
/// the same instance as [`Value::Func`](crate::Value::Func).
///
/// ```
/// use dormouse::{Engine, Instance, Module, Value};
/// let module = Module::new(&Engine::new(), "add.wat", br#"(module
///     (func (export "add") (param i32 i32) (result i32)
///         local.get 0 local.get 1 i32.add))"#)?;
/// let mut instance = Instance::new(&module)?;
/// let add = instance.function("add")?;
/// let mut results = [Value::I32(0)];
/// for n in 0..1000 {
///     instance.call_into(add, &[Value::I32(n), Value::I32(1)], &mut results)?;
///     assert_eq!(results, [Value::I32(n + 1)]);
/// }
/// # Ok::<(), dormouse::CallError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Func {
    /// Which instance it belongs to.
    pub(super) instance: u64,
    /// Its place among the functions that were looked up there.
    pub(super) index: u32,
}
