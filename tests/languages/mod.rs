//! Handlers in every language that `sockeye new` knows, built of what it writes.
//!
//! `guest/install` gets the compilers. One table of requests for all of them: who has read one
//! template knows what the others do.

mod calls;
mod http;
mod projects;
mod tcp;

/// The tests of each language.
macro_rules! languages {
    ($($name:ident)+) => {$(
        mod $name {
            const NAME: &str = stringify!($name);

            #[test]
            fn a_new_project_answers_http_as_every_other() {
                super::http::check(NAME);
            }

            #[test]
            fn a_new_project_keeps_its_promises_to_clients_that_do_not() {
                super::http::check_bad_clients(NAME);
            }

            #[test]
            fn a_new_project_holds_an_instance_for_each_request_and_no_other() {
                super::http::check_instances(NAME);
            }

            #[test]
            fn a_new_project_of_kind_tcp_sends_lines_back_as_every_other() {
                super::tcp::check(NAME);
            }
        }
    )+};
}

languages! { rust zig python go assemblyscript }
