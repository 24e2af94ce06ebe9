//! `soak attack`: everybody at once, twice, and what is left of it a minute later.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clap::Args;

use crate::crowd::{Crowd, on_thread};
use crate::gauges::{Gauges, Metrics, Sample};
use crate::mischief::{dripping_body, forever, half_head, resets, stalled_reader};
use crate::normal::{PATIENCE, normal_clients};
use crate::sampler::Sampler;
use crate::server::Server;
use crate::site::{Files, Site, service};
use crate::tally::{Summary, Tally};
use crate::verdict::Verdict;
use crate::{Common, Problem};

/// What the server must keep to.
const P99_MAX: Duration = Duration::from_millis(100);
const TCP_BYTES_MAX: u64 = 700 << 20;
const RSS_GROWTH_MAX: f64 = 1.05;

/// How long normal clients ask before the first attack, so that everything has been used once.
const SETTLE: Duration = Duration::from_secs(10);

/// How long the server is left alone at the end of a phase before it is looked at: as long as a
/// closing connection may take, and some.
const QUIET: Duration = Duration::from_secs(4);

const MIB: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(crate) struct AttackArgs {
    #[command(flatten)]
    common: Common,

    /// Seconds of each attack
    #[arg(long, value_name = "N", default_value = "60")]
    seconds: u64,

    /// Seconds of rest after each attack
    #[arg(long, value_name = "N", default_value = "60")]
    rest: u64,

    /// Clients that send half a head
    #[arg(long, value_name = "N", default_value = "5000")]
    heads: usize,

    /// Clients that ask for 10 MiB and stop reading
    #[arg(long, value_name = "N", default_value = "2000")]
    stalled: usize,

    /// Clients that send a byte of a body per second
    #[arg(long, value_name = "N", default_value = "500")]
    drips: usize,

    /// Connections per second that are reset at once
    #[arg(long, value_name = "N", default_value = "1000")]
    resets: u32,
}

/// Everything that the phases share.
struct Scene {
    site: Site,
    tally: Tally,
    sampler: Sampler,
    rate: u32,
    seed: u64,
}

/// What was seen of one attack.
struct Assault {
    normal: Summary,
    peak: Sample,
    /// The shares of a core that the server had, and that it waited for one.
    cpu_share: f64,
    starved_share: f64,
    /// What the normal clients saw in the rest behind it.
    recovered: Summary,
    /// The state at the end of the rest.
    after: Sample,
    crowds: Vec<Arc<Crowd>>,
}

/// Runs both attacks and says what held.
pub(crate) fn attack(args: &AttackArgs) -> Result<Verdict, Problem> {
    let common = &args.common;
    let files = Files::write(common.seed)?;
    let config = files.service() + &service(common, "upload")?;
    let mut server = Server::start(common, &config, &["--workers", "1"])?;
    let tally = Tally::default();
    let scene = Scene {
        site: Site {
            files: server.addrs[0],
            uploads: server.addrs[1],
            lines: None,
            page: Arc::clone(&files.page),
            file: Arc::clone(&files.file),
        },
        sampler: Sampler::start(Gauges::new(&server)?, tally.clone()),
        tally,
        rate: common.rate,
        seed: common.seed,
    };
    println!("settling for {SETTLE:?}");
    join(scene.normal(Instant::now() + SETTLE));
    thread::sleep(QUIET);
    let before = scene.sampler.last()?;
    let mut assaults = Vec::new();
    for number in 1..=2 {
        println!(
            "attack {number}: {} s, and {} s of rest",
            args.seconds, args.rest
        );
        assaults.push(scene.assault(args)?);
    }
    let trouble = Metrics::read(server.admin)?.trouble();
    print_table(&before, &assaults);
    for assault in &assaults {
        print_assault(assault);
    }
    println!("\nbounds that fired and activations that failed:");
    trouble
        .iter()
        .for_each(|(name, count)| println!("  {count:>10}  {name}"));

    let mut verdict = Verdict::default();
    verdict.expect(server.is_up(), "the server is up at the end");
    let missed = scene.sampler.finish(&common.out, "attack")?;
    let status = server.stop()?;
    judge(&mut verdict, args, &before, &assaults);
    let ended = status.is_some_and(|status| status.success());
    verdict.expect(
        ended,
        format!("the server ends in order after SIGTERM ({status:?})"),
    );
    let missed_first = missed.first().map_or("", |first| first);
    let text = format!(
        "every sample could be taken ({} not) {missed_first}",
        missed.len()
    );
    verdict.expect(missed.is_empty(), text);
    Ok(verdict)
}

