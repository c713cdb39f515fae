//! Functions of an instance, by handle.

use super::leaf::Leaf;
use crate::Value;
use std::sync::Arc;

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

/// A function that only computes: a few operations on numbers, without memory,
/// globals, calls or anything that can trap. It needs no instance to be called:
/// see [`Instance::pure`](crate::Instance::pure).
///
/// ```
/// use dormouse::{Engine, Instance, Module, Value};
/// let module = Module::new(&Engine::new(), "add.wat", br#"(module
///     (func (export "add") (param i32 i32) (result i32)
///         local.get 0 local.get 1 i32.add))"#)?;
/// let mut instance = Instance::new(&module)?;
/// let add = instance.function("add")?;
/// let add = instance.pure(add).expect("it only adds");
/// let mut results = [Value::I32(0)];
/// assert!(add.call(&[Value::I32(5), Value::I32(7)], &mut results));
/// assert_eq!(results, [Value::I32(12)]);
/// assert!(!add.call(&[Value::I32(5)], &mut results));
/// # Ok::<(), dormouse::CallError>(())
/// ```
#[derive(Debug, Clone)]
pub struct PureFunction(pub(super) Arc<Leaf>);

impl PureFunction {
    /// Calls it, if `args` are what it takes, and `results` has a place for each
    /// result; whether it did. [`Instance::call_into`](crate::Instance::call_into)
    /// says what is wrong otherwise.
    pub fn call(&self, args: &[Value], results: &mut [Value]) -> bool {
        self.0.call(args, results)
    }
}
