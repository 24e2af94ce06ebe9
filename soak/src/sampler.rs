//! Takes a sample every second on a thread of its own, and leaves them as a table and a chart.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::gauges::{Gauges, Sample};
use crate::tally::Tally;
use crate::{Problem, chart};

const INTERVAL: Duration = Duration::from_secs(1);

/// The running sampler.
#[derive(Debug)]
pub(crate) struct Sampler {
    start: Instant,
    samples: Arc<Mutex<Vec<Sample>>>,
    /// What could not be read, and when.
    missed: Arc<Mutex<Vec<String>>>,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Sampler {
    /// Begins to sample.
    pub(crate) fn start(gauges: Gauges, tally: Tally) -> Self {
        let start = Instant::now();
        let samples = Arc::new(Mutex::new(Vec::new()));
        let missed = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = mpsc::channel();
        let (to, missing) = (Arc::clone(&samples), Arc::clone(&missed));
        let thread = thread::spawn(move || {
            let mut seen = 0;
            let mut next = start;
            loop {
                match gauges.sample(start.elapsed().as_secs_f64()) {
                    Ok(mut sample) => {
                        let (answers, p99) = tally.since(seen);
                        sample.answers = (answers - seen) as u64;
                        sample.p99_ms = p99.as_secs_f64() * 1000.0;
                        seen = answers;
                        lock(&to).push(sample);
                    }
                    Err(problem) => {
                        let at = start.elapsed().as_secs();
                        lock(&missing).push(format!("second {at}: {problem}"));
                    }
                }
                next += INTERVAL;
                let pause = next.saturating_duration_since(Instant::now());
                if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        });
        Self {
            start,
            samples,
            missed,
            stop,
            thread,
        }
    }

    /// The samples from one moment to another.
    pub(crate) fn between(&self, from: Instant, to: Instant) -> Vec<Sample> {
        let seconds = |moment: Instant| moment.duration_since(self.start).as_secs_f64();
        let (from, to) = (seconds(from), seconds(to));
        let samples = lock(&self.samples);
        let within = samples.iter().filter(|one| one.at >= from && one.at < to);
        within.cloned().collect()
    }

    /// The newest sample.
    ///
    /// # Errors
    /// Where there is none, or the last ones could not be taken.
    pub(crate) fn last(&self) -> Result<Sample, Problem> {
        let last = lock(&self.samples).last().cloned();
        let fresh = |one: &Sample| self.start.elapsed().as_secs_f64() - one.at < 5.0;
        last.filter(fresh)
            .ok_or_else(|| "the server cannot be looked at any more".into())
    }

    /// Ends sampling, and leaves `NAME.csv` and `NAME.svg` in `out`. Returns what could not be
    /// sampled.
    pub(crate) fn finish(self, out: &Path, name: &str) -> Result<Vec<String>, Problem> {
        let _ = self.stop.send(());
        let _ = self.thread.join();
        let samples = lock(&self.samples);
        let mut table = format!("{}\n", Sample::COLUMNS);
        for sample in samples.iter() {
            table.push_str(&sample.csv());
            table.push('\n');
        }
        let csv = out.join(format!("{name}.csv"));
        fs::write(&csv, table)?;
        let svg = out.join(format!("{name}.svg"));
        chart::draw(&svg, &samples)?;
        println!("\nsamples: {}\nchart:   {}", csv.display(), svg.display());
        Ok(lock(&self.missed).clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
