//! Reading what a captured run left behind.

use crate::{
    Error, Guest, Instrumented, Point, Reference, Value,
    analysis::{Analysis, Detail, analyse},
    helpers::{self, size},
    instrument::{count, export},
    source::{Effects, Source, val_types},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};
use wasm_encoder::ValType;

/// Frames that one image may hold. Each becomes a function.
const MAX_FRAMES: usize = 100_000;

/// What the host had called when the point was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The module's start function.
    Start,
    /// The exported function of this name.
    Export(String),
}

/// The state of a run at its snapshot point.
pub struct State<'a> {
    pub(crate) source: &'a Source<'a>,
    pub(crate) effects: &'a Effects,
    pub(crate) entry: Option<Entry>,
    /// The call that was not made: its function and arguments.
    pub(crate) call: Option<Call>,
    /// From the innermost outwards.
    pub(crate) frames: Vec<Frame>,
    /// By index, those that can change.
    pub(crate) globals: BTreeMap<u32, Constant>,
    pub(crate) memories: Vec<Vec<u8>>,
    /// By index, as function indices, if they may have changed.
    pub(crate) tables: Option<Vec<Vec<Option<u32>>>>,
    pub(crate) dropped_data: BTreeSet<u32>,
    pub(crate) dropped_elements: BTreeSet<u32>,
}

/// A function and its arguments.
pub(crate) type Call = (u32, Vec<Constant>);

/// One function on the stack, stopped in a call.
pub(crate) struct Frame {
    pub(crate) function: u32,
    pub(crate) analysis: Rc<Analysis>,
    /// Which of `analysis.sites`.
    pub(crate) site: usize,
    /// Operands of the innermost block.
    pub(crate) operands: Vec<Constant>,
    pub(crate) locals: Vec<Constant>,
    pub(crate) scratch: Vec<Constant>,
}

/// A value that can be written into a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Constant {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(u128),
    Null(ValType),
    Function(u32),
}

impl Instrumented<'_> {
    /// Whether the guest has reached its snapshot point. It has unwound, and its
    /// state can be read, if the call that the host made then returned; if that
    /// trapped (a stack that was full leaves no room for noting it down), it
    /// can't be captured there.
    pub fn reached(&self, guest: &impl Guest) -> bool {
        guest.global(export::UNWINDING) == Some(Value::I32(1))
    }

    /// Reads the state of `guest`, an instance of [`wasm`](Self::wasm) in which
    /// `entry` was called and has [reached](Self::reached) the point; for a
    /// point without frames, in which no call is under way.
    ///
    /// # Errors
    ///
    /// When the state can't be captured: a host function or a reference of the
    /// host's is in it, for example. The message says which.
    pub fn state(&self, guest: &impl Guest, entry: Option<Entry>) -> Result<State<'_>, Error> {
        let reader = Reader {
            of: self,
            functions: functions(guest),
            guest,
        };
        reader.state(entry)
    }
}

/// Indices of functions by what the engine calls them.
fn functions(guest: &impl Guest) -> HashMap<String, u32> {
    let all = guest.table(export::FUNCTIONS).unwrap_or_default();
    (0..)
        .zip(all)
        .filter_map(|(index, reference)| match reference {
            Reference::Function(function) => Some((function, index)),
            _ => None,
        })
        .collect()
}

struct Reader<'r, 'g, 'a, G> {
    of: &'r Instrumented<'a>,
    functions: HashMap<String, u32>,
    guest: &'g G,
}

