//! One request, run by its module.

use super::{
    answer::{self, Answer},
    environment::{Client, Matched},
    handler::{Hit, ended},
};
use crate::{Error, ErrorKind, Limit, Output, Sandbox, Status, Stdin};
use http::{StatusCode, request::Parts};

/// An answer, and what the log should say beside.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) answer: Answer,
    /// Why it is not the module's.
    pub(crate) problem: Option<String>,
    /// What else was amiss.
    pub(crate) notes: Vec<String>,
    /// What stopped the module, if that did.
    pub(crate) limit: Option<Limit>,
}

impl Ran {
    fn failed(status: StatusCode, problem: impl Into<String>) -> Self {
        Self {
            answer: answer::plain(status, ""),
            problem: Some(problem.into()),
            notes: Vec::new(),
            limit: None,
        }
    }
}

/// Has the module that `hit` found answer a request; `arm` gets the sandbox
/// before it runs.
pub(crate) fn run(
    hit: &Hit,
    parts: &Parts,
    body: Vec<u8>,
    client: &Client,
    arm: impl FnOnce(&mut Sandbox),
) -> Ran {
    let handler = &hit.handler;
    let (mut grants, missing) = handler.grants();
    let matched = Matched {
        parts,
        length: body.len(),
        client,
        route: hit.route(),
    };
    let words = matched.words(handler.argv());
    let variables = matched.variables(&grants.env);
    // What stands in an environment, or among arguments, ends with a NUL.
    if words
        .iter()
        .chain(variables.values())
        .any(|text| text.contains('\0'))
    {
        return Ran {
            answer: answer::plain(StatusCode::BAD_REQUEST, "the path has a NUL in it\n"),
            problem: Some("the path has a NUL in it".to_owned()),
            notes: Vec::new(),
            limit: None,
        };
    }
    grants.env = variables.into_iter().collect();
    let planned = match handler.guest.plan(hit.entrypoint(), &words, &grants.mounts) {
        Ok(planned) => planned,
        Err(error) => return not_run(&error),
    };
    let mut sandbox = Sandbox::new(&planned.image)
        .grants(grants)
        .limits(handler.limits().clone())
        .stdin(Stdin::Bytes(body))
        .stdout(Output::Capture)
        .stderr(Output::Writer(Box::new(handler.log().writer())));
    arm(&mut sandbox);
    let outcome = match sandbox.run(planned.program) {
        Ok(outcome) => outcome,
        Err(error) => return not_run(&error),
    };
    let mut ran = match outcome.status {
        Status::Exit(0) => answered(outcome.stdout, parts),
        Status::Limit(Limit::Deadline) => Ran::failed(StatusCode::GATEWAY_TIMEOUT, ended(&outcome)),
        _ => Ran::failed(StatusCode::INTERNAL_SERVER_ERROR, ended(&outcome)),
    };
    if let Status::Limit(limit) = outcome.status {
        ran.limit = Some(limit);
    }
    let missing = missing.into_iter();
    ran.notes.extend(
        missing.map(|host| format!("it ran without its volume {host}, which is not there")),
    );
    ran
}

fn answered(printed: Vec<u8>, parts: &Parts) -> Ran {
    match answer::parse(printed, &parts.method) {
        Ok(parsed) => Ran {
            answer: parsed.answer,
            problem: None,
            notes: parsed.dropped,
            limit: None,
        },
        Err(malformed) => Ran {
            problem: Some(malformed.to_string()),
            answer: malformed.answer(),
            notes: Vec::new(),
            limit: None,
        },
    }
}

fn not_run(error: &Error) -> Ran {
    let status = match error.kind() {
        ErrorKind::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Ran::failed(status, error.with_causes())
}
