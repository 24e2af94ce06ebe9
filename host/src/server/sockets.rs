//! The listening sockets of a server: those that it was started with, and its own for the rest.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use socket2::Socket;

use crate::Error;
use crate::config::{Config, LISTEN_DEFAULT, Service};
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
    pub(super) fn open(
        config: &Config,
        workers: usize,
        inherited: &mut Inherited,
    ) -> Result<Sockets, Error> {
        let configured = configured(config);
        let admin = config.admin;
        let admin = admin.and_then(|address| inherited.claim_admin(address));
        let alone = config.services.len() == 1;
        let services = config.services.iter().map(|service| {
            let mut sockets = ServiceSockets::new(workers, config.limits.unsent_bytes_max);
            sockets.open(service, alone, &configured, inherited)?;
            Ok(sockets)
        });
        let services = services.collect::<Result<_, Error>>()?;
        inherited.check_claimed()?;
        Ok(Sockets { services, admin })
    }
}

/// Fills in where [`Sockets::open`] listens, where a service was not told.
pub(super) fn fill_in(config: &mut Config, inherited: &mut Inherited) {
    let configured = configured(config);
    if let Some(address) = config.admin {
        inherited.claim_admin(address);
    }
    let [service] = &mut config.services[..] else {
        return;
    };
    if service.listen.is_empty() {
        let handed = std::iter::from_fn(|| inherited.claim_any(&configured));
        service.listen.extend(handed.map(|(address, _)| address));
    }
    if service.listen.is_empty() {
        service.listen.push(LISTEN_DEFAULT);
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

    fn open(
        &mut self,
        service: &Service,
        alone: bool,
        configured: &[SocketAddr],
        inherited: &mut Inherited,
    ) -> Result<(), Error> {
        for &wanted in &service.listen {
            match inherited.claim(wanted, configured) {
                Some((address, sockets)) => self.share(address, &sockets)?,
                None => self.bind(wanted)?,
            }
        }
        if service.listen.is_empty() {
            while alone && let Some((address, sockets)) = inherited.claim_any(configured) {
                self.share(address, &sockets)?;
            }
            if self.addresses.is_empty() {
                self.bind(LISTEN_DEFAULT)?;
            }
        }
        Ok(())
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