impl Scene {
    fn normal(&self, until: Instant) -> JoinHandle<()> {
        let (site, rate, tally, seed) =
            (self.site.clone(), self.rate, self.tally.clone(), self.seed);
        // The last answers may take as long as they may.
        on_thread("normal", until + 2 * PATIENCE, move || {
            normal_clients(site, rate, until, tally, seed)
        })
    }

    /// Attacks, lets the server rest, and looks at it.
    ///
    /// Normal clients ask all through the attack and the first half of the rest.
    fn assault(&self, args: &AttackArgs) -> Result<Assault, Problem> {
        let begin = Instant::now();
        let first = self.sampler.last()?;
        let end = begin + Duration::from_secs(args.seconds);
        let rest_end = end + Duration::from_secs(args.rest).max(2 * QUIET);
        let rest_half = end + (rest_end - end) / 2;
        let crowds = vec![
            Crowd::new("half heads", 1000),
            Crowd::new("stalled readers", 1000),
            Crowd::new("dripping bodies", 500),
            Crowd::new("resets", args.resets),
        ];
        let attackers = self.attackers(args, &crowds, end);
        let normal = self.normal(rest_half);
        join(attackers);
        let last = self.sampler.last()?;
        let time = last.at - first.at;
        join(normal);
        thread::sleep(rest_end.saturating_duration_since(Instant::now()));
        let samples = self.sampler.between(begin, end);
        Ok(Assault {
            normal: self.tally.summary(begin, end),
            peak: peak(&samples),
            cpu_share: (last.cpu - first.cpu) / time,
            starved_share: (last.starved - first.starved) / time,
            recovered: self.tally.summary(end, rest_half),
            after: self.sampler.last()?,
            crowds,
        })
    }

    /// Everybody who attacks, on one thread.
    fn attackers(
        &self,
        args: &AttackArgs,
        crowds: &[Arc<Crowd>],
        until: Instant,
    ) -> JoinHandle<()> {
        let crowd = |index: usize| Arc::clone(&crowds[index]);
        let (heads, stalled, drips, reset) = (crowd(0), crowd(1), crowd(2), crowd(3));
        let (files, uploads) = (self.site.files, self.site.uploads);
        let counts = (args.heads, args.stalled, args.drips);
        let resetting = args.resets > 0;
        on_thread("attackers", until, move || async move {
            tokio::join!(
                forever(counts.0, || half_head(Arc::clone(&heads), files)),
                forever(counts.1, || stalled_reader(Arc::clone(&stalled), files)),
                forever(counts.2, || dripping_body(Arc::clone(&drips), uploads)),
                async {
                    if resetting {
                        resets(Arc::clone(&reset), vec![files, uploads]).await;
                    }
                },
                // Also where there is nobody, an attack lasts as long as it is to.
                std::future::pending::<()>(),
            );
        })
    }
}

