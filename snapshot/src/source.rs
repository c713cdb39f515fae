//! A module taken apart: what every pass needs to know of it.

use crate::Error;
use std::collections::{BTreeSet, HashSet};
use wasm_encoder::ValType;
use wasmparser::{
    Data, Element, Export, ExternalKind, FuncToValidate, FuncType, FunctionBody, GlobalType,
    Import, MemoryType, Operator, Parser, Payload, TableType, TypeRef, ValidPayload, Validator,
    ValidatorResources, WasmFeatures,
};

/// What can be captured: what the interpreter runs.
pub(crate) fn features() -> WasmFeatures {
    WasmFeatures::WASM2
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::MEMORY64
        | WasmFeatures::RELAXED_SIMD
}

/// Exports whose names begin so are ours.
pub(crate) const OURS: &str = "dormouse:";

/// A function with a body.
#[derive(Clone)]
pub(crate) struct Defined<'a> {
    /// Its index, imports counted.
    pub(crate) index: u32,
    pub(crate) ty: u32,
    resources: ValidatorResources,
    pub(crate) body: FunctionBody<'a>,
}

impl Defined<'_> {
    pub(crate) fn to_validate(&self) -> FuncToValidate<ValidatorResources> {
        FuncToValidate {
            resources: self.resources.clone(),
            index: self.index,
            ty: self.ty,
            features: features(),
        }
    }
}

/// A valid module.
pub(crate) struct Source<'a> {
    pub(crate) wasm: &'a [u8],
    pub(crate) types: Vec<FuncType>,
    pub(crate) imports: Vec<Import<'a>>,
    /// Type index of each function, imports first.
    pub(crate) functions: Vec<u32>,
    /// How many functions are imports.
    pub(crate) imported_functions: u32,
    pub(crate) tables: Vec<(TableType, wasmparser::TableInit<'a>)>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<(GlobalType, wasmparser::ConstExpr<'a>)>,
    pub(crate) exports: Vec<Export<'a>>,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<Element<'a>>,
    pub(crate) data: Vec<Data<'a>>,
    pub(crate) has_data_count: bool,
    pub(crate) defined: Vec<Defined<'a>>,
    /// The name section's payload.
    pub(crate) names: Option<&'a [u8]>,
    /// What an earlier rewrite says that it appended.
    pub(crate) appended: Option<&'a [u8]>,
}

impl<'a> Source<'a> {
    /// Parses `wasm`, a module that is to be captured, and validates all but
    /// its code.
    pub(crate) fn parse(wasm: &'a [u8]) -> Result<Self, Error> {
        let source = Self::parse_image(wasm)?;
        source.refuse_imports()?;
        Ok(source)
    }

