//! What debug information says of the frames of a module's functions.
//!
//! It is DWARF, in custom sections of the names that its sections have
//! elsewhere. Of a function's variables it tells where in the frame they are
//! and, by their types, how large.

use gimli::{
    AttributeValue, DebuggingInformationEntry, Dwarf, EndianSlice, EntriesRaw, Expression,
    LittleEndian, Operation, SectionId, Unit, UnitOffset,
};
use std::collections::HashMap;
use wasmparser::{Parser, Payload};

/// The interface's name for bytes with their order.
type Bytes<'a> = EndianSlice<'a, LittleEndian>;

/// How many types may refer to each other in a chain: more is a circle.
const MAX_CHAIN: u32 = 64;

/// A function with what is known of its frame.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Routine {
    /// The compilation unit that it is in, by its number.
    pub(super) unit: usize,
    /// Its parameters, in their order.
    pub(super) params: Vec<Object>,
    /// All its variables and parameters, in the order of their places.
    pub(super) objects: Vec<Object>,
    /// Where the highest of them ends.
    pub(super) end: u32,
}

/// A variable's place in the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Object {
    /// From the frame's lower end.
    pub(super) offset: u32,
    /// In bytes; unknown if it is nothing.
    pub(super) size: Option<u32>,
    /// Whether it has no parts.
    pub(super) is_scalar: bool,
}

impl Object {
    /// Where the next one can begin.
    pub(super) fn end(&self) -> Option<u32> {
        self.offset.checked_add(self.size?)
    }
}

/// The functions that `wasm` has debug information of; none if it can't be read.
pub(super) fn routines(wasm: &[u8]) -> Vec<Routine> {
    let sections = sections(wasm);
    if !sections.contains_key(SectionId::DebugInfo.name()) {
        return Vec::new();
    }
    let section = |id: SectionId| -> Result<Bytes<'_>, gimli::Error> {
        let bytes = sections.get(id.name()).copied().unwrap_or_default();
        Ok(EndianSlice::new(bytes, LittleEndian))
    };
    let Ok(dwarf) = Dwarf::load(section) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    // What is malformed hides what follows it, and so only some of the frames.
    let _ = read(&dwarf, &mut all);
    all
}

fn sections(wasm: &[u8]) -> HashMap<&str, &[u8]> {
    let payloads = Parser::new(0).parse_all(wasm).map_while(Result::ok);
    payloads
        .filter_map(|payload| match payload {
            Payload::CustomSection(section) => Some((section.name(), section.data())),
            _ => None,
        })
        .collect()
}

fn read<'a>(dwarf: &Dwarf<Bytes<'a>>, all: &mut Vec<Routine>) -> Result<(), gimli::Error> {
    let mut headers = dwarf.units();
    let mut number = 0;
    while let Some(header) = headers.next()? {
        let unit = dwarf.unit(header)?;
        Reader {
            unit: &unit,
            number,
            sizes: HashMap::new(),
        }
        .read(all)?;
        number += 1;
    }
    Ok(())
}

/// Reads one compilation unit.
struct Reader<'u, 'a> {
    unit: &'u Unit<Bytes<'a>>,
    number: usize,
    /// Of types: their size, and whether they have no parts.
    sizes: HashMap<UnitOffset, (Option<u32>, bool)>,
}

type Entry<'a> = DebuggingInformationEntry<Bytes<'a>>;

