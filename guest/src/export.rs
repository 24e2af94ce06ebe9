//! Macros that make a function what the host calls. A component uses exactly one of them, once.

/// Exports `handler`: makes a function the handler of connections of any protocol.
///
/// The function takes a [`Connection`](crate::Connection) and returns it to hand it back (the host
/// parks it and calls again when bytes arrive), or `None` to let it go. The host calls it when a
/// connection is accepted, because the server may have to speak first.
///
/// # Examples
/// ```no_run
/// use sockeye_guest::{Connection, SendFlags};
///
/// fn greet(connection: Connection) -> Option<Connection> {
///     let _ = connection.send_all(b"hello\n", SendFlags::empty(), None);
///     None
/// }
///
/// sockeye_guest::handler!(greet);
/// ```
#[macro_export]
macro_rules! handler {
    ($handle:expr) => {
        #[allow(unsafe_code)]
        const _: () = {
            struct Handler;

            impl $crate::bindings::service::exports::sockeye::net::handler::Guest for Handler {
                fn handle(
                    connection: $crate::bindings::service::sockeye::net::connections::Connection,
                ) -> Option<$crate::bindings::service::sockeye::net::connections::Connection>
                {
                    $crate::Connection::activate(connection, $handle)
                }
            }

            $crate::bindings::service::export!(
                Handler with_types_in $crate::bindings::service
            );
        };
    };
}

/// Exports `http-handler`: makes a function the handler of HTTP requests.
///
/// The function takes a [`&mut Exchange`](crate::http::Exchange), one request and its answer, and
/// returns a [`Result`](crate::http::Result). [`http::serve`](crate::http::serve) calls it for one
/// request after the other.
///
/// # Examples
/// ```no_run
/// use sockeye_guest::http::{self, Exchange};
///
/// fn hello(exchange: &mut Exchange) -> http::Result {
///     Ok(exchange.respond(200, "text/plain", "Hello, World!")?)
/// }
///
/// sockeye_guest::http_handler!(hello);
/// ```
#[macro_export]
macro_rules! http_handler {
    ($handle:expr) => {
        $crate::raw_http_handler!(|connection| $crate::http::serve(connection, $handle));
    };
}

/// Exports `http-handler` with a function that speaks HTTP/1 itself.
///
/// The function has the shape that [`handler!`](crate::handler) takes. The host calls it when a
/// whole request head is there, which the first `recv_until` then returns without waiting.
#[macro_export]
macro_rules! raw_http_handler {
    ($handle:expr) => {
        #[allow(unsafe_code)]
        const _: () = {
            struct Handler;

            impl $crate::bindings::http_service::exports::sockeye::net::http_handler::Guest
                for Handler
            {
                fn handle(
                    connection: $crate::bindings::service::sockeye::net::connections::Connection,
                ) -> Option<$crate::bindings::service::sockeye::net::connections::Connection>
                {
                    $crate::Connection::activate(connection, $handle)
                }
            }

            $crate::bindings::http_service::export!(
                Handler with_types_in $crate::bindings::http_service
            );
        };
    };
}
