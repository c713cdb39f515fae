//! Listing the functions that runs are expected to call.

use crate::{Error, append::order, rewrite::HOT};
use std::cmp::Reverse;
use wasm_encoder::{
    ConstExpr, ElementSection, Elements, Encode, ExportKind, ExportSection, Module, RawSection,
    RefType, Section, SectionId, TableSection, TableType,
};
use wasmparser::{BinaryReader, Parser, Payload, TypeRef};

/// Adds to `wasm`, a valid core module, the exported table [`HOT`], for a host
/// that wants to translate functions before they are called. It has those of
/// `functions`, by index, that the module defines; the longest come first.
///
/// Nothing else changes, and no index does.
///
/// # Errors
///
/// When `wasm` is not a well-formed core module.
pub fn list(wasm: &[u8], functions: &[u32]) -> Result<Vec<u8>, Error> {
    let (table, listed) = survey(wasm, functions)?;
    let mut added = [
        (SectionId::Table, Some(entry(&tables(&listed))?)),
        (SectionId::Export, Some(entry(&exports(table))?)),
        (SectionId::Element, Some(entry(&elements(table, &listed))?)),
    ];
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        let section = payload.as_section();
        let is_end = matches!(payload, Payload::End(_));
        let Some(place) = section.as_ref().map(|(id, _)| *id).or(is_end.then_some(0)) else {
            continue;
        };
        // Custom sections may stand anywhere; what is missing by then comes
        // before the next of the others.
        if place != 0 || is_end {
            let place = if is_end { u8::MAX } else { rank(place) };
            for (id, entry) in &mut added {
                if order(Some(*id)) < place
                    && let Some(entry) = entry.take()
                {
                    put(&mut module, *id as u8, 1, &[], &entry);
                }
            }
        }
        let Some((id, range)) = section else { continue };
        let data = &wasm[range.start as usize..range.end as usize];
        match added.iter_mut().find(|(added, _)| *added as u8 == id) {
            Some((_, entry)) => {
                let (count, rest) = entries(data)?;
                let entry = entry.take().unwrap_or_default();
                put(&mut module, id, count + 1, rest, &entry);
            }
            None => {
                module.section(&RawSection { id, data });
            }
        }
    }
    Ok(module.finish())
}

/// The index of the table to come, and what goes into it.
fn survey(wasm: &[u8], functions: &[u32]) -> Result<(u32, Vec<u32>), Error> {
    let (mut table, mut next) = (0, 0);
    let mut lengths = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import?.ty {
                        TypeRef::Func(_) => next += 1,
                        TypeRef::Table(_) => table += 1,
                        _ => {}
                    }
                }
            }
            Payload::TableSection(section) => table += section.count(),
            Payload::CodeSectionEntry(body) => {
                lengths.push((Reverse(body.as_bytes().len()), next));
                next += 1;
            }
            _ => {}
        }
    }
    let wanted: std::collections::BTreeSet<u32> = functions.iter().copied().collect();
    lengths.retain(|(_, index)| wanted.contains(index));
    lengths.sort_unstable();
    Ok((table, lengths.into_iter().map(|(_, index)| index).collect()))
}

fn tables(listed: &[u32]) -> TableSection {
    let mut tables = TableSection::new();
    tables.table(table_type(listed));
    tables
}

/// The table that has just these functions.
pub(crate) fn table_type(listed: &[u32]) -> TableType {
    let length = listed.len() as u64;
    TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: length,
        maximum: Some(length),
        shared: false,
    }
}

fn exports(table: u32) -> ExportSection {
    let mut exports = ExportSection::new();
    exports.export(HOT, ExportKind::Table, table);
    exports
}

fn elements(table: u32, listed: &[u32]) -> ElementSection {
    let mut elements = ElementSection::new();
    let functions = Elements::Functions(listed.into());
    elements.active(Some(table), &ConstExpr::i32_const(0), functions);
    elements
}

/// The one entry of `section`, encoded.
fn entry(section: &impl Section) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    section.encode(&mut bytes);
    // Its length comes first.
    let mut reader = BinaryReader::new(&bytes, 0);
    reader.read_var_u32()?;
    let data = &bytes[reader.original_position() as usize..];
    Ok(entries(data)?.1.to_vec())
}

/// How many entries a section's `data` has, and their bytes.
fn entries(data: &[u8]) -> Result<(u32, &[u8]), Error> {
    let mut reader = BinaryReader::new(data, 0);
    let count = reader.read_var_u32()?;
    Ok((count, &data[reader.original_position() as usize..]))
}

fn put(module: &mut Module, id: u8, count: u32, old: &[u8], new: &[u8]) {
    let mut data = Vec::with_capacity(old.len() + new.len() + 5);
    count.encode(&mut data);
    data.extend_from_slice(old);
    data.extend_from_slice(new);
    module.section(&RawSection { id, data: &data });
}

/// Where the section with the number `id` stands in a module.
fn rank(id: u8) -> u8 {
    let known = [
        SectionId::Type,
        SectionId::Import,
        SectionId::Function,
        SectionId::Table,
        SectionId::Memory,
        SectionId::Tag,
        SectionId::Global,
        SectionId::Export,
        SectionId::Start,
        SectionId::Element,
        SectionId::DataCount,
        SectionId::Code,
        SectionId::Data,
    ];
    let section = known.into_iter().find(|known| *known as u8 == id);
    order(Some(section.unwrap_or(SectionId::Custom)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::Validator;

    fn listed(wat: &str, functions: &[u32]) -> String {
        let wasm = wat::parse_str(wat).expect("the test's module parses");
        let listed = list(&wasm, functions).expect("it is listed");
        Validator::new().validate_all(&listed).expect("it is valid");
        let (table, all) = survey(&listed, functions).expect("it is read");
        assert_eq!(table, survey(&wasm, &[]).expect("it is read").0 + 1);
        format!("{all:?}")
    }

    #[test]
    fn the_longest_come_first_and_imports_do_not() {
        let wat = r#"(module (import "m" "f" (func))
            (table 3 funcref) (elem (i32.const 0) 1 2)
            (func) (func nop nop) (func nop) (export "a" (func 1)))"#;
        assert_eq!(listed(wat, &[0, 1, 2, 3, 99]), "[2, 3, 1]");
        assert_eq!(listed(wat, &[]), "[]");
    }

    #[test]
    fn sections_that_are_not_there_are_made() {
        assert_eq!(listed("(module (func) (func nop))", &[0, 1]), "[1, 0]");
        let custom = r#"(module (@custom "x" "y") (memory 1) (func) (data "z"))"#;
        assert_eq!(listed(custom, &[0]), "[0]");
        assert_eq!(listed("(module)", &[0]), "[]");
    }
}
