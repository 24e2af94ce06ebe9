//! The tests of the server through its front door: the real binary, real sockets, real files.
//!
//! First come the parts that the tests are written with, then the tests, in the order of a
//! connection's path. A test that needs a program this machine lacks says so on stderr.

mod client;
mod document;
mod family;
mod gauges;
mod load;
mod machine;
mod quick_compile;
mod random;
mod scratch;
mod server;
mod session;
mod strace;
mod tool;
mod wait;

mod commands;
mod compiled;
mod component;
mod configuration;
mod refusals;
mod startup;

mod activation;
mod conformance;
mod curl;
mod differential;
mod examples;
mod http;
mod malformed;
mod parking;
mod smuggling;

mod illusion;
mod receiving;
mod sending;
mod slow_clients;
mod timeouts;

mod bounds;
mod descriptors;
mod directories;
mod escapes;
mod files;
mod hostile;
mod many_instances;
mod overreach;
mod reuse;
mod sandbox;

mod dev;
mod languages;
mod new;

mod integrity;
mod nginx;
mod nginx_rows;
mod static_files;
mod static_site;

mod access_log;
mod metrics;
mod reload;
mod service_manager;
mod signals;
mod socket_activation;
mod syscalls;
mod take_over;

mod faults;

mod guide;
mod readme;
mod tidy;
