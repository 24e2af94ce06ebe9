//! What sockeye tells about itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the value of one metric; `None` where there is nobody to ask, or no answer.
pub fn metric(admin: Option<SocketAddr>, name: &str) -> Option<f64> {
    let mut stream = TcpStream::connect_timeout(&admin?, TIMEOUT).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).ok()?;
    let request = b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
    stream.write_all(request).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    value(&text, name)
}

fn value(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| {
        let value = line.strip_prefix(name)?.strip_prefix(' ')?;
        value.trim().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let text = "# TYPE a gauge\na_total 3\na 2\na{b=\"c\"} 5\n";
        assert_eq!(value(text, "a"), Some(2.0));
        assert_eq!(value(text, "a{b=\"c\"}"), Some(5.0));
        assert_eq!(value(text, "b"), None);
    }
}
