//! RFC 9110: methods, expectations, answers without a body, and limits on content.

use super::{After, Answer, Outcome, PLAIN, closed, open, refused};

rows! {
    "9110 9.1" "a method that the handler takes":
        "□UT / HTTP/1.1\r\nHost: a\r\n\r\n", each "P" =>
        sees!("PUT / host=a version=1.1 keep=true body=");
    "9110 9.1" "every method of the RFC but HEAD and CONNECT":
        concat!("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
            "PUT / HTTP/1.1\r\nHost: a\r\n\r\n", "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n",
            "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n") =>
        sees!("GET / host=a version=1.1 keep=true body=",
            "POST / host=a version=1.1 keep=true body=",
            "PUT / host=a version=1.1 keep=true body=",
            "DELETE / host=a version=1.1 keep=true body=",
            "OPTIONS / host=a version=1.1 keep=true body=",
            "TRACE / host=a version=1.1 keep=true body=");
    "9110 9.1" "methods of other documents":
        concat!("PATCH / HTTP/1.1\r\nHost: a\r\n\r\n", "PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n",
            "M-SEARCH * HTTP/1.1\r\nHost: a\r\n\r\n") =>
        closed(&[Answer::Sees("PATCH / host=a version=1.1 keep=true body="),
            Answer::Sees("PROPFIND / host=a version=1.1 keep=true body="),
            Answer::Refusal(400)]);
    "9110 9.3.2" "HEAD has no body":
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" => open(&[Answer::Bare(200)]);
    "9110 9.3.2" "HEAD has no body where GET has chunks":
        "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n" => open(&[Answer::Bare(200)]);
    "9110 9.3.2" "HEAD of HTTP/1.0 has no body":
        "HEAD / HTTP/1.0\r\nHost: a\r\n\r\n" => closed(&[Answer::Bare(200)]);
    "9110 9.3.2" "HEAD of HTTP/1.0 that is kept":
        "HEAD / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" =>
        open(&[Answer::Bare(200)]);
    "9110 9.3.2" "HEAD with a body of its own":
        "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" => open(&[Answer::Bare(200)]);
    "9110 9.3.2" "HEAD that is refused has no body":
        "HEAD / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n" => closed(&[Answer::Bare(400)]);
    "9110 9.3.2" "HEAD with a malformed line has no body":
        "HEAD / HTTP/1.1\r\nHost: a\r\nA B: c\r\n\r\n" => closed(&[Answer::Bare(400)]);
    "9110 9.3.2" "HEAD of a target that is too long has no body":
        "HEAD /⟨8000×a⟩ HTTP/1.1\r\nHost: a\r\n\r\n" => closed(&[Answer::Bare(414)]);
    "9110 9.3.2" "HEAD with a head of 20000 bytes has no body, from the host either":
        "HEAD / HTTP/1.1\r\nHost: a\r\nX: ⟨20000×y⟩\r\n\r\n" => closed(&[Answer::Bare(431)]);
    "9110 9.3.2" "HEAD that never ends has no body, from the host either":
        "\r\nHEAD / HTTP/1.1\r\n" =>
        Outcome { answers: &[Answer::Bare(408)], after: After::Waiting };
    "9110 9.3.2" "HEAD whose every line ends in a bare LF has no body":
        "HEAD / HTTP/1.1\nHost: a\n\n" => closed(&[Answer::Bare(400)]);
    "9110 9.3.2" "HEAD with another expectation has no body":
        "HEAD / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n" => closed(&[Answer::Bare(417)]);
    "9110 9.3.2" "HEAD of a version that is not spoken has no body":
        "HEAD / HTTP/2.0\r\nHost: a\r\n\r\n" => closed(&[Answer::Bare(505)]);
    "9110 9.3.2" "HEAD in small letters is another method":
        "head / HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("head / host=a version=1.1 keep=true body=");
    "9110 9.3.2" "three HEADs":
        "⟨3×HEAD / HTTP/1.1\r\nHost: a\r\n\r\n⟩" =>
        open(&[Answer::Bare(200), Answer::Bare(200), Answer::Bare(200)]);
    "9110 9.3.6" "what follows a tunnel is no request":
        "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" =>
        refused(501);
    "9110 9.3.6" "a tunnel with a length":
        "CONNECT a:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" => refused(501);
    "9110 9.3.6" "a tunnel without a Host":
        "CONNECT a:443 HTTP/1.1\r\n\r\n" => refused(400);
    "9110 9.3.6" "a tunnel in small letters is another method with a bad target":
        "connect a:443 HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9110 10.1.1" "a client that waits is asked for its body":
        post!("Expect: 100-continue\r\nContent-Length: 3", "abc") =>
        open(&[Answer::Interim(100),
            Answer::Sees("POST / host=a version=1.1 keep=true body=abc")]);
    "9110 10.1.1" "a client that waits is asked for its chunks":
        post!("Expect: 100-continue\r\nTransfer-Encoding: chunked", "1\r\nx\r\n0\r\n\r\n") =>
        open(&[Answer::Interim(100),
            Answer::Sees("POST / host=a version=1.1 keep=true body=x")]);
    "9110 10.1.1" "an expectation in letters of any case":
        post!("EXPECT: 100-CONTINUE\r\nContent-Length: 3", "abc") =>
        open(&[Answer::Interim(100),
            Answer::Sees("POST / host=a version=1.1 keep=true body=abc")]);
    "9110 10.1.1" "the same expectation twice":
        post!("Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 1", "x") =>
        open(&[Answer::Interim(100),
            Answer::Sees("POST / host=a version=1.1 keep=true body=x")]);
    "9110 10.1.1" "an expectation with an empty element":
        post!("Expect: , 100-continue\r\nContent-Length: 1", "x") =>
        open(&[Answer::Interim(100),
            Answer::Sees("POST / host=a version=1.1 keep=true body=x")]);
    "9110 10.1.1" "an expectation and close":
        post!("Expect: 100-continue\r\nContent-Length: 1\r\nConnection: close", "x") =>
        closed(&[Answer::Interim(100),
            Answer::Sees("POST / host=a version=1.1 keep=false body=x")]);
    "9110 10.1.1" "an expectation without a body":
        get!("Expect: 100-continue") => PLAIN;
    "9110 10.1.1" "an expectation with an empty body":
        post!("Expect: 100-continue\r\nContent-Length: 0", "") => sees_body!("");
    "9110 10.1.1" "an expectation in HTTP/1.0 is ignored":
        "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc" =>
        sees_last!("POST / host= version=1.0 keep=false body=abc");
    "9110 10.1.1" "an expectation whose body nobody reads":
        "POST /unread HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"
        => sees_last!("POST /unread host=a version=1.1 keep=true body=");
    "9110 10.1.1" "an expectation whose body is a request that nobody reads":
        "POST /unread HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 37\r\n\r\n\
            GET /smuggled HTTP/1.1\r\nHost: abc\r\n\r\n" =>
        sees_last!("POST /unread host=a version=1.1 keep=true body=");
    "9110 10.1.1" "an expectation of a body above the limit":
        "POST /limit HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n" =>
        refused(413);
    "9110 10.1.1" "an empty expectation":
        get!("Expect:") => PLAIN;
    "9110 10.1.1" "another expectation":
        get!("Expect: x") => refused(417);
    "9110 10.1.1" "another expectation with a body":
        post!("Expect: 200-ok\r\nContent-Length: 3", "abc") => refused(417);
    "9110 10.1.1" "another expectation behind the one that is known":
        post!("Expect: 100-continue, x\r\nContent-Length: 3", "abc") => refused(417);
    "9110 10.1.1" "another expectation in a second line":
        post!("Expect: 100-continue\r\nExpect: x\r\nContent-Length: 3", "abc") => refused(417);
    "9110 10.1.1" "an expectation with a parameter":
        post!("Expect: 100-continue;a=b\r\nContent-Length: 3", "abc") => refused(417);
    "9110 10.1.1" "an expectation with a value":
        post!("Expect: 100-continue=a\r\nContent-Length: 3", "abc") => refused(417);
    "9110 10.1.1" "an expectation in quotes":
        post!("Expect: \"100-continue\"\r\nContent-Length: 3", "abc") => refused(417);
    "9110 10.1.1" "half an expectation":
        post!("Expect: 100\r\nContent-Length: 3", "abc") => refused(417);
    "9110 15.3.5" "204 has no body":
        "GET /status/204 HTTP/1.1\r\nHost: a\r\n\r\n" => open(&[Answer::Bare(204)]);
    "9110 15.3.5" "204 to HTTP/1.0 has no body":
        "GET /status/204 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" => open(&[Answer::Bare(204)]);
    "9110 15.3.5" "204 to HEAD has no body":
        "HEAD /status/204 HTTP/1.1\r\nHost: a\r\n\r\n" => open(&[Answer::Bare(204)]);
    "9110 15.3.5" "204 to a request with a body":
        "POST /status/204 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" =>
        open(&[Answer::Bare(204)]);
    "9110 15.3.6" "205 has a body of no bytes":
        "GET /status/205 HTTP/1.1\r\nHost: a\r\n\r\n" => open(&[Answer::Bare(205)]);
    "9110 15.4.5" "304 has no body":
        "GET /status/304 HTTP/1.1\r\nHost: a\r\n\r\n" => open(&[Answer::Bare(304)]);
    "9110 15.4.5" "304 to HTTP/1.0 has no body":
        "GET /status/304 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" => open(&[Answer::Bare(304)]);
    "9110 15.4.5" "304 and then another request":
        "GET /status/304 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" =>
        open(&[Answer::Bare(304), Answer::Sees("GET / host=a version=1.1 keep=true body=")]);
    "9110 15.6.1" "an answer with an interim status is the handler's mistake":
        "GET /status/10□ HTTP/1.1\r\nHost: a\r\n\r\n", each "0123" => FAILED;
    "9110 15" "an answer with a status that is none is the handler's mistake":
        "GET /status/□ HTTP/1.1\r\nHost: a\r\n\r\n", each "0179" => FAILED;
    "9110 15" "an answer with a status of four digits is the handler's mistake":
        "GET /status/1000 HTTP/1.1\r\nHost: a\r\n\r\n" => FAILED;
    "9110 15.5.14" "a body of exactly its limit":
        "POST /limit HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789" =>
        sees!("POST /limit host=a version=1.1 keep=true body=0123456789");
    "9110 15.5.14" "chunks of exactly their limit":
        "POST /limit HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
            5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n" =>
        sees!("POST /limit host=a version=1.1 keep=true body=0123456789");
    "9110 15.5.14" "a body above its limit":
        "POST /limit HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n0123456789a" => refused(413);
    "9110 15.5.14" "a body far above its limit":
        "POST /limit HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\nabc" =>
        refused(413);
    "9110 15.5.14" "a chunk above the limit":
        "POST /limit HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
            b\r\n0123456789a\r\n0\r\n\r\n" => refused(413);
    "9110 15.5.14" "a second chunk that passes the limit":
        "POST /limit HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
            a\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n" => refused(413);
    "9110 15.5.14" "a request behind a body above its limit":
        "POST /limit HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\n\
            GET /smuggled HTTP/1.1\r\nHost: abc\r\n\r\n" => refused(413);
    "9110 15.5.14" "an empty body and a limit":
        "POST /limit HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("POST /limit host=a version=1.1 keep=true body=");
    "9110 15.5.14" "a limit does not outlive its request":
        concat!("POST /limit HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
            post!("Content-Length: 11", "0123456789a")) =>
        sees!("POST /limit host=a version=1.1 keep=true body=x",
            "POST / host=a version=1.1 keep=true body=0123456789a");
    "9110 8.6" "a length of GET without a body":
        get!("Content-Length: 0") => PLAIN;
    "9110 7.2" "the Host is the handler's to judge":
        "GET / HTTP/1.1\r\nHost: nobody.invalid\r\n\r\n" =>
        sees!("GET / host=nobody.invalid version=1.1 keep=true body=");
    "9110 6.4.1" "an answer in chunks":
        "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n" =>
        sees!("GET /stream host=a version=1.1 keep=true body=");
    "9110 6.4.1" "an answer in chunks to a body in chunks":
        "POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
            3\r\nabc\r\n0\r\n\r\n" =>
        sees!("POST /stream host=a version=1.1 keep=true body=abc");
}

/// The handler's mistake is answered, too, and the connection ends.
const FAILED: super::Outcome = closed(&[Answer::Refusal(500)]);
