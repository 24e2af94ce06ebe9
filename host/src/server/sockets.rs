//! The listening sockets of a server: those that it was started with, and its own for the rest.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use socket2::Socket;

use crate::Error;
use crate::config::{Config, LISTEN_DEFAULT};
use crate::net::{Inherited, Listener, bind_listeners, share_listeners};

/// The sockets of a server.
pub(super) struct Sockets {
    /// Those of each service, in the order of the configuration.
    pub(super) services: Vec<ServiceSockets>,
    /// That of `--admin`, where the server was started with it.
    pub(super) admin: Option<Arc<Socket>>,
}

/// The sockets of one service.
#[derive(Default)]
pub(super) struct ServiceSockets {
    /// Where it listens.
    pub(super) addresses: Vec<SocketAddr>,
    /// The share of each worker.
    pub(super) shares: Vec<Vec<Listener>>,
    /// All of them, for as long as a worker has them.
    pub(super) all: Vec<Weak<Socket>>,
    /// What the kernel takes for a client beyond what is on its way there.
    unsent_bytes_max: u32,
}

impl Sockets {
    /// Takes the sockets that were `inherited`, and binds those that are missing.
    ///
    /// # Errors
    /// [`Error::Bind`], and [`Error::Inherit`] where nobody wants a socket that is there.
    pub(super) fn open(config: &Config, inherited: &mut Inherited) -> Result<Sockets, Error> {
        let configured = configured(config);
        let admin = config.admin;
        let admin = admin.and_then(|address| inherited.claim_admin(address));
        let services = config.services.iter().map(|service| {
            let mut sockets = ServiceSockets::new(config.workers, config.limits.unsent_bytes_max);
            for &wanted in &service.listen {
                match inherited.claim(wanted, &configured) {
                    Some((address, claimed)) => sockets.share(address, &claimed)?,
                    None => sockets.bind(wanted)?,
                }
            }
            Ok(sockets)
        });
        let services = services.collect::<Result<_, Error>>()?;
        inherited.check_claimed()?;
        Ok(Sockets { services, admin })
    }
}

/// Where a service listens that was not told: at the sockets that were `inherited`, if it is the
/// only one and they are for nothing else, and else at [`LISTEN_DEFAULT`].
pub(super) fn unasked(config: &Config, inherited: &Inherited) -> Vec<SocketAddr> {
    let handed = match config.services.len() {
        1 => inherited.addresses(&configured(config)),
        _ => Vec::new(),
    };
    match handed.is_empty() {
        true => vec![LISTEN_DEFAULT],
        false => handed,
    }
}

/// The addresses that are asked for, with their ports.
fn configured(config: &Config) -> Vec<SocketAddr> {
    let listen = config.services.iter().flat_map(|service| &service.listen);
    let asked = listen.chain(&config.admin);
    asked.filter(|asked| asked.port() != 0).copied().collect()
}

impl ServiceSockets {
    fn new(workers: usize, unsent_bytes_max: u32) -> ServiceSockets {
        ServiceSockets {
            unsent_bytes_max,
            shares: (0..workers).map(|_| Vec::new()).collect(),
            ..ServiceSockets::default()
        }
    }

    fn share(&mut self, address: SocketAddr, sockets: &[Arc<Socket>]) -> Result<(), Error> {
        let workers = self.shares.len();
        let shares = share_listeners(address, sockets, workers, self.unsent_bytes_max)?;
        self.addresses.push(address);
        self.all.extend(sockets.iter().map(Arc::downgrade));
        for (all, share) in self.shares.iter_mut().zip(shares) {
            all.extend(share);
        }
        Ok(())
    }

    fn bind(&mut self, address: SocketAddr) -> Result<(), Error> {
        let workers = self.shares.len();
        let listeners = bind_listeners(address, workers, self.unsent_bytes_max)?;
        self.addresses.push(listeners[0].address());
        self.all.extend(listeners.iter().map(Listener::socket));
        for (share, listener) in self.shares.iter_mut().zip(listeners) {
            share.push(listener);
        }
        Ok(())
    }
}
