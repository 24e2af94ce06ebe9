//! Every kind of disagreement that there may be, with the section that says who is right.
//!
//! A rule looks at the bytes by itself: that sockeye says what was wrong is not enough, because
//! sockeye is what is tested here.

use std::net::Ipv6Addr;

use hyper::Uri;

use super::Step;

/// A kind of disagreement.
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// Which side is right, or why both may do what they do.
    #[expect(dead_code, reason = "written for people")]
    right: &'static str,
    /// How each side ends, and what there is in the bytes.
    holds: fn(&Disagreement) -> bool,
}

/// The first place where the two readers differ.
pub(super) struct Disagreement<'a> {
    ours: &'a Step,
    theirs: &'a Step,
    /// What both made of what came before.
    before: Option<&'a Step>,
    bytes: &'a [u8],
}

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "no Host, or two",
        right: "sockeye: RFC 9112 3.2 demands 400; hyper leaves it to the service",
        holds: |it| {
            it.refuses(400, "exactly one Host")
                && it.has_head(|head| values(head, "host").len() != 1)
        },
    },
    Rule {
        name: "a Host that is none",
        right: "sockeye: RFC 9112 3.2 demands 400; hyper leaves it to the service",
        holds: |it| {
            let bad = |head: &str| values(head, "host").iter().any(|host| !is_host(host));
            it.refuses(400, "Host is not a host") && it.has_head(bad)
        },
    },
    Rule {
        name: "a target whose form does not fit",
        right: "sockeye: RFC 9112 3.2; hyper leaves the form to the service and drops a fragment",
        holds: |it| {
            let unfit = match it.theirs {
                Step::Accepted { target, method, .. } => !is_fit(method, target),
                _ => false,
            };
            it.refuses(400, "no form that fits") && (unfit || contains(it.bytes, b"#"))
        },
    },
    Rule {
        name: "a tunnel to something else than a host and a port",
        right: "sockeye: RFC 9110 9.3.6; hyper leaves it to the service, which answers 501",
        holds: |it| {
            it.ours.is_refused(400, "no form that fits")
                && it.theirs.is_refused(501, "")
                && contains(it.bytes, b"CONNECT ")
        },
    },
    Rule {
        name: "a bare LF ends a line of a head",
        right: "both: RFC 9112 2.2 allows to take it, and allows to refuse what is unclear",
        holds: |it| {
            let taken = matches!(it.theirs, Step::Accepted { .. } | Step::Refused(501, _));
            // A body that ends between a CR and its LF leaves a bare LF, too.
            let halved = matches!(it.before, Some(Step::Accepted { body, .. })
                if body.ends_with(b"\r"));
            let bare = halved || has_bare_line_feed(it.bytes);
            it.ours.is_refused(400, "CR LF") && taken && bare
        },
    },
    Rule {
        name: "a version that neither speaks",
        right: "sockeye: RFC 9110 15.6.6 has 505 for this; hyper says 400",
        holds: |it| {
            it.ours.is_refused(505, "versions")
                && it.theirs.is_refused(400, "")
                && it.has_line(has_other_version)
        },
    },
    Rule {
        name: "a coding that neither knows",
        right: "sockeye: RFC 9112 6.1 has 501 for this; hyper says 400",
        holds: |it| {
            let other = |head: &str| codings(head).iter().any(|coding| coding != "chunked");
            it.ours.is_refused(501, "Transfer-Encoding")
                && it.theirs.is_refused(400, "")
                && it.has_head(other)
        },
    },
    Rule {
        name: "another coding in front of chunked",
        right: "sockeye: RFC 9112 6.1 has 501 for a coding that nobody removes from the body",
        holds: |it| {
            it.refuses(501, "Transfer-Encoding") && it.has_head(|head| codings(head).len() > 1)
        },
    },
    Rule {
        name: "chunked more than once, or in a list with nothing",
        right: "sockeye: RFC 9112 6.1 forbids chunked twice; lists with nothing are refused too",
        holds: |it| {
            let more = |head: &str| {
                let list = values(head, "transfer-encoding");
                list.len() > 1 || list.iter().any(|coding| coding.contains(','))
            };
            it.refuses(400, "one chunked at its end") && it.has_head(more)
        },
    },
    Rule {
        name: "a length and a coding",
        right: "both: RFC 9112 6.3 allows to refuse, or to drop the length and close as hyper does",
        holds: |it| {
            let both = |head: &str| {
                !values(head, "transfer-encoding").is_empty()
                    && !values(head, "content-length").is_empty()
            };
            let refused = it.refuses(400, "no Content-Length with")
                || it.refuses(400, "not a number")
                || it.refuses(400, "at most one Content-Length");
            refused && it.has_head(both)
        },
    },
    Rule {
        name: "the same length twice",
        right: "both: RFC 9112 6.3 allows to refuse it or to take it for one",
        holds: |it| {
            it.refuses(400, "at most one Content-Length")
                && it.has_head(|head| values(head, "content-length").len() > 1)
        },
    },
    Rule {
        name: "another expectation",
        right: "both: RFC 9110 10.1.1 allows 417, and allows to ignore it",
        holds: |it| {
            let other = |head: &str| {
                let mut list = values(head, "expect").into_iter();
                list.any(|value| !value.eq_ignore_ascii_case("100-continue"))
            };
            it.refuses(417, "100-continue") && it.has_head(other)
        },
    },
    Rule {
        name: "characters in a target that no URL has",
        right: "neither: RFC 9112 3.2 would have both refuse them all; browsers send some of them",
        holds: |it| {
            let odd =
                |target: &str| target.contains(['"', '<', '>', '\\', '^', '`', '{', '|', '}']);
            matches!(it.ours, Step::Accepted { target, .. } if odd(target))
                && it.theirs.is_refused(400, "")
        },
    },
    Rule {
        name: "a blank between a chunk's size and the end of its line",
        right: "sockeye: RFC 9112 7.1 has none there",
        holds: |it| {
            let blank = |line: &[u8]| {
                let size = line
                    .iter()
                    .take_while(|byte| byte.is_ascii_hexdigit())
                    .count();
                let rest = &line[size..];
                size > 0 && !rest.is_empty() && rest.iter().all(|b| b" \t".contains(b))
            };
            it.refuses(400, "as chunks") && it.has_line(blank)
        },
    },
    Rule {
        name: "an extension of a chunk that is none",
        right: "sockeye: RFC 9112 7.1.1 has tokens and quoted strings there",
        holds: |it| it.refuses(400, "as chunks") && it.has_line(has_odd_extension),
    },
    Rule {
        name: "a bare LF behind a trailer",
        right: "both: RFC 9112 2.2 allows to take it, and section 11.2 warns of it",
        holds: |it| it.refuses(400, "as chunks") && has_bare_line_feed(it.bytes),
    },
];

