//! Plain Wasm: modules compiled once, instances with a state of their own, and
//! calls of their exports with typed values.

mod builder;
mod context;
mod convert;
mod error;
mod function;
mod global;
mod handles;
mod imports;
mod instance;
mod memory;
mod module;
mod types;

pub use builder::InstanceBuilder;
pub use context::CallContext;
pub use error::CallError;
pub use function::Func;
pub use instance::Instance;
pub use memory::MemoryView;
pub use module::{Engine, Module};
pub use types::{ExportType, ExternType, FunctionType, ImportType, ValueType};

pub(crate) use error::Raised;
