//! Calls that come back after a short time, ended or not.

use super::{CallError, Func, Instance, PureFunction, instance::resolve};
use crate::Value;
use wasmi::{ResumableCall, Val};

/// A call that is under way: see [`Instance::call_briefly`].
#[derive(Debug)]
pub struct Unfinished {
    func: Func,
    call: ResumableCall,
}

impl Instance {
    /// The function itself, if it only computes, and nothing counts its fuel: for
    /// who calls it often enough that it matters to do so without the instance.
    /// Calls of `func` take that way in any case.
    pub fn pure(&mut self, func: Func) -> Option<PureFunction> {
        self.leaf(func).cloned().map(PureFunction)
    }

    /// Begins a call as [`call_into`](Self::call_into) does, and comes back after
    /// well below a millisecond of work: `None` where it has ended by then, else
    /// what is to be [finished](Self::finish). So who holds a lock can keep it for
    /// short calls, and let go of it for long ones. What the host does for the guest
    /// counts as nothing; and a guest that runs unmetered runs to its end.
    ///
    /// ```
    /// use dormouse::{Engine, Instance, Module, Value};
    /// let module = Module::new(&Engine::new(), "count.wat", br#"(module
    ///     (func (export "count") (param $n i32) (result i32) (local $i i32)
    ///         (loop
    ///             (local.set $i (i32.add (local.get $i) (i32.const 1)))
    ///             (br_if 0 (i32.lt_u (local.get $i) (local.get $n))))
    ///         (local.get $i)))"#)?;
    /// let mut instance = Instance::new(&module)?;
    /// let count = instance.function("count")?;
    /// let mut results = [Value::I32(0)];
    /// assert!(instance.call_briefly(count, &[Value::I32(9)], &mut results)?.is_none());
    /// assert_eq!(results, [Value::I32(9)]);
    /// let rest = instance.call_briefly(count, &[Value::I32(900_000)], &mut results)?;
    /// instance.finish(rest.expect("it takes longer"), &mut results)?;
    /// assert_eq!(results, [Value::I32(900_000)]);
    /// # Ok::<(), dormouse::CallError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`call_into`](Self::call_into).
    pub fn call_briefly(
        &mut self,
        func: Func,
        args: &[Value],
        results: &mut [Value],
    ) -> Result<Option<Unfinished>, CallError> {
        if self.call_leaf(func, args, results) {
            return Ok(None);
        }
        let raw = self.lower(func, args)?;
        self.check_room(results)?;
        self.begin()?;
        let called = self
            .inner
            .call_briefly(raw, &self.params, &mut self.results);
        match called {
            Ok(Some(call)) => Ok(Some(Unfinished { func, call })),
            Ok(None) => self.end(Ok(()), results).map(|()| None),
            Err(stop) => self.end(Err(stop), results).map(|()| None),
        }
    }

    /// Goes on with a call until it ends. One that is dropped instead never ends.
    ///
    /// # Errors
    ///
    /// As of [`call_into`](Self::call_into).
    pub fn finish(
        &mut self,
        unfinished: Unfinished,
        results: &mut [Value],
    ) -> Result<(), CallError> {
        let (_, ty) = resolve(self.inner.store_mut(), unfinished.func)?;
        // Other calls may have come between.
        self.results.clear();
        self.results.resize(ty.results().len(), Val::I32(0));
        self.check_room(results)?;
        let ended = self.inner.finish(unfinished.call, &mut self.results);
        self.end(ended, results)
    }
}
