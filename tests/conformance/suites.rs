//! Cases that public suites of HTTP/1 conformance and of request smuggling have in common, in words
//! and bytes of our own.
//!
//! What the other files of the table have already is not here again: lone line ends, signs in
//! lengths, doubled Hosts. Here are whole attacks, and requests as real clients send them.

use super::{PLAIN, refused};

rows! {
    "9112 2" "a request as curl sends it":
        "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: curl/8.0\r\nAccept: */*\r\n\r\n" => PLAIN;
    "9112 2" "a request as a browser sends it":
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nPragma: no-cache\r\n\
            sec-ch-ua: \"A\";v=\"1\", \"B\";v=\"2\"\r\nUpgrade-Insecure-Requests: 1\r\n\
            User-Agent: Mozilla/5.0 (X11; Linux x86_64) (KHTML, like Gecko)\r\n\
            Accept: text/html,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate, br\r\n\
            Cookie: a=b; c=\"d e\"; f={\"g\":1}\r\n\r\n" => PLAIN;
    "9112 2" "a form as a browser sends it":
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nOrigin: http://a\r\n\
            Content-Type: application/x-www-form-urlencoded\r\n\r\na=b&c=d" =>
        sees_body!("a=b&c=d");
    "9112 2" "a request as an old load generator sends it":
        "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: a\r\nUser-Agent: ab\r\n\r\n" =>
        sees!("GET / host=a version=1.0 keep=true body=");
    "9112 2" "a request as a health check sends it":
        "GET / HTTP/1.0\r\n\r\n" => sees_last!("GET / host= version=1.0 keep=false body=");
    "9112 2" "a request as a proxy sends it":
        get!("Via: 1.1 p\r\nX-Forwarded-For: 1.2.3.4, ::1\r\nForwarded: for=\"[::1]:1\"") => PLAIN;
    "9112 2" "a request that upgrades to a socket of the web":
        get!("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAA==") => PLAIN;
    "9112 2" "an empty line that some browsers send behind a form":
        concat!(post!("Content-Length: 3", "a=b\r\n"), get!("X: y")) =>
        sees!("POST / host=a version=1.1 keep=true body=a=b",
            "GET / host=a version=1.1 keep=true body=");
    "9112 11.2" "CL.TE: the length is longer than the chunks":
        post!("Content-Length: 43\r\nTransfer-Encoding: chunked",
            "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: abcd\r\n\r\n") => refused(400);
    "9112 11.2" "TE.CL: the chunks are longer than the length":
        post!("Content-Length: 4\r\nTransfer-Encoding: chunked",
            "25\r\nGET /smuggled HTTP/1.1\r\nHost: abc\r\n\r\n\r\n0\r\n\r\n") => refused(400);
    "9112 11.2" "CL.0: a length that a reader could take for none":
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\n\
            GET /smuggled HTTP/1.1\r\nHost: abc\r\n\r\n" =>
        sees!("GET / host=a version=1.1 keep=true \
            body=GET /smuggled HTTP/1.1\r\nHost: abc\r\n\r\n");
    "9112 11.2" "TE.TE: one of two codings is hidden by a name that is none":
        post!("Transfer-Encoding: chunked\r\nTransfer-encoding: cow", "0\r\n\r\n") => refused(400);
    "9112 11.2" "TE.TE: a coding that is none comes first":
        post!("Transfer-Encoding: cow\r\nTransfer-encoding: chunked", "0\r\n\r\n") => refused(501);
    "9112 11.2" "TE.TE: a control hides the coding":
        post!("Transfer-Encoding:\x0bchunked", "0\r\n\r\n") => refused(400);
    "9112 11.2" "TE.TE: a line end hides the coding":
        post!("X: y\nTransfer-Encoding: chunked", "0\r\n\r\n") => refused(400);
    "9112 11.2" "TE.TE: a carriage return hides the coding":
        post!("X: y\rTransfer-Encoding: chunked", "0\r\n\r\n") => refused(400);
    "9112 11.2" "TE.TE: a blank in front hides the coding":
        post!("X: y\r\n Transfer-Encoding: chunked", "0\r\n\r\n") => refused(400);
    "9112 11.2" "TE.TE: a blank behind the name hides the coding":
        post!("Content-Length: 5\r\nTransfer-Encoding : chunked", "0\r\n\r\n") => refused(400);
    "9112 11.2" "TE.TE: a fold hides the coding":
        post!("Content-Length: 5\r\nTransfer-Encoding:\r\n chunked", "0\r\n\r\n") => refused(400);
    "9112 11.2" "TE.TE: NUL hides the coding":
        post!("Content-Length: 5\r\nTransfer-Encoding\0: chunked", "0\r\n\r\n") => refused(400);
    "9112 11.2" "TE.TE: a quotation hides the coding":
        post!("Content-Length: 5\r\nTransfer-Encoding: \"chunked\"", "0\r\n\r\n") =>
        refused(501);
    "9112 11.2" "TE.TE: an empty element hides the coding":
        post!("Content-Length: 5\r\nTransfer-Encoding: ,chunked", "0\r\n\r\n") => refused(400);
    "9112 11.2" "a coding and a length in HTTP/1.0":
        "POST / HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" =>
        refused(400);
    "9112 11.2" "a chunk extension hides a line end that ends the chunk":
        chunked!("5;\nxx\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n") => refused(400);
    "9112 11.2" "a chunk that is closed by two other bytes hides a size":
        chunked!("2\r\nabXX2d\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n") =>
        refused(400);
    "9112 11.2" "a trailer that ends in a bare LF hides a request":
        chunked!("0\r\nX: y\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n") => refused(400);
    "9112 11.2" "a size that overflows hides a request":
        chunked!("1000000000000000a\r\n0\r\n\r\nGET /sm\r\n0\r\n\r\n") => refused(400);
    "9112 11.2" "a size that is negative for a signed reader":
        chunked!("-1\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 11.2" "a length that overflows hides a request":
        post!("Content-Length: 18446744073709551617", "x") => refused(400);
    "9112 11.2" "a length that is negative for a signed reader":
        post!("Content-Length: -1", "x") => refused(400);
    "9112 11.2" "a length of another base hides a request":
        post!("Content-Length: 010", "0123456789") => sees_body!("0123456789");
    "9112 11.2" "a length behind a name with a byte that looks like a blank":
        post!("Content-Length\u{a0}: 5", "hello") => refused(400);
    "9112 11.2" "a header line that is split by an escape stays whole":
        get!("X: a%0d%0aContent-Length: 5") => PLAIN;
    "9112 11.1" "a target that is split by an escape stays whole":
        "GET /%0d%0aX:%20y HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("GET /%0d%0aX:%20y host=a version=1.1 keep=true body=");
    "9112 11.1" "a target with a version within":
        "GET / HTTP/1.1\tX HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 11.1" "a target that is split by a bare LF":
        "GET /\nX: y HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9110 7.2" "two Hosts of which the second has a blank in front":
        "GET / HTTP/1.1\r\nHost: a\r\n Host: b\r\n\r\n" => refused(400);
    "9110 7.2" "two Hosts of which the first has a blank behind its name":
        "GET / HTTP/1.1\r\nHost : b\r\nHost: a\r\n\r\n" => refused(400);
    "9110 7.2" "a Host that ends in another":
        "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n" => refused(400);
    "9110 7.2" "a Host with a fragment":
        "GET / HTTP/1.1\r\nHost: a#b\r\n\r\n" => refused(400);
    "9110 7.2" "a Host behind a comma":
        "GET / HTTP/1.1\r\nHost: ,a\r\n\r\n" => refused(400);
    "9110 7.2" "an underscore makes another line of the Host":
        "GET / HTTP/1.1\r\nHo_st: a\r\n\r\n" => refused(400);
    "9110 7.2" "a Host whose target names another in user information":
        "GET http://a@b/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9110 7.2" "a Host whose target names another behind a back slash":
        "GET http://a\\b/ HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9110 9.1" "a method that is split by NUL":
        "GET\0 / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9110 9.1" "a method that the client overrides is the handler's matter":
        post!("X-HTTP-Method-Override: DELETE\r\nContent-Length: 0", "") => sees_body!("");
    "9110 5.5" "a terminal's escape in a value":
        get!("X: \x1b[31m") => refused(400);
    "9110 5.5" "a value of 8000 bytes above ASCII":
        get!("X: ⟨8000×\u{ff}⟩") => PLAIN;
    "9110 5.1" "a name that is a number":
        get!("1: y") => PLAIN;
    "9110 5.1" "a name of HTTP/2":
        get!(":method: GET") => refused(400);
    "9110 5.1" "a name in brackets":
        get!("(X): y") => refused(400);
    "9110 5.1" "a URL in place of a line is a name, a colon and a value":
        get!("http://a: y") => PLAIN;
    "9112 9.3.2" "twenty requests in one piece":
        "⟨19×GET /1 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n⟩GET /\r\n\r\n" =>
        TWENTY;
}

/// The nineteenth answer is the last good one.
const TWENTY: super::Outcome = super::closed(&ANSWERS);

const ANSWERS: [super::Answer; 20] = {
    let seen = "GET /1 host=a version=1.1 keep=true body=";
    let mut answers = [super::Answer::Sees(seen); 20];
    answers[19] = super::Answer::Refusal(400);
    answers
};
