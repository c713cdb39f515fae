//! Ending work that is no longer wanted, from wherever that is noticed.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Why work is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The client is gone, or takes nothing any more.
    Gone,
    /// The server ends.
    Shutdown,
}

/// Whether some work has been cut short, and what then happens.
#[derive(Clone, Default)]
pub(crate) struct Cut(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    reason: Option<Reason>,
    hooks: Vec<Hook>,
    over: bool,
}

type Hook = Box<dyn FnOnce(Reason) + Send>;

impl Cut {
    /// Why it was cut, if it was.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.lock().reason
    }

    /// Cuts it, unless it was before: the first reason stays.
    pub(crate) fn cut(&self, reason: Reason) {
        let hooks = {
            let mut inner = self.lock();
            if inner.reason.is_some() || inner.over {
                return;
            }
            inner.reason = Some(reason);
            std::mem::take(&mut inner.hooks)
        };
        for hook in hooks {
            hook(reason);
        }
    }

    /// Has `hook` called when it is cut; at once, if it was.
    pub(crate) fn when_cut(&self, hook: impl FnOnce(Reason) + Send + 'static) {
        let reason = {
            let mut inner = self.lock();
            match inner.reason {
                Some(reason) => reason,
                None => return inner.hooks.push(Box::new(hook)),
            }
        };
        hook(reason);
    }

    /// Cuts it for [`Reason::Gone`] when the guard goes.
    pub(crate) fn when_dropped(&self) -> Guard {
        Guard(Some(self.clone()))
    }

    /// Forgets what would happen: the work is done.
    pub(crate) fn over(&self) {
        let hooks = {
            let mut inner = self.lock();
            inner.over = true;
            std::mem::take(&mut inner.hooks)
        };
        drop(hooks);
    }

    /// Whether the work is done.
    pub(crate) fn is_over(&self) -> bool {
        self.lock().over
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cut").field(&self.reason()).finish()
    }
}

/// Whoever waits for some work: it is cut when that goes away.
#[derive(Debug)]
pub(crate) struct Guard(Option<Cut>);

impl Guard {
    /// Lets it go without cutting anything.
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(cut) = &self.0 {
            cut.cut(Reason::Gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn hooks_run_once_and_at_once_where_it_was_cut() {
        let (sender, receiver) = mpsc::channel();
        let (cut, other) = (Cut::default(), sender.clone());
        cut.when_cut(move |reason| other.send(reason).expect("we listen"));
        drop(cut.when_dropped());
        cut.cut(Reason::Shutdown);
        cut.when_cut(move |reason| sender.send(reason).expect("we listen"));
        let all: Vec<_> = receiver.try_iter().collect();
        assert_eq!(all, [Reason::Gone, Reason::Gone]);
    }

    #[test]
    fn who_keeps_it_cuts_nothing() {
        let cut = Cut::default();
        cut.when_dropped().keep();
        assert_eq!(cut.reason(), None);
    }
}
