//! `--admin`: the server's state for those who operate it, on an address of its own.
//!
//! Runs on the shared runtime, so that it answers even where every worker is busy. It only reads.

mod summed;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use prometheus_client::registry::Registry;
use socket2::Socket;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use tracing::debug;

use crate::Error;
use crate::line_writer::LineWriter;
use crate::metrics::{ServerMetrics, WorkerMetrics};
use summed::Summed;

/// Connections that are served at the same time; more of them wait.
const CONNECTIONS_MAX: usize = 64;

/// How long a connection may take, which has one request.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// What the operator is told about.
#[derive(Debug)]
pub(crate) struct State {
    registry: Registry,
    draining: Arc<AtomicBool>,
}

impl State {
    /// The counters of the workers and the server, whether it is shutting down, and its logs by
    /// name.
    pub(crate) fn new(
        workers: Vec<Arc<WorkerMetrics>>,
        server: Arc<ServerMetrics>,
        draining: Arc<AtomicBool>,
        logs: [(&'static str, Option<LineWriter>); 2],
    ) -> State {
        let mut registry = Registry::default();
        let summed = Summed {
            workers,
            logs,
            server,
        };
        registry.register_collector(Box::new(summed));
        State { registry, draining }
    }
}

/// The operator's interface of a running server.
#[derive(Debug)]
pub(crate) struct Admin {
    address: SocketAddr,
    listener: Arc<TcpListener>,
    /// One for each connection that may be served.
    places: Arc<Semaphore>,
    /// Becomes true when another process serves it.
    handed_over: watch::Sender<bool>,
}

impl Admin {
    /// Starts serving `/metrics`, `/healthz` and `/readyz`, at a socket that listens already where
    /// there is one.
    ///
    /// # Errors
    /// [`Error::Admin`] where the address cannot be listened on.
    pub(crate) fn start(
        runtime: &Runtime,
        address: SocketAddr,
        inherited: Option<Arc<Socket>>,
        state: State,
    ) -> Result<Admin, Error> {
        let listener = async {
            match inherited {
                None => TcpListener::bind(address).await,
                Some(socket) => {
                    socket.set_nonblocking(true)?;
                    TcpListener::from_std(socket.try_clone()?.into())
                }
            }
        };
        let fail = |source| Error::Admin { address, source };
        let listener = Arc::new(runtime.block_on(listener).map_err(fail)?);
        let (handed_over, watched) = watch::channel(false);
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let state = Arc::new(state);
        let accepted = accept(Arc::clone(&listener), Arc::clone(&places), state, watched);
        runtime.spawn(accepted);
        Ok(Admin {
            address: listener.local_addr().map_err(fail)?,
            listener,
            places,
            handed_over,
        })
    }

    /// The address, with its real port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The listening socket, for handing it to another process for as long as this one serves it.
    pub(crate) fn listener(&self) -> Weak<TcpListener> {
        Arc::downgrade(&self.listener)
    }

    /// Leaves it to another process at once, and returns what waits until those who were accepted
    /// before are answered or gone.
    pub(crate) fn hand_over(self) -> impl Future<Output = ()> + Send {
        self.handed_over.send_replace(true);
        async move {
            let all = self.places.acquire_many(CONNECTIONS_MAX as u32).await;
            drop(all);
        }
    }
}

/// Waits until another process serves; for ever where the server ends without one.
async fn handed_over(watched: &mut watch::Receiver<bool>) {
    if watched.wait_for(|handed_over| *handed_over).await.is_err() {
        std::future::pending().await
    }
}

async fn accept(
    listener: Arc<TcpListener>,
    places: Arc<Semaphore>,
    state: Arc<State>,
    mut watched: watch::Receiver<bool>,
) {
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            // Whoever comes from then on is the other one's.
            biased;
            () = handed_over(&mut watched) => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                debug!(%error, "the admin listener failed to accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let state = Arc::clone(&state);
        let watched = watched.clone();
        tokio::spawn(async move {
            serve(stream, &state, &watched).await;
            drop(place);
        });
    }
}

/// Answers one request. An operator who kept a connection would go on asking this process after
/// another one has taken its place, and closing it could hit a request on its way.
async fn serve(stream: TcpStream, state: &State, watched: &watch::Receiver<bool>) {
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        let response = answer(&request, state, watched);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    let served = server
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION_TIMEOUT, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "an admin connection failed"),
        Err(_) => debug!("an admin connection took too long"),
    }
}

fn answer(
    request: &Request<Incoming>,
    state: &State,
    handed_over: &watch::Receiver<bool>,
) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = |status, text: &str| (status, TEXT, text.to_owned());
    // Where another process took over, that is ready. Acquire: this is decided before.
    let ends = state.draining.load(Ordering::Acquire) && !*handed_over.borrow();
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/healthz") => text(StatusCode::OK, "ok\n"),
        (&Method::GET | &Method::HEAD, "/readyz") if ends => {
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
