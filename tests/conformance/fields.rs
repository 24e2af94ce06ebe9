//! RFC 9112 section 5 and RFC 9110 section 5: header lines, their names, their values, and folding.

use super::{Answer, PLAIN, closed, refused};

rows! {
    "9112 5" "a line without a colon":
        get!("X") => refused(400);
    "9112 5" "a line without a colon in front of a good one":
        get!("X\r\nY: z") => refused(400);
    "9112 5" "a line with another sign in place of the colon":
        get!("X□y"), each "=;. " => refused(400);
    "9112 5" "a colon and nothing else":
        get!(":") => refused(400);
    "9112 5" "a value without a name":
        get!(": y") => refused(400);
    "9112 5" "a name and a colon":
        get!("X:") => PLAIN;
    "9112 5" "a value right behind the colon":
        get!("X:y") => PLAIN;
    "9112 5" "a value of blanks":
        get!("X: \t \t ") => PLAIN;
    "9112 5" "blanks around a value":
        get!("X:\t y \t") => PLAIN;
    "9112 5" "a value that contains blanks":
        get!("X: y \t z") => PLAIN;
    "9112 5" "a value that contains colons":
        get!("X: a:b: c") => PLAIN;
    "9112 5" "a value that looks like a header line":
        get!("X: Host: b") => PLAIN;
    "9112 5" "the same line twice":
        get!("X: y\r\nX: y") => PLAIN;
    "9112 5.1" "a blank between the name and the colon":
        get!("X□: y"), each " \t" => refused(400);
    "9112 5.1" "two blanks between the name and the colon":
        get!("X \t: y") => refused(400);
    "9112 5.1" "a control between the name and the colon":
        get!("X□: y"), each "\0\x01\x0b\x0c\x1f\x7f\u{85}\u{a0}" => refused(400);
    "9112 5.1" "a blank in front of the colon of Host":
        "GET / HTTP/1.1\r\nHost□: a\r\n\r\n", each " \t" => refused(400);
    "9112 5.1" "a blank in front of the colon of Content-Length":
        post!("Content-Length□: 5", "hello"), each " \t\x0b" => refused(400);
    "9112 5.1" "a blank in front of the colon of Transfer-Encoding":
        post!("Transfer-Encoding□: chunked", "0\r\n\r\n"), each " \t\x0b" => refused(400);
    "9112 5.1" "a blank in front of the colon of Connection":
        get!("Connection□: close"), each " \t" => refused(400);
    "9112 5.1" "a blank in front of a name":
        get!("X: y\r\n□Y: z"), each " \t" => refused(400);
    "9112 5.2" "a folded value":
        get!("X: y\r\n□z"), each " \t" => refused(400);
    "9112 5.2" "a value folded twice":
        get!("X: y\r\n z\r\n\tz") => refused(400);
    "9112 5.2" "a fold and nothing behind it":
        get!("X: y\r\n \r\nY: z") => refused(400);
    "9112 5.2" "a folded line of an empty value":
        get!("X:\r\n y") => refused(400);
    "9112 5.2" "a folded Host":
        "GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n" => refused(400);
    "9112 5.2" "a folded Content-Length":
        post!("Content-Length:\r\n 5", "hello") => refused(400);
    "9112 5.2" "a Content-Length whose number is folded":
        post!("Content-Length: 5\r\n 0", "hello") => refused(400);
    "9112 5.2" "a folded Transfer-Encoding":
        post!("Transfer-Encoding:\r\n chunked", "0\r\n\r\n") => refused(400);
    "9112 5.2" "a Transfer-Encoding folded behind a Content-Length":
        post!("Content-Length: 5\r\nX: y\r\n Transfer-Encoding: chunked", "hello") =>
        refused(400);
    "9112 5.2" "a fold by way of a bare LF":
        get!("X: y\n z") => refused(400);
    "9110 5.1" "a name of every character that a token may have":
        get!("!#$%&'*+-.^_`|~09azAZ: y") => PLAIN;
    "9110 5.1" "a name of one character of a token":
        get!("□: y"), each "!#$%&'*+-.^_`|~09azAZ" => PLAIN;
    "9110 5.1" "a name in letters of any case":
        get!("x-Y-z: y") => PLAIN;
    "9110 5.1" "a delimiter within a name":
        get!("X□Y: z"), each "\"(),/;<=>?@[\\]{} " => refused(400);
    "9110 5.1" "a delimiter in front of a name":
        get!("□X: z"), each "\"(),/;<=>?@[\\]{}" => refused(400);
    "9110 5.1" "a delimiter behind a name":
        get!("X□: z"), each "\"(),/;<=>?@[\\]{}" => refused(400);
    "9110 5.1" "a control within a name":
        get!("X□Y: z"),
        each "\0\x01\x02\x03\x04\x05\x06\x07\x08\t\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\
            \x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f" => refused(400);
    "9110 5.1" "a byte above ASCII within a name":
        get!("X□Y: z"), each "\u{80}\u{85}\u{a0}\u{c3}\u{e9}\u{ff}" => refused(400);
    "9110 5.1" "a quoted name":
        get!("\"X\": y") => refused(400);
    "9110 5.1" "a name of 1000 letters":
        get!("⟨1000×N⟩: y") => PLAIN;
    "9110 5.3" "a hundred header lines":
        "GET / HTTP/1.1\r\n⟨99×X: y\r\n⟩Host: a\r\n\r\n" => PLAIN;
    "9110 5.3" "more than a hundred header lines":
        "GET / HTTP/1.1\r\nHost: a\r\n⟨100×X: y\r\n⟩\r\n" => refused(431);
    "9110 5.3" "a thousand header lines":
        "GET / HTTP/1.1\r\nHost: a\r\n⟨1000×X: y\r\n⟩\r\n" => refused(431);
    "9110 5.4" "a head of 16384 bytes":
        get!("X: ⟨16352×y⟩") => PLAIN;
    "9110 5.4" "a head of 16385 bytes, which the host answers":
        get!("X: ⟨16353×y⟩") => closed(&[Answer::Host(431)]);
    "9110 5.4" "a head of 64 KiB, which the host answers":
        get!("X: ⟨65536×y⟩") => closed(&[Answer::Host(431)]);
    "9110 5.4" "a name of 16384 bytes, which the host answers":
        get!("⟨16384×N⟩: y") => closed(&[Answer::Host(431)]);
    "9110 5.4" "a second head of 20000 bytes, which the host answers":
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nX: ⟨20000×y⟩\r\n\r\n" =>
        closed(&[Answer::Sees("GET / host=a version=1.1 keep=true body="), Answer::Host(431)]);
    "9110 5.5" "a value of every visible character":
        get!("X: !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~") => PLAIN;
    "9110 5.5" "a value with a byte above ASCII":
        get!("X: y□z"), each "\u{80}\u{85}\u{a0}\u{c3}\u{e9}\u{ff}" => PLAIN;
    "9110 5.5" "a value of a byte above ASCII":
        get!("X: □"), each "\u{80}\u{e9}\u{ff}" => PLAIN;
    "9110 5.5" "a control within a value":
        get!("X: y□z"),
        each "\0\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\
            \x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f" => refused(400);
    "9110 5.5" "a control in front of a value":
        get!("X:□y"), each "\0\x01\x08\x0b\x0c\x0e\x1b\x1f\x7f" => refused(400);
    "9110 5.5" "a control behind a value":
        get!("X: y□"), each "\0\x01\x08\x0b\x0c\x0e\x1b\x1f\x7f" => refused(400);
    "9110 5.5" "a control in place of a value":
        get!("X:□"), each "\0\x01\x08\x0b\x0c\x0e\x1b\x1f\x7f" => refused(400);
    "9110 5.5" "a control in the value of a Cookie":
        get!("Cookie: a=□"), each "\0\x01\x0b\x7f" => refused(400);
    "9110 5.6.1" "a list with empty elements":
        get!("Accept: ,a,, ,b,") => PLAIN;
    "9110 5.6.4" "a quotation that is not closed":
        get!("X: \"y") => PLAIN;
    "9110 5.6.5" "a comment that is not closed":
        get!("User-Agent: a (b") => PLAIN;
    "9110 7.6.1" "a line that Connection names":
        get!("Connection: X\r\nX: y") => PLAIN;
    "9110 7.6.1" "a Content-Length that Connection names":
        post!("Connection: Content-Length\r\nContent-Length: 1", "x") => refused(400);
    "9110 7.6.1" "a Content-Length that Connection names in a list, behind it":
        post!("Content-Length: 1\r\nConnection: close, content-length", "x") => refused(400);
    "9110 7.6.1" "a Transfer-Encoding that Connection names":
        post!("Connection: TRANSFER-ENCODING\r\nTransfer-Encoding: chunked", "0\r\n\r\n") =>
        refused(400);
    "9110 7.6.1" "a line that Connection names and that begins like the Content-Length":
        get!("Connection: Content-Length-X, X-Content-Length") => PLAIN;
    "9110 7.8" "an upgrade that nobody takes":
        get!("Connection: Upgrade\r\nUpgrade: websocket") => PLAIN;
    "9110 7.8" "an upgrade to HTTP/2 that nobody takes":
        get!("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA") =>
        PLAIN;
    "9110 10.1.4" "codings that the client takes":
        get!("Connection: TE\r\nTE: trailers, gzip") => PLAIN;
    "9110 6.6.2" "trailers that are announced and do not come":
        get!("Trailer: X") => PLAIN;
    "9110 12.5" "preferences of any form":
        get!("Accept: */*;q=0.1\r\nAccept-Encoding: *\r\nAccept-Language: ;;") => PLAIN;
    "9110 14.2" "a range, which the handler may ignore":
        get!("Range: bytes=0-1") => PLAIN;
    "9110 5.5" "a date that is none":
        get!("If-Modified-Since: yesterday\r\nDate: 1") => PLAIN;
}
