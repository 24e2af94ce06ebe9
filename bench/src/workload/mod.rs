//! The loads: what is done to a server, and which numbers come of it.

mod fairness;
mod growth;
mod memory;
mod requests;
mod start;

pub use memory::blocked_echo;
pub use requests::closed_loop;

use std::fmt::{self, Display};

use crate::bench::Bench;
use crate::figure::{Failure, Figure, Sample};
use crate::peers::Peer;
use crate::subject::Subject;

/// A load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workload {
    /// 64 connections that are kept alive ask for 13 bytes.
    Hello,
    /// One such connection.
    HelloOne,
    /// 512 such connections.
    HelloMany,
    /// 64 such connections, 16 requests at once.
    Pipelined,
    /// 64 clients connect for every request.
    Accept,
    /// 64 connections ask for a file of 1 KiB.
    File1KiB,
    /// The same with 100 KiB.
    File100KiB,
    /// The same with 10 MiB.
    File10MiB,
    /// Connections that have been answered once and then do nothing.
    Idle,
    /// Connections whose handler waits in `recv` for the rest of a request.
    Blocked,
    /// Connections that ask for 10 MiB and read nothing.
    Download,
    /// As many live instances as there can be.
    Live,
    /// 64 connections ask for 13 bytes while one guest loops for ever.
    SpinOne,
    /// The same with ten of them.
    SpinTen,
    /// 64 connections ask for 13 bytes while another receives 1 GiB over and over.
    Gigabyte,
    /// The process is started and asked.
    Start,
    /// The same with a component of Python, compiled before.
    StartPython,
    /// 64 busy connections without and with many parked ones.
    Growth,
    /// 1,000 connections to two workers.
    Spread,
}

impl Workload {
    /// Everything, in the order in which it is run.
    pub const ALL: [Workload; 19] = [
        Workload::Hello,
        Workload::HelloOne,
        Workload::HelloMany,
        Workload::Pipelined,
        Workload::Accept,
        Workload::File1KiB,
        Workload::File100KiB,
        Workload::File10MiB,
        Workload::Idle,
        Workload::Blocked,
        Workload::Download,
        Workload::Live,
        Workload::SpinOne,
        Workload::SpinTen,
        Workload::Gigabyte,
        Workload::Start,
        Workload::StartPython,
        Workload::Growth,
        Workload::Spread,
    ];