impl<'r, 'g, G: Guest> Reader<'r, 'g, '_, G> {
    fn state(&self, entry: Option<Entry>) -> Result<State<'r>, Error> {
        self.refuse_reentry()?;
        let source = &self.of.source;
        let stopped = matches!(self.of.point, Point::Import { .. });
        let (call, frames) = if stopped {
            let (call, frames) = self.log()?;
            (Some(call), frames)
        } else {
            (None, Vec::new())
        };
        let mut memories = Vec::new();
        for index in 0..count(source.memories.len()) {
            memories.push(self.memory(&export::memory(index))?.to_vec());
        }
        let state = State {
            source,
            effects: &self.of.effects,
            entry: entry.filter(|_| stopped),
            call,
            frames,
            globals: self.globals()?,
            memories,
            tables: self.tables()?,
            dropped_data: self.dropped(&self.of.effects.drops_data, export::dropped_data)?,
            dropped_elements: self
                .dropped(&self.of.effects.drops_elements, export::dropped_element)?,
        };
        state.check_entry()?;
        Ok(state)
    }

    fn refuse_reentry(&self) -> Result<(), Error> {
        let reentered = self.i32(export::REENTERED)?;
        let Some(index) = reentered.cast_unsigned().checked_sub(1) else {
            return Ok(());
        };
        let import = &self.of.source.imports[index as usize];
        Err(Error::refused(format!(
            "the point was reached inside the host function {}.{}, which had called back into \
             the guest: the host's own state can't be captured; choose a point outside of it",
            import.module, import.name
        )))
    }

    fn missing(name: &str) -> Error {
        Error::refused(format!(
            "the instance doesn't export {name}: it is not one of the instrumented module"
        ))
    }

    fn i32(&self, name: &str) -> Result<i32, Error> {
        match self.guest.global(name) {
            Some(Value::I32(value)) => Ok(value),
            _ => Err(Self::missing(name)),
        }
    }

    fn memory(&self, name: &str) -> Result<&'g [u8], Error> {
        self.guest.memory(name).ok_or_else(|| Self::missing(name))
    }

    fn dropped(
        &self,
        segments: &BTreeSet<u32>,
        name: fn(u32) -> String,
    ) -> Result<BTreeSet<u32>, Error> {
        let mut dropped = BTreeSet::new();
        for segment in segments {
            if self.i32(&name(*segment))? != 0 {
                dropped.insert(*segment);
            }
        }
        Ok(dropped)
    }

    fn globals(&self) -> Result<BTreeMap<u32, Constant>, Error> {
        let mut globals = BTreeMap::new();
        for (index, (ty, _)) in (0..).zip(&self.of.source.globals) {
            if !ty.mutable {
                continue;
            }
            let name = export::global(index);
            let value = self
                .guest
                .global(&name)
                .ok_or_else(|| Self::missing(&name))?;
            let constant = match value {
                Value::I32(value) => Constant::I32(value),
                Value::I64(value) => Constant::I64(value),
                Value::F32(value) => Constant::F32(value),
                Value::F64(value) => Constant::F64(value),
                Value::V128(value) => Constant::V128(value),
                Value::Reference(reference) => {
                    let ty = crate::source::val_type(ty.content_type)?;
                    match self.function(&reference, || format!("global {index}"))? {
                        Some(function) => Constant::Function(function),
                        None => Constant::Null(ty),
                    }
                }
            };
            globals.insert(index, constant);
        }
        Ok(globals)
    }

    /// The function that `reference`, found in `place`, is to.
    fn function(
        &self,
        reference: &Reference,
        place: impl Fn() -> String,
    ) -> Result<Option<u32>, Error> {
        match reference {
            Reference::Null => Ok(None),
            Reference::Function(function) => match self.functions.get(function) {
                Some(index) => Ok(Some(*index)),
                None => Err(Error::refused(format!(
                    "{} refers to a function of the host's, which can't be captured",
                    place()
                ))),
            },
            Reference::Extern => Err(Error::refused(format!(
                "{} holds a reference to something of the host's (externref), which can't be \
                 captured; drop it before the point",
                place()
            ))),
        }
    }

    fn tables(&self) -> Result<Option<Vec<Vec<Option<u32>>>>, Error> {
        if !self.of.effects.changes_tables {
            return Ok(None);
        }
        let mut tables = Vec::new();
        for index in 0..count(self.of.source.tables.len()) {
            let name = export::table(index);
            let references = self
                .guest
                .table(&name)
                .ok_or_else(|| Self::missing(&name))?;
            let mut table = Vec::with_capacity(references.len());
            for (slot, reference) in references.iter().enumerate() {
                let place = || format!("table {index}, at {slot},");
                table.push(self.function(reference, place)?);
            }
            tables.push(table);
        }
        Ok(Some(tables))
    }

    /// The call that was stopped at, and the frames around it.
    fn log(&self) -> Result<(Call, Vec<Frame>), Error> {
        let source = &self.of.source;
        let length = self.i32(export::LENGTH)?.cast_unsigned();
        if length == helpers::OVERFLOWN {
            return Err(Error::refused(
                "the stack at the point needs more memory to be noted down than there is; choose \
                 a point where it is flatter",
            ));
        }
        let log = self.memory(export::LOG)?;
        let log = log.get(..length as usize).ok_or_else(Log::broken)?;
        let references = self.guest.table(export::REFERENCES).unwrap_or_default();
        let mut log = Log {
            rest: log,
            references: &references,
            resolve: &|reference, whose| self.function(reference, || whose.name(source)),
        };
        let import = self.of.import.unwrap_or_default();
        let params = val_types(source.function_type(import).params())?;
        let args = log.values(&params, Whose::Argument)?;
        let mut frames = Vec::new();
        let mut analyses = HashMap::new();
        while !log.rest.is_empty() {
            if frames.len() == MAX_FRAMES {
                return Err(Error::refused(format!(
                    "the stack is more than {MAX_FRAMES} frames deep at the point; choose one \
                     where it is flatter"
                )));
            }
            frames.push(self.frame(&mut log, &mut analyses)?);
        }
        Ok(((import, args), frames))
    }

    /// The next frame; the same call is on the stack of a recursion many times,
    /// but is analysed once.
    fn frame(
        &self,
        log: &mut Log<'_>,
        analyses: &mut HashMap<(u32, u32), Rc<Analysis>>,
    ) -> Result<Frame, Error> {
        let source = &self.of.source;
        let function = log.u32()?;
        let ordinal = log.u32()?;
        let defined = source.body(function).ok_or_else(Log::broken)?;
        let analysis = match analyses.get(&(function, ordinal)) {
            Some(analysis) => Rc::clone(analysis),
            None => {
                let analysis = Rc::new(analyse(source, defined, Detail::LevelsOf(ordinal))?);
                analyses.insert((function, ordinal), Rc::clone(&analysis));
                analysis
            }
        };
        let site = analysis
            .sites
            .iter()
            .position(|site| site.ordinal == ordinal)
            .ok_or_else(Log::broken)?;
        let whose = Whose::Frame(function);
        let types: Vec<ValType> = analysis.sites[site]
            .operands
            .iter()
            .rev()
            .copied()
            .collect();
        let mut operands = log.values(&types, whose)?;
        operands.reverse();
        let locals = log.values(&analysis.locals, whose)?;
        let types: Vec<ValType> = analysis.scratch.iter().map(|(_, ty)| *ty).collect();
        let scratch = log.values(&types, whose)?;
        Ok(Frame {
            function,
            analysis,
            site,
            operands,
            locals,
            scratch,
        })
    }
}