    /// Likewise, whatever it imports. Memories that it imports are not among
    /// its memories.
    pub(crate) fn parse_image(wasm: &'a [u8]) -> Result<Self, Error> {
        let mut source = Self {
            wasm,
            types: Vec::new(),
            imports: Vec::new(),
            functions: Vec::new(),
            imported_functions: 0,
            tables: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            exports: Vec::new(),
            start: None,
            elements: Vec::new(),
            data: Vec::new(),
            has_data_count: false,
            defined: Vec::new(),
            names: None,
            appended: None,
        };
        let mut validator = Validator::new_with_features(features());
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
                source.defined.push(Defined {
                    index: function.index,
                    ty: function.ty,
                    resources: function.resources,
                    body,
                });
            }
            source.take(payload)?;
        }
        Ok(source)
    }

    fn take(&mut self, payload: Payload<'a>) -> Result<(), Error> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for ty in group?.into_types() {
                        self.types.push(ty.unwrap_func().clone());
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    if let TypeRef::Func(ty) = import.ty {
                        self.functions.push(ty);
                        self.imported_functions += 1;
                    }
                    self.imports.push(import);
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let table = table?;
                    self.tables.push((table.ty, table.init));
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memories.push(memory?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    self.globals.push((global.ty, global.init_expr));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    self.exports.push(export?);
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                for element in section {
                    self.elements.push(element?);
                }
            }
            Payload::DataCountSection { .. } => self.has_data_count = true,
            Payload::DataSection(section) => {
                for data in section {
                    self.data.push(data?);
                }
            }
            Payload::CustomSection(section) if section.name() == "name" => {
                self.names = Some(section.data());
            }
            Payload::CustomSection(section) if section.name() == crate::appended::APPENDED => {
                self.appended = Some(section.data());
            }
            _ => {}
        }
        Ok(())
    }

    /// Only functions may come from outside: whatever else does belongs to a
    /// host that would have to be captured with it.
    fn refuse_imports(&self) -> Result<(), Error> {
        let mut seen = HashSet::new();
        for import in &self.imports {
            let kind = match import.ty {
                TypeRef::Func(_) if seen.insert((import.module, import.name)) => continue,
                TypeRef::Func(_) => {
                    return Err(Error::refused(format!(
                        "the module imports the function {}.{} twice, which can't be captured: \
                         calls of it could not be counted",
                        import.module, import.name
                    )));
                }
                TypeRef::Memory(_) => "memory",
                TypeRef::Table(_) => "table",
                TypeRef::Global(_) => "global",
                _ => "item",
            };
            return Err(Error::refused(format!(
                "the module imports the {kind} {}.{}, which can't be captured: a module that is \
                 to be captured must define its memories, tables and globals itself",
                import.module, import.name
            )));
        }
        Ok(())
    }

    /// Names function `index` as messages do.
    pub(crate) fn describe(&self, index: u32) -> String {
        match crate::function_name(self.wasm, index) {
            Some(name) => format!("function {index} ({name})"),
            None => format!("function {index}"),
        }
    }

    pub(crate) fn function_type(&self, index: u32) -> &FuncType {
        &self.types[self.functions[index as usize] as usize]
    }

    /// The function with a body at `index`, if it is one.
    pub(crate) fn body(&self, index: u32) -> Option<&Defined<'a>> {
        let defined = index.checked_sub(self.imported_functions)?;
        self.defined.get(defined as usize)
    }

    /// The imported function `module.name`.
    pub(crate) fn imported_function(&self, module: &str, name: &str) -> Option<u32> {
        (0u32..)
            .zip(&self.imports)
            .find(|(_, import)| import.module == module && import.name == name)
            .map(|(index, _)| index)
    }

    /// The exported function `name`.
    pub(crate) fn exported_function(&self, name: &str) -> Option<u32> {
        self.exports
            .iter()
            .find(|export| export.kind == ExternalKind::Func && export.name == name)
            .map(|export| export.index)
    }

    /// What the code does that a module's bytes don't tell.
    pub(crate) fn effects(&self) -> Result<Effects, Error> {
        let mut effects = Effects::default();
        for function in &self.defined {
            effects
                .of_body(&function.body)
                .map_err(|error| self.invalid(function.index, &error))?;
        }
        Ok(effects)
    }

    /// Validates a body.
    pub(crate) fn validate(&self, function: &Defined<'_>) -> Result<(), Error> {
        let mut validator = function.to_validate().into_validator(Default::default());
        validator
            .validate(&function.body)
            .map_err(|error| self.invalid(function.index, &error))
    }

    /// What is wrong with function `index`: mostly instructions of a proposal
    /// that can't be captured.
    pub(crate) fn invalid(&self, index: u32, error: &wasmparser::BinaryReaderError) -> Error {
        Error::refused(format!(
            "{} can't be captured: {error}",
            self.describe(index)
        ))
    }
}

/// Which of its parts a module changes as it runs.
#[derive(Debug, Default, Clone)]
pub(crate) struct Effects {
    /// Some table may hold something else than at the start.
    pub(crate) changes_tables: bool,
    /// Data segments that may be dropped.
    pub(crate) drops_data: BTreeSet<u32>,
    /// Element segments that may be dropped.
    pub(crate) drops_elements: BTreeSet<u32>,
    /// Functions that are referred to: they must be declared.
    pub(crate) refers: BTreeSet<u32>,
    /// A frame may have given way to another one.
    pub(crate) tail_calls: bool,
}

impl Effects {
    fn of_body(&mut self, body: &FunctionBody<'_>) -> Result<(), wasmparser::BinaryReaderError> {
        for operator in body.get_operators_reader()? {
            self.take(&operator?);
        }
        Ok(())
    }

    fn take(&mut self, operator: &Operator<'_>) {
        match *operator {
            Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. } => self.changes_tables = true,
            Operator::DataDrop { data_index } => {
                self.drops_data.insert(data_index);
            }
            Operator::ElemDrop { elem_index } => {
                self.drops_elements.insert(elem_index);
            }
            Operator::RefFunc { function_index } => {
                self.refers.insert(function_index);
            }
            Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => {
                self.tail_calls = true;
            }
            _ => {}
        }
    }
}

/// `ty` for the encoder.
pub(crate) fn val_type(ty: wasmparser::ValType) -> Result<ValType, Error> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::FUNCREF => ValType::FUNCREF,
        // What `ref.func` gives, to the validator.
        wasmparser::ValType::Ref(ty) if ty.is_concrete_type_ref() => ValType::FUNCREF,
        wasmparser::ValType::EXTERNREF => ValType::EXTERNREF,
        other => {
            return Err(Error::refused(format!(
                "values of type {other} can't be captured"
            )));
        }
    })
}

pub(crate) fn val_types(types: &[wasmparser::ValType]) -> Result<Vec<ValType>, Error> {
    types.iter().copied().map(val_type).collect()
}
