//! How many connections of a worker come from where, if the operator limits that.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::Token;

/// The connections of each address.
#[derive(Debug)]
pub(super) struct Addresses {
    connections_max: u32,
    connections: HashMap<IpAddr, u32>,
    /// Where each connection comes from: the socket does not know any more once it is reset.
    origins: HashMap<Token, IpAddr>,
}

impl Addresses {
    /// Allows `connections_max` connections of each address.
    pub(super) fn new(connections_max: u32) -> Addresses {
        Addresses {
            connections_max,
            connections: HashMap::new(),
            origins: HashMap::new(),
        }
    }

    /// Whether another connection may come from the address of `peer`.
    pub(super) fn have_room(&self, peer: SocketAddr) -> bool {
        let count = self.connections.get(&origin(peer));
        count.is_none_or(|&count| count < self.connections_max)
    }

    /// Counts a connection in.
    pub(super) fn insert(&mut self, token: Token, peer: SocketAddr) {
        let origin = origin(peer);
        *self.connections.entry(origin).or_default() += 1;
        self.origins.insert(token, origin);
    }

    /// Counts a connection out.
    pub(super) fn remove(&mut self, token: Token) {
        let Some(origin) = self.origins.remove(&token) else {
            return;
        };
        if let Some(count) = self.connections.get_mut(&origin) {
            *count -= 1;
            if *count == 0 {
                self.connections.remove(&origin);
            }
        }
    }
}

/// Whom an address belongs to: a host has a whole IPv6 network of 64 bits (RFC 7421), and an IPv4
/// address that is written as one of IPv6 is the same one.
fn origin(peer: SocketAddr) -> IpAddr {
    match peer.ip().to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, same: bool) {
        let parse = |text: &str| origin(SocketAddr::new(text.parse().unwrap(), 1));
        assert_eq!(parse(one) == parse(other), same, "{one} and {other}");
    }

    #[test]
    fn a_network_of_64_bits_is_one_origin_and_an_ipv4_address_is_another() {
        check("2001:db8::1", "2001:db8::ffff:0:0:1", true);
        check("2001:db8::1", "2001:db8:0:1::1", false);
        check("192.0.2.1", "192.0.2.2", false);
        check("192.0.2.1", "::ffff:192.0.2.1", true);
        check("::ffff:192.0.2.1", "::ffff:192.0.2.2", false);
    }
}
