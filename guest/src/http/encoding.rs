//! Content codings (RFC 9110 section 12.5.3): which compressed forms of an answer a client takes.

/// A compressed form in which an answer may be at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Brotli (RFC 7932).
    Brotli,
    /// gzip (RFC 1952).
    Gzip,
}

impl Coding {
    /// Returns the value of the header line `Content-Encoding`.
    pub fn token(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Gzip => "gzip",
        }
    }

    /// Returns what the name of a file in this form ends in.
    pub fn suffix(self) -> &'static str {
        match self {
            Coding::Brotli => ".br",
            Coding::Gzip => ".gz",
        }
    }
}

/// Returns the compressed forms to prefer to the plain one, the best first, where `lines` are the
/// values of the header lines `Accept-Encoding`.
///
/// The client's weights decide, and where they are equal, the smaller form. A form that the client
/// likes less than the plain one is not among them. What is malformed is not accepted. The plain
/// form is what remains, even for a client that refuses it (`identity;q=0`): an answer that it may
/// be able to use is better than none (RFC 9110 section 12.5 allows both).
pub fn preferred<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> &'static [Coding] {
    let (mut brotli, mut gzip, mut identity, mut any) = (None, None, None, None);
    for line in lines {
        for element in line.split(|byte| *byte == b',') {
            let (name, weight) = weighted(element);
            let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
            let slot = if is("br") {
                &mut brotli
            } else if is("gzip") || is("x-gzip") {
                &mut gzip
            } else if is("identity") {
                &mut identity
            } else if is("*") {
                &mut any
            } else {
                continue;
            };
            *slot = Some(weight);
        }
    }
    let weight = |named: Option<u16>| named.or(any).unwrap_or(0);
    let (brotli, gzip, plain) = (weight(brotli), weight(gzip), weight(identity));
    let wanted = |weight| weight > 0 && weight >= plain;
    match (wanted(brotli), wanted(gzip)) {
        (false, false) => &[],
        (true, false) => &[Coding::Brotli],
        (false, true) => &[Coding::Gzip],
        (true, true) if gzip > brotli => &[Coding::Gzip, Coding::Brotli],
        (true, true) => &[Coding::Brotli, Coding::Gzip],
    }
}

/// Splits an element into its name and its weight in thousandths.
fn weighted(element: &[u8]) -> (&[u8], u16) {
    let mut parameters = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let name = parameters.next().unwrap_or_default();
    let weight = match parameters.next() {
        None => 1000,
        Some(text) => text
            .strip_prefix(b"q=")
            .or_else(|| text.strip_prefix(b"Q="))
            .and_then(thousandths)
            .unwrap_or(0),
    };
    (name, weight)
}

/// Returns what `0.25` stands for in thousandths; at most three digits follow the point.
fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, fraction) = text.split_first()?;
    let fraction = match fraction {
        [] => fraction,
        [b'.', digits @ ..] if digits.len() <= 3 => digits,
        _ => return None,
    };
    let mut value = u16::from(whole.checked_sub(b'0').filter(|digit| *digit <= 1)?);
    for at in 0..3 {
        let digit = fraction.get(at).copied().unwrap_or(b'0');
        value = value * 10 + u16::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?);
    }
    (value <= 1000).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: &[Coding]) {
        assert_eq!(preferred([value.as_bytes()]), expected, "{value}");
    }

    const BR: Coding = Coding::Brotli;
    const GZ: Coding = Coding::Gzip;

    #[test]
    fn what_is_named_is_accepted_and_the_smaller_form_comes_first() {
        check("gzip", &[GZ]);
        check("br", &[BR]);
        check("x-gzip", &[GZ]);
        check("GZIP", &[GZ]);
        check("gzip, deflate, br, zstd", &[BR, GZ]);
        check("deflate", &[]);
        check("", &[]);
        check("gzipped, brr, xbr", &[]);
        assert_eq!(preferred([&b"gzip"[..], b"br"]), &[BR, GZ]);
        assert_eq!(preferred([]), &[]);
    }

    #[test]
    fn weights_decide() {
        check("gzip;q=1.0, br;q=0.9", &[GZ, BR]);
        check("gzip;q=0.5, br;q=0.501", &[BR, GZ]);
        check("gzip ; q=0.5 , br ; Q=0.4", &[GZ, BR]);
        check("gzip;q=0", &[]);
        check("gzip;q=0.000, br", &[BR]);
        check("gzip;q=0.001", &[GZ]);
    }

    #[test]
    fn the_plain_form_can_be_liked_better() {
        check("identity", &[]);
        check("gzip;q=0.5, identity", &[]);
        check("gzip;q=0.5, identity;q=0.6, br;q=0.7", &[BR]);
        check("gzip;q=0.5, identity;q=0.5", &[GZ]);
        check("identity;q=0", &[]);
        check("identity;q=0, gzip;q=0.1", &[GZ]);
    }

    #[test]
    fn the_asterisk_stands_for_what_is_not_named() {
        check("*", &[BR, GZ]);
        check("*;q=0", &[]);
        check("gzip, *;q=0", &[GZ]);
        check("br;q=0, *", &[GZ]);
        check("gzip;q=0.4, *;q=0.5", &[BR]);
    }

    #[test]
    fn what_is_malformed_is_not_accepted() {
        for value in [
            "gzip;q=",
            "gzip;q=2",
            "gzip;q=1.001",
            "gzip;q=0.0001",
            "gzip;q=.5",
            "gzip;q=-1",
            "gzip;q=1,5",
            "gzip;q=a",
            "gzip;level=9",
            "gz ip",
            ";;;",
        ] {
            let expected: &[Coding] = if value == "gzip;q=1,5" { &[GZ] } else { &[] };
            check(value, expected);
        }
    }
}
