//! `--admin`: the server's state for those who operate it, on an address of its own.
//!
//! Runs on the shared runtime, so that it answers even where every worker is busy. It only reads.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tracing::debug;

use crate::Error;
use crate::metrics::{Bound, ConnectionState, Counter, Failure, WorkerMetrics};

/// Connections that are served at the same time; more of them wait.
const CONNECTIONS_MAX: usize = 64;

/// How long a request head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What the operator is told about.
#[derive(Debug)]
pub(crate) struct State {
    registry: Registry,
    draining: Arc<AtomicBool>,
}

impl State {
    /// The workers' counters, and whether the server is shutting down.
    pub(crate) fn new(metrics: Vec<Arc<WorkerMetrics>>, draining: Arc<AtomicBool>) -> State {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Summed { workers: metrics }));
        State { registry, draining }
    }
}

/// Starts serving `/metrics`, `/healthz` and `/readyz`, and returns the address with its real
/// port.
///
/// # Errors
/// [`Error::Admin`] where the address cannot be listened on.
pub(crate) fn start(
    runtime: &Runtime,
    address: SocketAddr,
    state: State,
) -> Result<SocketAddr, Error> {
    let fail = |source| Error::Admin { address, source };
    let listener = runtime.block_on(TcpListener::bind(address)).map_err(fail)?;
    let actual = listener.local_addr().map_err(fail)?;
    runtime.spawn(accept(listener, Arc::new(state)));
    Ok(actual)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let places = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                debug!(%error, "the admin listener failed to accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let response = answer(&request, &state);
                async move { Ok::<_, Infallible>(response) }
            });
            let mut server = hyper::server::conn::http1::Builder::new();
            server
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT);
            if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                debug!(%error, "an admin connection failed");
            }
            drop(place);
        });
    }
}

fn answer(request: &Request<Incoming>, state: &State) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = |status, text: &str| (status, TEXT, text.to_owned());
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/healthz") => text(StatusCode::OK, "ok\n"),
        (&Method::GET | &Method::HEAD, "/readyz") if state.draining.load(Ordering::Relaxed) => {
            text(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n")
        }
        (&Method::GET | &Method::HEAD, "/readyz") => text(StatusCode::OK, "ready\n"),
        (&Method::GET | &Method::HEAD, "/metrics") => {
            let mut metrics = String::new();
            match prometheus_client::encoding::text::encode(&mut metrics, &state.registry) {
                Ok(()) => (StatusCode::OK, OPEN_METRICS, metrics),
                Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
            }
        }
        (_, "/healthz" | "/readyz" | "/metrics") => {
            text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n")
        }
        _ => text(StatusCode::NOT_FOUND, "try /metrics, /healthz or /readyz\n"),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let allow = header::HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// The workers' counters, summed when they are read.
#[derive(Debug)]
struct Summed {
    workers: Vec<Arc<WorkerMetrics>>,
}

impl Summed {
    fn sum(&self, counter: impl Fn(&WorkerMetrics) -> &Counter) -> u64 {
        self.workers
            .iter()
            .map(|worker| counter(worker).get())
            .sum()
    }
}

/// Writes one metric after the other.
struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn single(&mut self, name: &str, help: &str, value: impl EncodeMetric) -> fmt::Result {
        let name = format!("sockeye_{name}");
        value.encode(
            self.0
                .encode_descriptor(&name, help, None, value.metric_type())?,
        )
    }

    /// Writes one metric that has a value for each value of a label.
    fn labelled<M: EncodeMetric>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ((&'static str, &'static str), M)>,
    ) -> fmt::Result {
        let name = format!("sockeye_{name}");
        let mut values = values.into_iter().peekable();
        let Some((_, first)) = values.peek() else {
            return Ok(());
        };
        let mut encoder = self
            .0
            .encode_descriptor(&name, help, None, first.metric_type())?;
        for (label, value) in values {
            value.encode(encoder.encode_family(&[label])?)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.single(name, help, ConstCounter::new(value))
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.single(name, help, ConstGauge::new(value.cast_signed()))
    }
}

impl Collector for Summed {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut write = Writer(encoder);
        let states = ConnectionState::ALL.iter().map(|&state| {
            let value = self.sum(|worker| worker.connections(state)).cast_signed();
            (("state", state.label()), ConstGauge::new(value))
        });
        write.labelled("connections", "Open connections by state", states)?;
        let accepted = self.sum(|worker| &worker.accepted);
        write.counter("connections_accepted", "Connections accepted", accepted)?;
        let live = self.sum(|worker| &worker.instances_live);
        write.gauge("instances_live", "Instances that run an activation", live)?;
        let warm = self.sum(|worker| &worker.instances_warm);
        write.gauge(
            "instances_warm",
            "Instances kept for the next activation",
            warm,
        )?;
        let activations = self.sum(|worker| &worker.activations);
        write.counter("activations", "Activations started", activations)?;
        let requests = self.sum(|worker| &worker.requests);
        write.counter(
            "requests",
            "Request heads found, or activations without heads",
            requests,
        )?;
        let received = self.sum(|worker| &worker.bytes_received);
        write.counter("bytes_received", "Bytes received from clients", received)?;
        let sent = self.sum(|worker| &worker.bytes_sent);
        write.counter("bytes_sent", "Bytes sent to clients", sent)?;
        let failures = Failure::ALL.iter().map(|&failure| {
            let value = self.sum(|worker| worker.failure(failure));
            (("cause", failure.label()), ConstCounter::new(value))
        });
        write.labelled(
            "activations_failed",
            "Activations that failed, by cause",
            failures,
        )?;
        let bounds = Bound::ALL.iter().map(|&bound| {
            let value = self.sum(|worker| worker.bound(bound));
            (("bound", bound.label()), ConstCounter::new(value))
        });
        write.labelled("bounds_fired", "How often each bound fired", bounds)
    }
}
