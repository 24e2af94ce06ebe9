//! Counters of each worker, written by it alone and summed when somebody asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that one thread writes and any thread reads.
///
/// One writer needs no atomic read-modify-write, so counting costs a plain load and store.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `count`; only on the thread of the worker that owns the counter.
    pub fn add(&self, count: u64) {
        self.0
            .store(self.get().wrapping_add(count), Ordering::Relaxed);
    }

    /// Subtracts `count`; only on the thread of the worker that owns the counter.
    pub fn subtract(&self, count: u64) {
        self.0
            .store(self.get().wrapping_sub(count), Ordering::Relaxed);
    }

    /// Replaces the number; only on the thread of the worker that owns the counter.
    pub fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }

    /// Reads the number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long something took, in buckets; written by one thread and read by any, as a [`Counter`].
#[derive(Debug, Default)]
pub struct Durations {
    buckets: [Counter; Durations::BOUNDS.len() + 1],
    nanoseconds: Counter,
}

impl Durations {
    /// The upper bounds of the buckets in microseconds; the last bucket has none.
    pub const BOUNDS: [u64; 18] = [
        50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
        1_000_000, 2_500_000, 5_000_000, 10_000_000, 60_000_000,
    ];

    /// Counts one; only on the thread of the worker that owns the counters.
    pub fn add(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = Self::BOUNDS.partition_point(|&bound| bound * 1_000 < nanoseconds);
        self.buckets[bucket].add(1);
        self.nanoseconds.add(nanoseconds);
    }

    /// The number in each bucket, that above the last bound included.
    pub fn buckets(&self) -> impl Iterator<Item = u64> {
        self.buckets.iter().map(Counter::get)
    }

    /// All durations together.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.get())
    }
}

/// Declares an enum whose cases are the values of one metric label.
macro_rules! labels {
    (
        $(#[$meta:meta])*
        $name:ident { $($(#[$case_meta:meta])* $case:ident = $label:literal,)* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$case_meta])* $case,)* }

        impl $name {
            /// Every case, in the order of the declaration.
            pub const ALL: [$name; [$($label),*].len()] = [$($name::$case),*];

            /// The value of the metric's label, and the name in logs.
            pub fn label(self) -> &'static str {
                match self { $($name::$case => $label,)* }
            }
        }
    };
}

labels! {
    /// What a connection is doing.
    ConnectionState {
        /// Open without an instance.
        Parked = "parked",
        /// In the line for an instance.
        Waiting = "waiting",
        /// With a guest.
        Active = "active",
        /// Half-closed, input is discarded.
        Closing = "closing",
    }
}

labels! {
    /// A bound that can fire.
    Bound {
        /// Open connections.
        Connections = "connections",
        /// Live instances.
        Instances = "instances",
        /// The line in front of the instances.
        Waiting = "waiting",
        /// Memory of one instance.
        InstanceMemory = "instance_memory",
        /// Memory of all instances of a worker, beyond up to 2 MiB that each begins with.
        TotalMemory = "total_memory",
        /// Elements of one table of an instance.
        TableElements = "table_elements",
        /// CPU time of one activation.
        Cpu = "cpu",
        /// Wall-clock time of one activation.
        ActivationTime = "activation_time",
        /// Wall-clock time of one guest call.
        CallTime = "call_time",
        /// Size of a request head.
        HeadBytes = "head_bytes",
        /// Time for a request head.
        HeadTime = "head_time",
        /// Time that a connection may be parked.
        IdleTime = "idle_time",
        /// Connections of one address.
        ConnectionsPerAddress = "connections_per_address",
        /// How fast a client has to send what a handler waits for.
        ReceiveRate = "receive_rate",
        /// How fast a client has to take what a handler sends.
        SendRate = "send_rate",
        /// Bytes that the kernel takes before a client does.
        UnsentBytes = "unsent_bytes",
        /// Bytes that one `recv` returns.
        RecvBytes = "recv_bytes",
        /// Bytes that one `recv-until` is allowed to wait for.
        RecvUntilBytes = "recv_until_bytes",
        /// Time that a guest may wait in `next`.
        Linger = "linger",
        /// Open files of one instance.
        OpenFiles = "open_files",
        /// Log lines of guests.
        LogLines = "log_lines",
        /// Time for open connections at the end of the server.
        DrainTime = "drain_time",
        /// Descriptors of the process.
        Descriptors = "descriptors",
        /// Memory of the machine that is left free.
        FreeMemory = "free_memory",
        /// Activations of one instance.
        Reuses = "reuses",
        /// Instances that are kept for the next activation.
        WarmInstances = "warm_instances",
    }
}

labels! {
    /// Why an activation failed.
    Failure {
        /// The guest trapped.
        Trap = "trap",
        /// It used up its CPU time.
        Cpu = "cpu",
        /// It took too long.
        ActivationTime = "activation_time",
        /// It trapped after its memory limit had refused it memory.
        Memory = "memory",
        /// It returned another connection than the one it was given.
        Handle = "handle",
        /// It called `exit`.
        Exit = "exit",
        /// The host panicked on its behalf.
        Panic = "panic",
        /// It did not finish before the server's drain timeout.
        Drain = "drain",
        /// No instance could be made.
        Instantiation = "instantiation",
    }
}

/// The counters of the server as a whole; one thread at a time counts.
#[derive(Debug, Default)]
pub struct ServerMetrics {
    /// Components that were replaced.
    pub reloaded: Counter,
    /// Components that could not be replaced.
    pub reloads_failed: Counter,
    /// New processes that did not take over.
    pub take_overs_failed: Counter,
}

/// The counters of one worker, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerMetrics {
    /// Connections accepted.
    pub accepted: Counter,
    /// Activations started.
    pub activations: Counter,
    /// Requests that a guest began to serve.
    pub requests: Counter,
    /// How long requests took, from whole to when the guest was done with them.
    pub request_durations: Durations,
    /// Bytes received from clients.
    pub bytes_received: Counter,
    /// Bytes sent to clients.
    pub bytes_sent: Counter,
    /// Instances that run an activation.
    pub instances_live: Counter,
    /// Instances that are kept for the next activation.
    pub instances_warm: Counter,
    connections: [Counter; ConnectionState::ALL.len()],
    bounds: [Counter; Bound::ALL.len()],
    failures: [Counter; Failure::ALL.len()],
}

impl WorkerMetrics {
    /// How many connections are in `state`.
    pub fn connections(&self, state: ConnectionState) -> &Counter {
        &self.connections[state as usize]
    }

    /// How often `bound` fired.
    pub fn bound(&self, bound: Bound) -> &Counter {
        &self.bounds[bound as usize]
    }

    /// How many activations failed because of `failure`.
    pub fn failure(&self, failure: Failure) -> &Counter {
        &self.failures[failure as usize]
    }
}
