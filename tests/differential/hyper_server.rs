//! The other reader of requests: hyper, in this process, with a service that answers what the guest
//! `inspect` does.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::thread;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves on a port that the kernel picks, until the process ends.
pub(super) fn start() -> SocketAddr {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        runtime.block_on(async {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream));
            }
        });
    });
    addr
}

async fn connection(stream: TcpStream) {
    let mut connection = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| Box::pin(inspect(request))),
        );
    // What is wrong with a request is in the answer.
    let _ = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    // Closed with unread input, the connection would be reset, and the answer be lost with it.
    let mut stream = connection.into_parts().io.into_inner();
    let _ = stream.shutdown().await;
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

async fn inspect(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    if parts.method == Method::CONNECT {
        // hyper leaves tunnels to the service.
        return Ok(refusal(StatusCode::NOT_IMPLEMENTED));
    }
    let Ok(body) = body.collect().await else {
        return Ok(refusal(StatusCode::BAD_REQUEST));
    };
    let start = format!("{} {} body=", parts.method, parts.uri);
    let text = [start.as_bytes(), &body.to_bytes()].concat();
    Ok(Response::new(Full::new(text.into())))
}

fn refusal(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    let close = hyper::header::HeaderValue::from_static("close");
    response
        .headers_mut()
        .insert(hyper::header::CONNECTION, close);
    response
}
