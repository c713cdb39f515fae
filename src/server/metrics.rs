//! What a server counts, in the text format of Prometheus.

use crate::{Error, ErrorKind, Limit};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
    core::Collector,
};
use std::time::Duration;

/// Upper bounds of the classes of durations, in seconds: from a woken sandbox to
/// the default deadline.
const BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The counters of one server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    limits: IntCounterVec,
    running: IntGauge,
    waiting: IntGauge,
    sessions: IntGauge,
    memory: IntGauge,
}

impl Metrics {
    /// The media type of its text.
    pub(crate) const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// # Errors
    ///
    /// Never, as the names are good and each is there once.
    pub(crate) fn new() -> Result<Self, Error> {
        Self::registered().map_err(|error| {
            Error::new(ErrorKind::Engine, format!("the metrics are wrong: {error}"))
        })
    }

    fn registered() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new("dormouse_requests_total", "Requests answered"),
                &["route", "status"],
            )?,
            durations: HistogramVec::new(
                HistogramOpts::new(
                    "dormouse_request_duration_seconds",
                    "Time until the answer begins",
                )
                .buckets(BUCKETS.to_vec()),
                &["route"],
            )?,
            limits: IntCounterVec::new(
                Opts::new("dormouse_limits_total", "Guests that a limit stopped"),
                &["limit"],
            )?,
            running: IntGauge::new("dormouse_guests_running", "Guests that run")?,
            waiting: IntGauge::new("dormouse_guests_waiting", "Requests that wait to run")?,
            sessions: IntGauge::new("dormouse_sessions", "Sessions that are open")?,
            memory: IntGauge::new("dormouse_resident_bytes", "Memory that the process holds")?,
            registry,
        };
        let all: [Box<dyn Collector>; 7] = [
            Box::new(metrics.requests.clone()),
            Box::new(metrics.durations.clone()),
            Box::new(metrics.limits.clone()),
            Box::new(metrics.running.clone()),
            Box::new(metrics.waiting.clone()),
            Box::new(metrics.sessions.clone()),
            Box::new(metrics.memory.clone()),
        ];
        for collector in all {
            metrics.registry.register(collector)?;
        }
        // So that they are there before they happen.
        for limit in [Limit::Deadline, Limit::Memory, Limit::Output, Limit::Fuel] {
            metrics.limits.with_label_values(&[&limit.to_string()]);
        }
        Ok(metrics)
    }

    /// Counts a request. `route` is as it was declared, never as a client wrote it:
    /// there would be no end of them.
    pub(crate) fn request(&self, route: &str, status: u16, duration: Duration) {
        self.requests
            .with_label_values(&[route, &status.to_string()])
            .inc();
        self.durations
            .with_label_values(&[route])
            .observe(duration.as_secs_f64());
    }

    /// Counts a guest that a limit stopped.
    pub(crate) fn limit(&self, limit: Limit) {
        self.limits.with_label_values(&[&limit.to_string()]).inc();
    }

    /// Sets what is not counted but looked at.
    pub(crate) fn gauges(&self, running: usize, waiting: usize, sessions: usize) {
        let set = |gauge: &IntGauge, value| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.running, running);
        set(&self.waiting, waiting);
        set(&self.sessions, sessions);
        set(&self.memory, resident());
    }

    /// All of it.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // Nothing fails to be written into memory.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        text
    }
}

/// Bytes that the process holds; 0 where the system does not say.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split(' ').nth(1)?.parse::<usize>().ok());
    pages
        .unwrap_or_default()
        .saturating_mul(rustix::param::page_size())
}

#[cfg(not(target_os = "linux"))]
fn resident() -> usize {
    0
}
