//! What capturing needs of an engine.

/// An instance of an [instrumented](crate::Instrumented) module, looked into
/// from outside by the names of its exports.
pub trait Guest {
    /// The value of the exported global.
    fn global(&self, name: &str) -> Option<Value>;

    /// The whole content of the exported memory.
    fn memory(&self, name: &str) -> Option<&[u8]>;

    /// The references in the exported table, in order.
    fn table(&self, name: &str) -> Option<Vec<Reference>>;
}

/// A value as its bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
    /// A vector, its first lane in the lowest bits.
    V128(u128),
    /// A reference.
    Reference(Reference),
}

/// What a reference is to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// Nothing.
    Null,
    /// A function: any text that is equal for the same function of this
    /// instance, and only for it.
    Function(String),
    /// Something of the host's.
    Extern,
}

impl<G: Guest + ?Sized> Guest for &G {
    fn global(&self, name: &str) -> Option<Value> {
        (**self).global(name)
    }

    fn memory(&self, name: &str) -> Option<&[u8]> {
        (**self).memory(name)
    }

    fn table(&self, name: &str) -> Option<Vec<Reference>> {
        (**self).table(name)
    }
}
