//! A module that goes on where the captured run stopped.
//!
//! Code, types and every index stay what they were; the captured memories,
//! globals and tables become the initial ones, the start function goes, and
//! the function that the host had called gives way to one that makes the
//! captured call and runs the continuations.

mod fill;
mod sections;

use crate::{
    Error,
    appended::{Appended, live},
    instrument::count,
    resume::{calls, continuation, driver},
    source::{Defined, Source, val_types},
    state::{Constant, Entry, State},
    types::Types,
    valid::validate,
};
use std::{borrow::Cow, collections::BTreeMap};
use wasmparser::ExternalKind;

/// Bytes of code that continuations may have in all: a deep recursion of a
/// large function would fill the memory of the host.
const MAX_CODE: usize = 256 << 20;

/// The body of a function that nothing calls: no locals, `unreachable`, `end`.
const UNREACHABLE: &[u8] = &[0x00, 0x00, 0x0b];

/// Where the rewritten module's memories come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// From data segments: a module that runs on any engine.
    Portable,
    /// From the host: memory N is imported as `dormouse.memoryN`, and must have
    /// the captured content when the module is instantiated. What a module has
    /// to be reset by is exported: its mutable global N as `dormouse:global:N`.
    Image,
}

/// Functions that the rewritten module lists in the exported table
/// [`HOT`], for a host that wants to translate them before they are called.
/// See [`list`](crate::list) for choosing them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hot {
    /// No table.
    #[default]
    None,
    /// All that the module defines, in order: see [`Rewritten::first`].
    All,
}

/// The export that has the hot functions.
pub const HOT: &str = "dormouse:hot";

/// A module that goes on from a captured state.
pub struct Rewritten {
    /// The module.
    pub module: Vec<u8>,
    /// What its memories must hold.
    pub memories: Vec<CapturedMemory>,
    /// The index of the first function that it defines; before are imports.
    pub first: u32,
}

/// A memory's captured size and content.
pub struct CapturedMemory {
    /// Its size, in pages.
    pub pages: u64,
    /// Bytes of a page.
    pub page_size: u64,
    /// As many pages that it may grow to, if it has such a limit of its own.
    pub maximum: Option<u64>,
    /// All of its bytes.
    pub contents: Vec<u8>,
}

impl State<'_> {
    /// Makes the module that goes on from this state.
    ///
    /// # Errors
    ///
    /// When the module would exceed what validators allow.
    pub fn rewrite(&self, form: Form, hot: &Hot) -> Result<Rewritten, Error> {
        let assembly = Assembly::new(self, form, hot)?;
        let module = assembly.module()?;
        validate(&module)?;
        let memories = self.source.memories.iter().zip(&self.memories);
        let memories = memories
            .map(|(ty, contents)| {
                let page_size = 1u64 << ty.page_size_log2.unwrap_or(16);
                CapturedMemory {
                    pages: contents.len() as u64 / page_size,
                    page_size,
                    maximum: ty.maximum,
                    contents: contents.clone(),
                }
            })
            .collect();
        Ok(Rewritten {
            module,
            memories,
            first: self.source.imported_functions,
        })
    }
}

/// A function that the driver calls.
enum Link {
    /// That continuation, counted from the innermost.
    Made(usize),
    /// One that is there.
    Kept(u32),
}

struct Assembly<'s> {
    state: &'s State<'s>,
    source: &'s Source<'s>,
    form: Form,
    types: Types,
    /// What earlier rewrites appended.
    before: Appended,
    /// Types and bodies of all functions from `before.functions` on.
    appended: Vec<(u32, Cow<'s, [u8]>)>,
    /// The function that goes on from the point.
    driver: Option<u32>,
    /// What goes into the table of hot functions, if there is to be one.
    hot: Option<Vec<u32>>,
}

impl<'s> Assembly<'s> {
    fn new(state: &'s State<'s>, form: Form, hot: &Hot) -> Result<Self, Error> {
        let source = state.source;
        let mut assembly = Self {
            state,
            source,
            form,
            types: Types::new(&source.types)?,
            before: Appended::of(source),
            appended: Vec::new(),
            driver: None,
            hot: None,
        };
        assembly.append()?;
        assembly.hot = match hot {
            Hot::None => None,
            Hot::All => Some((source.imported_functions..assembly.functions()).collect()),
        };
        Ok(assembly)
    }

