//! A session: the interpreter waits on its channel for the next piece.

use super::{CHANNEL, request};
use crate::{
    Error, ErrorKind, GuestError, Image,
    engine::Stop,
    host::Exchange,
    instance::{Instance, Interrupt, Waiting},
    language::{
        session::{Question, Reply, no_copy},
        wasm,
    },
};
use serde::Deserialize;
use std::sync::Arc;

/// What CPython calls when a signal comes, with the signal's number, and its
/// stack pointer: exports that [`export`](super::export) adds.
pub(super) const RAISE: &str = "trip_signal";
pub(super) const STACK_POINTER: &str = "__stack_pointer";

/// The number of the signal that a terminal's Ctrl-C sends.
const SIGINT: i32 = 2;

/// The interpreter's side of a session.
pub(crate) struct Session {
    exchange: Arc<Exchange>,
    /// Its call, which is in the middle of a read of the channel; `None` once
    /// it has ended.
    waiting: Option<Waiting>,
    /// Pieces so far: they are called by their number.
    pieces: u32,
}

/// A reply as `session.py` writes it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Said {
    error: Option<(String, String)>,
    complete: bool,
    names: Vec<String>,
}

impl Session {
    pub(crate) fn begin(instance: &mut Instance) -> Result<Result<Self, Stop>, Error> {
        let state = instance.store_mut().data_mut();
        let exchange = state.language::<Option<Arc<Exchange>>>().clone();
        let start = wasm::entry(instance).and_then(|name| instance.func(name));
        let (Some(exchange), Some(start)) = (exchange, start) else {
            return Err(Error::new(
                ErrorKind::Guest,
                "the Python guest has no _start, or no session was prepared for it",
            ));
        };
        let interrupt = Interrupt::of(instance, RAISE, SIGINT, STACK_POINTER);
        instance.store_mut().data_mut().interrupt = interrupt;
        Ok(instance.begin(start).and_then(|waiting| {
            let mut session = Self {
                exchange,
                waiting: None,
                pieces: 0,
            };
            session.keep(waiting)?;
            Ok(session)
        }))
    }

    /// Between two pieces the guest waits where its image was captured: with the
    /// same C functions active, called with the same arguments, in the same
    /// places of its stack. What differs is in memory. So the image's own way of
    /// going on from there is right for a copy of the memory, too.
    pub(crate) fn copy(
        &self,
        image: &Image,
        instance: &mut Instance,
        other: &mut Instance,
    ) -> Result<Self, Error> {
        if image.snapshot().is_none() || !instance.is_awake() {
            return Err(no_copy(
                "a Python session must have been woken from an image",
            ));
        }
        let open = other.state().wasi().open_descriptors();
        if open.iter().any(|fd| *fd != CHANNEL) {
            return Err(no_copy("its program has a file open; close it first"));
        }
        let place = |instance: &Instance| instance.global_value(STACK_POINTER)?.i32();
        if place(instance).is_none() || place(instance) != place(other) {
            return Err(no_copy("its guest does not wait where its image does"));
        }
        instance.copy_from(other)?;
        let copy = Self::begin(instance)?;
        let mut copy = copy.map_err(no_copy)?;
        if instance.state().wasi().paused_read() != other.state().wasi().paused_read() {
            return Err(no_copy("its guest waits for something else than its image"));
        }
        copy.pieces = self.pieces;
        copy.ask(instance, Question::Refresh).map_err(no_copy)?;
        Ok(copy)
    }

    pub(crate) fn ask(
        &mut self,
        instance: &mut Instance,
        question: Question<'_>,
    ) -> Result<Reply, Stop> {
        let (word, text) = match question {
            Question::Run(code) => ("run", code),
            Question::Show(code) => ("repl", code),
            Question::IsComplete(code) => ("check", code),
            Question::Complete(text) => ("complete", text),
            Question::Refresh => ("refresh", ""),
        };
        if let Question::Run(_) | Question::Show(_) = question {
            self.pieces += 1;
        }
        let waiting = self.waiting.take().ok_or_else(ended)?;
        self.exchange.ask(request::piece(word, text, self.pieces));
        let waiting = instance.go_on_with(waiting)?;
        self.keep(waiting)?;
        let said = self.exchange.take_reply();
        let said: Said = said
            .and_then(|said| serde_json::from_slice(&said).ok())
            .ok_or_else(|| Stop::new("the program reads what its session waits for"))?;
        Ok(Reply {
            error: said
                .error
                .map(|(name, message)| GuestError { name, message }),
            is_complete: said.complete,
            names: said.names,
        })
    }

    /// Keeps the guest that waits; if it doesn't, it has come to its end.
    fn keep(&mut self, waiting: Option<Waiting>) -> Result<(), Stop> {
        self.waiting = Some(waiting.ok_or_else(|| Stop::i32_exit(0))?);
        Ok(())
    }
}

fn ended() -> Stop {
    Stop::new("the session's guest has ended")
}
