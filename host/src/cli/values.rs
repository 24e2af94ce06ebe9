//! Values on the command line: durations, sizes, counts and addresses, with their units.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use crate::config::INSTANCE_BYTES_MAX;

/// Parses `250ms`, `2s`, `10m` or `1h`; `0` needs no unit.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    const HINT: &str = "write a number and a unit, such as `250ms`, `2s`, `10m` or `1h`";
    let (number, unit) = split(text);
    let number: u64 = number.parse().map_err(|_| HINT.to_owned())?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        "" if number == 0 => Some(0),
        _ => return Err(HINT.to_owned()),
    };
    // A bound of more than a year is a mistake, and would only overflow later.
    const YEAR: u64 = 365 * 24 * 3_600_000;
    let milliseconds = milliseconds.filter(|&milliseconds| milliseconds <= YEAR);
    milliseconds
        .map(Duration::from_millis)
        .ok_or_else(|| "it is more than a year".to_owned())
}

/// Parses a duration that is not zero: a bound that would let nothing through is a mistake.
pub(super) fn parse_limit(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("it must be at least `1ms`".to_owned()),
        duration => Ok(duration),
    }
}

/// Parses `4096`, `64KiB`, `16MiB` or `1GiB`; at least one byte.
pub(super) fn parse_size(text: &str) -> Result<usize, String> {
    match parse_bytes(text)? {
        0 => Err("it must be at least one byte".to_owned()),
        // No linear memory and no buffer is larger.
        bytes if bytes <= INSTANCE_BYTES_MAX => Ok(bytes),
        _ => Err("it is more than `4GiB`".to_owned()),
    }
}

/// Parses a size of any kind, such as `0`, `500B` or `16GiB`.
pub(super) fn parse_bytes(text: &str) -> Result<usize, String> {
    const HINT: &str = "write a number of bytes, or one with a unit, such as `64KiB` or `16MiB`";
    let (number, unit) = split(text);
    let number: usize = number.parse().map_err(|_| HINT.to_owned())?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(HINT.to_owned()),
    };
    // More than any machine has is a mistake, and would only overflow later.
    let bytes = number.checked_mul(factor).filter(|&bytes| bytes <= 1 << 50);
    bytes.ok_or_else(|| "it is more than `1048576GiB`".to_owned())
}

/// Writes a size as [`parse_bytes`] reads it.
pub(super) fn bytes_text(bytes: usize) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = |(shift, _): &(u32, &str)| bytes > 0 && bytes.trailing_zeros() >= *shift;
    match units.into_iter().find(whole) {
        Some((shift, unit)) => format!("{}{unit}", bytes >> shift),
        None => bytes.to_string(),
    }
}

/// Parses how much one call receives: at least what the contract promises.
pub(super) fn parse_recv_limit(text: &str) -> Result<usize, String> {
    match parse_bytes(text)? {
        bytes if bytes < 64 << 10 => Err("handlers may rely on `64KiB`".to_owned()),
        bytes if bytes <= 16 << 20 => Ok(bytes),
        _ => Err("it is more than `16MiB`".to_owned()),
    }
}

/// Parses a number of at least one.
pub(super) fn parse_count(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("write a whole number of at least 1".to_owned()),
        Ok(count) => Ok(count),
    }
}

/// Parses an address with a port; a name is looked up and its first address taken.
pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    const HINT: &str = "write an address and a port, such as `127.0.0.1:8080` or `[::1]:8080`";
    let mut addresses = text
        .to_socket_addrs()
        .map_err(|error| format!("{error}; {HINT}"))?;
    addresses.next().ok_or_else(|| HINT.to_owned())
}

/// Parses what can stand behind the colon of a header line.
pub(super) fn parse_header_value(text: &str) -> Result<String, String> {
    let printable = |byte: u8| byte == b'\t' || (b' '..0x7f).contains(&byte);
    if text.trim().is_empty() || !text.bytes().all(printable) {
        return Err("write printable ASCII characters".to_owned());
    }
    Ok(text.trim().to_owned())
}

/// Splits a number from its unit.
fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_are_at_most_a_year() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(parse_duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(parse_duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert_eq!(parse_limit("1ms"), Ok(Duration::from_millis(1)));
        assert!(parse_limit("0").is_err() && parse_limit("0s").is_err());
        for wrong in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "1 s",
            "1d",
            "99999999999h",
            "9000h",
        ] {
            assert!(parse_duration(wrong).is_err(), "`{wrong}` is no duration");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_a_binary_unit() {
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        assert_eq!(parse_size("4GiB"), Ok(4 << 30));
        assert_eq!(parse_bytes("0"), Ok(0));
        assert_eq!(parse_bytes("500B"), Ok(500));
        assert_eq!(parse_bytes("16GiB"), Ok(16 << 30));
        for wrong in ["", "-1", "1MB", "1048577GiB", "99999999999999GiB"] {
            assert!(
                parse_bytes(wrong).is_err(),
                "`{wrong}` is no number of bytes"
            );
        }
        for wrong in ["", "0", "64kb", "1MB", "-1", "5GiB", "99999999999999999999"] {
            assert!(parse_size(wrong).is_err(), "`{wrong}` is no size");
        }
    }

    #[test]
    fn sizes_are_written_as_they_are_read() {
        let sizes = [0, 1, 5000, 65_536, 1 << 20, 3 << 30, 1 << 50, (1 << 30) + 1];
        for bytes in sizes {
            assert_eq!(parse_bytes(&bytes_text(bytes)), Ok(bytes));
        }
        assert_eq!(bytes_text(2 << 20), "2MiB");
    }

    #[test]
    fn a_call_receives_what_the_contract_promises_and_no_more_than_a_buffer_holds() {
        assert_eq!(parse_recv_limit("64KiB"), Ok(65_536));
        assert_eq!(parse_recv_limit("16MiB"), Ok(16 << 20));
        for wrong in ["", "0", "65535", "16777217"] {
            assert!(parse_recv_limit(wrong).is_err(), "`{wrong}` is no limit");
        }
    }

    #[test]
    fn counts_are_at_least_one() {
        assert_eq!(parse_count("1"), Ok(1));
        for wrong in ["0", "-1", "", "many", "4294967296"] {
            assert!(parse_count(wrong).is_err(), "`{wrong}` is no count");
        }
    }

    #[test]
    fn addresses_need_a_port() {
        assert!(parse_address("127.0.0.1:0").is_ok());
        assert!(parse_address("[::1]:8080").is_ok());
        for wrong in ["127.0.0.1", "", "8080", "::1:8080:x", "127.0.0.1:99999"] {
            assert!(parse_address(wrong).is_err(), "`{wrong}` is no address");
        }
    }
}