    /// How many functions the module has.
    fn functions(&self) -> u32 {
        self.before.functions + count(self.appended.len())
    }

    /// Makes the continuations and the driver.
    fn append(&mut self) -> Result<(), Error> {
        let (state, source) = (self.state, self.source);
        let mut types = Vec::new();
        let mut bodies = Vec::new();
        let mut chain = Vec::new();
        let mut size = 0;
        for frame in &state.frames {
            if let Some(calls) = calls(source, frame)? {
                chain.extend(calls.into_iter().map(Link::Kept));
                continue;
            }
            chain.push(Link::Made(bodies.len()));
            let (ty, body) = continuation(source, frame, &mut self.types)?;
            size += body.len();
            if size > MAX_CODE {
                return Err(Error::refused(format!(
                    "the {} functions on the stack at the point have more than {} MiB of code \
                     still to run; choose a point where it is flatter",
                    state.frames.len(),
                    MAX_CODE >> 20
                )));
            }
            types.push(ty);
            bodies.push(body);
        }
        let first = self.before.functions;
        let kept = chain.iter().filter_map(|link| match link {
            Link::Kept(index) => Some(*index),
            Link::Made(_) => None,
        });
        let live = live(source, first, self.callable().chain(kept), &bodies)?;
        let mut free = (first..).filter(|index| !live.contains(index));
        let places: Vec<u32> = free.by_ref().take(bodies.len()).collect();
        let mut made: BTreeMap<u32, (u32, Vec<u8>)> = places
            .iter()
            .copied()
            .zip(types.into_iter().zip(bodies))
            .collect();
        if let Some((import, args)) = &state.call {
            let outermost = state.frames.last().map_or(*import, |frame| frame.function);
            let results = val_types(source.function_type(outermost).results())?;
            let chain = chain.iter().map(|link| match link {
                Link::Kept(index) => *index,
                Link::Made(made) => places[*made],
            });
            let driver = driver((*import, args), chain, &results, &mut self.types);
            self.driver = free.next();
            made.extend(self.driver.map(|place| (place, driver)));
        }
        let last = made.keys().chain(&live).max().copied();
        for index in last.into_iter().flat_map(|last| first..=last) {
            let function = match (made.remove(&index), source.body(index)) {
                (Some((ty, body)), _) => (ty, body.into()),
                (None, Some(function)) if live.contains(&index) => {
                    (function.ty, function.body.as_bytes().into())
                }
                // Free, and there are no more functions to put there.
                _ => (self.types.function(&[], &[]), UNREACHABLE.into()),
            };
            self.appended.push(function);
        }
        Ok(())
    }

    /// Functions that the host, or an indirect call, can still reach.
    fn callable(&self) -> impl Iterator<Item = u32> {
        let source = self.source;
        let entry = self.entry();
        let exported = source
            .exports
            .iter()
            .filter(move |export| export.kind == ExternalKind::Func && entry != Some(export.name))
            .map(|export| export.index);
        let tables = self.state.tables.iter().flatten().flatten();
        exported
            .chain(tables.filter_map(|function| *function))
            .chain(self.referred())
    }

    /// Functions that constants refer to.
    fn referred(&self) -> impl Iterator<Item = u32> {
        let state = self.state;
        let frames = state.frames.iter().flat_map(|frame| {
            let values = [&frame.operands, &frame.locals, &frame.scratch];
            values.into_iter().flatten()
        });
        let args = state.call.iter().flat_map(|(_, args)| args);
        frames
            .chain(args)
            .chain(state.globals.values())
            .filter_map(|constant| match constant {
                Constant::Function(index) => Some(*index),
                _ => None,
            })
    }

    /// The export that goes on from the point.
    fn entry(&self) -> Option<&'s str> {
        match &self.state.entry {
            Some(Entry::Export(name)) => Some(name.as_str()),
            _ => None,
        }
    }

    /// The functions that were there before any rewrite.
    fn originals(&self) -> &'s [Defined<'s>] {
        let defined = self.before.functions - self.source.imported_functions;
        &self.source.defined[..defined as usize]
    }
}
