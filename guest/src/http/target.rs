//! Request targets and hosts (RFC 9112 section 3.2): which forms there are, and what is no host.

use std::net::Ipv6Addr;

use super::characters::Characters;

/// The longest request target in bytes; a longer one is answered with 414.
///
/// RFC 9112 section 3 asks for request lines of at least 8,000 bytes.
pub const TARGET_BYTES_MAX: usize = 8_000;

/// The characters of a registered name that mean themselves; a comma, a space, an `@` are none.
// RFC 3986 allows sub-delims, but a comma there is two Host lines that somebody has joined.
static UNESCAPED: Characters = Characters::alphanumeric_or(b"-._~!$&'()*+;=");

/// Checks the form of a target and which methods it goes with.
pub(super) fn is_target(method: &str, target: &[u8]) -> bool {
    if target.contains(&b'#') {
        return false;
    }
    match (method, target) {
        // The authority form; nothing but CONNECT has it, and CONNECT has nothing else.
        ("CONNECT", _) => is_named_host(target) && !matches!(port(target), None | Some(b"")),
        (_, [b'/', ..]) => true,
        ("OPTIONS", b"*") => true,
        _ => authority(target).is_some_and(is_named_host),
    }
}

/// Returns the authority of a target in absolute form, as it is sent to proxies.
pub(super) fn authority(target: &[u8]) -> Option<&[u8]> {
    let scheme = if target
        .get(..7)
        .is_some_and(|s| s.eq_ignore_ascii_case(b"http://"))
    {
        7
    } else if target
        .get(..8)
        .is_some_and(|s| s.eq_ignore_ascii_case(b"https://"))
    {
        8
    } else {
        return None;
    };
    target[scheme..]
        .split(|byte| matches!(byte, b'/' | b'?'))
        .next()
}

/// Checks `uri-host [ ":" port ]`, which may be empty: what a Host line consists of.
pub(super) fn is_host(value: &[u8]) -> bool {
    match value.split_at(UNESCAPED.prefix(value)) {
        (_, []) => true,
        (_, [b':', port @ ..]) => is_port(port),
        _ => is_uncommon_host(value),
    }
}

/// Checks what [`is_host`] does: whatever there may be besides a plain name and a port.
fn is_uncommon_host(value: &[u8]) -> bool {
    let name = name(value);
    let named = match name {
        [b'[', address @ .., b']'] => is_address(address),
        _ => is_name(name),
    };
    named && value.get(name.len() + 1..).is_none_or(is_port)
}

fn is_port(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

/// Checks what is in brackets: an address of version 6, or one of a version to come (RFC 3986
/// section 3.2.2).
fn is_address(text: &[u8]) -> bool {
    if let [b'v' | b'V', rest @ ..] = text {
        let mut parts = rest.splitn(2, |byte| *byte == b'.');
        let (version, address) = (parts.next().unwrap_or_default(), parts.next());
        // RFC 3986 has no escapes here.
        let is_byte = |byte: &u8| UNESCAPED.contains(*byte) || *byte == b':';
        return !version.is_empty()
            && version.iter().all(u8::is_ascii_hexdigit)
            && address.is_some_and(|address| !address.is_empty() && address.iter().all(is_byte));
    }
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// Checks what [`is_host`] does, and that it names somebody (RFC 9110 section 4.2.1).
fn is_named_host(value: &[u8]) -> bool {
    !name(value).is_empty() && is_host(value)
}

/// Returns what is in front of the port; brackets around an address belong to it.
fn name(value: &[u8]) -> &[u8] {
    let from = match value {
        [b'[', ..] => value.iter().position(|byte| *byte == b']').unwrap_or(0),
        _ => 0,
    };
    let colon = value[from..].iter().position(|byte| *byte == b':');
    colon.map_or(value, |at| &value[..from + at])
}

fn port(value: &[u8]) -> Option<&[u8]> {
    value.get(name(value).len() + 1..)
}

/// Checks a registered name: characters that mean themselves, and others escaped.
fn is_name(name: &[u8]) -> bool {
    let mut parts = name.split(|byte| *byte == b'%');
    let is_escape =
        |part: &[u8]| matches!(part, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    parts.next().is_none_or(|first| UNESCAPED.contain(first))
        && parts.all(|part| is_escape(part) && UNESCAPED.contain(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for host in [
            "",
            "a",
            "a:80",
            "a:",
            ":80",
            "[::1]",
            "[::1]:80",
            "[::ffff:1.2.3.4]:80",
            "[v1.a:b]",
            "a_b.example-1",
            "caf%c3%a9",
            "1.2.3.4:5",
            "a!$&'()*+;=~",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            "a b",
            "a,b",
            "a/b",
            "b@a",
            "a\tb",
            "a\\b",
            "caf\u{e9}",
            "a:b",
            "a:80:80",
            "a:-1",
            "a:+1",
            "::1",
            "[::1",
            "::1]",
            "[::1]a",
            "[::1]80",
            "[[::1]]",
            "[]",
            "[a]",
            "[1.2.3.4]",
            "[:::1]",
            "[::1%251]",
            "[v1]",
            "[v1.]",
            "[v.a]",
            "[vg.a]",
            "[v1.%41]",
            "a[1]",
            "%",
            "%4",
            "%4g",
            "a%",
            "\"a\"",
            "a?b",
            "a#b",
            "<a>",
            "a|b",
            "a^b",
            "`a`",
            "{a}",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn a_target_names_its_host_where_it_has_one() {
        for target in [
            "http://a",
            "HTTP://a:80/b?c",
            "https://[::1]:1?d",
            "/",
            "/a b",
        ] {
            assert!(is_target("GET", target.as_bytes()), "{target}");
        }
        for target in [
            "",
            "*",
            "a",
            "a:80",
            "http://",
            "http:///a",
            "http://:80/",
            "http://a@b/",
            "/a#b",
            "http://a:b/",
            "http:/a",
            "ftp://a/",
        ] {
            assert!(!is_target("GET", target.as_bytes()), "{target}");
        }
        assert!(is_target("OPTIONS", b"*") && !is_target("options", b"*"));
    }

    #[test]
    fn a_tunnel_has_a_host_and_a_port() {
        for target in ["a:443", "[::1]:1"] {
            assert!(is_target("CONNECT", target.as_bytes()), "{target}");
        }
        for target in ["a", "a:", ":443", "/", "*", "http://a:443", "a:b", "[::1]"] {
            assert!(!is_target("CONNECT", target.as_bytes()), "{target}");
        }
    }

    #[test]
    fn an_authority_ends_where_the_path_or_the_query_begins() {
        assert_eq!(authority(b"http://a:80/b?c"), Some(&b"a:80"[..]));
        assert_eq!(authority(b"https://a?b"), Some(&b"a"[..]));
        assert_eq!(authority(b"/http://a"), None);
    }
}
