//! Counts for Prometheus.

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::problem::Problem;
use crate::state::AppState;
use crate::waiting::Unsealed;

/// Upper ends of the classes of durations, seconds.
const CLASSES: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    method: String,
    route: String,
    status: u16,
}

/// What is counted. Gauges are set when they are asked for.
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    duration: Histogram,
    entries: Gauge<u64, AtomicU64>,
    published: Gauge<u64, AtomicU64>,
    logs: Gauge<u64, AtomicU64>,
    circles: Gauge<u64, AtomicU64>,
    missing: Gauge<u64, AtomicU64>,
    connected: Gauge<u64, AtomicU64>,
    convicted: Gauge<u64, AtomicU64>,
    waiting: Gauge<u64, AtomicU64>,
    failed: Gauge<u64, AtomicU64>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("suyuan");
        let requests: Family<Labels, Counter> = Family::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        let duration = Histogram::new(CLASSES);
        registry.register("http_request_duration_seconds", "Time to answer a request", duration.clone());
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::<u64, AtomicU64>::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let entries = gauge("log_entries", "Entries of this member's log on the disk");
        let published = gauge("log_published", "Entries of this member's log under a checkpoint");
        let logs = gauge("logs", "Logs of which this node holds something");
        let circles = gauge("circles", "Circles that this node is in");
        let missing = gauge("records_missing", "Records addressed to this node that are known to exist and not held");
        let connected = gauge("peers_connected", "Other members' nodes that are connected");
        let convicted = gauge("logs_with_two_histories", "Logs of which their member signed two histories; more than none is an alarm");
        let waiting = gauge("records_waiting", "Records on the disk that cannot be sealed yet");
        let failed = gauge("submissions_failed", "Submissions that have waited and cannot be written any more; somebody has to take them out");
        Self { registry, requests, duration, entries, published, logs, circles, missing, connected, convicted, waiting, failed }
    }
}

impl Metrics {
    fn set(&self, state: &AppState) {
        let now = state.handle.state();
        let ledger = &now.ledger;
        self.entries.set(ledger.logs.head(&ledger.own_log()).size());
        self.published.set(now.published.as_ref().map_or(0, |published| published.size));
        self.logs.set(ledger.logs.iter().count() as u64);
        self.circles.set(ledger.circles.iter().count() as u64);
        let circles = ledger.known_circles();
        self.missing.set(circles.iter().flat_map(|circle| ledger.counters.in_circle(circle)).map(|(_, counter)| counter.missing()).sum());
        self.connected.set(state.peers.borrow().iter().filter(|peer| peer.connected).count() as u64);
        self.convicted.set(ledger.convictions.iter().count() as u64);
        let unsealed = Unsealed::of(&now.waiting);
        self.waiting.set(unsealed.records as u64);
        self.failed.set(unsealed.failed as u64);
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Counts a request by the route that answered it; whatever has no route counts as one.
pub async fn counted(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    // Methods are few here; a client's invented ones are not told apart.
    let known = ["GET", "HEAD", "POST", "DELETE"];
    let method = known.into_iter().find(|method| *method == request.method().as_str()).unwrap_or("other").to_owned();
    let response = next.run(request).await;
    let labels = Labels { method, route, status: response.status().as_u16() };
    state.metrics.requests.get_or_create(&labels).inc();
    state.metrics.duration.observe(begun.elapsed().as_secs_f64());
    response
}

/// Counts for Prometheus.
///
/// In the OpenMetrics text format.
#[utoipa::path(get, path = "/metrics", tag = "node", responses((status = 200, description = "The counts", content_type = "application/openmetrics-text", body = String)))]
pub(crate) async fn metrics(State(state): State<AppState>) -> Result<Response, Problem> {
    state.metrics.set(&state);
    let text = state.metrics.text().map_err(|error| Problem::internal(&error))?;
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}
