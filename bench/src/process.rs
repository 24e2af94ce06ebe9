//! A server process and its children, seen from outside: started on one core, measured through
//! `/proc`, stopped.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Problem;
use crate::load::until_first_byte;

/// How long a server may take to answer for the first time; it may have to compile first.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long it may take to end after SIGTERM; then it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

const STOP_PAUSE: Duration = Duration::from_millis(5);

/// The cores of a run: two different ones, where there are two.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// Where servers run.
    pub server: usize,
    /// Where the load comes from.
    pub load: usize,
}

impl Cores {
    /// Takes the last two cores that this process may use.
    ///
    /// # Errors
    /// Where there is only one: then a server and its load would measure each other.
    pub fn pick() -> Result<Self, Problem> {
        let allowed = sched_getaffinity(None)?;
        let mut last = (0..CpuSet::MAX_CPU)
            .rev()
            .filter(|core| allowed.is_set(*core));
        match (last.next(), last.next()) {
            (Some(load), Some(server)) => Ok(Self { server, load }),
            _ => Err("two cores are needed, one for the server and one for the load".into()),
        }
    }
}

/// Puts the calling thread, and what it starts from now on, on `cores`.
///
/// # Errors
/// Where the process may not use them.
pub fn pin(cores: &[usize]) -> Result<(), Problem> {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    Ok(sched_setaffinity(None, &set)?)
}

/// Returns an address of 127.0.0.1 that nobody listens on just now.
///
/// # Errors
/// Where there is none.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A running server, stopped when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: PathBuf,
    /// The time from before it was started until the first byte of its first answer.
    pub start: Duration,
}

impl Server {
    /// Starts `command` on `cores`, and returns when it has answered a request for `path`.
    ///
    /// What it says is left in `scratch`. The core of the load is that of the calling thread again
    /// when this returns.
    ///
    /// # Errors
    /// Where it cannot be started or does not answer; the message has what it said.
    pub fn start(
        mut command: Command,
        cores: &[usize],
        load_core: usize,
        scratch: &Path,
        (address, path): (SocketAddr, &str),
    ) -> Result<Self, Problem> {
        let log = scratch.join("server.log");
        let said = File::create(&log)?;
        command
            .env_remove("RUST_BACKTRACE")
            .stdout(said.try_clone()?)
            .stderr(said);
        let program = command.get_program().to_string_lossy().into_owned();
        // A child inherits the cores of the thread that starts it, so it never runs elsewhere.
        pin(cores)?;
        let began = Instant::now();
        let spawned = command.spawn();
        // It may hold the listening socket, which is the server's alone from now on.
        drop(command);
        pin(&[load_core])?;
        let child = spawned.map_err(|error| format!("failed to run `{program}`: {error}"))?;
        let mut server = Self {
            child,
            log,
            start: Duration::ZERO,
        };
        let deadline = began + START_TIMEOUT;
        let up = until_first_byte(address, path, deadline, || server.is_up());
        server.start = began.elapsed();
        up.map_err(|problem| format!("`{program}`: {problem}\n{}", server.said()))?;
        Ok(server)
    }