    /// The figures that its table shows.
    pub fn columns(self) -> &'static [Figure] {
        use Figure::*;
        match self {
            Self::Hello | Self::HelloOne | Self::HelloMany | Self::Pipelined | Self::Accept => &[
                Rate,
                P50,
                P99,
                Cpu,
                User,
                System,
                Syscalls,
                Activations,
                Starved,
                Errors,
            ],
            Self::File1KiB | Self::File100KiB | Self::File10MiB => &[
                Rate,
                Gigabytes,
                CpuPerGigabyte,
                P50,
                P99,
                Cpu,
                User,
                System,
                Syscalls,
                Starved,
                Errors,
            ],
            Self::Idle | Self::Blocked | Self::Download => &[Resident, PageTables, Memory],
            Self::Live => &[Live, Maps, Memory],
            Self::SpinOne | Self::SpinTen => &[Rate, P50, P99, Starved, Errors],
            Self::Gigabyte => &[Rate, P50, P99, Gigabytes, Starved, Errors],
            Self::Start | Self::StartPython => &[Start],
            Self::Growth => &[Growth, Cpu, Starved, Errors],
            Self::Spread => &[Balance],
        }
    }

    /// Who is under this load in a run of everything, beside those that the lines compare.
    pub fn table(self, subject: Subject) -> bool {
        use Subject::{SockeyeConnection, SockeyeFile, SockeyeStatic};
        let files = matches!(subject, SockeyeStatic | SockeyeFile);
        let peer = match subject {
            Subject::Peer(peer) => Some(peer),
            _ => None,
        };
        match self {
            Self::Hello | Self::Accept => !files,
            Self::Idle | Self::Start => subject == SockeyeConnection || peer.is_some(),
            Self::File1KiB | Self::File100KiB | Self::File10MiB | Self::Download => {
                files || matches!(peer, Some(Peer::Epoll | Peer::Nginx))
            }
            Self::Pipelined => {
                subject == SockeyeConnection || matches!(peer, Some(Peer::Epoll | Peer::Nginx))
            }
            _ => false,
        }
    }

    /// Whether a peer can be under this load at all; some are about sockeye alone.
    pub fn compares(self, subject: Subject) -> bool {
        let loads = [
            Self::HelloOne,
            Self::HelloMany,
            Self::Pipelined,
            Self::Growth,
        ];
        self.table(subject) || loads.contains(&self)
    }

    /// How often it is measured where CPU time is measured `rounds` times. Memory is the same every
    /// time.
    pub fn rounds(self, rounds: usize) -> usize {
        match self {
            Self::Idle | Self::Blocked | Self::Download => rounds.div_ceil(2).min(2),
            Self::Live => 1,
            Self::StartPython | Self::SpinOne | Self::SpinTen | Self::Gigabyte => rounds.min(3),
            _ => rounds,
        }
    }

    /// Puts a fresh server under this load once.
    ///
    /// # Errors
    /// Where the server is absent, does not start or does not do what it is there for.
    pub fn measure(self, bench: &Bench, subject: Subject, round: usize) -> Result<Sample, Failure> {
        match self {
            Self::Hello => requests::keep_alive(bench, subject, 64, 1, round == 0),
            Self::HelloOne => requests::keep_alive(bench, subject, 1, 1, false),
            Self::HelloMany => requests::keep_alive(bench, subject, 512, 1, false),
            Self::Pipelined => requests::keep_alive(bench, subject, 64, 16, round == 0),
            Self::Accept => requests::accept(bench, subject, round == 0),
            Self::File1KiB => requests::file(bench, subject, 1 << 10, round == 0),
            Self::File100KiB => requests::file(bench, subject, 100 << 10, round == 0),
            Self::File10MiB => requests::file(bench, subject, 10 << 20, false),
            Self::Idle => memory::idle(bench, subject),
            Self::Blocked => memory::blocked(bench, subject),
            Self::Download => memory::download(bench, subject),
            Self::Live => memory::live(bench, subject),
            Self::SpinOne => fairness::spin(bench, subject, 1),
            Self::SpinTen => fairness::spin(bench, subject, 10),
            Self::Gigabyte => fairness::gigabyte(bench, subject),
            Self::Start => start::start(bench, subject),
            Self::StartPython => start::python(bench, subject),
            Self::Growth => growth::growth(bench, subject),
            Self::Spread => growth::spread(bench, subject),
        }
    }
}

impl Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Hello => "hello, keep-alive, 64 connections",
            Self::HelloOne => "hello, keep-alive, 1 connection",
            Self::HelloMany => "hello, keep-alive, 512 connections",
            Self::Pipelined => "hello, 16 requests at once, 64 connections",
            Self::Accept => "hello, a connection per request, 64 clients",
            Self::File1KiB => "file of 1 KiB",
            Self::File100KiB => "file of 100 KiB",
            Self::File10MiB => "file of 10 MiB",
            Self::Idle => "memory, idle connections",
            Self::Blocked => "memory, blocked in `recv`",
            Self::Download => "memory, in the middle of a download",
            Self::Live => "live instances",
            Self::SpinOne => "hello, one guest loops",
            Self::SpinTen => "hello, ten guests loop",
            Self::Gigabyte => "hello, another receives 1 GiB",
            Self::Start => "start to first answer",
            Self::StartPython => "start to first answer, Python",
            Self::Growth => "growth with parked connections",
            Self::Spread => "connections of two workers",
        })
    }
}
