//! RFC 9112 section 7: chunks, their sizes, their extensions, and trailers.

use super::{Answer, refused, unprobed};

rows! {
    "9112 7.1" "the last chunk alone":
        chunked!("0\r\n\r\n") => sees_body!("");
    "9112 7.1" "one chunk":
        chunked!("3\r\nabc\r\n0\r\n\r\n") => sees_body!("abc");
    "9112 7.1" "chunks of many sizes":
        chunked!("1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n") => sees_body!("abcdef");
    "9112 7.1" "chunks of a byte each":
        chunked!("⟨50×1\r\nx\r\n⟩0\r\n\r\n") => sees_body!("⟨50×x⟩");
    "9112 7.1" "a chunk of 65536 bytes":
        chunked!("10000\r\n⟨65536×x⟩\r\n0\r\n\r\n") => sees_body!("⟨65536×x⟩");
    "9112 7.1" "chunks of 20000 bytes altogether":
        chunked!("⟨2000×a\r\n0123456789\r\n⟩0\r\n\r\n") => sees_body!("⟨2000×0123456789⟩");
    "9112 7.1" "a size in small letters":
        chunked!("a\r\n0123456789\r\n0\r\n\r\n") => sees_body!("0123456789");
    "9112 7.1" "a size in capitals":
        chunked!("A\r\n0123456789\r\n0\r\n\r\n") => sees_body!("0123456789");
    "9112 7.1" "a size with leading zeros":
        chunked!("0003\r\nabc\r\n0\r\n\r\n") => sees_body!("abc");
    "9112 7.1" "a last chunk of many zeros":
        chunked!("3\r\nabc\r\n0000000000000000\r\n\r\n") => sees_body!("abc");
    "9112 7.1" "a size of more than 16 digits, whatever they are":
        chunked!("00000000000000003\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "a chunk that looks like chunks":
        chunked!("8\r\n0\r\n\r\n1\r\n\r\n0\r\n\r\n") => sees_body!("0\r\n\r\n1\r\n");
    "9112 7.1" "a chunk that looks like a request":
        chunked!("12\r\nGET / HTTP/1.1\r\n\r\n\r\n0\r\n\r\n") =>
        sees_body!("GET / HTTP/1.1\r\n\r\n");
    "9112 7.1" "no size":
        chunked!("\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "an empty line between chunks":
        chunked!("3\r\nabc\r\n\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "a size with something in front":
        chunked!("□3\r\nabc\r\n0\r\n\r\n"), each " \t+-xg.,\"'$;=:\0\x0b\u{a0}" => refused(400);
    "9112 7.1" "a size with something behind":
        chunked!("3□\r\nabc\r\n0\r\n\r\n"), each "xghL.,\"'$=:_\0\x0b\u{a0}" => refused(400);
    "9112 7.1" "a size with a prefix of hexadecimal digits":
        chunked!("0x3\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "a size with a capital prefix of hexadecimal digits":
        chunked!("0X3\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "a size with a suffix of hexadecimal digits":
        chunked!("3h\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "a size in quotes":
        chunked!("\"3\"\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "two sizes in one line":
        chunked!("3 3\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "a size of 2^64":
        chunked!("10000000000000000\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "a size of 2^64 + 3":
        chunked!("10000000000000003\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "a size of 2^128 + 3":
        chunked!("100000000000000000000000000000003\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "a size of 1000 digits":
        chunked!("⟨1000×f⟩\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "a size of 2^64 - 1 and a body that ends":
        chunked!("ffffffffffffffff\r\nabc\r\n0\r\n\r\n") => unprobed(&[Answer::Refusal(400)]);
    "9112 7.1" "a size of 2^63 and a body that ends":
        chunked!("8000000000000000\r\nabc\r\n0\r\n\r\n") => unprobed(&[Answer::Refusal(400)]);
    "9112 7.1" "a size of 2^32 + 3 is not one of 3":
        chunked!("100000003\r\nabc\r\n0\r\n\r\n") => unprobed(&[Answer::Refusal(400)]);
    "9112 7.1" "a bare LF behind a size":
        chunked!("3\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "a bare CR behind a size":
        chunked!("3\rabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "two CRs behind a size":
        chunked!("3\r\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "a blank behind a size":
        chunked!("3□\r\nabc\r\n0\r\n\r\n"), each " \t" => refused(400);
    "9112 7.1" "a blank and a control behind a size":
        chunked!("3 □\r\nabc\r\n0\r\n\r\n"), each "\0\x01\x0b" => refused(400);
    "9112 7.1" "a bare LF behind a chunk":
        chunked!("3\r\nabc\n0\r\n\r\n") => refused(400);
    "9112 7.1" "a bare CR behind a chunk":
        chunked!("3\r\nabc\r0\r\n\r\n") => refused(400);
    "9112 7.1" "nothing behind a chunk":
        chunked!("3\r\nabc0\r\n\r\n") => refused(400);
    "9112 7.1" "two bytes that are no line end behind a chunk":
        chunked!("3\r\nabcXX0\r\n\r\n") => refused(400);
    "9112 7.1" "a chunk that is longer than its size":
        chunked!("3\r\nabcd\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "a chunk that is shorter than its size":
        chunked!("4\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1" "a bare LF behind the last chunk":
        chunked!("3\r\nabc\r\n0\n\r\n") => refused(400);
    "9112 7.1" "a bare LF ends the body":
        chunked!("3\r\nabc\r\n0\r\n\n") => refused(400);
    "9112 7.1" "a bare CR ends the body":
        chunked!("3\r\nabc\r\n0\r\n\rX") => refused(400);
    "9112 7.1" "chunks whose every line ends in a bare LF":
        chunked!("3\nabc\n0\n\n") => refused(400);
    "9112 7.1" "a body that ends within a size":
        chunked!("3") => unprobed(&[Answer::Refusal(400)]);
    "9112 7.1" "a body that ends within a chunk":
        chunked!("3\r\nab") => unprobed(&[Answer::Refusal(400)]);
    "9112 7.1" "a body that ends behind a chunk":
        chunked!("3\r\nabc") => unprobed(&[Answer::Refusal(400)]);
    "9112 7.1" "a body that ends in front of its last chunk":
        chunked!("3\r\nabc\r\n") => unprobed(&[Answer::Refusal(400)]);
    "9112 7.1" "a body that ends within its last chunk":
        chunked!("3\r\nabc\r\n0\r\n") => unprobed(&[Answer::Refusal(400)]);
    "9112 7.1" "a body that ends within its trailers":
        chunked!("3\r\nabc\r\n0\r\nX: y\r\n") => unprobed(&[Answer::Refusal(400)]);
    "9112 7.1" "a body that ends before its first chunk":
        chunked!("") => unprobed(&[Answer::Refusal(400)]);
    "9112 7.1" "a length of the body in place of chunks":
        chunked!("hello") => refused(400);
    "9112 7.1.1" "an extension":
        chunked!("3;a\r\nabc\r\n0\r\n\r\n") => sees_body!("abc");
    "9112 7.1.1" "an extension with a value":
        chunked!("3;a=b\r\nabc\r\n0\r\n\r\n") => sees_body!("abc");
    "9112 7.1.1" "an extension with a quoted value":
        chunked!("3;a=\"b c;d\"\r\nabc\r\n0\r\n\r\n") => sees_body!("abc");
    "9112 7.1.1" "several extensions":
        chunked!("3;a=b;c;d=\"e\"\r\nabc\r\n0\r\n\r\n") => sees_body!("abc");
    "9112 7.1.1" "an extension with blanks around its semicolon":
        chunked!("3 \t; \ta = b\r\nabc\r\n0\r\n\r\n") => sees_body!("abc");
    "9112 7.1.1" "an extension of the last chunk":
        chunked!("3\r\nabc\r\n0;a=b\r\n\r\n") => sees_body!("abc");
    "9112 7.1.1" "an extension that looks like a size":
        chunked!("3;5\r\nabc\r\n0\r\n\r\n") => sees_body!("abc");
    "9112 7.1.1" "an extension with a byte above ASCII":
        chunked!("3;a=\"\u{e9}\"\r\nabc\r\n0\r\n\r\n") => sees_body!("abc");
    "9112 7.1.1" "an extension with a quoted value that has escapes":
        chunked!("3;a=\"\\\"\\\\;\"\r\nabc\r\n0\r\n\r\n") => sees_body!("abc");
    "9112 7.1.1" "a semicolon without an extension":
        chunked!("3;\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1.1" "a quoted value that is not closed":
        chunked!("3;a=\"b\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1.1" "a quoted value whose closing is escaped":
        chunked!("3;a=\"b\\\"\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1.1" "a quoted value with something behind it":
        chunked!("3;a=\"b\"□\r\nabc\r\n0\r\n\r\n"), each "c=\" " => refused(400);
    "9112 7.1.1" "an extension with an equals sign and no value":
        chunked!("3;a=\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1.1" "an extension with what no token contains":
        chunked!("3;a□b\r\nabc\r\n0\r\n\r\n"), each " \t\"(),/:<>?@[\\]{}\u{e9}" => refused(400);
    "9112 7.1.1" "a blank behind an extension":
        chunked!("3;a=b□\r\nabc\r\n0\r\n\r\n"), each " \t" => refused(400);
    "9112 7.1.1" "an extension of 1000 bytes":
        chunked!("3;⟨1000×e⟩\r\nabc\r\n0\r\n\r\n") => sees_body!("abc");
    "9112 7.1.1" "an extension of 20000 bytes":
        chunked!("3;⟨20000×e⟩\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1.1" "20000 blanks in front of an extension":
        chunked!("3⟨20000× ⟩;a\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1.1" "extensions of 8000 bytes altogether":
        chunked!("⟨2000×1;ab\r\nx\r\n⟩0\r\n\r\n") => sees_body!("⟨2000×x⟩");
    "9112 7.1.1" "extensions of 20000 bytes altogether":
        chunked!("⟨5000×1;abc\r\nx\r\n⟩0\r\n\r\n") => refused(400);
    "9112 7.1.1" "an extension with a control":
        chunked!("3;a□\r\nabc\r\n0\r\n\r\n"), each "\0\x01\x08\x0b\x0c\x1f\x7f" => refused(400);
    "9112 7.1.1" "a bare LF within an extension":
        chunked!("3;a\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1.1" "a bare LF within an extension that hides a chunk":
        chunked!("3;a\nxx\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1.1" "a bare CR within an extension":
        chunked!("3;a\rb\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1.1" "a bare CR within a quoted extension":
        chunked!("3;a=\"\rb\"\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1.1" "an extension without a semicolon":
        chunked!("3 a=b\r\nabc\r\n0\r\n\r\n") => refused(400);
    "9112 7.1.2" "a trailer":
        chunked!("3\r\nabc\r\n0\r\nX: y\r\n\r\n") => sees_body!("abc");
    "9112 7.1.2" "several trailers":
        chunked!("3\r\nabc\r\n0\r\nX: y\r\nZ:\r\nX: z\r\n\r\n") => sees_body!("abc");
    "9112 7.1.2" "a trailer that is announced":
        post!("Transfer-Encoding: chunked\r\nTrailer: X", "0\r\nX: y\r\n\r\n") => sees_body!("");
    "9112 7.1.2" "a trailer with a byte above ASCII":
        chunked!("3\r\nabc\r\n0\r\nX: \u{e9}\r\n\r\n") => sees_body!("abc");
    "9112 7.1.2" "a trailer that would change the request is dropped":
        chunked!("0\r\nHost: b\r\nContent-Length: 9\r\nTransfer-Encoding: gzip\r\n\r\n") =>
        sees_body!("");
    "9112 7.1.2" "a trailer that would end the connection is dropped":
        chunked!("0\r\nConnection: close\r\n\r\n") => sees_body!("");
    "9112 7.1.2" "a trailer that looks like a request line":
        chunked!("0\r\nGET / HTTP/1.1\r\n\r\n") => refused(400);
    "9112 7.1.2" "trailers of 8000 bytes":
        chunked!("0\r\n⟨1000×X: yyy\r\n⟩\r\n") => refused(400);
    "9112 7.1.2" "a trailer of 5000 bytes":
        chunked!("0\r\nX: ⟨5000×y⟩\r\n\r\n") => refused(400);
    "9112 7.1.2" "a trailer without a colon":
        chunked!("0\r\nX\r\n\r\n") => refused(400);
    "9112 7.1.2" "a trailer without a name":
        chunked!("0\r\n: y\r\n\r\n") => refused(400);
    "9112 7.1.2" "a trailer with a blank in front of the colon":
        chunked!("0\r\nX□: y\r\n\r\n"), each " \t" => refused(400);
    "9112 7.1.2" "a folded trailer":
        chunked!("0\r\nX: y\r\n□z\r\n\r\n"), each " \t" => refused(400);
    "9112 7.1.2" "a blank in front of a trailer":
        chunked!("0\r\n□X: y\r\n\r\n"), each " \t" => refused(400);
    "9112 7.1.2" "a bare LF behind a trailer":
        chunked!("0\r\nX: y\n\r\n") => refused(400);
    "9112 7.1.2" "a bare CR within a trailer":
        chunked!("0\r\nX: y\rz\r\n\r\n") => refused(400);
    "9112 7.1.2" "a trailer's name with what no name contains":
        chunked!("0\r\nX□: y\r\n\r\n"), each "\"(),/;<=>?@[\\]{}\0\x01\x7f\u{e9}" => refused(400);
    "9112 7.1.2" "a trailer's value with a control":
        chunked!("0\r\nX: y□\r\n\r\n"), each "\0\x01\x08\x0b\x0c\x1f\x7f" => refused(400);
    "9112 7.1.3" "two bodies of chunks one after the other":
        concat!(chunked!("1\r\na\r\n0\r\n\r\n"), chunked!("1\r\nb\r\n0\r\nX: y\r\n\r\n")) =>
        sees!("POST / host=a version=1.1 keep=true body=a",
            "POST / host=a version=1.1 keep=true body=b");
}
