//! From the path of a URL to the path of a file: decoding, dots and slashes.

/// The path of a file, as [`File::open`](crate::File::open) takes it, that a URL stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath {
    /// The parts, decoded, with one `/` between them; empty for the root.
    pub path: String,
    /// The URL ends in a `/`, or in dots that stand for a directory.
    pub is_directory: bool,
    /// The URL ends in dots: relative links from there may lead elsewhere than from `path/`.
    pub ends_in_dots: bool,
}

/// Why a URL stands for no path of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// It does not start with a `/`, a `%` is not followed by two hexadecimal digits, or it
    /// contains a NUL.
    Malformed,
    /// It leads above the root.
    Outside,
    /// No file can have this name: it is not UTF-8, or contains an encoded `/`.
    NoFile,
}

impl FilePath {
    /// Finds the path of a file for the path of a URL, still percent-encoded and without a query.
    ///
    /// Every part is decoded once and by itself, so an encoded `/` is never a separator. Then `.`
    /// and empty parts are dropped, and `..` takes the part before it away, whether that exists or
    /// not. Equivalent URLs thus lead to one path. Empty parts are dropped before `..` is looked
    /// at, as nginx does that merges slashes: by RFC 3986 section 5.2.4 `/a//..` is `/a/`, and here
    /// it is the root.
    ///
    /// # Errors
    /// See [`PathError`]. Malformed parts count before all others.
    pub fn from_url(url_path: &str) -> Result<FilePath, PathError> {
        let parts = url_path.strip_prefix('/').ok_or(PathError::Malformed)?;
        if is_plain(parts) {
            return Ok(FilePath {
                path: parts.to_owned(),
                is_directory: false,
                ends_in_dots: false,
            });
        }
        let mut found = FilePath {
            path: String::with_capacity(parts.len()),
            is_directory: false,
            ends_in_dots: false,
        };
        let mut error = None;
        let mut decoded = Vec::new();
        for part in parts.split('/') {
            decoded.clear();
            decode(part, &mut decoded).ok_or(PathError::Malformed)?;
            if decoded.contains(&0) {
                return Err(PathError::Malformed);
            }
            found.ends_in_dots = matches!(&decoded[..], b"." | b"..");
            found.is_directory = decoded.is_empty() || found.ends_in_dots;
            match std::str::from_utf8(&decoded) {
                Ok("" | ".") => {}
                Ok("..") if found.path.is_empty() => error = error.or(Some(PathError::Outside)),
                Ok("..") => {
                    let parent = found.path.rfind('/').unwrap_or(0);
                    found.path.truncate(parent);
                }
                Ok(part) if !part.contains('/') => {
                    if !found.path.is_empty() {
                        found.path.push('/');
                    }
                    found.path.push_str(part);
                }
                _ => error = error.or(Some(PathError::NoFile)),
            }
        }
        error.map_or(Ok(found), Err)
    }

    /// Returns the `Location` of the directory at this path, with the query of the URL.
    ///
    /// Made of the parts and not of what the client sent, so that it is a path on the same host
    /// whatever that was: browsers take `//host` and `/\host` for another one. Of the query stays
    /// what a URL may contain, and the rest is encoded.
    pub fn location(&self, query: Option<&str>) -> String {
        let mut location = String::from("/");
        for part in self.path.split('/').filter(|part| !part.is_empty()) {
            push_encoded(&mut location, part, |byte| {
                is_unreserved(byte) || is_delimiter(byte)
            });
            location.push('/');
        }
        if let Some(query) = query {
            location.push('?');
            push_query(&mut location, query);
        }
        location
    }
}

/// Encodes a name so that it is one part of a URL's path, whatever it contains.
pub fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    push_encoded(&mut encoded, name, is_unreserved);
    encoded
}

