//! How large a guest may grow.

use super::room;
use crate::engine::Meter;
use std::sync::Arc;
use wasmi::ResourceLimiter;
use wasmi_core::LimiterError;

/// Elements that a guest's tables may hold, all together. A reference costs
/// the host 8 bytes, so this is 8 MB at the most; CPython has 9,000.
const MAX_TABLE_ELEMENTS: usize = 1_000_000;

/// Instances, memories and tables of one store: a module has as many of each
/// as it declares, and the host keeps a record per piece.
const MAX_PIECES: usize = 1000;

/// Counts memory and tables over all of a store's.
pub(crate) struct Limiter {
    memory_left: u64,
    table_elements_left: usize,
    /// All memory that there may be.
    memory: u64,
    /// How often anything may still grow, or not be let, before the call of the
    /// guest returns.
    growths_left: usize,
    /// Whether what is made now is the host's own.
    is_for_host: bool,
    meter: Arc<Meter>,
}

impl Limiter {
    /// Allows `memory` bytes of linear memory.
    pub(crate) fn new(memory: u64, meter: Arc<Meter>) -> Self {
        Self {
            memory_left: memory,
            table_elements_left: MAX_TABLE_ELEMENTS,
            memory,
            growths_left: room::growths(memory),
            is_for_host: false,
            meter,
        }
    }

    /// All linear memory that there may be.
    pub(super) fn memory(&self) -> u64 {
        self.memory
    }

    /// Whether what is made from now on is the host's own, and not counted.
    pub(super) fn for_host(&mut self, is_for_host: bool) {
        self.is_for_host = is_for_host;
    }

    /// Counts growths anew: the native stack is as it was.
    pub(super) fn returned(&mut self) {
        self.growths_left = room::growths(self.memory);
    }

    /// Counts what keeps some of the native stack.
    fn count_growth(&mut self) -> Result<(), LimiterError> {
        let left = self.growths_left.checked_sub(1);
        self.growths_left = left.ok_or(LimiterError::ResourceLimiterDeniedAllocation)?;
        Ok(())
    }

    /// Bytes of linear memory that may still be had.
    pub(super) fn memory_left(&self) -> u64 {
        self.memory_left
    }

    /// What has been had since `before`, which may be another run's.
    pub(super) fn taken_since(&self, before: Taken) -> Taken {
        Taken {
            memory: before.memory.saturating_sub(self.memory_left),
            table_elements: before
                .table_elements
                .saturating_sub(self.table_elements_left),
        }
    }

    /// All that is left, as something to compare with later.
    pub(super) fn left(&self) -> Taken {
        Taken {
            memory: self.memory_left,
            table_elements: self.table_elements_left,
        }
    }

    /// Counts what an instance has already; `false` where it is too much.
    pub(super) fn take(&mut self, taken: Taken) -> bool {
        let memory = self.memory_left.checked_sub(taken.memory);
        let elements = self.table_elements_left.checked_sub(taken.table_elements);
        let (Some(memory), Some(elements)) = (memory, elements) else {
            return false;
        };
        self.memory_left = memory;
        self.table_elements_left = elements;
        true
    }
}

/// Amounts of what is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    memory: u64,
    table_elements: usize,
}

impl Taken {
    /// Nothing but `bytes` of linear memory.
    pub(super) fn memory(bytes: u64) -> Self {
        Self {
            memory: bytes,
            table_elements: 0,
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        if self.is_for_host {
            return Ok(true);
        }
        let growth = desired.saturating_sub(current) as u64;
        self.count_growth()?;
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if growth > self.memory_left {
            self.meter.refuse_memory();
            return Ok(false);
        }
        self.memory_left -= growth;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let growth = desired.saturating_sub(current);
        self.count_growth()?;
        if growth > self.table_elements_left || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.table_elements_left -= growth;
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_PIECES
    }

    fn tables(&self) -> usize {
        MAX_PIECES
    }

    fn memories(&self) -> usize {
        MAX_PIECES
    }
}
