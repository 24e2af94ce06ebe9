//! The flags of the bounds.

use std::time::Duration;

use clap::Args;

use super::values::{
    parse_bytes, parse_count, parse_duration, parse_limit, parse_recv_limit, parse_size,
};
use crate::config::{Limits, PaceLimit};

#[derive(Debug, Args)]
pub(super) struct LimitArgs {
    #[command(flatten)]
    clients: ClientLimitArgs,
    #[command(flatten)]
    handlers: HandlerLimitArgs,
}

/// What a client can take up, and for how long.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits of clients")]
struct ClientLimitArgs {
    /// Open connections per worker; more of them wait in the kernel
    #[arg(long, value_name = "N", default_value = "100000", value_parser = parse_count)]
    max_connections: u32,

    /// Open connections per worker from one IPv4 address or one IPv6 network of 64 bits; more of
    /// them are closed [default: no limit]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    max_connections_per_address: Option<u32>,

    /// Connections per worker that wait for an instance; more of them wait in the kernel
    #[arg(long, value_name = "N", default_value = "4096", value_parser = parse_count)]
    max_waiting: u32,

    /// Size of a request head; the libraries for handlers take 16 KiB at most
    #[arg(long, value_name = "SIZE", default_value = "16KiB", value_parser = parse_size)]
    head_limit: usize,

    /// Time for a request head, and for the first byte of a connection
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_limit)]
    head_timeout: Duration,

    /// Time that a connection may be idle
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_limit)]
    idle_timeout: Duration,

    /// Bytes per second that a client has to take while a handler waits to send, and to send while
    /// an http-handler waits for a request's body; 0 for no limit
    #[arg(long, value_name = "SIZE", default_value = "500B", value_parser = parse_bytes)]
    min_rate: usize,

    /// After how much waiting for a client its rate is looked at
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_limit)]
    min_rate_window: Duration,

    /// Bytes that the kernel takes for a client beyond those that are on their way to it
    #[arg(long, value_name = "SIZE", default_value = "128KiB", value_parser = parse_size)]
    unsent_limit: usize,

    /// Memory of the machine, or of the process's own cgroup, below which idle connections are
    /// closed; 0 for never [default: 64MiB, or an eighth of it all if that is less]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    min_free_memory: Option<usize>,
}

/// What a handler can take up, and for how long.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits of handlers")]
struct HandlerLimitArgs {
    /// Live instances, all workers together [default: 4096, or what vm.max_map_count allows]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    max_instances: Option<u32>,

    /// Instances per worker that `--reuse always` keeps although they are not needed
    #[arg(long, value_name = "N", default_value = "64")]
    max_warm: u32,

    /// How long more of them are kept
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_limit)]
    warm_timeout: Duration,

    /// Activations after which `--reuse always` replaces an instance
    #[arg(long, value_name = "N", default_value = "10000", value_parser = parse_count)]
    max_reuses: u32,

    /// Memory of one instance
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_size)]
    memory_limit: usize,

    /// Memory of all instances together, beyond up to 2 MiB that each begins with [default: half of
    /// the machine's, or of the cgroup's]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    total_memory_limit: Option<usize>,

    /// Elements of one table of an instance
    #[arg(long, value_name = "N", default_value = "20000", value_parser = parse_count)]
    table_limit: u32,

    /// CPU time of one activation
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_limit)]
    cpu_limit: Duration,

    /// Wall-clock time of one activation
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse_limit)]
    activation_timeout: Duration,

    /// Wall-clock time of one call of a handler, such as recv or sendfile, and of waiting for an
    /// instance: then the client is answered 503, or closed where it speaks no HTTP
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_limit)]
    call_timeout: Duration,

    /// How long a handler keeps its instance for the next request of its connection
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = parse_duration)]
    linger: Duration,

    /// Bytes that one recv, or read of a file, returns
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = parse_recv_limit)]
    recv_limit: usize,

    /// Bytes that one recv-until waits for; at least those of a request head
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = parse_recv_limit)]
    recv_until_limit: usize,

    /// Open files of one instance
    #[arg(long, value_name = "N", default_value = "64")]
    max_open_files: u32,

    /// Lines per second and worker that handlers may log
    #[arg(long, value_name = "N", default_value = "20")]
    log_lines: u32,

    /// Time for open connections when the server ends
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    drain_timeout: Duration,
}

impl LimitArgs {
    /// The bounds as the workers know them.
    pub(super) fn into_limits(self) -> Limits {
        let LimitArgs { clients, handlers } = self;
        Limits {
            connections_max: clients.max_connections as usize,
            connections_per_address_max: clients.max_connections_per_address,
            instances_max: handlers.max_instances,
            waiting_max: clients.max_waiting as usize,
            warm_max: handlers.max_warm as usize,
            warm_timeout: handlers.warm_timeout,
            reuses_max: u64::from(handlers.max_reuses),
            instance_bytes_max: handlers.memory_limit,
            total_bytes_max: handlers.total_memory_limit,
            table_elements_max: handlers.table_limit as usize,
            free_bytes_min: clients.min_free_memory,
            cpu_max: handlers.cpu_limit,
            activation_timeout: handlers.activation_timeout,
            call_timeout: handlers.call_timeout,
            head_timeout: clients.head_timeout,
            head_bytes_max: clients.head_limit,
            pace: PaceLimit {
                bytes_per_second: clients.min_rate,
                window: clients.min_rate_window,
            },
            recv_bytes_max: handlers.recv_limit,
            // Every head that activates a handler can be taken with one call.
            recv_until_bytes_max: handlers.recv_until_limit.max(clients.head_limit),
            unsent_bytes_max: u32::try_from(clients.unsent_limit).unwrap_or(u32::MAX),
            idle_timeout: clients.idle_timeout,
            linger: handlers.linger,
            open_files_max: handlers.max_open_files as usize,
            log_lines_max: handlers.log_lines,
            drain_timeout: handlers.drain_timeout,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    #[test]
    fn the_flags_have_the_defaults_of_the_limits() {
        let command = super::super::serve::command();
        let matches = command.get_matches_from(["sockeye serve"]);
        let args = LimitArgs::from_arg_matches(&matches).unwrap();
        assert_eq!(args.into_limits(), Limits::default());
    }
}
