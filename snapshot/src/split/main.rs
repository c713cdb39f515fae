//! The module that keeps what is expected to be called.

use super::{COLD, COLD_TABLE, LINKED, LOADED, Renumber, Split};
use crate::{
    Error,
    instrument::{count, export},
};
use std::{borrow::Cow, collections::BTreeSet};
use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, DataCountSection, DataSection, ElementSection, Elements,
    EntityType, ExportKind, ExportSection, FunctionSection, GlobalSection, GlobalType,
    ImportSection, Module, StartSection, TableSection, TableType, ValType,
    reencode::{Reencode, RoundtripReencoder, utils},
};
use wasmparser::{ExternalKind, TypeRef};

impl Split<'_, '_> {
    pub(super) fn main_module(&mut self, cold: &[u8]) -> Result<Vec<u8>, Error> {
        let source = self.source;
        let nothing = self.types.function(&[], &[]);
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        for function in &source.defined {
            if !self.places[function.index as usize].is_cold {
                functions.function(function.ty);
                code.raw(&self.body(function, true)?);
            }
        }
        for index in &self.slots {
            if self.places[*index as usize].main.is_some() {
                functions.function(source.functions[*index as usize]);
                code.function(&self.stub(*index));
            }
        }
        functions.function(nothing);
        code.function(&self.ready());
        let mut module = Module::new();
        module.section(&self.types.section());
        let mut imports = ImportSection::new();
        self.original_imports(&mut imports)?;
        imports.import("dormouse", "load", EntityType::Function(nothing));
        for import in &source.imports {
            if let TypeRef::Memory(ty) = import.ty {
                imports.import(import.module, import.name, EntityType::Memory(ty.into()));
            }
        }
        module.section(&imports);
        module.section(&functions);
        module.section(&self.main_tables()?);
        module.section(&self.main_globals()?);
        module.section(&self.main_exports());
        if let Some(start) = source.start {
            let function_index = self.main_index(start);
            module.section(&StartSection { function_index });
        }
        module.section(&self.main_elements()?);
        if source.has_data_count {
            let count = count(source.data.len());
            module.section(&DataCountSection { count });
        }
        module.section(&code);
        let mut data = DataSection::new();
        for segment in &source.data {
            utils::parse_data(&mut RoundtripReencoder, &mut data, segment.clone())?;
        }
        module.section(&data);
        module.section(&CustomSection {
            name: COLD.into(),
            data: Cow::Borrowed(cold),
        });
        Ok(module.finish())
    }

    fn main_tables(&self) -> Result<TableSection, Error> {
        let mut tables = TableSection::new();
        for (ty, _) in &self.source.tables {
            tables.table(RoundtripReencoder.table_type(*ty)?);
        }
        tables.table(self.cold_table());
        let linked = self.linked.len() as u64;
        tables.table(TableType {
            minimum: linked,
            maximum: Some(linked),
            ..self.cold_table()
        });
        Ok(tables)
    }

    fn main_globals(&self) -> Result<GlobalSection, Error> {
        let mut globals = GlobalSection::new();
        let mut renumber = Renumber(|index| self.main_index(index));
        for (ty, init) in &self.source.globals {
            let ty = renumber.global_type(*ty)?;
            globals.global(ty, &renumber.const_expr(init.clone())?);
        }
        let flag = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        globals.global(flag, &ConstExpr::i32_const(0));
        Ok(globals)
    }

    fn main_exports(&self) -> ExportSection {
        let source = self.source;
        let mut exports = ExportSection::new();
        let mut globals = BTreeSet::new();
        for export in &source.exports {
            let index = match export.kind {
                ExternalKind::Func => self.main_index(export.index),
                _ => export.index,
            };
            if export.name == export::global(export.index) {
                globals.insert(export.index);
            }
            exports.export(export.name, export.kind.into(), index);
        }
        for index in 0..count(source.globals.len()) {
            if !globals.contains(&index) {
                exports.export(&export::global(index), ExportKind::Global, index);
            }
        }
        for index in 0..self.memories() {
            exports.export(&export::memory(index), ExportKind::Memory, index);
        }
        let tables = count(source.tables.len());
        for index in 0..tables {
            exports.export(&export::table(index), ExportKind::Table, index);
        }
        exports.export(COLD_TABLE, ExportKind::Table, tables);
        exports.export(LINKED, ExportKind::Table, tables + 1);
        exports.export(LOADED, ExportKind::Global, count(source.globals.len()));
        exports
    }

    fn main_elements(&self) -> Result<ElementSection, Error> {
        let mut elements = ElementSection::new();
        let mut renumber = Renumber(|index| self.main_index(index));
        for element in &self.source.elements {
            utils::parse_element(&mut renumber, &mut elements, element.clone())?;
        }
        let linked: Vec<u32> = self.linked.iter().map(|i| self.main_index(*i)).collect();
        elements.active(
            Some(count(self.source.tables.len()) + 1),
            &ConstExpr::i32_const(0),
            Elements::Functions(linked.into()),
        );
        // Where code takes references to them.
        let referred: BTreeSet<u32> = self.referred(false)?;
        if !referred.is_empty() {
            let referred = referred.into_iter().map(|index| self.main_index(index));
            elements.declared(Elements::Functions(referred.collect()));
        }
        Ok(elements)
    }
}
