//! From lists of calls to filters of the kernel's.

use crate::Error;
use crate::lockdown::impossible;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// A call and, where it is not about each such call, what its arguments are then:
/// any of these rules, all of a rule's conditions.
pub(super) type Calls = BTreeMap<i64, Vec<SeccompRule>>;

/// What is done about which calls. The kernel takes the gravest answer of all.
pub(super) struct Rules {
    /// They end the process.
    pub(super) killing: Calls,
    /// They fail with `EPERM`.
    pub(super) refused: Calls,
    /// They are left, where none of the above is about them. All others fail with
    /// `ENOSYS`, as on a kernel that does not have them.
    pub(super) known: Calls,
}

/// That the `bits` of argument `index` are `value`. (The kernel takes the lower 32
/// bits of these arguments.)
pub(super) fn masked(index: u8, bits: u64, value: u64) -> Result<SeccompCondition, Error> {
    condition(index, Length::Dword, SeccompCmpOp::MaskedEq(bits), value)
}

/// That the argument is `value`.
pub(super) fn equal(index: u8, value: u32) -> Result<SeccompCondition, Error> {
    condition(index, Length::Dword, SeccompCmpOp::Eq, value.into())
}

/// That it is not `value`.
pub(super) fn other_than(index: u8, value: u32) -> Result<SeccompCondition, Error> {
    condition(index, Length::Dword, SeccompCmpOp::Ne, value.into())
}

/// That it is a pointer to something.
pub(super) fn is_given(index: u8) -> Result<SeccompCondition, Error> {
    condition(index, Length::Qword, SeccompCmpOp::Ne, 0)
}

fn condition(
    index: u8,
    length: Length,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, Error> {
    SeccompCondition::new(index, length, operator, value).map_err(wrong)
}

/// A rule of which all `conditions` must hold.
pub(super) fn all(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, Error> {
    SeccompRule::new(conditions).map_err(wrong)
}

/// Puts `rules` in force, for all threads and for good.
///
/// # Errors
///
/// When the kernel can't.
pub(super) fn install(rules: &Rules) -> Result<(), Error> {
    let refused = |errno: i32| SeccompAction::Errno(errno.unsigned_abs());
    // The last one leaves no way to install more.
    let filters = [
        (
            &rules.killing,
            SeccompAction::Allow,
            SeccompAction::KillProcess,
        ),
        (&rules.refused, SeccompAction::Allow, refused(libc::EPERM)),
        (&rules.known, refused(libc::ENOSYS), SeccompAction::Allow),
    ];
    for (calls, others, these) in filters {
        let filter = compile(calls.clone(), others, these).map_err(wrong)?;
        seccompiler::apply_filter_all_threads(&filter).map_err(|error| {
            impossible(format_args!(
                "the kernel takes no filter of system calls ({error}); it must have seccomp, and \
                 whatever this process runs in must not forbid it"
            ))
        })?;
    }
    Ok(())
}

fn compile(
    calls: Calls,
    others: SeccompAction,
    these: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    let target = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(calls, others, these, target)?.try_into()
}

fn wrong(error: BackendError) -> Error {
    impossible(format_args!("the filter of system calls is wrong: {error}"))
}
