//! `soak run`: everybody who comes to a public address, together, for as long as wanted.
//!
//! The first quarter of the load is followed by a rest, and so is all that comes after it. At rest
//! nobody is connected, so what the server holds then is what it keeps, and the two can be
//! compared: a line that is not flat has grown from one rest to the other.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::attack::{join, print_summary};
use crate::crowd::{Crowd, on_thread};
use crate::gauges::{Gauges, Metrics, Sample};
use crate::mischief::{
    bad_guest, dripping_body, forever, garbage, half_head, impatient_reader, reset_somewhere,
    resets, silent,
};
use crate::normal::{PATIENCE, normal_clients};
use crate::sampler::Sampler;
use crate::server::Server;
use crate::site::{Files, Site, service};
use crate::tally::Tally;
use crate::verdict::Verdict;
use crate::{Common, Problem};

/// Bounds that make every misdeed end within seconds, so that a short run sees its end too.
const FLAGS: [&str; 14] = [
    "--workers",
    "1",
    "--cpu-limit",
    "300ms",
    "--activation-timeout",
    "5s",
    "--call-timeout",
    "4s",
    "--head-timeout",
    "3s",
    "--idle-timeout",
    "5s",
    "--memory-limit",
    "32MiB",
];

/// How long what clients left behind may take to end; the bounds above, and some.
const REST_MAX: Duration = Duration::from_secs(20);

/// How long the server is left alone after that, before it is looked at.
const QUIET: Duration = Duration::from_secs(3);

/// Every so often, so many connect at once.
const WAVE_INTERVAL: Duration = Duration::from_secs(5);
const WAVE_CLIENTS: usize = 1000;

const RSS_GROWTH_MAX: f64 = 1.05;

/// Threads that come and go with reads from the disk.
const HELPERS_MAX: u64 = 4;

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    common: Common,

    /// Minutes of load
    #[arg(long, value_name = "N", default_value = "20", value_parser = parse_minutes)]
    minutes: f64,
}

fn parse_minutes(text: &str) -> Result<f64, String> {
    let minutes: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    match minutes {
        0.2..=1440.0 => Ok(minutes),
        _ => Err("from 0.2 to 1440".to_owned()),
    }
}

/// Where everybody connects to.
struct Place {
    site: Site,
    hostile: std::net::SocketAddr,
}

/// Runs the load and says what held.
pub(crate) fn run(args: &RunArgs) -> Result<Verdict, Problem> {
    let common = &args.common;
    fastrand::seed(common.seed);
    let files = Files::write(common.seed)?;
    let mut config = files.service();
    for name in ["upload", "line-echo", "hostile"] {
        config.push_str(&service(common, name)?);
    }
    let mut server = Server::start(common, &config, &FLAGS)?;
    let [at_files, at_uploads, at_lines, hostile] = server.addrs[..] else {
        return Err("one address for each service".into());
    };
    let site = Site {
        files: at_files,
        uploads: at_uploads,
        lines: Some(at_lines),
        page: Arc::clone(&files.page),
        file: Arc::clone(&files.file),
    };
    let place = Place { site, hostile };
    let tally = Tally::default();
    let sampler = Sampler::start(Gauges::new(&server)?, tally.clone());
    let start = Instant::now();
    let crowds = crowds();
    // Everything is used once, so that what it opens for good is open from the beginning.
    join(place.normal(common, Instant::now() + Duration::from_secs(2), &tally));
    let begun = rest(&sampler)?;
    let whole = Duration::from_secs_f64(args.minutes * 60.0);
    println!("a quarter of {:.1} minutes", args.minutes);
    place.load(common, whole / 4, &crowds, &tally);
    let quarter = rest(&sampler)?;
    println!("the other three");
    place.load(common, whole * 3 / 4, &crowds, &tally);
    let ended = rest(&sampler)?;
    let samples = sampler.between(start, Instant::now());

    println!();
    crowds
        .iter()
        .for_each(|crowd| println!("{}", crowd.report()));
    let normal = tally.summary(start, Instant::now());
    print_summary("normal", &normal);
    println!("\nbounds that fired and activations that failed:");
    let trouble = Metrics::read(server.admin)?.trouble();
    trouble
        .iter()
        .for_each(|(name, count)| println!("  {count:>10}  {name}"));

    let mut verdict = Verdict::default();
    verdict.expect(server.is_up(), "the server is up at the end");
    let missed = sampler.finish(&common.out, "run")?;
    let status = server.stop()?;
    judge(&mut verdict, [&begun, &quarter, &ended], &samples);
    let text = format!(
        "{} normal requests, {} failed",
        normal.answers, normal.failures
    );
    verdict.expect(normal.answers > 0 && normal.failures == 0, text);
    for crowd in &crowds {
        verdict.expect(crowd.made() > 0, format!("was there: {}", crowd.report()));
    }
    let ended = status.is_some_and(|status| status.success());
    verdict.expect(
        ended,
        format!("the server ends in order after SIGTERM ({status:?})"),
    );
    let first = missed.first().map_or("", |first| first);
    let text = format!("every sample could be taken ({} not) {first}", missed.len());
    verdict.expect(missed.is_empty(), text);
    Ok(verdict)
}