/// Adds a query, and leaves it as it is where it is one (RFC 3986 section 3.4).
fn push_query(to: &mut String, query: &str) {
    let query = query.as_bytes();
    for (at, byte) in query.iter().enumerate() {
        let escape = matches!(&query[at..], [b'%', a, b, ..]
            if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
        let stays = is_unreserved(*byte) || is_delimiter(*byte) || b"/?".contains(byte);
        push_byte(to, *byte, escape || stays);
    }
}

fn push_encoded(to: &mut String, text: &str, stays: impl Fn(u8) -> bool) {
    for byte in text.bytes() {
        push_byte(to, byte, stays(byte));
    }
}

fn push_byte(to: &mut String, byte: u8, stays: bool) {
    if stays {
        to.push(byte.into());
        return;
    }
    to.push('%');
    for digit in [byte >> 4, byte & 15] {
        let digit = char::from_digit(digit.into(), 16).unwrap_or_default();
        to.push(digit.to_ascii_uppercase());
    }
}

/// Says whether a path stands for itself, as most do: nothing is encoded, and no part is empty or
/// begins with a dot.
fn is_plain(parts: &str) -> bool {
    let mut begins = true;
    let plain = parts.bytes().all(|byte| {
        let stands = match byte {
            b'%' | 0 => false,
            b'.' | b'/' => !begins,
            _ => true,
        };
        begins = byte == b'/';
        stands
    });
    plain && !begins
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Says whether a byte stands for itself in a part of a path, though it could be a delimiter.
fn is_delimiter(byte: u8) -> bool {
    b"!$&'()*+,;=:@".contains(&byte)
}

fn decode(part: &str, decoded: &mut Vec<u8>) -> Option<()> {
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            (digit()? * 16 + digit()?) as u8
        } else {
            byte
        });
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks what a URL's path leads to; a `/` at the end of `expected` marks a directory.
    #[track_caller]
    fn check(url_path: &str, expected: &str) {
        let found = FilePath::from_url(url_path).unwrap();
        let path = expected.strip_suffix('/');
        assert_eq!(found.path, path.unwrap_or(expected), "{url_path}");
        assert_eq!(found.is_directory, path.is_some(), "{url_path}");
    }

    #[test]
    fn what_stands_for_itself_is_told_from_what_does_not() {
        for path in ["a", "a/b.c", "a/b..", "caf\u{e9}", "a+b", "a\\b"] {
            assert!(is_plain(path), "{path}");
        }
        for path in [
            "", "/", "a/", "a//b", "/a", ".", "..", ".a", "a/.", "a/..", "a/.b", "a%20b", "a\0",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }

    #[track_caller]
    fn check_error(url_path: &str, expected: PathError) {
        assert_eq!(FilePath::from_url(url_path), Err(expected), "{url_path}");
    }

    #[test]
    fn a_plain_path_stays_as_it_is() {
        check("/", "/");
        check("/page.html", "page.html");
        check("/a/b.c/d", "a/b.c/d");
        check("/a/", "a/");
        check("/.hidden/..b/c..", ".hidden/..b/c..");
    }

    #[test]
    fn parts_are_decoded_once() {
        check("/a%20b", "a b");
        check("/%41%4a%4A", "AJJ");
        check("/caf%c3%a9", "caf\u{e9}");
        check("/caf\u{e9}", "caf\u{e9}");
        check("/100%2525", "100%25");
        check("/a%3fb%23c", "a?b#c");
        check("/a+b", "a+b");
        check("/%252e%252e/x", "%2e%2e/x");
    }

    #[test]
    fn dots_and_slashes_are_taken_away() {
        check("/./a", "a");
        check("/a/./b", "a/b");
        check("/a/../b", "b");
        check("/a/b/../c", "a/c");
        check("/missing/../a", "a");
        check("/%2e/a/%2E%2e/b", "b");
        check("//a///b", "a/b");
        check("/a//", "a/");
        check("/a//..", "/");
        check("/a/.", "a/");
        check("/a/b/..", "a/");
        check("/a/..", "/");
        check("//", "/");
    }

    #[test]
    fn what_leads_above_the_root_is_outside() {
        for path in [
            "/..",
            "/../a",
            "/a/../../b",
            "/%2e%2e/a",
            "//../a",
            "/./../a",
            "/../",
        ] {
            check_error(path, PathError::Outside);
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_malformed() {
        for path in [
            "/%", "/a%2", "/%zz", "/%+1", "/a%00b", "/../%", "/%2f/%zz", "*", "", "a",
        ] {
            check_error(path, PathError::Malformed);
        }
    }

    #[test]
    fn names_that_no_file_has_are_no_file() {
        for path in [
            "/a%2fb",
            "/..%2fa",
            "/%2F",
            "/%ff",
            "/%c0%ae%c0%ae/a",
            "/%2e%2e%2fa",
        ] {
            check_error(path, PathError::NoFile);
        }
    }

    #[test]
    fn dots_at_the_end_are_told_from_a_slash() {
        let dots = |path| FilePath::from_url(path).unwrap().ends_in_dots;
        for path in ["/.", "/a/.", "/a/b/..", "/a/%2e", "/a/b/.%2E"] {
            assert!(dots(path), "{path}");
        }
        for path in ["/", "/a", "/a/", "/./a", "/a/../", "/a/.b", "/a/..."] {
            assert!(!dots(path), "{path}");
        }
    }

    #[track_caller]
    fn check_location(path: &str, query: Option<&str>, expected: &str) {
        let found = FilePath::from_url(path).unwrap();
        assert_eq!(found.location(query), expected, "{path}");
    }

    #[test]
    fn a_location_is_a_path_and_never_names_a_host() {
        check_location("/a", None, "/a/");
        check_location("/a%20b", Some("c=d&e"), "/a%20b/?c=d&e");
        check_location("/a", Some(""), "/a/?");
        check_location("//example.com/a", None, "/example.com/a/");
        check_location("/.//example.com/a", None, "/example.com/a/");
        check_location("/a/..//example.com", None, "/example.com/");
        check_location("/\\example.com", None, "/%5Cexample.com/");
        check_location("/a/.", None, "/a/");
        check_location("/a/b/..", None, "/a/");
        check_location("/a/..", Some("b"), "/?b");
    }

    #[test]
    fn a_location_contains_what_a_url_may_contain() {
        check_location("/a!$&'()*+,;=:@-._~", None, "/a!$&'()*+,;=:@-._~/");
        check_location(
            "/<>\"{}|\\^`[]",
            None,
            "/%3C%3E%22%7B%7D%7C%5C%5E%60%5B%5D/",
        );
        check_location("/caf\u{e9}%c3%a9%25%3f", None, "/caf%C3%A9%C3%A9%25%3F/");
        check_location(
            "/a",
            Some("%c3%A9%20!$&'()*+,;=:@/?-._~"),
            "/a/?%c3%A9%20!$&'()*+,;=:@/?-._~",
        );
        check_location("/a", Some("<>\"{}|\\^`"), "/a/?%3C%3E%22%7B%7D%7C%5C%5E%60");
        check_location(
            "/a",
            Some("\u{e9}%\u{e9}%2%zz%"),
            "/a/?%C3%A9%25%C3%A9%252%25zz%25",
        );
    }

    #[test]
    fn an_encoded_name_leads_back_to_it() {
        for name in [
            "a",
            "a b",
            "50%",
            "caf\u{e9}",
            "<&>\"'",
            "javascript:x",
            "?#\\",
            "~-._",
        ] {
            let encoded = encode(name);
            assert!(
                !encoded.contains([':', '<', '"', '\'', '?', '#', '&']),
                "{encoded}"
            );
            check(&format!("/{encoded}"), name);
        }
        assert_eq!(encode("a b\u{e9}"), "a%20b%C3%A9");
    }
}