/// Where a value was found.
#[derive(Clone, Copy)]
enum Whose {
    Argument,
    Frame(u32),
}

impl Whose {
    fn name(self, source: &Source<'_>) -> String {
        match self {
            Self::Argument => "an argument of the point's function".to_owned(),
            Self::Frame(function) => source.describe(function),
        }
    }
}

/// Finds the function that a reference, found in that place, is to.
type Resolve<'l> = dyn Fn(&Reference, Whose) -> Result<Option<u32>, Error> + 'l;

struct Log<'l> {
    rest: &'l [u8],
    references: &'l [Reference],
    resolve: &'l Resolve<'l>,
}

impl Log<'_> {
    fn broken() -> Error {
        Error::refused("the log of the captured stack is broken")
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(Self::broken)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn values(&mut self, types: &[ValType], whose: Whose) -> Result<Vec<Constant>, Error> {
        types.iter().map(|ty| self.value(*ty, whose)).collect()
    }

    fn value(&mut self, ty: ValType, whose: Whose) -> Result<Constant, Error> {
        debug_assert!(size(ty) <= 16);
        Ok(match ty {
            ValType::I32 => Constant::I32(i32::from_le_bytes(self.bytes()?)),
            ValType::I64 => Constant::I64(i64::from_le_bytes(self.bytes()?)),
            ValType::F32 => Constant::F32(self.u32()?),
            ValType::F64 => Constant::F64(u64::from_le_bytes(self.bytes()?)),
            ValType::V128 => Constant::V128(u128::from_le_bytes(self.bytes()?)),
            ValType::Ref(_) => {
                let slot = self.u32()?;
                let reference = match slot.checked_sub(1) {
                    None => &Reference::Null,
                    Some(_) if ty == ValType::EXTERNREF => &Reference::Extern,
                    Some(slot) => self
                        .references
                        .get(slot as usize)
                        .ok_or_else(Self::broken)?,
                };
                match (self.resolve)(reference, whose)? {
                    Some(function) => Constant::Function(function),
                    None => Constant::Null(ty),
                }
            }
        })
    }
}

impl State<'_> {
    /// How many functions are on the captured stack.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// The functions on the captured stack, from the innermost outwards, by
    /// index.
    pub fn functions(&self) -> impl Iterator<Item = u32> {
        self.frames.iter().map(|frame| frame.function)
    }

    /// Where the run was entered must be where its outermost frame returns.
    fn check_entry(&self) -> Result<(), Error> {
        if self.call.is_none() {
            return Ok(());
        }
        let entry = match &self.entry {
            None => None,
            Some(Entry::Start) => self.source.start,
            Some(Entry::Export(name)) => self.source.exported_function(name),
        };
        let Some(entry) = entry else {
            return Err(Error::refused(
                "the function that was called isn't exported",
            ));
        };
        let outermost = match (self.frames.last(), &self.call) {
            (Some(frame), _) => frame.function,
            (None, Some((import, _))) => *import,
            (None, None) => return Ok(()),
        };
        let returns = |index| self.source.function_type(index).results();
        // A tail call leaves another function in the place of the one called.
        let same = entry == outermost || self.effects.tail_calls;
        if same && returns(entry) == returns(outermost) {
            return Ok(());
        }
        Err(Error::refused(format!(
            "the outermost frame is {}, which isn't what was called: {}",
            self.source.describe(outermost),
            self.source.describe(entry)
        )))
    }
}
