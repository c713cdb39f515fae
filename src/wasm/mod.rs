//! Plain Wasm: modules compiled once, instances with a state of their own, and
//! calls of their exports with typed values.

mod brief;
mod builder;
mod context;
mod convert;
mod error;
mod function;
mod global;
mod handles;
mod imports;
mod instance;
mod leaf;
mod memory;
mod module;
mod types;

pub use brief::Unfinished;
pub use builder::InstanceBuilder;
pub use context::CallContext;
pub use error::CallError;
pub use function::{Func, PureFunction};
pub use instance::Instance;
pub use memory::MemoryView;
pub use module::{Engine, Module};
pub use types::{ExportType, ExternType, FunctionType, ImportType, ValueType};

pub(crate) use error::Raised;
