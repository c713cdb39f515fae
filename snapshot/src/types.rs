//! Function types: the module's, and those a pass appends.

use crate::{Error, source::val_types};
use std::collections::HashMap;
use wasm_encoder::{BlockType, TypeSection, ValType};
use wasmparser::FuncType;

type Signature = (Vec<ValType>, Vec<ValType>);

/// A type section that only grows.
pub(crate) struct Types {
    all: Vec<Signature>,
    index: HashMap<Signature, u32>,
}

impl Types {
    pub(crate) fn new(types: &[FuncType]) -> Result<Self, Error> {
        let mut all = Vec::with_capacity(types.len());
        for ty in types {
            all.push((val_types(ty.params())?, val_types(ty.results())?));
        }
        let mut index = HashMap::new();
        for (position, signature) in (0..).zip(&all) {
            index.entry(signature.clone()).or_insert(position);
        }
        Ok(Self { all, index })
    }

    /// The index of the function type, which is appended if it is new.
    pub(crate) fn function(&mut self, params: &[ValType], results: &[ValType]) -> u32 {
        let signature = (params.to_vec(), results.to_vec());
        if let Some(index) = self.index.get(&signature) {
            return *index;
        }
        // A module has at most a million types, and a pass adds few.
        let index = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(signature.clone());
        self.index.insert(signature, index);
        index
    }

    pub(crate) fn block(&mut self, params: &[ValType], results: &[ValType]) -> BlockType {
        match (params, results) {
            ([], []) => BlockType::Empty,
            ([], [result]) => BlockType::Result(*result),
            _ => BlockType::FunctionType(self.function(params, results)),
        }
    }

    pub(crate) fn section(&self) -> TypeSection {
        let mut section = TypeSection::new();
        for (params, results) in &self.all {
            section
                .ty()
                .function(params.iter().copied(), results.iter().copied());
        }
        section
    }
}
