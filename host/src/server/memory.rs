//! How much memory there is and how much of it is left, of the machine or of the cgroup that the
//! process is in, whichever is less.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Runtime;
use tracing::{info, warn};

use crate::config::Limits;
use crate::worker::Inbox;

/// How often it is looked at.
const PERIOD: Duration = Duration::from_secs(1);

/// The memory of the machine, or what the cgroup may have of it.
///
/// `None` where the system does not tell, which is anywhere but on Linux.
fn total_bytes() -> Option<usize> {
    let machine = meminfo("MemTotal:")?;
    let cgroup = cgroup().and_then(|cgroup| number(&cgroup, "memory.max"));
    Some(cgroup.map_or(machine, |cgroup| cgroup.min(machine)))
}

/// What the guests may have together: half of the memory there is, unless the operator says more or
/// less; no limit where nobody says how much there is.
pub(super) fn limit_of_guests(limits: &Limits) -> Option<usize> {
    let half = || total_bytes().map(|bytes| bytes / 2);
    limits.total_bytes_max.or_else(half)
}

/// How much of it has to be left: 64 MiB, unless that is more than an eighth of all or the operator
/// says more or less.
pub(super) fn free_bytes_min(limits: &Limits) -> usize {
    let usual = || total_bytes().map_or(0, |bytes| (bytes / 8).min(64 << 20));
    limits.free_bytes_min.unwrap_or_else(usual)
}

/// What is left of it; what the kernel keeps for later and can drop counts as left.
fn free_bytes() -> Option<usize> {
    let machine = meminfo("MemAvailable:")?;
    let of_cgroup = |cgroup: PathBuf| {
        let limit = number(&cgroup, "memory.max")?;
        let used = number(&cgroup, "memory.current")?;
        let files = field(&cgroup.join("memory.stat"), "inactive_file ")?;
        Some(limit.saturating_sub(used.saturating_sub(files)))
    };
    let cgroup = cgroup().and_then(of_cgroup);
    Some(cgroup.map_or(machine, |cgroup| cgroup.min(machine)))
}

/// Tells the workers, again and again, while less than `free_bytes_min` is left.
pub(super) fn watch(
    runtime: &Runtime,
    free_bytes_min: usize,
    shortages: Arc<AtomicU64>,
    inboxes: Vec<Arc<Inbox>>,
) {
    if free_bytes_min == 0 || free_bytes().is_none() {
        return;
    }
    runtime.spawn(async move {
        let mut was_short = false;
        loop {
            tokio::time::sleep(PERIOD).await;
            let free = free_bytes().unwrap_or(usize::MAX);
            let short = free < free_bytes_min;
            if short {
                shortages.fetch_add(1, Ordering::Relaxed);
                inboxes.iter().for_each(|inbox| inbox.interrupt());
            }
            match (short, was_short) {
                (true, false) => warn!(
                    free,
                    "less memory than `--min-free-memory` is left, closing idle connections"
                ),
                (false, true) => info!(free, "there is memory again"),
                _ => {}
            }
            was_short = short;
        }
    });
}

fn meminfo(name: &str) -> Option<usize> {
    let kilobytes = field(Path::new("/proc/meminfo"), name)?;
    kilobytes.checked_mul(1024)
}

/// The directory of the process's cgroup, version 2; see cgroups(7).
fn cgroup() -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(Path::new("/sys/fs/cgroup").join(path))
}

/// A file with one number, which may be `max`.
fn number(cgroup: &Path, name: &str) -> Option<usize> {
    let text = fs::read_to_string(cgroup.join(name)).ok()?;
    text.trim().parse().ok()
}

/// The number behind `name` at the beginning of a line.
fn field(path: &Path, name: &str) -> Option<usize> {
    let text = fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.trim().trim_end_matches(" kB").parse().ok()
}
