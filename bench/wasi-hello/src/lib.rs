//! Answers every request with the body that all compared servers send, through `wasi:http`.
//!
//! The length stands in the head, because without it the answer would be chunked, and larger than
//! what the others send.

use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

const BODY: &[u8] = b"Hello, World!";

struct Hello;

wasip2::http::proxy::export!(Hello);

impl wasip2::exports::http::incoming_handler::Guest for Hello {
    fn handle(_: IncomingRequest, out: ResponseOutparam) {
        let head = Fields::from_list(&[
            ("content-type".into(), b"text/plain".into()),
            ("content-length".into(), BODY.len().to_string().into_bytes()),
        ]);
        let response = OutgoingResponse::new(head.expect("the names are valid"));
        let body = response.body().expect("it is asked for once");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("it is asked for once");
        // A client that is gone is no news.
        let _ = stream.blocking_write_and_flush(BODY);
        drop(stream);
        let _ = OutgoingBody::finish(body, None);
    }
}