impl<'a> Disagreement<'a> {
    /// Returns the first place where `ours` and `theirs`, made of `bytes`, differ.
    pub(super) fn first(ours: &'a [Step], theirs: &'a [Step], bytes: &'a [u8]) -> Option<Self> {
        let mut pairs = ours.iter().zip(theirs);
        let at = pairs.position(|(ours, theirs)| match (ours, theirs) {
            // Each has a status of its own for some things; only the class has to agree.
            (Step::Refused(ours, _), Step::Refused(theirs, _)) => ours / 100 != theirs / 100,
            _ => ours != theirs,
        })?;
        Some(Disagreement {
            ours: &ours[at],
            theirs: &theirs[at],
            before: at.checked_sub(1).map(|before| &ours[before]),
            bytes,
        })
    }

    /// Returns the number of the rule that explains it.
    pub(super) fn rule(&self) -> Option<usize> {
        RULES.iter().position(|rule| (rule.holds)(self))
    }

    pub(super) fn report(&self, number: usize) -> String {
        let (ours, theirs) = (self.ours, self.theirs);
        let bytes = self.bytes.escape_ascii();
        format!("script {number}: sockeye {ours:?}, hyper {theirs:?}\n    {bytes}")
    }

    /// Says whether sockeye refuses what hyper accepts.
    fn refuses(&self, status: u16, reason: &str) -> bool {
        self.ours.is_refused(status, reason) && matches!(self.theirs, Step::Accepted { .. })
    }

