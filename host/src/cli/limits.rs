//! The flags of the bounds.

use std::time::Duration;

use clap::Args;

use super::values::{parse_count, parse_duration, parse_limit, parse_size};
use crate::config::Limits;

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// Open connections per worker
    #[arg(long, value_name = "N", default_value = "100000", value_parser = parse_count)]
    max_connections: u32,

    /// Live instances, all workers together [default: 1024, or what vm.max_map_count allows]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    max_instances: Option<u32>,

    /// Connections per worker that wait for an instance
    #[arg(long, value_name = "N", default_value = "4096")]
    max_waiting: u32,

    /// Memory of one instance
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_size)]
    memory_limit: usize,

    /// CPU time of one activation
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_limit)]
    cpu_limit: Duration,

    /// Wall-clock time of one activation
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse_limit)]
    activation_timeout: Duration,

    /// Wall-clock time of one call of a handler, such as recv or sendfile
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_limit)]
    call_timeout: Duration,

    /// Time for a request head, and for the first byte of a connection
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_limit)]
    head_timeout: Duration,

    /// Size of a request head
    #[arg(long, value_name = "SIZE", default_value = "16KiB", value_parser = parse_size)]
    head_limit: usize,

    /// Time that a connection may be idle
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_limit)]
    idle_timeout: Duration,

    /// How long a handler keeps its instance for the next request of its connection
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = parse_duration)]
    linger: Duration,

    /// Open files of one instance
    #[arg(long, value_name = "N", default_value = "64")]
    max_open_files: u32,

    /// Lines per second and worker that handlers may log
    #[arg(long, value_name = "N", default_value = "20")]
    log_lines: u32,

    /// Time for running activations when the server ends
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    drain_timeout: Duration,
}

impl LimitArgs {
    /// The bounds as the workers know them.
    pub(super) fn into_limits(self) -> Limits {
        let defaults = Limits::default();
        Limits {
            // Every head that activates a handler can be taken with one call.
            recv_until_bytes_max: defaults.recv_until_bytes_max.max(self.head_limit),
            connections_max: self.max_connections as usize,
            instances_max: self.max_instances,
            waiting_max: self.max_waiting as usize,
            instance_bytes_max: self.memory_limit,
            cpu_max: self.cpu_limit,
            activation_timeout: self.activation_timeout,
            call_timeout: self.call_timeout,
            head_timeout: self.head_timeout,
            head_bytes_max: self.head_limit,
            idle_timeout: self.idle_timeout,
            linger: self.linger,
            open_files_max: self.max_open_files as usize,
            log_lines_max: self.log_lines,
            drain_timeout: self.drain_timeout,
            ..defaults
        }
    }
}
