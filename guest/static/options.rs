//! What the operator chose: the arguments that the host gives this component.

use std::env;
use std::sync::OnceLock;

/// The options of the handler.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Unknown paths are answered with the root's `index.html` (`--spa`).
    pub(crate) spa: bool,
    /// Directories without an `index.html` are listed (`--list`).
    pub(crate) list: bool,
    /// The value of `Cache-Control` (`--cache-control=VALUE`).
    pub(crate) cache_control: Option<String>,
    /// No directory was granted, so there is nothing to serve but a welcome (`--welcome`).
    pub(crate) welcome: bool,
}

impl Options {
    /// Returns the options of this instance.
    pub(crate) fn get() -> &'static Options {
        static OPTIONS: OnceLock<Options> = OnceLock::new();
        OPTIONS.get_or_init(|| Options::parse(env::args()))
    }

    /// The host checks what the operator types, so what is unknown here is not for this handler.
    fn parse(arguments: impl Iterator<Item = String>) -> Options {
        let mut options = Options::default();
        for argument in arguments {
            match argument.split_once('=') {
                Some(("--cache-control", value)) => options.cache_control = Some(value.to_owned()),
                Some(_) => {}
                None => match &*argument {
                    "--spa" => options.spa = true,
                    "--list" => options.list = true,
                    "--welcome" => options.welcome = true,
                    _ => {}
                },
            }
        }
        options
    }
}
