//! RFC 9112 section 6: how long a body is, and every way to be unclear about it.

use super::{Answer, PLAIN, refused, unprobed};

rows! {
    "9112 6" "neither a length nor a coding is no body":
        "POST / HTTP/1.1\r\nHost: a\r\n\r\n" => sees_body!("");
    "9112 6" "a body of GET":
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" =>
        sees!("GET / host=a version=1.1 keep=true body=abc");
    "9112 6" "a body of DELETE":
        "DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" =>
        sees!("DELETE / host=a version=1.1 keep=true body=abc");
    "9112 6" "a body of a method that nobody knows":
        "BREW / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" =>
        sees!("BREW / host=a version=1.1 keep=true body=abc");
    "9112 6" "a body of OPTIONS of the server as a whole":
        "OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" =>
        sees!("OPTIONS * host=a version=1.1 keep=true body=abc");
    "9112 6" "a body in HTTP/1.0":
        "POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc" =>
        sees_last!("POST / host= version=1.0 keep=false body=abc");
    "9112 6" "no length in HTTP/1.0 is no body":
        "POST / HTTP/1.0\r\nHost: a\r\n\r\n" =>
        sees_last!("POST / host=a version=1.0 keep=false body=");
    "9112 6" "a body that looks like a request":
        post!("Content-Length: 33", "GET / HTTP/1.1\r\nHost: inside\r\n\r\n\r") =>
        sees_body!("GET / HTTP/1.1\r\nHost: inside\r\n\r\n\r");
    "9112 6" "a body of line ends":
        post!("Content-Length: 4", "\r\n\r\n") => sees_body!("\r\n\r\n");
    "9112 6" "a body of bytes that are no text":
        post!("Content-Length: 4", "\0\u{ff}\u{80}\r") => sees_body!("\0\u{ff}\u{80}\r");
    "9112 6" "a body of 20000 bytes":
        post!("Content-Length: 20000", "⟨20000×x⟩") => sees_body!("⟨20000×x⟩");
    "9112 6" "a body of 200000 bytes":
        post!("Content-Length: 200000", "⟨200000×x⟩") => sees_body!("⟨200000×x⟩");
    "9112 6.2" "a length of zero":
        post!("Content-Length: 0", "") => sees_body!("");
    "9112 6.2" "a length of zero and its negative sign":
        post!("Content-Length: -0", "") => refused(400);
    "9112 6.2" "a length with leading zeros":
        post!("Content-Length: 0003", "abc") => sees_body!("abc");
    "9112 6.2" "a length with a hundred leading zeros":
        post!("Content-Length: ⟨100×0⟩3", "abc") => sees_body!("abc");
    "9112 6.2" "a length with blanks around it":
        post!("Content-Length: \t 3 \t", "abc") => sees_body!("abc");
    "9112 6.2" "a length right behind the colon":
        post!("Content-Length:3", "abc") => sees_body!("abc");
    "9112 6.2" "a length in a line of any letters":
        post!("cONTENT-lENGTH: 3", "abc") => sees_body!("abc");
    "9112 6.2" "an underscore makes another line of it":
        post!("Content_Length: 3", "") => sees_body!("");
    "9112 6.2" "a length without a number":
        post!("Content-Length:", "abc") => refused(400);
    "9112 6.2" "a length of blanks":
        post!("Content-Length:  \t", "abc") => refused(400);
    "9112 6.2" "a length with a sign":
        post!("Content-Length: □3", "abc"), each "+-" => refused(400);
    "9112 6.2" "a length with something in front":
        post!("Content-Length: □3", "abc"), each "x.,\"'$#=;:\u{a0}" => refused(400);
    "9112 6.2" "a length with something behind":
        post!("Content-Length: 3□", "abc"), each "x.,\"'$#=;:eEhL\u{a0}" => refused(400);
    "9112 6.2" "a length with a control":
        post!("Content-Length: 3□", "abc"), each "\0\x01\x0b\x0c\x1f\x7f" => refused(400);
    "9112 6.2" "a length in words":
        post!("Content-Length: three", "abc") => refused(400);
    "9112 6.2" "a length of hexadecimal digits":
        post!("Content-Length: 0x3", "abc") => refused(400);
    "9112 6.2" "a length of a hexadecimal letter":
        post!("Content-Length: a", "abc") => refused(400);
    "9112 6.2" "a length with a fraction":
        post!("Content-Length: 3.0", "abc") => refused(400);
    "9112 6.2" "a length with an exponent":
        post!("Content-Length: 3e0", "abc") => refused(400);
    "9112 6.2" "a length with an underscore":
        post!("Content-Length: 0_3", "abc") => refused(400);
    "9112 6.2" "a quoted length":
        post!("Content-Length: \"3\"", "abc") => refused(400);
    "9112 6.2" "a length of digits of another script":
        post!("Content-Length: \u{d9}\u{a3}", "abc") => refused(400);
    "9112 6.2" "two numbers with a blank":
        post!("Content-Length: 3 3", "abc") => refused(400);
    "9112 6.2" "2^64 bytes":
        post!("Content-Length: 18446744073709551616", "abc") => refused(400);
    "9112 6.2" "2^64 + 3 bytes":
        post!("Content-Length: 18446744073709551619", "abc") => refused(400);
    "9112 6.2" "a length of 400 digits":
        post!("Content-Length: ⟨400×9⟩", "abc") => refused(400);
    "9112 6.3" "two lengths that agree":
        post!("Content-Length: 3\r\nContent-Length: 3", "abc") => refused(400);
    "9112 6.3" "two lengths that differ":
        post!("Content-Length: 3\r\nContent-Length: 4", "abc") => refused(400);
    "9112 6.3" "two lengths of which the first is zero":
        post!("Content-Length: 0\r\nContent-Length: 3", "abc") => refused(400);
    "9112 6.3" "two lengths of which one is empty":
        post!("Content-Length: 3\r\nContent-Length:", "abc") => refused(400);
    "9112 6.3" "two lengths with other lines between":
        post!("Content-Length: 3\r\nX: y\r\ncontent-length: 3", "abc") => refused(400);
    "9112 6.3" "a list of lengths that agree":
        post!("Content-Length: 3, 3", "abc") => refused(400);
    "9112 6.3" "a list of lengths that differ":
        post!("Content-Length: 3,4", "abc") => refused(400);
    "9112 6.3" "a list of a length and nothing":
        post!("Content-Length: 3,", "abc") => refused(400);
    "9112 6.3" "a length and a coding":
        post!("Content-Length: 3\r\nTransfer-Encoding: chunked", "0\r\n\r\n") => refused(400);
    "9112 6.3" "a coding and a length":
        post!("Transfer-Encoding: chunked\r\nContent-Length: 3", "0\r\n\r\n") => refused(400);
    "9112 6.3" "a length of zero and a coding":
        post!("Content-Length: 0\r\nTransfer-Encoding: chunked", "0\r\n\r\n") => refused(400);
    "9112 6.3" "a length that fits the chunks and a coding":
        post!("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n") => refused(400);
    "9112 6.3" "a coding, other lines and a length":
        post!("Transfer-Encoding: chunked\r\nX: y\r\nContent-Length: 5", "0\r\n\r\n") =>
        refused(400);
    "9112 6.3" "a bad length and a coding":
        post!("Content-Length: x\r\nTransfer-Encoding: chunked", "0\r\n\r\n") => refused(400);
    "9112 6.1" "chunked":
        post!("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n") => sees_body!("abc");
    "9112 6.1" "chunked in letters of any case":
        post!("transfer-encoding: CHUNKed", "3\r\nabc\r\n0\r\n\r\n") => sees_body!("abc");
    "9112 6.1" "chunked with blanks around it":
        post!("Transfer-Encoding: \t chunked \t", "3\r\nabc\r\n0\r\n\r\n") => sees_body!("abc");
    "9112 6.1" "chunked right behind the colon":
        post!("Transfer-Encoding:chunked", "3\r\nabc\r\n0\r\n\r\n") => sees_body!("abc");
    "9112 6.1" "chunked with GET":
        get!("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0") =>
        sees!("GET / host=a version=1.1 keep=true body=abc");
    "9112 6.1" "chunked in HTTP/1.0":
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" =>
        refused(400);
    "9112 6.1" "chunked in HTTP/1.0 that is to be kept":
        "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        => refused(400);
    "9112 6.1" "another coding in HTTP/1.0":
        "POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n" => refused(400);
    "9112 6.1" "chunked twice in one line":
        post!("Transfer-Encoding: chunked, chunked", "0\r\n\r\n") => refused(400);
    "9112 6.1" "chunked twice in two lines":
        post!("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n") =>
        refused(400);
    "9112 6.1" "chunked in front of another coding":
        post!("Transfer-Encoding: chunked, gzip", "0\r\n\r\n") => refused(400);
    "9112 6.1" "chunked in front of another coding in a second line":
        post!("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip", "0\r\n\r\n") =>
        refused(400);
    "9112 6.1" "chunked in front of identity":
        post!("Transfer-Encoding: chunked, identity", "0\r\n\r\n") => refused(400);
    "9112 6.1" "a coding without a name":
        post!("Transfer-Encoding:", "0\r\n\r\n") => refused(400);
    "9112 6.1" "a coding of a comma":
        post!("Transfer-Encoding: ,", "0\r\n\r\n") => refused(400);
    "9112 6.1" "chunked and a comma":
        post!("Transfer-Encoding: chunked,", "0\r\n\r\n") => refused(400);
    "9112 6.1" "another coding alone":
        post!("Transfer-Encoding: gzip", "0\r\n\r\n") => refused(501);
    "9112 6.1" "another coding in front of chunked":
        post!("Transfer-Encoding: gzip, chunked", "0\r\n\r\n") => refused(501);
    "9112 6.1" "another coding in a line in front of chunked":
        post!("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", "0\r\n\r\n") =>
        refused(501);
    "9112 6.1" "identity, which is no coding":
        post!("Transfer-Encoding: identity", "") => refused(501);
    "9112 6.1" "identity in front of chunked":
        post!("Transfer-Encoding: identity, chunked", "0\r\n\r\n") => refused(501);
    "9112 6.1" "a coding that contains the word chunked":
        post!("Transfer-Encoding: □chunked", "0\r\n\r\n"), each "x-_.'" => refused(501);
    "9112 6.1" "a coding that begins with the word chunked":
        post!("Transfer-Encoding: chunked□", "0\r\n\r\n"), each "x-_.;=0" => refused(501);
    "9112 6.1" "chunked with a parameter":
        post!("Transfer-Encoding: chunked;a=b", "0\r\n\r\n") => refused(501);
    "9112 6.1" "chunked with a weight":
        post!("Transfer-Encoding: chunked;q=0", "0\r\n\r\n") => refused(501);
    "9112 6.1" "chunked in quotes":
        post!("Transfer-Encoding: \"chunked\"", "0\r\n\r\n") => refused(501);
    "9112 6.1" "chunked with a blank within":
        post!("Transfer-Encoding: chun ked", "0\r\n\r\n") => refused(501);
    "9112 6.1" "chunked with a control in front":
        post!("Transfer-Encoding: □chunked", "0\r\n\r\n"), each "\0\x01\x0b\x0c\x1f\x7f" =>
        refused(400);
    "9112 6.1" "chunked with a byte above ASCII in front":
        post!("Transfer-Encoding: □chunked", "0\r\n\r\n"), each "\u{a0}\u{ff}" => refused(501);
    "9112 6.1" "an underscore makes another line of the coding":
        post!("Transfer_Encoding: chunked", "") => sees_body!("");
    "9112 6.1" "codings that the client takes are no coding of the request":
        get!("TE: chunked") => PLAIN;
    "9112 6.1" "a coding of the content is the handler's":
        post!("Content-Encoding: gzip\r\nContent-Length: 3", "abc") => sees_body!("abc");
    "9112 8" "a body that ends before its length":
        post!("Content-Length: 5", "abc") => unprobed(&[Answer::Refusal(400)]);
    "9112 8" "a body that ends before its first byte":
        post!("Content-Length: 5", "") => unprobed(&[Answer::Refusal(400)]);
    "9112 8" "a body of 2^64 - 1 bytes that ends":
        post!("Content-Length: 18446744073709551615", "abc") => unprobed(&[Answer::Refusal(400)]);
}
