//! Tests of the chunk decoder: whole, split at every byte, and invalid.

use super::*;

/// Decodes `input` in pieces of the given lengths, never more at once than `needed` allows.
fn decode(input: &[u8], lengths: impl IntoIterator<Item = usize>) -> Result<Vec<u8>, Malformed> {
    let mut decoder = Decoder::new();
    let mut data = Vec::new();
    let mut at = 0;
    for length in lengths {
        let end = (at + length).min(input.len());
        while at < end {
            assert!(!decoder.is_done(), "input follows the end of the body");
            let step = decoder.step(&input[at..end])?;
            data.extend_from_slice(&input[at..end][step.data]);
            at += step.consumed;
        }
    }
    assert_eq!(at, input.len(), "the pieces are too short");
    if decoder.is_done() {
        Ok(data)
    } else {
        Err(Malformed)
    }
}

/// Receives from `input` as the loop does; returns the data and the number of calls.
#[track_caller]
fn receive(input: &[u8]) -> (Vec<u8>, usize) {
    let mut decoder = Decoder::new();
    let (mut data, mut at, mut calls) = (Vec::new(), 0, 0);
    while decoder.needed() > 0 {
        let end = at + decoder.needed() as usize;
        assert!(
            end <= input.len(),
            "{} bytes too many are asked for",
            end - input.len()
        );
        calls += 1;
        while at < end {
            let step = decoder
                .step(&input[at..end])
                .expect("the body is well-formed");
            data.extend_from_slice(&input[at..end][step.data]);
            at += step.consumed;
        }
    }
    assert!(decoder.is_done());
    assert_eq!(at, input.len());
    (data, calls)
}

#[track_caller]
fn check(input: &str, expected: &str) {
    let bytes = input.as_bytes();
    for at in 0..=bytes.len() {
        let decoded = decode(bytes, [at, bytes.len() - at]);
        assert_eq!(
            decoded.as_deref(),
            Ok(expected.as_bytes()),
            "{input:?} split at {at}"
        );
    }
    let decoded = decode(bytes, std::iter::repeat_n(1, bytes.len()));
    assert_eq!(
        decoded.as_deref(),
        Ok(expected.as_bytes()),
        "{input:?} byte by byte"
    );
    assert_eq!(receive(bytes).0, expected.as_bytes(), "{input:?}");
    for length in 0..bytes.len() {
        let mut decoder = Decoder::new();
        let mut at = 0;
        while at < length {
            at += decoder.step(&bytes[at..length]).unwrap().consumed;
        }
        let rest = (bytes.len() - length) as u64;
        let needed = decoder.needed();
        assert!(
            0 < needed && needed <= rest,
            "{input:?}: {needed} of {rest} after {length}"
        );
    }
}

#[track_caller]
fn check_malformed(input: &str) {
    let bytes = input.as_bytes();
    for at in 0..=bytes.len() {
        assert_eq!(
            decode(bytes, [at, bytes.len() - at]),
            Err(Malformed),
            "{input:?} at {at}"
        );
    }
}

#[test]
fn a_body_decodes_however_it_is_split() {
    check("0\r\n\r\n", "");
    check("000\r\n\r\n", "");
    check("5\r\nhello\r\n0\r\n\r\n", "hello");
    check("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc");
    check("0A\r\n0123456789\r\n0\r\n\r\n", "0123456789");
    check("a\r\n\r\n0\r\n\r\n\r\n0\r\n0\r\n\r\n", "\r\n0\r\n\r\n\r\n0");
    check("0000000000000001\r\na\r\n0\r\n\r\n", "a");
}

#[test]
fn extensions_and_trailers_are_dropped() {
    check("1;a=b\r\nx\r\n0;c\r\n\r\n", "x");
    check("1 \t; a=\"b;\t\"\r\nx\r\n0\r\n\r\n", "x");
    check(
        "1;a;b = c ;d=\"\\\"\u{e9}\\\\\"\t;e\r\nx\r\n0;f\r\n\r\n",
        "x",
    );
    check("1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n", "x");
}

#[test]
fn a_chunk_costs_one_call_in_the_steady_state() {
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
    let body = format!("{}0\r\n\r\n", chunk.repeat(50));
    let (data, calls) = receive(body.as_bytes());
    assert_eq!(data.len(), 50 * 4096);
    assert!(calls <= 53, "{calls} calls");
}

#[test]
fn bad_sizes_are_malformed() {
    for size in [
        "",
        " ",
        ";",
        "g",
        "-1",
        "+1",
        "0x1",
        " 1",
        "1 ",
        "1\t",
        "1 1",
        "1,",
        "1_0",
        "00000000000000001",
        "ffffffffffffffff0",
        "\u{ff11}",
    ] {
        check_malformed(&format!("{size}\r\na\r\n0\r\n\r\n"));
    }
}