    /// Whether the process is still there.
    pub fn is_up(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What the server wrote on its outputs.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn id(&self) -> u32 {
        self.child.id()
    }

    /// The CPU time that the process and its children have used so far.
    pub fn cpu(&self) -> Cpu {
        let family = family(self.id());
        let times = family.iter().filter_map(|id| Cpu::of(*id));
        times.fold(Cpu::default(), |sum, one| Cpu {
            total: sum.total + one.total,
            user: sum.user + one.user,
            system: sum.system + one.system,
            starved: sum.starved + one.starved,
        })
    }

    /// The memory of the process and its children, at this moment.
    pub fn memory(&self) -> Memory {
        let family = family(self.id());
        let alone = family.len() == 1;
        let memories = family.iter().map(|id| Memory::of(*id, alone));
        memories.fold(Memory::default(), |sum, one| Memory {
            resident: sum.resident + one.resident,
            page_tables: sum.page_tables + one.page_tables,
            maps: sum.maps + one.maps,
        })
    }

    /// The numbers of the process and its children.
    pub fn family(&self) -> Vec<u32> {
        family(self.id())
    }

    /// How many sockets each selector of the process watches, those that watch few left out.
    pub fn watched(&self, least: usize) -> io::Result<Vec<usize>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(format!("/proc/{}/fdinfo", self.id()))? {
            // A descriptor may be closed meanwhile.
            let text = fs::read_to_string(entry?.path()).unwrap_or_default();
            let count = text.lines().filter(|line| line.starts_with("tfd:")).count();
            found.extend((count >= least).then_some(count));
        }
        Ok(found)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let family = family(self.id());
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + STOP_TIMEOUT;
        while self.is_up() && Instant::now() < deadline {
            thread::sleep(STOP_PAUSE);
        }
        if self.is_up() {
            // Its children first, which nobody would end afterwards.
            for id in family.iter().filter(|id| **id != self.id()) {
                let pid = i32::try_from(*id).ok().and_then(Pid::from_raw);
                let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
            }
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// CPU time in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cpu {
    /// All of it.
    pub total: f64,
    /// In the process's own code, in whole ticks of the kernel's clock: enough to see how the total
    /// is divided.
    pub user: f64,
    /// In the kernel on its behalf, likewise.
    pub system: f64,
    /// Time that threads were ready to run and had no processor. Where it is much, the machine was
    /// busy with something else, and the answers were late for that.
    pub starved: f64,
}

impl Cpu {
    /// The time of this process, which makes the load.
    pub fn own() -> Self {
        Self::of(std::process::id()).unwrap_or_default()
    }

    /// Returns what was used since `before`, with the total divided in its user and system part.
    pub fn since(self, before: Self) -> Self {
        let total = (self.total - before.total).max(0.0);
        let user = (self.user - before.user).max(0.0);
        let system = (self.system - before.system).max(0.0);
        let scale = if user + system > 0.0 {
            total / (user + system)
        } else {
            0.0
        };
        Self {
            total,
            user: user * scale,
            system: system * scale,
            starved: (self.starved - before.starved).max(0.0),
        }
    }

    /// Reads the time of one process and of those of its children that have ended.
    fn of(id: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let ticks = ticks(&stat)?.map(|ticks| ticks as f64 / clock_ticks_per_second() as f64);
        let [user, system, ended_user, ended_system] = ticks;
        let (on_processor, starved) = scheduled(id);
        Some(Self {
            // Ticks are coarse, but threads that have ended are in them.
            total: on_processor.max(user + system) + ended_user + ended_system,
            user: user + ended_user,
            system: system + ended_system,
            starved,
        })
    }
}

/// Returns the user and system ticks of a process and of its children that have ended.
fn ticks(stat: &str) -> Option<[u64; 4]> {
    // The name in parentheses may have blanks; utime is the 14th field, and the 12th behind it.
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse().ok();
    Some([next()?, next()?, next()?, next()?])
}

/// Returns the seconds that the threads of a process have been on a processor, and waited for one.
fn scheduled(id: u32) -> (f64, f64) {
    let threads = fs::read_dir(format!("/proc/{id}/task"));
    let mut sum = (0, 0);
    for thread in threads.into_iter().flatten().flatten() {
        // A thread that has ended meanwhile has no times any more.
        let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        let mut times = text.split(' ').map(|word| word.parse::<u64>().unwrap_or(0));
        sum.0 += times.next().unwrap_or(0);
        sum.1 += times.next().unwrap_or(0);
    }
    (sum.0 as f64 / 1e9, sum.1 as f64 / 1e9)
}

/// Memory in bytes, and into how many maps it is cut.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// What is resident. Of several processes, what they share is divided among them, or else their
    /// program alone would be megabytes for each.
    pub resident: u64,
    /// The page tables that it takes.
    pub page_tables: u64,
    /// Maps of the address space.
    pub maps: u64,
}

impl Memory {
    fn of(id: u32, alone: bool) -> Self {
        let read = |name| fs::read_to_string(format!("/proc/{id}/{name}")).unwrap_or_default();
        let status = read("status");
        let resident = match alone {
            true => kilobytes(&status, "VmRSS:"),
            false => kilobytes(&read("smaps_rollup"), "Pss:"),
        };
        Self {
            resident: resident << 10,
            page_tables: kilobytes(&status, "VmPTE:") << 10,
            maps: read("maps").lines().count() as u64,
        }
    }
}

fn kilobytes(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| {
        let rest = line.strip_prefix(name)?;
        rest.split_ascii_whitespace().next()?.parse().ok()
    });
    value.unwrap_or(0)
}

/// Returns a process and all that descend from it.
fn family(root: u32) -> Vec<u32> {
    let mut family = vec![root];
    let Ok(entries) = fs::read_dir("/proc") else {
        return family;
    };
    let ids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parents: Vec<(u32, u32)> = ids.filter_map(|id| Some((id, parent(id)?))).collect();
    let mut at = 0;
    while at < family.len() {
        let one = family[at];
        let children = parents.iter().filter(|(_, parent)| *parent == one);
        family.extend(children.map(|(id, _)| *id));
        at += 1;
    }
    family
}

fn parent(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Makes a command that says nothing on its input.
pub fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 11 22 33 44 20 0 1 0 5";
        assert_eq!(ticks(stat), Some([11, 22, 33, 44]));
        assert_eq!(ticks("7 (short) S 1"), None);
    }

    #[test]
    fn kilobytes_are_found_by_name() {
        assert_eq!(kilobytes("VmRSS:\t    12 kB\nVmPTE:\t 3 kB\n", "VmPTE:"), 3);
        assert_eq!(kilobytes("VmRSS:\t 12 kB\n", "VmPTE:"), 0);
    }

    #[test]
    fn the_total_is_exact_and_divided_as_ticks_are() {
        let at = |total, user, system| Cpu {
            total,
            user,
            system,
            starved: 0.0,
        };
        let used = at(3.0, 0.5, 1.5).since(at(1.0, 0.25, 0.75));
        assert_eq!(used, at(2.0, 0.5, 1.5));
        assert_eq!(at(0.004, 0.0, 0.0).since(Cpu::default()).total, 0.004);
    }

    #[test]
    fn a_process_has_used_time_and_memory() {
        let id = std::process::id();
        assert!(Cpu::of(id).is_some());
        assert_eq!(
            [true, false].map(|alone| Memory::of(id, alone).resident > 0),
            [true; 2]
        );
        assert!(family(id).contains(&id));
    }
}
