//! A host that remembers what it was told, and answers differently each time;
//! and what can be seen of memories.

/// What the host keeps: everything that the guest told it.
#[derive(Default, Clone, Debug, PartialEq)]
pub(crate) struct Host {
    pub(crate) said: Vec<i64>,
}

impl Host {
    /// Ends a call of which all arguments are noted; what to answer depends
    /// on them and on all that was said before.
    pub(crate) fn answer(&mut self) -> Answer {
        self.said.push(-1);
        let mixed = self.said.iter().fold(0u64, |mixed, value| {
            (mixed ^ value.cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (mixed >> 29)
        });
        Answer(mixed)
    }
}

/// The bits of one result after the other.
pub(crate) struct Answer(u64);

impl Answer {
    pub(crate) fn bits(&mut self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        self.0 = mixed;
        // Small numbers more often than not: they are taken for addresses.
        if mixed.is_multiple_of(3) {
            mixed
        } else {
            mixed >> 58
        }
    }
}

/// A memory's bytes, which print as no more than what is needed to tell that
/// they differ.
#[derive(PartialEq)]
pub(crate) struct Contents(pub(crate) Vec<u8>);

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sum = self.0.iter().fold(0u64, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
        write!(f, "{} bytes, {sum:x}", self.0.len())
    }
}
