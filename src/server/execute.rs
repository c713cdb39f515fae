//! Code that runs in a sandbox of its own.

use super::{
    api::{Api, Asked, Ran},
    input,
    tap::{Sink, Stream, Tap},
};
use crate::{Error, Output, Program, Sandbox};
use axum::{
    extract::{Request, State},
    response::Response,
};
use std::sync::Arc;

/// `POST /execute`.
pub(crate) async fn run(State(api): State<Arc<Api>>, request: Request) -> Response {
    answer(&api, request)
        .await
        .unwrap_or_else(|response| response)
}

async fn answer(api: &Arc<Api>, request: Request) -> Result<Response, Response> {
    let asked = Asked::read(api, request).await?;
    let code: input::Code = input::parse(&asked.body)?;
    input::check(&code.code)?;
    let language = input::language(code.lang.as_deref(), &api.served)?;
    let limits = input::limits(code.timeout.as_deref(), &api.config.limits)?;
    let Some(sandbox) = api.sandbox(language, limits.clone()) else {
        return Err(super::reply::refused(super::pool::Refused::Panicked));
    };
    let program = Program::code(code.code);
    let work = move |cut: &super::cut::Cut, sink| {
        let mut sandbox = sandbox;
        let stopper = sandbox.stopper();
        cut.when_cut(move |_| stopper.stop());
        let tap = Tap::default();
        tap.lead(sink);
        let ran = tapped(sandbox, &tap).run(program);
        let ran: Result<Ran, Error> = ran.map(|outcome| Ran {
            outcome,
            ended: None,
        });
        (ran, tap.lead(Sink::Nowhere))
    };
    Ok(api.respond(&asked, limits, work).await)
}

/// The sandbox with both streams leading to `tap`.
pub(crate) fn tapped(sandbox: Sandbox, tap: &Tap) -> Sandbox {
    sandbox
        .line_buffered()
        .stdout(Output::Writer(tap.writer(Stream::Stdout)))
        .stderr(Output::Writer(tap.writer(Stream::Stderr)))
}