/// Waits for a thread; a panic of it goes on here.
pub(crate) fn join(thread: JoinHandle<()>) {
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// The largest of each number.
fn peak(samples: &[Sample]) -> Sample {
    let most = |value: fn(&Sample) -> u64| samples.iter().map(value).max().unwrap_or(0);
    Sample {
        rss: most(|one| one.rss),
        rss_anon: most(|one| one.rss_anon),
        descriptors: most(|one| one.descriptors),
        maps: most(|one| one.maps),
        threads: most(|one| one.threads),
        tcp: most(|one| one.tcp),
        parked: most(|one| one.parked),
        waiting: most(|one| one.waiting),
        closing: most(|one| one.closing),
        live: most(|one| one.live),
        ..Sample::default()
    }
}

fn print_table(before: &Sample, assaults: &[Assault]) {
    println!(
        "\n{:<14}{:>9}{:>9}{:>7}{:>8}{:>9}{:>7}{:>8}{:>9}{:>9}",
        "MiB", "RSS", "anon", "fds", "maps", "TCP", "live", "parked", "waiting", "closing"
    );
    print_row("before", before);
    for (assault, number) in assaults.iter().zip(1..) {
        print_row(&format!("attack {number}, peak"), &assault.peak);
        print_row(&format!("after rest {number}"), &assault.after);
    }
}

fn print_row(name: &str, sample: &Sample) {
    let mib = |bytes: u64| bytes as f64 / MIB as f64;
    println!(
        "{name:<14}{:>9.1}{:>9.1}{:>7}{:>8}{:>9.1}{:>7}{:>8}{:>9}{:>9}",
        mib(sample.rss),
        mib(sample.rss_anon),
        sample.descriptors,
        sample.maps,
        mib(sample.tcp),
        sample.live,
        sample.parked,
        sample.waiting,
        sample.closing
    );
}

fn print_assault(assault: &Assault) {
    println!();
    assault
        .crowds
        .iter()
        .for_each(|crowd| println!("{}", crowd.report()));
    println!(
        "server: {:.0} % of a core, and {:.0} % of the time waiting for one",
        assault.cpu_share * 100.0,
        assault.starved_share * 100.0
    );
    print_summary("normal, attacked", &assault.normal);
    print_summary("normal, after it", &assault.recovered);
}

/// Prints what the normal clients saw.
pub(crate) fn print_summary(name: &str, summary: &Summary) {
    println!(
        "{name}: {} answers, {} failures, p50 {:.1?}, p99 {:.1?}, p99.9 {:.1?}, max {:.1?} \
         ({:.1?} of that at p99 is this program's)",
        summary.answers,
        summary.failures,
        summary.p50,
        summary.p99,
        summary.p999,
        summary.max,
        summary.late
    );
    summary
        .kinds
        .iter()
        .for_each(|(kind, count)| println!("  {count:>8}  {kind}"));
}

fn judge(verdict: &mut Verdict, args: &AttackArgs, before: &Sample, assaults: &[Assault]) {
    for (assault, number) in assaults.iter().zip(1..) {
        let normal = &assault.normal;
        let p99 = format!(
            "attack {number}: p99 of normal requests {:.1?} < {P99_MAX:?}",
            normal.p99
        );
        verdict.expect(normal.answers > 0 && normal.p99 < P99_MAX, p99);
        let failed = normal.failures + assault.recovered.failures;
        verdict.expect(
            failed == 0,
            format!("attack {number}: {failed} normal requests failed"),
        );
        let tcp = assault.peak.tcp;
        let text = format!("attack {number}: TCP memory {} MiB < 700 MiB", tcp / MIB);
        verdict.expect(tcp < TCP_BYTES_MAX, text);
        let (was, is) = (before.descriptors, assault.after.descriptors);
        let text = format!("rest {number}: descriptors {is}, as before ({was})");
        verdict.expect(was == is, text);
        let live = assault.after.live;
        verdict.expect(live == 0, format!("rest {number}: {live} instances live"));
        // Those that stop reading, and those that drip, hold instances while they are there.
        let (held, holders) = (assault.peak.live, (args.stalled + args.drips) as u64);
        let text = format!("attack {number}: {held} of {holders} slow ones held an instance");
        verdict.expect(held >= holders / 2, text);
        let made = assault.crowds[3].made();
        let wanted = args.resets as u64 * args.seconds / 2;
        let text = format!("attack {number}: {made} connections reset at once, {wanted} wanted");
        verdict.expect(made >= wanted, text);
        let wanted = [args.heads, args.stalled, args.drips];
        for (crowd, wanted) in assault.crowds.iter().zip(wanted) {
            let text = format!(
                "attack {number}: {} of {wanted} at once: {}",
                crowd.most(),
                crowd.report()
            );
            // Otherwise it was no such attack. A server that closes them at once is fine.
            verdict.expect(crowd.most() + crowd.made() / 4 >= wanted as u64, text);
        }
    }
    let (first, second) = (assaults[0].after.rss, assaults[1].after.rss);
    let ratio = second as f64 / first as f64;
    let text = format!("RSS after the second attack is {ratio:.3} of that after the first <= 1.05");
    verdict.expect(ratio <= RSS_GROWTH_MAX, text);
}
