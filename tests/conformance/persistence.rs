//! RFC 9112 section 9: what is kept open, what is closed, and requests one behind the other.

use super::{Answer, PLAIN, closed, open, refused};

rows! {
    "9112 9.3" "a connection of HTTP/1.1 is kept":
        get!("X: y") => PLAIN;
    "9112 9.3" "a connection of HTTP/1.1 is kept where that is asked for":
        get!("Connection: keep-alive") => PLAIN;
    "9112 9.3" "a connection of HTTP/1.0 is not kept":
        "GET / HTTP/1.0\r\nHost: a\r\n\r\n" =>
        sees_last!("GET / host=a version=1.0 keep=false body=");
    "9112 9.3" "a connection of HTTP/1.0 is kept where that is asked for":
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" =>
        sees!("GET / host=a version=1.0 keep=true body=");
    "9112 9.3" "a connection of HTTP/1.0 is kept whatever the letters":
        "GET / HTTP/1.0\r\nHost: a\r\nCONNECTION: Keep-ALIVE\r\n\r\n" =>
        sees!("GET / host=a version=1.0 keep=true body=");
    "9112 9.3" "a connection of HTTP/1.0 is kept as one of several options":
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: x, keep-alive\r\n\r\n" =>
        sees!("GET / host=a version=1.0 keep=true body=");
    "9112 9.3" "a connection of HTTP/1.0 is kept by a second line":
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: x\r\nConnection: keep-alive\r\n\r\n" =>
        sees!("GET / host=a version=1.0 keep=true body=");
    "9112 9.3" "a connection of HTTP/1.0 is kept with a body":
        "POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc" =>
        sees!("POST / host= version=1.0 keep=true body=abc");
    "9112 9.3" "a line Keep-Alive alone keeps nothing":
        "GET / HTTP/1.0\r\nHost: a\r\nKeep-Alive: timeout=5\r\n\r\n" =>
        sees_last!("GET / host=a version=1.0 keep=false body=");
    "9112 9.3" "a proxy's line keeps nothing":
        "GET / HTTP/1.0\r\nHost: a\r\nProxy-Connection: keep-alive\r\n\r\n" =>
        sees_last!("GET / host=a version=1.0 keep=false body=");
    "9112 9.3" "close wins over keep-alive in HTTP/1.0":
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n" =>
        sees_last!("GET / host=a version=1.0 keep=false body=");
    "9112 9.3" "an option that begins with keep-alive keeps nothing":
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive2\r\n\r\n" =>
        sees_last!("GET / host=a version=1.0 keep=false body=");
    "9112 9.3" "chunks are not for HTTP/1.0, so the end of the connection ends the body":
        "GET /stream HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" =>
        sees_last!("GET /stream host=a version=1.0 keep=true body=");
    "9112 9.6" "close":
        get!("Connection: close") => sees_last!("GET / host=a version=1.1 keep=false body=");
    "9112 9.6" "close in letters of any case":
        get!("CONNECTION: Close") => sees_last!("GET / host=a version=1.1 keep=false body=");
    "9112 9.6" "close right behind the colon":
        get!("Connection:close") => sees_last!("GET / host=a version=1.1 keep=false body=");
    "9112 9.6" "close with blanks around it":
        get!("Connection: \t close \t") => sees_last!("GET / host=a version=1.1 keep=false body=");
    "9112 9.6" "close as the first option":
        get!("Connection: close, x") => sees_last!("GET / host=a version=1.1 keep=false body=");
    "9112 9.6" "close as the last option":
        get!("Connection: x,close") => sees_last!("GET / host=a version=1.1 keep=false body=");
    "9112 9.6" "close between options and blanks":
        get!("Connection: x ,\tclose\t, y") =>
        sees_last!("GET / host=a version=1.1 keep=false body=");
    "9112 9.6" "close between empty options":
        get!("Connection: ,,close,,") => sees_last!("GET / host=a version=1.1 keep=false body=");
    "9112 9.6" "close wins over keep-alive":
        get!("Connection: close, keep-alive") =>
        sees_last!("GET / host=a version=1.1 keep=false body=");
    "9112 9.6" "close in a second line":
        get!("Connection: keep-alive\r\nConnection: close") =>
        sees_last!("GET / host=a version=1.1 keep=false body=");
    "9112 9.6" "close in the first of two lines":
        get!("Connection: close\r\nX: y\r\nConnection: keep-alive") =>
        sees_last!("GET / host=a version=1.1 keep=false body=");
    "9112 9.6" "an option that begins with close":
        get!("Connection: closed") => PLAIN;
    "9112 9.6" "an option that ends with close":
        get!("Connection: x-close") => PLAIN;
    "9112 9.6" "close in quotes is another option":
        get!("Connection: \"close\"") => PLAIN;
    "9112 9.6" "close as a value is another option":
        get!("Connection: a=close") => PLAIN;
    "9112 9.6" "no option":
        get!("Connection:") => PLAIN;
    "9112 9.6" "options that are none":
        get!("Connection: ,") => PLAIN;
    "9112 9.6" "close with a body":
        post!("Content-Length: 3\r\nConnection: close", "abc") =>
        sees_last!("POST / host=a version=1.1 keep=false body=abc");
    "9112 9.6" "close with chunks":
        post!("Transfer-Encoding: chunked\r\nConnection: close", "1\r\na\r\n0\r\n\r\n") =>
        sees_last!("POST / host=a version=1.1 keep=false body=a");
    "9112 9.6" "close with HEAD":
        "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" => closed(&[Answer::Bare(200)]);
    "9112 9.6" "close with chunks in the answer":
        "GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" =>
        sees_last!("GET /stream host=a version=1.1 keep=false body=");
    "9112 9.3.2" "two requests":
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n" =>
        sees!("GET /1 host=a version=1.1 keep=true body=",
            "GET /2 host=b version=1.1 keep=true body=");
    "9112 9.3.2" "requests of every framing":
        concat!(post!("Content-Length: 2", "ab"), chunked!("1\r\nc\r\n0\r\n\r\n"),
            get!("X: y"), post!("Content-Length: 0", "")) =>
        sees!("POST / host=a version=1.1 keep=true body=ab",
            "POST / host=a version=1.1 keep=true body=c",
            "GET / host=a version=1.1 keep=true body=",
            "POST / host=a version=1.1 keep=true body=");
    "9112 9.3.2" "answers of every framing":
        concat!("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /status/204 HTTP/1.1\r\nHost: a\r\n\r\n", get!("X: y")) =>
        open(&[
            Answer::Sees("GET /stream host=a version=1.1 keep=true body="),
            Answer::Bare(200),
            Answer::Bare(204),
            Answer::Sees("GET / host=a version=1.1 keep=true body="),
        ]);
    "9112 9.3.2" "requests of both versions":
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("GET / host= version=1.0 keep=true body=",
            "GET / host=a version=1.1 keep=true body=");
    "9112 9.3.2" "nothing of a request reaches the next":
        concat!("POST /1 HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
            "GET /2 HTTP/1.1\r\nHost:\r\n\r\n") =>
        sees!("POST /1 host= version=1.0 keep=true body=x",
            "GET /2 host= version=1.1 keep=true body=");
    "9112 9.3.2" "a request behind one that closes":
        "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n"
        => sees_last!("GET /1 host=a version=1.1 keep=false body=");
    "9112 9.3.2" "a bad request behind a good one":
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n" =>
        closed(&[Answer::Sees("GET / host=a version=1.1 keep=true body="), Answer::Refusal(400)]);
    "9112 9.3.2" "a good request behind a bad one":
        "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 9.3.2" "a bad chunk behind a good request":
        concat!(get!("X: y"), chunked!("x\r\n")) =>
        closed(&[Answer::Sees("GET / host=a version=1.1 keep=true body="), Answer::Refusal(400)]);
    "9112 9.3.2" "a tunnel behind a good request":
        concat!(get!("X: y"), "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n") =>
        closed(&[Answer::Sees("GET / host=a version=1.1 keep=true body="), Answer::Refusal(501)]);
    "9112 9.3" "a body that nobody reads is not the next request":
        "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\n\
            GET /smuggled HTTP/1.1\r\nHost: abc\r\n\r\n" =>
        sees!("POST /unread host=a version=1.1 keep=true body=");
    "9112 9.3" "chunks that nobody reads are not the next request":
        "POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
            25\r\nGET /smuggled HTTP/1.1\r\nHost: abc\r\n\r\n\r\n0\r\n\r\n" =>
        sees!("POST /unread host=a version=1.1 keep=true body=");
    "9112 9.3" "a bad chunk that nobody reads":
        "POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n" =>
        UNREAD_AND_CLOSED;
    "9112 9.3" "a body of 65536 bytes that nobody reads":
        "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n⟨65536×x⟩" =>
        sees!("POST /unread host=a version=1.1 keep=true body=");
    "9112 9.3" "a body of 65537 bytes that nobody reads":
        "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n⟨65537×x⟩" =>
        sees_last!("POST /unread host=a version=1.1 keep=true body=");
    "9112 9.3" "chunks of 200000 bytes that nobody reads":
        "POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
            30d40\r\n⟨200000×x⟩\r\n0\r\n\r\n" => UNREAD_AND_CLOSED;
}

/// An answer that had begun when the end of the connection was decided, and does not announce it.
const UNREAD_AND_CLOSED: super::Outcome = super::Outcome {
    answers: &[Answer::Sees(
        "POST /unread host=a version=1.1 keep=true body=",
    )],
    after: super::After::ClosedUnannounced,
};
