//! Tests of what a body may still do: limits, and bodies that were never asked for.

use super::*;

fn begun(framing: Framing, continue_owed: bool) -> Body {
    let mut body = Body::new();
    body.begin(framing, continue_owed);
    body
}

#[test]
fn a_body_that_was_never_asked_for_can_neither_be_read_nor_waited_for() {
    for framing in [Framing::Length(1), Framing::Chunked] {
        let mut body = begun(framing, true);
        body.forgo_continue();
        assert!(!body.continue_owed && body.is_undrainable());
        assert_eq!(body.check().unwrap_err().kind(), ErrorKind::BrokenPipe);
        // The handler chose that: its errors stay news to the operator.
        assert!(!body.has_fault() && body.refusal().is_none());
    }
}

#[test]
fn a_body_over_its_limit_that_was_never_asked_for_is_refused_for_its_size() {
    let mut body = begun(Framing::Length(11), true);
    body.limit(10);
    body.forgo_continue();
    assert_eq!(body.check().unwrap_err().kind(), ErrorKind::FileTooLarge);
    assert_eq!(body.refusal().map(|refusal| refusal.status), Some(413));
}

#[test]
fn a_body_that_comes_unasked_can_be_read_after_the_answer_began() {
    let mut body = begun(Framing::Length(1), false);
    body.forgo_continue();
    assert!(!body.is_undrainable());
    assert!(body.check().is_ok());
}

/// Hands out data as if it had been received.
fn give(body: &mut Body, bytes: &[u8]) -> io::Result<u64> {
    body.piece = bytes.to_vec();
    body.decoded = 0;
    body.decode()?;
    body.given += body.data.len() as u64;
    body.check_limit()?;
    Ok(body.given)
}

#[test]
fn a_declared_length_above_the_limit_is_refused_before_anything_is_received() {
    let mut body = begun(Framing::Length(1001), true);
    body.limit(1000);
    let error = body.check_limit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    assert_eq!(error.to_string(), "request body is larger than 1000 bytes");
    assert_eq!(body.refusal().map(|refusal| refusal.status), Some(413));
    // The client has not been asked for it, and the connection ends.
    assert!(body.continue_owed && body.is_undrainable());
    body.begin(Framing::Length(1001), false);
    assert!(body.check_limit().is_ok(), "a limit holds for one request");
}

#[test]
fn a_body_of_exactly_its_limit_is_read() {
    let mut body = begun(Framing::Length(4), false);
    body.limit(4);
    assert!(body.check_limit().is_ok());
    assert_eq!(give(&mut body, b"ab").unwrap(), 2);
    assert_eq!(give(&mut body, b"cd").unwrap(), 4);
    // The whole body counts, not what comes after the limit was set.
    body.limit(3);
    let error = body.check_limit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileTooLarge);
}

#[test]
fn a_chunked_body_is_refused_where_it_passes_the_limit() {
    let mut body = begun(Framing::Chunked, false);
    body.limit(4);
    assert_eq!(give(&mut body, b"4\r\nabcd").unwrap(), 4);
    assert_eq!(give(&mut body, b"\r\n1\r\n").unwrap(), 4);
    let error = give(&mut body, b"e").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    assert!(
        body.data.is_empty(),
        "nothing above the limit is handed out"
    );
}

#[test]
fn a_request_does_not_inherit_a_forgone_body() {
    let mut body = begun(Framing::Length(1), true);
    body.forgo_continue();
    body.begin(Framing::Length(1), false);
    assert!(body.check().is_ok());
}
