//! A service on its way to the workers: its sockets are bound, and each worker gets a share.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tracing::info;

use crate::Error;
use crate::config::{ActivateOn, Service};
use crate::imports::{self, Environment};
use crate::instance::{Handler, HandlerKind, Program};
use crate::net::{FileCache, Listener, bind_listeners};
use crate::worker::{BACKEND, Listening};

/// A service with its program and listening sockets, which the workers share out.
pub(super) struct Served {
    service: Service,
    activate_on: ActivateOn,
    program: Arc<Program>,
    listeners: Vec<Vec<Listener>>,
    addresses: Vec<SocketAddr>,
}

/// What one worker has of a service.
pub(super) struct ServiceShare {
    service: Service,
    activate_on: ActivateOn,
    program: Arc<Program>,
    listeners: Vec<Listener>,
}

impl Served {
    /// Binds the sockets of every worker.
    ///
    /// # Errors
    /// [`Error::Bind`], and [`Error::NotHttp`] where the activation does not fit the component.
    pub(super) fn bind(
        service: &Service,
        program: Program,
        workers: usize,
    ) -> Result<Served, Error> {
        let activate_on = activate_on(service, &program)?;
        let mut listeners = Vec::new();
        for &address in &service.listen {
            listeners.push(bind_listeners(address, workers)?);
        }
        Ok(Served {
            service: service.clone(),
            activate_on,
            program: Arc::new(program),
            addresses: listeners.iter().map(|all| all[0].address()).collect(),
            listeners,
        })
    }

    /// Takes one listener of each address.
    pub(super) fn take_share(&mut self) -> ServiceShare {
        let listeners = self.listeners.iter_mut();
        ServiceShare {
            service: self.service.clone(),
            activate_on: self.activate_on,
            program: Arc::clone(&self.program),
            listeners: listeners.filter_map(Vec::pop).collect(),
        }
    }

    /// Says on the log where the service is reached.
    pub(super) fn announce(&self, workers: usize, admin: Option<SocketAddr>) {
        let url = |address: &SocketAddr| match self.program.kind {
            HandlerKind::Http => format!("http://{address}/"),
            HandlerKind::Raw => format!("tcp://{address}"),
        };
        let urls: Vec<String> = self.addresses.iter().map(url).collect();
        let admin = admin.map(|address| tracing::field::display(format!("http://{address}/")));
        info!(
            url = %urls.join(","),
            component = %self.service.component,
            workers,
            backend = %BACKEND,
            reuse = %self.service.reuse.name(),
            admin,
            "listening"
        );
    }
}

impl ServiceShare {
    /// Puts together what serves each of the sockets, on the worker's thread.
    pub(super) fn into_listening(
        self,
        environment: &Rc<Environment>,
        files_max: usize,
    ) -> impl Iterator<Item = Listening> + use<> {
        let service = imports::Service {
            environment: Rc::clone(environment),
            is_http: self.program.kind == HandlerKind::Http,
            reuse: self.service.reuse,
            activate_on: self.activate_on,
            files: FileCache::new(self.service.root, files_max).into(),
            arguments: self.service.arguments,
        };
        let handler = Rc::new(Handler {
            program: self.program,
            service: Rc::new(service),
        });
        self.listeners.into_iter().map(move |listener| Listening {
            listener,
            handler: Rc::clone(&handler),
        })
    }
}

fn activate_on(service: &Service, program: &Program) -> Result<ActivateOn, Error> {
    match (program.kind, service.activate_on) {
        (HandlerKind::Raw, Some(ActivateOn::Head)) => Err(Error::NotHttp {
            name: service.component.to_string(),
        }),
        (_, Some(asked)) => Ok(asked),
        (HandlerKind::Http, None) => Ok(ActivateOn::Head),
        (HandlerKind::Raw, None) => Ok(ActivateOn::Accept),
    }
}