impl<'a> Reader<'_, 'a> {
    fn read(&mut self, all: &mut Vec<Routine>) -> Result<(), gimli::Error> {
        let mut entries: EntriesRaw<'_, Bytes<'a>> = self.unit.entries_raw(None)?;
        // The function that is being read, and how deep it lies.
        let mut current: Option<(isize, Routine)> = None;
        let mut entry = DebuggingInformationEntry::null();
        while !entries.is_empty() {
            if !entries.read_entry(&mut entry)? {
                continue;
            }
            let depth = entry.depth();
            if current.as_ref().is_some_and(|(outer, _)| depth <= *outer) {
                finish(current.take(), all);
            }
            match entry.tag() {
                gimli::DW_TAG_subprogram if entry.attr_value(gimli::DW_AT_frame_base).is_some() => {
                    finish(current.take(), all);
                    let routine = Routine {
                        unit: self.number,
                        ..Routine::default()
                    };
                    current = Some((depth, routine));
                }
                gimli::DW_TAG_variable | gimli::DW_TAG_formal_parameter => {
                    if let Some((outer, routine)) = &mut current
                        && let Some(object) = self.object(&entry)?
                    {
                        routine.objects.push(object);
                        let is_own = depth == *outer + 1;
                        if is_own && entry.tag() == gimli::DW_TAG_formal_parameter {
                            routine.params.push(object);
                        }
                    }
                }
                _ => {}
            }
        }
        finish(current, all);
        Ok(())
    }

    /// The variable `entry`, if it is in the frame.
    fn object(&mut self, entry: &Entry<'a>) -> Result<Option<Object>, gimli::Error> {
        let Some(AttributeValue::Exprloc(location)) = entry.attr_value(gimli::DW_AT_location)
        else {
            return Ok(None);
        };
        let Some((offset, is_direct)) = self.place(location)? else {
            return Ok(None);
        };
        let (size, is_scalar) = match self.type_of(entry)? {
            // In the frame there is a pointer to it.
            _ if !is_direct => (Some(4), true),
            Some(ty) => self.size(ty, 0)?,
            None => (None, false),
        };
        Ok(Some(Object {
            offset,
            size,
            is_scalar,
        }))
    }

    /// Where in the frame it is, or a pointer to it.
    fn place(&self, location: Expression<Bytes<'a>>) -> Result<Option<(u32, bool)>, gimli::Error> {
        let mut operations = location.operations(self.unit.encoding());
        let Some(Operation::FrameOffset { offset }) = operations.next()? else {
            return Ok(None);
        };
        let is_direct = operations.next()?.is_none();
        Ok(u32::try_from(offset).ok().map(|offset| (offset, is_direct)))
    }

    fn type_of(&self, entry: &Entry<'a>) -> Result<Option<UnitOffset>, gimli::Error> {
        match entry.attr_value(gimli::DW_AT_type) {
            Some(AttributeValue::UnitRef(ty)) => return Ok(Some(ty)),
            Some(_) => return Ok(None),
            None => {}
        }
        let Some(AttributeValue::UnitRef(origin)) = entry.attr_value(gimli::DW_AT_abstract_origin)
        else {
            return Ok(None);
        };
        let origin = self.unit.entry(origin)?;
        Ok(match origin.attr_value(gimli::DW_AT_type) {
            Some(AttributeValue::UnitRef(ty)) => Some(ty),
            _ => None,
        })
    }

    fn size(&mut self, ty: UnitOffset, chain: u32) -> Result<(Option<u32>, bool), gimli::Error> {
        if let Some(size) = self.sizes.get(&ty) {
            return Ok(*size);
        }
        if chain > MAX_CHAIN {
            return Ok((None, false));
        }
        let entry = self.unit.entry(ty)?;
        let told = entry
            .attr_value(gimli::DW_AT_byte_size)
            .and_then(|size| size.udata_value())
            .and_then(|size| u32::try_from(size).ok());
        let size = match entry.tag() {
            gimli::DW_TAG_pointer_type => (Some(told.unwrap_or(4)), true),
            gimli::DW_TAG_base_type | gimli::DW_TAG_enumeration_type if told.is_some() => {
                (told, true)
            }
            gimli::DW_TAG_typedef
            | gimli::DW_TAG_const_type
            | gimli::DW_TAG_volatile_type
            | gimli::DW_TAG_restrict_type
            | gimli::DW_TAG_atomic_type
            | gimli::DW_TAG_enumeration_type => match self.type_of(&entry)? {
                Some(ty) => self.size(ty, chain + 1)?,
                None => (None, false),
            },
            gimli::DW_TAG_array_type => (told.or(self.array(&entry, chain)?), false),
            _ => (told, false),
        };
        self.sizes.insert(ty, size);
        Ok(size)
    }

    fn array(&mut self, entry: &Entry<'a>, chain: u32) -> Result<Option<u32>, gimli::Error> {
        let Some(ty) = self.type_of(entry)? else {
            return Ok(None);
        };
        let mut size = self.size(ty, chain + 1)?.0;
        let mut tree = self.unit.entries_tree(Some(entry.offset()))?;
        let mut children = tree.root()?.children();
        while let Some(child) = children.next()? {
            let child = child.entry();
            let value = |name| child.attr_value(name).and_then(|value| value.udata_value());
            let count = value(gimli::DW_AT_count)
                .or_else(|| value(gimli::DW_AT_upper_bound).and_then(|last| last.checked_add(1)));
            let count = count.and_then(|count| u32::try_from(count).ok());
            size = size
                .zip(count)
                .and_then(|(size, count)| size.checked_mul(count));
        }
        Ok(size)
    }
}

fn finish(current: Option<(isize, Routine)>, all: &mut Vec<Routine>) {
    if let Some((_, mut routine)) = current {
        routine.objects.sort_unstable();
        routine.end = routine
            .objects
            .iter()
            .filter_map(Object::end)
            .max()
            .unwrap_or(0);
        all.push(routine);
    }
}