    /// Says whether something between empty lines that looks like a head is so.
    fn has_head(&self, is_so: impl Fn(&str) -> bool) -> bool {
        let text: String = self.bytes.iter().map(|byte| char::from(*byte)).collect();
        let text = text.replace("\r\n", "\n");
        let mut heads = text.split("\n\n").filter(|part| part.contains("HTTP/1."));
        heads.any(is_so)
    }

    /// Says whether a line, without its end, is so.
    fn has_line(&self, is_so: impl Fn(&[u8]) -> bool) -> bool {
        let mut lines = self.bytes.split(|byte| *byte == b'\n');
        lines.any(|line| is_so(line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

impl Step {
    fn is_refused(&self, status: u16, reason: &str) -> bool {
        matches!(self, Step::Refused(other, why) if *other == status && why.contains(reason))
    }
}

/// Returns the values of the lines called `name`.
fn values(head: &str, name: &str) -> Vec<String> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim_matches([' ', '\t']).to_owned())
        .collect()
}

/// Returns the codings of all lines `Transfer-Encoding`.
fn codings(head: &str) -> Vec<String> {
    let lines = values(head, "transfer-encoding");
    let codings = lines.iter().flat_map(|line| line.split(','));
    codings
        .map(|coding| coding.trim().to_ascii_lowercase())
        .collect()
}

fn is_host(value: &str) -> bool {
    let (name, port) = match value.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (value, ""),
    };
    let address = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let named = match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._~!$&'()*+;=".contains(c)),
    };
    named && port.chars().all(|c| c.is_ascii_digit())
}

/// Says whether a target has a form that goes with the method.
fn is_fit(method: &str, target: &str) -> bool {
    match target.parse::<Uri>() {
        Ok(uri) if target == "*" => method == "OPTIONS" && uri.path() == "*",
        Ok(uri) => match (uri.scheme_str(), uri.authority()) {
            (None, None) => target.starts_with('/'),
            (Some("http" | "https"), Some(authority)) => {
                !authority.host().is_empty() && is_host(authority.as_str())
            }
            _ => false,
        },
        Err(_) => false,
    }
}

fn has_other_version(line: &[u8]) -> bool {
    let mut found = line.windows(8).filter(|eight| eight.starts_with(b"HTTP/"));
    found.any(|eight| eight[5].is_ascii_digit() && !matches!(&eight[5..], b"1.0" | b"1.1"))
}

/// Says whether a line has something behind a semicolon that is no list of names and values.
fn has_odd_extension(line: &[u8]) -> bool {
    let Some(at) = line.iter().position(|byte| *byte == b';') else {
        return false;
    };
    let text: String = line[at..].iter().map(|byte| char::from(*byte)).collect();
    // Quotations are every other part, and stand for a value.
    let parts: Vec<&str> = text.split('"').collect();
    let closed = parts.len() % 2 == 1;
    let controls = text.chars().any(|c| c.is_ascii_control() && c != '\t');
    let unquoted: Vec<&str> = parts.iter().step_by(2).copied().collect();
    let outside = unquoted.join("\0");
    let is_token = |text: &str| {
        let tchar = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        !text.is_empty() && text.chars().all(tchar)
    };
    let is_one = |extension: &str| match extension.split_once('=') {
        Some((name, value)) => {
            let value = value.trim_start();
            is_token(name.trim()) && (value == "\0" || is_token(value))
        }
        None => is_token(extension.trim_start()),
    };
    let mut extensions = outside.split(';').skip(1);
    let count = extensions.clone().count();
    let last = extensions.clone().last().is_some_and(is_one);
    let others = extensions.by_ref().take(count.saturating_sub(1));
    let good = others.map(str::trim_end).all(is_one) && last;
    !closed || controls || !good
}

fn has_bare_line_feed(bytes: &[u8]) -> bool {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let mut before = ends.map(|(at, _)| at.checked_sub(1).map(|at| bytes[at]));
    before.any(|byte| byte != Some(b'\r'))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
