//! The sections of a module that goes on.

use super::{
    Assembly, Form, HOT,
    fill::{MAX_SEGMENTS, fill_memory, fill_table},
};
use crate::{
    Error,
    appended::{APPENDED, Appended},
    hot::table_type,
    instrument::{count, export},
    resume::instruction,
    source::OURS,
    state::{Constant, Entry},
};
use std::{borrow::Cow, collections::BTreeSet};
use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, DataCountSection, DataSection, ElementSection, Elements,
    Encode, EntityType, ExportKind, ExportSection, FunctionSection, GlobalSection, ImportSection,
    MemorySection, MemoryType, Module, StartSection, TableSection,
    reencode::{Reencode, RoundtripReencoder, utils},
};
use wasmparser::ElementKind;

impl Assembly<'_> {
    /// All of it.
    pub(super) fn module(&self) -> Result<Vec<u8>, Error> {
        let mut module = Module::new();
        module.section(&self.types.section());
        module.section(&self.imports()?);
        let mut functions = FunctionSection::new();
        let originals = self.originals().iter().map(|function| function.ty);
        for ty in originals.chain(self.appended.iter().map(|(ty, _)| *ty)) {
            functions.function(ty);
        }
        module.section(&functions);
        module.section(&self.tables()?);
        if self.form == Form::Portable {
            module.section(&self.memories());
        }
        module.section(&self.globals()?);
        module.section(&self.exports());
        if let (Some(Entry::Start), Some(function_index)) = (&self.state.entry, self.driver) {
            module.section(&StartSection { function_index });
        }
        module.section(&self.elements()?);
        let data = self.data()?;
        if self.source.has_data_count {
            let count = data.len();
            module.section(&DataCountSection { count });
        }
        module.section(&self.code());
        module.section(&data);
        self.custom_sections(&mut module);
        Ok(module.finish())
    }

    fn imports(&self) -> Result<ImportSection, Error> {
        let mut imports = ImportSection::new();
        for import in &self.source.imports {
            let ty = EntityType::try_from(import.ty)
                .map_err(|_| Error::refused("an import is of a kind that can't be captured"))?;
            imports.import(import.module, import.name, ty);
        }
        if self.form == Form::Image {
            for (index, memory) in self.source.memories.iter().enumerate() {
                let ty = MemoryType {
                    minimum: 0,
                    ..(*memory).into()
                };
                imports.import("dormouse", &format!("memory{index}"), ty);
            }
        }
        Ok(imports)
    }

    fn tables(&self) -> Result<TableSection, Error> {
        let mut tables = TableSection::new();
        for (index, (ty, _)) in self.source.tables.iter().enumerate() {
            let mut ty = RoundtripReencoder.table_type(*ty)?;
            if let Some(captured) = &self.state.tables {
                ty.minimum = captured[index].len() as u64;
            }
            tables.table(ty);
        }
        if let Some(hot) = &self.hot {
            tables.table(table_type(hot));
        }
        Ok(tables)
    }

    fn memories(&self) -> MemorySection {
        let mut memories = MemorySection::new();
        for (ty, contents) in self.source.memories.iter().zip(&self.state.memories) {
            let page_size = ty.page_size_log2.unwrap_or(16);
            memories.memory(MemoryType {
                minimum: (contents.len() as u64) >> page_size,
                ..(*ty).into()
            });
        }
        memories
    }

    fn globals(&self) -> Result<GlobalSection, Error> {
        let mut globals = GlobalSection::new();
        for (index, (ty, init)) in (0..).zip(&self.source.globals) {
            let ty = RoundtripReencoder.global_type(*ty)?;
            match self.state.globals.get(&index) {
                Some(constant) => globals.global(ty, &const_expr(*constant)),
                None => globals.global(ty, &RoundtripReencoder.const_expr(init.clone())?),
            };
        }
        Ok(globals)
    }

    fn exports(&self) -> ExportSection {
        let entry = self.entry();
        let mut exports = ExportSection::new();
        for export in &self.source.exports {
            if export.name.starts_with(OURS) {
                continue;
            }
            let kind: ExportKind = export.kind.into();
            let index = match self.driver {
                Some(driver) if kind == ExportKind::Func && entry == Some(export.name) => driver,
                _ => export.index,
            };
            exports.export(export.name, kind, index);
        }
        if self.hot.is_some() {
            let table = count(self.source.tables.len());
            exports.export(HOT, ExportKind::Table, table);
        }
        if self.form == Form::Image {
            for index in self.state.globals.keys() {
                exports.export(&export::global(*index), ExportKind::Global, *index);
            }
        }
        exports
    }

    /// Where tables can't have changed, as it was. Else every segment that is
    /// dropped, or was by initializing a table, stays in name only, and others
    /// are appended that fill the tables.
    fn elements(&self) -> Result<ElementSection, Error> {
        let mut section = ElementSection::new();
        let captured = self.state.tables.as_ref();
        for (index, element) in (0..self.before.elements).zip(&self.source.elements) {
            let dropped = match element.kind {
                ElementKind::Active { .. } => captured.is_some(),
                ElementKind::Passive => self.state.dropped_elements.contains(&index),
                ElementKind::Declared => true,
            };
            if dropped {
                let items = RoundtripReencoder.element_items(element.items.clone())?;
                section.declared(items);
            } else {
                utils::parse_element(&mut RoundtripReencoder, &mut section, element.clone())?;
            }
        }
        for (index, table) in (0..).zip(captured.into_iter().flatten()) {
            let is_64 = self.source.tables[index as usize].0.table64;
            fill_table(&mut section, index, is_64, table);
        }
        if let Some(hot) = &self.hot {
            let table = count(self.source.tables.len());
            let functions = Elements::Functions(Cow::Borrowed(hot));
            section.active(Some(table), &ConstExpr::i32_const(0), functions);
        }
        let functions = self.functions();
        let declared: BTreeSet<u32> = self
            .referred()
            .chain(self.state.effects.refers.iter().copied())
            .filter(|index| *index < functions)
            .collect();
        if !declared.is_empty() {
            let declared: Vec<u32> = declared.into_iter().collect();
            section.declared(Elements::Functions(declared.into()));
        }
        Ok(section)
    }

    fn code(&self) -> CodeSection {
        let mut code = CodeSection::new();
        for function in self.originals() {
            code.raw(function.body.as_bytes());
        }
        for (_, body) in &self.appended {
            code.raw(body);
        }
        code
    }

    fn data(&self) -> Result<DataSection, Error> {
        let mut section = DataSection::new();
        // Without a count of segments no instruction can name one.
        if self.source.has_data_count {
            for (index, data) in (0..self.before.data).zip(&self.source.data) {
                let active = matches!(data.kind, wasmparser::DataKind::Active { .. });
                if active || self.state.dropped_data.contains(&index) {
                    section.passive([]);
                } else {
                    section.passive(data.data.iter().copied());
                }
            }
        }
        if self.form == Form::Portable {
            let memories = &self.state.memories;
            for (index, contents) in (0..).zip(memories) {
                let is_64 = self.source.memories[index as usize].memory64;
                let max_segments = MAX_SEGMENTS / memories.len();
                fill_memory(&mut section, index, is_64, contents, max_segments);
            }
        }
        Ok(section)
    }

    fn custom_sections(&self, module: &mut Module) {
        if let Some(names) = self.source.names {
            module.section(&CustomSection {
                name: "name".into(),
                data: names.into(),
            });
        }
        // Without a count of segments all are the rewrite's own.
        let before = Appended {
            data: if self.source.has_data_count {
                self.before.data
            } else {
                0
            },
            ..self.before
        };
        module.section(&CustomSection {
            name: APPENDED.into(),
            data: before.section().into(),
        });
    }
}

fn const_expr(constant: Constant) -> ConstExpr {
    let mut bytes = Vec::new();
    instruction(constant).encode(&mut bytes);
    ConstExpr::raw(bytes)
}
