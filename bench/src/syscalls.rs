//! System calls of a server while it is under load, counted by strace.
//!
//! A traced server is several times slower, so this is never done while anything else is measured.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::Problem;

/// How long strace has to get hold of all threads; requests only begin afterwards.
const ATTACH_PAUSE: Duration = Duration::from_millis(400);

/// Runs `load`, which returns how many requests it made, and returns system calls per request
/// of the processes `server`.
///
/// `None` where there is no strace, or it may not trace.
///
/// # Errors
/// Those of the load.
pub fn per_request(
    server: &[u32],
    scratch: &Path,
    load: impl FnOnce() -> Result<u64, Problem>,
) -> Result<Option<f64>, Problem> {
    let summary = scratch.join("strace.txt");
    let mut command = Command::new("strace");
    command.args(["-c", "-f"]);
    for id in server {
        command.args(["-p", &id.to_string()]);
    }
    command.arg("-o");
    command.arg(&summary);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(child) = command.spawn() else {
        return Ok(None);
    };
    let mut tracer = Tracer(child);
    thread::sleep(ATTACH_PAUSE);
    let requests = load();
    // It writes its summary when it is interrupted.
    let _ = kill_process(Pid::from_child(&tracer.0), Signal::INT);
    let _ = tracer.0.wait();
    let calls = total(&fs::read_to_string(&summary).unwrap_or_default());
    let requests = requests?.max(1);
    Ok(calls.map(|calls| calls as f64 / requests as f64))
}

/// A strace that lets go of the server in any case.
#[derive(Debug)]
struct Tracer(Child);

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the calls in the last line of a summary.
fn total(summary: &str) -> Option<u64> {
    let line = summary.lines().find(|line| line.ends_with(" total"))?;
    // Per cent, seconds and microseconds per call stand in front of them.
    line.split_ascii_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_summary_is_found() {
        let summary = "% time     seconds  usecs/call     calls    errors syscall\n\
            ------ ----------- ----------- --------- --------- ----------------\n\
            60.00    0.000123           1        80           recvfrom\n\
            ------ ----------- ----------- --------- --------- ----------------\n\
            100.00    0.000205           1       160         3 total\n";
        assert_eq!(total(summary), Some(160));
        assert_eq!(total(""), None);
    }
}
