//! The module that is loaded on demand.

use super::{COLD_TABLE, LINKED, MAIN, Split};
use crate::{
    Error,
    instrument::{count, export},
};
use std::collections::BTreeMap;
use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportSection, FunctionSection,
    ImportSection, Module,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{ElementItems, ElementKind, ExternalKind, Operator, TypeRef};

/// Functions by table and slot.
type Slots = BTreeMap<(u32, u32), u32>;

impl Split<'_, '_> {
    pub(super) fn cold_module(&mut self) -> Result<Vec<u8>, Error> {
        let source = self.source;
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        for function in &source.defined {
            if self.places[function.index as usize].is_cold {
                functions.function(function.ty);
                code.raw(&self.body(function, false)?);
            }
        }
        // The main module's stubs have it, so both have the same.
        self.types.function(&[], &[]);
        let mut module = Module::new();
        module.section(&self.types.section());
        module.section(&self.cold_imports()?);
        module.section(&functions);
        module.section(&self.cold_exports());
        module.section(&self.cold_elements()?);
        module.section(&code);
        Ok(module.finish())
    }

    /// What a host function may look for in the instance that calls it, the
    /// memory above all.
    fn cold_exports(&self) -> ExportSection {
        let mut exports = ExportSection::new();
        for export in &self.source.exports {
            if export.kind != ExternalKind::Func {
                exports.export(export.name, export.kind.into(), export.index);
            }
        }
        exports
    }

    fn cold_imports(&self) -> Result<ImportSection, Error> {
        let source = self.source;
        let mut imports = ImportSection::new();
        self.original_imports(&mut imports)?;
        for (number, index) in self.linked.iter().enumerate() {
            let ty = EntityType::Function(source.functions[*index as usize]);
            imports.import(LINKED, &number.to_string(), ty);
        }
        let mut memory = 0;
        for import in &source.imports {
            if let TypeRef::Memory(ty) = import.ty {
                let ty = EntityType::Memory(ty.into());
                imports.import(MAIN, &export::memory(memory), ty);
                memory += 1;
            }
        }
        for (index, (ty, _)) in (0..).zip(&source.tables) {
            let ty = RoundtripReencoder.table_type(*ty)?;
            imports.import(MAIN, &export::table(index), EntityType::Table(ty));
        }
        imports.import(MAIN, COLD_TABLE, EntityType::Table(self.cold_table()));
        for (index, (ty, _)) in (0..).zip(&source.globals) {
            let ty = RoundtripReencoder.global_type(*ty)?;
            imports.import(MAIN, &export::global(index), EntityType::Global(ty));
        }
        Ok(imports)
    }

    fn cold_elements(&self) -> Result<ElementSection, Error> {
        let mut elements = ElementSection::new();
        let slots: Vec<u32> = self.slots.iter().map(|i| self.cold_index(*i)).collect();
        elements.active(
            Some(count(self.source.tables.len())),
            &ConstExpr::i32_const(0),
            Elements::Functions(slots.into()),
        );
        if !self.effects.changes_tables {
            self.replace_stubs(&mut elements)?;
        }
        let referred = self.referred(true)?;
        if !referred.is_empty() {
            let referred = referred.into_iter().map(|index| self.cold_index(index));
            elements.declared(Elements::Functions(referred.collect()));
        }
        Ok(elements)
    }

    /// Puts cold functions where the main module's tables have stubs of them.
    /// Where segments overlap, the last one counts.
    fn replace_stubs(&self, elements: &mut ElementSection) -> Result<(), Error> {
        let Some(slots) = self.table_slots()? else {
            return Ok(());
        };
        let cold: Vec<((u32, u32), u32)> = slots
            .into_iter()
            .filter(|(_, index)| self.places[*index as usize].is_cold)
            .collect();
        let follows = |a: &((u32, u32), u32), b: &((u32, u32), u32)| {
            a.0.0 == b.0.0 && a.0.1.checked_add(1) == Some(b.0.1)
        };
        for run in cold.chunk_by(follows) {
            let ((table, start), _) = run[0];
            let functions: Vec<u32> = run
                .iter()
                .map(|(_, index)| self.cold_index(*index))
                .collect();
            elements.active(
                Some(table),
                &ConstExpr::i32_const(start.cast_signed()),
                Elements::Functions(functions.into()),
            );
        }
        Ok(())
    }

    /// The functions in the tables by table and slot, if that can be told from
    /// the segments alone; else their stubs stay where they are.
    fn table_slots(&self) -> Result<Option<Slots>, Error> {
        let mut slots = Slots::new();
        for element in &self.source.elements {
            let ElementKind::Active {
                table_index,
                offset_expr,
            } = &element.kind
            else {
                continue;
            };
            let mut offset = offset_expr.get_operators_reader();
            let (Operator::I32Const { value }, Operator::End) = (offset.read()?, offset.read()?)
            else {
                return Ok(None);
            };
            let ElementItems::Functions(items) = element.items.clone() else {
                return Ok(None);
            };
            let table = table_index.unwrap_or_default();
            // A segment that reaches beyond the last slot there could be traps,
            // in the main module already.
            let slots_of_it = value.cast_unsigned()..=u32::MAX;
            for (slot, index) in slots_of_it.zip(items) {
                slots.insert((table, slot), index?);
            }
        }
        Ok(Some(slots))
    }
}