#[test]
fn bad_extensions_are_malformed() {
    for extension in [
        ";",
        ";;a",
        ";a;",
        ";=a",
        ";a=",
        ";a==b",
        ";a=b=c",
        ";a b",
        ";a=b c",
        ";a ",
        ";a=b\t",
        ";a=\"b\" ",
        ";a=\"b",
        ";a=\"b\\\"",
        ";a=\"b\"c",
        ";a=b\"c\"",
        ";\"a\"",
        ";a=\"\0\"",
        ";a=\"\\\u{7f}\"",
        ";\u{e9}",
        ";a=\u{e9}",
        ";a,b",
        " a",
        "=a",
        "\"a\"",
    ] {
        check_malformed(&format!("1{extension}\r\na\r\n0\r\n\r\n"));
        check_malformed(&format!("1\r\na\r\n0{extension}\r\n\r\n"));
    }
}

#[test]
fn bad_line_ends_are_malformed() {
    for input in [
        "1\na\r\n0\r\n\r\n",
        "1\r\r\na\r\n0\r\n\r\n",
        "1\r\na\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "1\r\na0\r\n\r\n",
        "2\r\na\r\n0\r\n\r\n",
        "1\r\na\r\n0\n\r\n",
        "1\r\na\r\n0\r\n\n",
        "1;a\nb\r\na\r\n0\r\n\r\n",
        "1;a\rb\r\na\r\n0\r\n\r\n",
        "1;a\0\r\na\r\n0\r\n\r\n",
    ] {
        check_malformed(input);
    }
}

#[test]
fn bad_trailers_are_malformed() {
    for line in [
        "a",
        " a: b",
        ": b",
        "a : b",
        "a: b\rc",
        "a: b\nc: d",
        "a: \0",
        "a\u{e9}: b",
    ] {
        check_malformed(&format!("0\r\n{line}\r\n\r\n"));
    }
}

#[test]
fn every_cut_is_unfinished_and_every_changed_byte_is_no_panic() {
    let body = b"3;e=f\r\nabc\r\n0\r\nA: b\r\n\r\n";
    for length in 0..body.len() {
        assert_eq!(decode(&body[..length], [length]), Err(Malformed));
    }
    for at in 0..body.len() {
        for byte in 0..=255 {
            let mut bytes = body.to_vec();
            bytes[at] = byte;
            let mut decoder = Decoder::new();
            let mut from = 0;
            while from < bytes.len() && !decoder.is_done() {
                let Ok(step) = decoder.step(&bytes[from..]) else {
                    break;
                };
                assert!(step.consumed > 0 && step.data.end <= bytes.len() - from);
                from += step.consumed;
            }
        }
    }
}

#[test]
fn extensions_and_trailers_have_limits() {
    let extension = |length| format!("0;{}\r\n\r\n", "e".repeat(length));
    assert!(decode(extension(16_383).as_bytes(), [20_000]).is_ok());
    check_too_long(&extension(16_384));
    check_too_long(&format!("0{};a\r\n\r\n", " ".repeat(16_383)));
    // All of them together count.
    let many = |count| "1;234\r\nx\r\n".repeat(count) + "0\r\n\r\n";
    assert!(decode(many(4096).as_bytes(), [50_000]).is_ok());
    check_too_long(&many(4097));

    let trailer = |length| format!("0\r\n{}\r\n", "A:b\r\n".repeat(length));
    assert!(decode(trailer(2000).as_bytes(), [20_000]).is_ok());
    check_too_long(&trailer(2049));
    check_too_long(&format!("0\r\n{}:\r\n\r\n", "A".repeat(4097)));
}

#[track_caller]
fn check_too_long(input: &str) {
    assert_eq!(decode(input.as_bytes(), [input.len()]), Err(Malformed));
}

#[test]
fn the_largest_size_does_not_overflow() {
    let mut decoder = Decoder::new();
    let line = b"ffffffffffffffff\r\n";
    for byte in line {
        assert!(decoder.needed() >= 5);
        decoder.step(&[*byte]).unwrap();
    }
    assert_eq!(decoder.needed(), u64::MAX);
    let step = decoder.step(b"data").unwrap();
    assert_eq!((step.consumed, step.data), (4, 0..4));
    // What is left of the chunk, its line end and the end of the body.
    assert_eq!(decoder.needed(), u64::MAX);
}

#[test]
fn size_lines_are_what_the_decoder_reads() {
    for length in [1, 9, 15, 16, 255, 256, 65_536] {
        let mut body = Vec::new();
        push_size_line(&mut body, length);
        assert_eq!(body, format!("{length:x}\r\n").into_bytes());
        body.resize(body.len() + length, b'x');
        body.extend_from_slice(b"\r\n0\r\n\r\n");
        assert_eq!(receive(&body).0.len(), length);
    }
}
