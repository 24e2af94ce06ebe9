//! Handlers in every language that `sockeye new` knows, built of what it writes.
//!
//! `guest/install` gets the compilers. One table of requests for all of them: who has read one
//! template knows what the others do. What reads requests in a language answers the table of
//! `tests/conformance/` as the library for Rust does, and each call returns what it returns there.

mod calls;
mod dev;
mod http;
pub(crate) mod projects;
mod readme;
mod tcp;
mod tutorials;

use projects::built_of;

use crate::conformance::{self, Date};

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

            #[test]
            fn every_command_on_the_page_of_a_new_project_works() {
                super::readme::check(NAME, "http");
                super::readme::check(NAME, "tcp");
            }
        }
    )+};
}

languages! { rust c cpp zig python js ts go assemblyscript }

/// Checks the layer of a language by the twin of `calls`.
#[track_caller]
fn check_calls(language: &str, source: &str) {
    let Some(calls) = built_of(language, "tcp", source) else {
        return;
    };
    calls::check(language, &calls);
    calls::check_sent(&calls);
    calls::check_ends(&calls);
}

/// Checks what reads requests in a language by the twin of `inspect`.
#[track_caller]
fn check_requests(language: &str, source: &str, date: Date) {
    if let Some(inspect) = built_of(language, "http", source) {
        conformance::check(&inspect, date);
    }
}

#[test]
fn every_call_in_c_returns_what_it_returns_in_rust() {
    check_calls("c", "calls.c");
}

#[test]
fn every_call_in_go_returns_what_it_returns_in_rust() {
    check_calls("go", "calls.go");
}

#[test]
fn every_call_in_python_returns_what_it_returns_in_rust() {
    check_calls("python", "calls.py");
}

#[test]
fn every_call_in_javascript_returns_what_it_returns_in_rust() {
    check_calls("js", "calls.js");
}

#[test]
fn requests_are_read_in_javascript_as_the_rfc_says() {
    check_requests("js", "inspect.js", Date::Sent);
}

#[test]
fn requests_are_read_in_c_as_the_rfc_says() {
    check_requests("c", "inspect.c", Date::Sent);
}

#[test]
fn requests_are_read_in_go_as_the_rfc_says() {
    check_requests("go", "inspect.go", Date::Sent);
}

#[test]
fn requests_are_read_in_python_as_the_rfc_says() {
    check_requests("python", "inspector.py", Date::Sent);
}

#[test]
fn requests_are_read_in_zig_as_the_rfc_says() {
    check_requests("zig", "inspect.zig", Date::Unknown);
}

#[test]
fn requests_are_read_in_assemblyscript_as_the_rfc_says() {
    check_requests("assemblyscript", "assemblyscript/inspect.ts", Date::Unknown);
}
