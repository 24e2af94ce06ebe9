//! RFC 9112 section 2: the parsing of messages, line ends, empty lines, and what is no request.

use super::{After, Answer, Outcome, PLAIN, refused, unprobed};

const NOTHING: Outcome = unprobed(&[]);

const TOO_SLOW: Outcome = Outcome {
    answers: &[Answer::Host(408)],
    after: After::Waiting,
};

rows! {
    "9112 2.1" "a request line and a Host make a request":
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n" => PLAIN;
    "9112 2.1" "a client that closes its side without a byte gets nothing":
        "" => NOTHING;
    "9112 2.1" "a client that sends nothing and waits gets nothing":
        "" => Outcome { answers: &[], after: After::Waiting };
    "9112 2.2" "one empty line in front of a request is ignored":
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => PLAIN;
    "9112 2.2" "two empty lines in front of a request are ignored":
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => PLAIN;
    "9112 2.2" "three empty lines in front of a request are ignored":
        "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => PLAIN;
    "9112 2.2" "a hundred empty lines in front of a request are ignored":
        "⟨100×\r\n⟩GET / HTTP/1.1\r\nHost: a\r\n\r\n" => PLAIN;
    "9112 2.2" "an empty line between two requests is ignored":
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n" =>
        sees!("GET / host=a version=1.1 keep=true body=",
            "GET /2 host=b version=1.1 keep=true body=");
    "9112 2.2" "an empty line behind a body is ignored":
        post!("Content-Length: 1", "x\r\n") => sees_body!("x");
    "9112 2.2" "two empty lines behind a body are ignored":
        post!("Content-Length: 1", "x\r\n\r\n") => sees_body!("x");
    "9112 2.2" "nothing but an empty line is no request":
        "\r\n" => NOTHING;
    "9112 2.2" "nothing but two empty lines is no request":
        "\r\n\r\n" => NOTHING;
    "9112 2.2" "an empty line of a bare LF in front of a request":
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.2" "two empty lines of bare LFs in front of a request":
        "\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.2" "an empty line and a bare LF in front of a request":
        "\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.2" "a bare CR in front of a request":
        "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.2" "two CRs and an LF in front of a request":
        "\r\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.2" "blanks in front of a request":
        "□GET / HTTP/1.1\r\nHost: a\r\n\r\n", each " \t\x0b\x0c\u{a0}" => refused(400);
    "9112 2.2" "a line of one blank in front of a request":
        "□\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", each " \t" => refused(400);
    "9112 2.2" "a bare LF ends the request line":
        "GET / HTTP/1.1\nHost: a\r\n\r\n" => refused(400);
    "9112 2.2" "a bare LF ends a header line":
        "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n" => refused(400);
    "9112 2.2" "a bare LF ends the last header line":
        "GET / HTTP/1.1\r\nHost: a\n\r\n" => refused(400);
    "9112 2.2" "a bare LF is the empty line":
        "GET / HTTP/1.1\r\nHost: a\r\n\n" => refused(400);
    "9112 2.2" "every line ends in a bare LF":
        "GET / HTTP/1.1\nHost: a\n\n" => refused(400);
    "9112 2.2" "every line ends in a bare LF and a body follows":
        "POST / HTTP/1.1\nHost: a\nContent-Length: 1\n\nx" => refused(400);
    "9112 2.2" "a bare LF within a value":
        get!("X: a\nb") => refused(400);
    "9112 2.2" "a bare LF smuggles a second head":
        get!("X: a\n\nGET /smuggled HTTP/1.1\r\nHost: a") => refused(400);
    "9112 2.2" "a bare LF behind the colon":
        get!("X:\n") => refused(400);
    "9112 2.2" "two CRs and an LF end the request line":
        "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.2" "two CRs and an LF end a header line":
        "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n" => refused(400);
    "9112 2.2" "two CRs and an LF are the empty line":
        "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n" => refused(400);
    "9112 2.2" "an LF and a CR end a line":
        "GET / HTTP/1.1\n\rHost: a\n\r\r\n\r\n" => refused(400);
    "9112 2.2" "a bare CR ends the request line":
        "GET / HTTP/1.1\rHost: a\r\n\r\n" => refused(400);
    "9112 2.2" "a bare CR ends a header line":
        "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n" => refused(400);
    "9112 2.2" "a bare CR within the method":
        "GE\rT / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.2" "a bare CR within the target":
        "GET /\ra HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.2" "a bare CR within the version":
        "GET / HTTP/\r1.1\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.2" "a bare CR within a name":
        get!("X\rY: z") => refused(400);
    "9112 2.2" "a bare CR within a value":
        get!("X: y\rz") => refused(400);
    "9112 2.2" "a bare CR in front of a value":
        get!("X:\ry") => refused(400);
    "9112 2.2" "a bare CR behind a value":
        get!("X: y\r ") => refused(400);
    "9112 2.2" "a bare CR hides a Content-Length":
        post!("X: y\rContent-Length: 5", "hello") => refused(400);
    "9112 2.2" "a bare CR within a Content-Length":
        post!("Content-Length: 5\r0", "hello") => refused(400);
    "9112 2.2" "a blank line of blanks is no empty line":
        "GET / HTTP/1.1\r\nHost: a\r\n□\r\n\r\n", each " \t" => refused(400);
    "9112 2.2" "a blank in front of the first header line":
        "GET / HTTP/1.1\r\n□Host: a\r\n\r\n", each " \t" => refused(400);
    "9112 2.2" "a blank in front of the first header line, behind which the Host comes":
        "GET / HTTP/1.1\r\n□X: y\r\nHost: a\r\n\r\n", each " \t" => refused(400);
    "9112 2.2" "a blank line between the request line and the Host":
        "GET / HTTP/1.1\r\n□\r\nHost: a\r\n\r\n", each " \t" => refused(400);
    "9112 2.2" "a head without a Host because an empty line comes first":
        "GET / HTTP/1.1\r\n\r\nHost: a\r\n\r\n" => refused(400);
    "9112 2.2" "a head that ends within its request line":
        "GET / HT" => NOTHING;
    "9112 2.2" "a head that ends behind its request line":
        "GET / HTTP/1.1\r\n" => NOTHING;
    "9112 2.2" "a head that ends within its last line end":
        "GET / HTTP/1.1\r\nHost: a\r\n\r" => NOTHING;
    "9112 2.2" "a request line that never ends, which the host answers":
        "GET / HT" => TOO_SLOW;
    "9112 2.2" "a head that never ends, which the host answers":
        "GET / HTTP/1.1\r\nHost: a\r\n" => TOO_SLOW;
    "9112 2.2" "a head that never ends behind an empty line, which the host answers":
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r" => TOO_SLOW;
    "9112 2.3" "an answer in place of a request":
        "HTTP/1.1 200 OK\r\nHost: a\r\nContent-Length: 0\r\n\r\n" => refused(400);
    "9112 2.3" "the preface of HTTP/2":
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" => refused(505);
    "9112 2.3" "the beginning of TLS":
        "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03\r\n\r\n" => refused(400);
    "9112 2.3" "the greeting of SMTP":
        "EHLO a\r\nMAIL FROM:<a@b>\r\n\r\n" => refused(400);
    "9112 2.3" "the command of an old Redis client":
        "*1\r\n$4\r\nPING\r\n\r\n" => refused(400);
    "9112 2.3" "a line of text":
        "hello\r\n\r\n" => refused(400);
    "9112 2.3" "a body without a head":
        "{\"a\": 1}\r\n\r\n" => refused(400);
    "9112 2.3" "a single byte in place of a request":
        "□\r\n\r\n", each "\0aA/:\x7f\u{80}\u{ff}" => refused(400);
    "9112 2.3" "header lines without a request line":
        "Host: a\r\nX: y\r\n\r\n" => refused(400);
    "9112 2.3" "the mark of UTF-8 in front of a request":
        "\u{ef}\u{bb}\u{bf}GET / HTTP/1.1\r\nHost: a\r\n\r\n" => refused(400);
}
