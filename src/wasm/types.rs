//! What modules import and export.

use crate::value::type_name;
use std::fmt;
use wasmi::ValType;

/// The type of a [`Value`](crate::Value).
///
/// ```
/// assert_eq!(dormouse::ValueType::I32.to_string(), "i32");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ValueType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit float.
    F32,
    /// A 64-bit float.
    F64,
    /// A 128-bit vector.
    V128,
    /// A function of the instance, or null.
    FuncRef,
    /// Something of the host's, or null.
    ExternRef,
}

/// What a function takes and gives.
///
/// ```
/// let engine = dormouse::Engine::new();
/// let module = dormouse::Module::new(&engine, "f.wat",
///     br#"(module (func (export "f") (param i32 i64) (result f32) f32.const 1))"#)?;
/// assert_eq!(module.exports()[0].ty.to_string(), "function (i32, i64) -> (f32)");
/// # Ok::<(), dormouse::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FunctionType {
    /// The types of its parameters, in order.
    pub params: Vec<ValueType>,
    /// The types of its results, in order.
    pub results: Vec<ValueType>,
}

/// What is imported or exported, by its type.
///
/// ```
/// use dormouse::{Engine, ExternType, Module};
/// let module = Module::new(&Engine::new(), "m.wat",
///     br#"(module (memory (export "memory") 1 2))"#)?;
/// let exported = &module.exports()[0].ty;
/// assert_eq!(*exported, ExternType::Memory { minimum: 1, maximum: Some(2) });
/// # Ok::<(), dormouse::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExternType {
    /// A function.
    Function(FunctionType),
    /// A global variable or constant.
    Global {
        /// The type of its value.
        ty: ValueType,
        /// Whether it can be set.
        mutable: bool,
    },
    /// A linear memory.
    Memory {
        /// Pages of 64 KiB that it has at first.
        minimum: u64,
        /// Pages that it can grow to, where that is bounded.
        maximum: Option<u64>,
    },
    /// A table of references.
    Table {
        /// The type of its elements.
        element: ValueType,
        /// Elements that it has at first.
        minimum: u64,
        /// Elements that it can grow to, where that is bounded.
        maximum: Option<u64>,
    },
}

/// Something that a module imports.
///
/// ```
/// let engine = dormouse::Engine::new();
/// let module = dormouse::Module::new(&engine, "f.wat",
///     br#"(module (import "env" "log" (func (param i32))))"#)?;
/// assert_eq!(module.imports()[0].to_string(), "env.log: function (i32) -> ()");
/// # Ok::<(), dormouse::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImportType {
    /// The module that it is looked for in.
    pub module: String,
    /// Its name there.
    pub name: String,
    /// What it must be.
    pub ty: ExternType,
}

/// Something that a module exports.
///
/// ```
/// let engine = dormouse::Engine::new();
/// let module = dormouse::Module::new(&engine, "m.wat",
///     br#"(module (memory (export "memory") 1 2))"#)?;
/// assert_eq!(module.exports()[0].to_string(), "memory: memory of 1 to 2 pages");
/// # Ok::<(), dormouse::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExportType {
    /// Its name.
    pub name: String,
    /// What it is.
    pub ty: ExternType,
}

impl From<ValType> for ValueType {
    fn from(ty: ValType) -> Self {
        match ty {
            ValType::I32 => Self::I32,
            ValType::I64 => Self::I64,
            ValType::F32 => Self::F32,
            ValType::F64 => Self::F64,
            ValType::V128 => Self::V128,
            ValType::FuncRef => Self::FuncRef,
            ValType::ExternRef => Self::ExternRef,
        }
    }
}

impl From<ValueType> for ValType {
    fn from(ty: ValueType) -> Self {
        match ty {
            ValueType::I32 => Self::I32,
            ValueType::I64 => Self::I64,
            ValueType::F32 => Self::F32,
            ValueType::F64 => Self::F64,
            ValueType::V128 => Self::V128,
            ValueType::FuncRef => Self::FuncRef,
            ValueType::ExternRef => Self::ExternRef,
        }
    }
}

impl From<&wasmi::FuncType> for FunctionType {
    fn from(ty: &wasmi::FuncType) -> Self {
        let types = |types: &[ValType]| types.iter().copied().map(ValueType::from).collect();
        Self {
            params: types(ty.params()),
            results: types(ty.results()),
        }
    }
}

impl From<&wasmi::ExternType> for ExternType {
    fn from(ty: &wasmi::ExternType) -> Self {
        match ty {
            wasmi::ExternType::Func(ty) => Self::Function(ty.into()),
            wasmi::ExternType::Global(ty) => Self::Global {
                ty: ty.content().into(),
                mutable: ty.mutability() == wasmi::Mutability::Var,
            },
            wasmi::ExternType::Memory(ty) => Self::Memory {
                minimum: ty.minimum(),
                maximum: ty.maximum(),
            },
            wasmi::ExternType::Table(ty) => Self::Table {
                element: ValType::from(ty.element()).into(),
                minimum: ty.minimum(),
                maximum: ty.maximum(),
            },
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(type_name((*self).into()))
    }
}

impl fmt::Display for FunctionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", Types(&self.params), Types(&self.results))
    }
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(ty) => write!(f, "function {ty}"),
            Self::Global { ty, mutable: true } => write!(f, "mutable global {ty}"),
            Self::Global { ty, mutable: false } => write!(f, "global {ty}"),
            Self::Memory { minimum, maximum } => {
                write!(f, "memory of {} pages", Bounds(*minimum, *maximum))
            }
            Self::Table {
                element,
                minimum,
                maximum,
            } => write!(f, "table of {} {element}s", Bounds(*minimum, *maximum)),
        }
    }
}

impl fmt::Display for ImportType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}: {}", self.module, self.name, self.ty)
    }
}

impl fmt::Display for ExportType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.ty)
    }
}

/// `(i32, i64)`.
pub(super) struct Types<'a>(pub(super) &'a [ValueType]);

impl fmt::Display for Types<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (index, ty) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{ty}")?;
        }
        f.write_str(")")
    }
}

/// `1 to 2`, or `at least 1`.
struct Bounds(u64, Option<u64>);

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(maximum) => write!(f, "{} to {maximum}", self.0),
            None => write!(f, "at least {}", self.0),
        }
    }
}

impl From<&wasmi::ImportType<'_>> for ImportType {
    fn from(import: &wasmi::ImportType<'_>) -> Self {
        Self {
            module: import.module().to_owned(),
            name: import.name().to_owned(),
            ty: import.ty().into(),
        }
    }
}

impl From<&wasmi::ExportType<'_>> for ExportType {
    fn from(export: &wasmi::ExportType<'_>) -> Self {
        Self {
            name: export.name().to_owned(),
            ty: export.ty().into(),
        }
    }
}
