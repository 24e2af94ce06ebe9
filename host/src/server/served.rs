//! A service on its way to the workers: its sockets are open, and each worker gets a share.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use socket2::Socket;
use tracing::info;

use super::sockets::ServiceSockets;
use crate::Error;
use crate::config::{ActivateOn, Service, Source};
use crate::imports::{self, Environment};
use crate::instance::{Handler, HandlerKind, Program, Replaceable};
use crate::net::{FileCache, Listener};
use crate::worker::{BACKEND, Listening};

/// A service with its program and listening sockets, which the workers share out.
pub(super) struct Served {
    service: Service,
    activate_on: ActivateOn,
    program: Arc<Replaceable>,
    sockets: ServiceSockets,
}

/// What one worker has of a service.
pub(super) struct ServiceShare {
    service: Service,
    activate_on: ActivateOn,
    program: Arc<Replaceable>,
    listeners: Vec<Listener>,
}

impl Served {
    /// Puts a service together.
    ///
    /// # Errors
    /// [`Error::NotHttp`] where the activation does not fit the component.
    pub(super) fn new(
        service: &Service,
        program: Program,
        sockets: ServiceSockets,
    ) -> Result<Served, Error> {
        Ok(Served {
            service: service.clone(),
            activate_on: activate_on(service, &program)?,
            program: Arc::new(Replaceable::new(program)),
            sockets,
        })
    }

    /// Takes the listeners of one worker.
    pub(super) fn take_share(&mut self) -> ServiceShare {
        ServiceShare {
            service: self.service.clone(),
            activate_on: self.activate_on,
            program: Arc::clone(&self.program),
            listeners: self.sockets.shares.pop().unwrap_or_default(),
        }
    }

    /// Where the component comes from, and how to replace it.
    pub(super) fn component(&self) -> (Source, Arc<Replaceable>) {
        (self.service.component.clone(), Arc::clone(&self.program))
    }

    /// Its sockets, for as long as a worker has them.
    pub(super) fn listening(&self) -> impl Iterator<Item = Weak<Socket>> {
        self.sockets.all.iter().cloned()
    }

    /// Says on the log where the service is reached.
    pub(super) fn announce(&self, workers: usize, admin: Option<SocketAddr>) {
        let url = |address: &SocketAddr| match self.program.kind {
            HandlerKind::Http => format!("http://{address}/"),
            HandlerKind::Raw => format!("tcp://{address}"),
        };
        let urls: Vec<String> = self.sockets.addresses.iter().map(url).collect();
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
            generation: Cell::new(0),
        };
        let handler = Rc::new(Handler::new(self.program, Rc::new(service)));
        self.listeners.into_iter().map(move |listener| Listening {
            listener,
            handler: Rc::clone(&handler),
        })
    }
}

/// What activates the connections of a service.
///
/// # Errors
/// [`Error::NotHttp`] where what was asked for does not fit the component.
pub(super) fn activate_on(service: &Service, program: &Program) -> Result<ActivateOn, Error> {
    match (program.kind, service.activate_on) {
        (HandlerKind::Raw, Some(ActivateOn::Head)) => Err(Error::NotHttp {
            name: service.component.to_string(),
        }),
        (_, Some(asked)) => Ok(asked),
        (HandlerKind::Http, None) => Ok(ActivateOn::Head),
        (HandlerKind::Raw, None) => Ok(ActivateOn::Accept),
    }
}
