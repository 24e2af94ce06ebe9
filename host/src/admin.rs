//! `--admin`: the server's state for those who operate it, on an address of its own.
//!
//! Runs on the shared runtime, so that it answers even where every worker is busy. It only reads.

mod summed;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tracing::debug;

use crate::Error;
use crate::line_writer::LineWriter;
use crate::metrics::WorkerMetrics;
use summed::Summed;

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
    /// The workers' counters, whether the server is shutting down, and its logs by name.
    pub(crate) fn new(
        workers: Vec<Arc<WorkerMetrics>>,
        draining: Arc<AtomicBool>,
        logs: [(&'static str, Option<LineWriter>); 2],
    ) -> State {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Summed { workers, logs }));
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