/// Those who misbehave, and how many per second of each come at most.
fn crowds() -> Vec<Arc<Crowd>> {
    vec![
        Crowd::new("half heads", 100),
        Crowd::new("resets at once", 50),
        Crowd::new("resets somewhere", 50),
        Crowd::new("readers that stop", 20),
        Crowd::new("garbage", 20),
        Crowd::new("dripping bodies", 10),
        Crowd::new("bad guests", 5),
        Crowd::new("waves", 10_000),
    ]
}

impl Place {
    fn normal(&self, common: &Common, until: Instant, tally: &Tally) -> thread::JoinHandle<()> {
        let (site, tally) = (self.site.clone(), tally.clone());
        let (rate, seed) = (common.rate, common.seed);
        on_thread("normal", until + 2 * PATIENCE, move || {
            normal_clients(site, rate, until, tally, seed)
        })
    }

    /// Loads the server for `time`, and returns when the last normal answer has come.
    fn load(&self, common: &Common, time: Duration, crowds: &[Arc<Crowd>], tally: &Tally) {
        let until = Instant::now() + time;
        let normal = self.normal(common, until, tally);
        let crowd: Vec<Arc<Crowd>> = crowds.to_vec();
        let (files, uploads) = (self.site.files, self.site.uploads);
        let lines = self.site.lines.expect("there is a service for lines");
        let hostile = self.hostile;
        let all = [files, uploads, lines, hostile];
        let seed = common.seed;
        let attackers = on_thread("attackers", until, move || async move {
            // Each thread has choices of its own.
            fastrand::seed(seed);
            let crowd = |index: usize| Arc::clone(&crowd[index]);
            let somewhere = || fastrand::choice(all).expect("there are some");
            tokio::join!(
                forever(100, || half_head(crowd(0), files)),
                resets(crowd(1), all.to_vec()),
                forever(20, || reset_somewhere(crowd(2), somewhere())),
                forever(30, || impatient_reader(crowd(3), files)),
                forever(20, || garbage(crowd(4), somewhere())),
                forever(20, || dripping_body(crowd(5), uploads)),
                forever(10, || bad_guest(crowd(6), hostile)),
                waves(crowd(7), all),
            );
        });
        join(attackers);
        join(normal);
    }
}

/// Has a thousand clients connect at once, say nothing and leave, again and again.
async fn waves(crowd: Arc<Crowd>, addrs: [std::net::SocketAddr; 4]) {
    let mut interval = tokio::time::interval(WAVE_INTERVAL);
    loop {
        interval.tick().await;
        let mut clients = tokio::task::JoinSet::new();
        for addr in addrs.iter().cycle().take(WAVE_CLIENTS) {
            clients.spawn(silent(Arc::clone(&crowd), *addr));
        }
        while clients.join_next().await.is_some() {}
    }
}

/// Waits until the server has nothing to do any more and a little longer, and looks at it.
///
/// # Errors
/// Where it cannot be looked at.
fn rest(sampler: &Sampler) -> Result<Sample, Problem> {
    let deadline = Instant::now() + REST_MAX;
    loop {
        thread::sleep(Duration::from_secs(1));
        let last = sampler.last()?;
        let busy = last.live + last.waiting + last.parked + last.closing;
        if busy == 0 || Instant::now() > deadline {
            break;
        }
    }
    thread::sleep(QUIET);
    sampler.last()
}

fn judge(verdict: &mut Verdict, rests: [&Sample; 3], samples: &[Sample]) {
    let [begun, quarter, ended] = rests;
    let ratio = ended.rss as f64 / quarter.rss as f64;
    let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    let text = format!(
        "RSS at rest: {:.1} MiB after the first quarter, {:.1} at the end: {ratio:.3} <= 1.05",
        mib(quarter.rss),
        mib(ended.rss)
    );
    verdict.expect(ratio <= RSS_GROWTH_MAX, text);
    for (name, rest) in [("after the first quarter", quarter), ("at the end", ended)] {
        let (was, is) = (begun.descriptors, rest.descriptors);
        verdict.expect(
            was == is,
            format!("descriptors {name}: {is}, as at the beginning ({was})"),
        );
        let left = (rest.live, rest.waiting, rest.parked, rest.closing);
        let text = format!("nobody is left {name}: live, waiting, parked, closing {left:?}");
        verdict.expect(left == (0, 0, 0, 0), text);
    }
    let most = samples.iter().map(|sample| sample.maps).max().unwrap_or(0);
    let text = format!("memory maps at most {most} < 65530, the kernel's default limit");
    verdict.expect(most > 0 && most < 65_530, text);
    let growth = ended.maps as f64 / quarter.maps as f64;
    let text = format!(
        "memory maps at rest: {} after the first quarter, {} at the end: {growth:.3} <= 1.05",
        quarter.maps, ended.maps
    );
    verdict.expect(growth <= 1.05, text);
    let text = format!(
        "threads: {} at the beginning, {} at the end, up to {HELPERS_MAX} more read from the disk",
        begun.threads, ended.threads
    );
    verdict.expect(ended.threads <= begun.threads + HELPERS_MAX, text);
}
