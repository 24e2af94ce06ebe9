//! `--kind`: what clients of a handler speak, as people say it.

use clap::ValueEnum;

use crate::instance::HandlerKind;

/// What clients of a handler speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// HTTP/1: called when a whole request head has arrived
    Http,
    /// Any other protocol over TCP: called when a connection is accepted
    Tcp,
}

impl From<Kind> for HandlerKind {
    fn from(kind: Kind) -> HandlerKind {
        match kind {
            Kind::Http => HandlerKind::Http,
            Kind::Tcp => HandlerKind::Raw,
        }
    }
}
