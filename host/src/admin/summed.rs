//! The text of `/metrics`: the workers' counters, summed when somebody asks.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::line_writer::LineWriter;
use crate::metrics::{
    Bound, ConnectionState, Counter, Durations, Failure, ServerMetrics, WorkerMetrics,
};

/// The workers' counters, summed when they are read.
#[derive(Debug)]
pub(super) struct Summed {
    pub(super) workers: Vec<Arc<WorkerMetrics>>,
    /// The logs that there are, by name.
    pub(super) logs: [(&'static str, Option<LineWriter>); 2],
    pub(super) server: Arc<ServerMetrics>,
}

impl Summed {
    fn sum(&self, counter: impl Fn(&WorkerMetrics) -> &Counter) -> u64 {
        self.workers
            .iter()
            .map(|worker| counter(worker).get())
            .sum()
    }
}

/// Durations of all workers, as a histogram in seconds.
#[derive(Debug)]
struct Histogram {
    sum: f64,
    buckets: Vec<(f64, u64)>,
}

impl Histogram {
    fn sum<'a>(durations: impl Iterator<Item = &'a Durations>) -> Histogram {
        let bounds = Durations::BOUNDS.iter().map(|&bound| bound as f64 / 1e6);
        let bounds = bounds.chain([f64::INFINITY]);
        let mut buckets: Vec<(f64, u64)> = bounds.map(|bound| (bound, 0)).collect();
        let mut sum = 0.0;
        for worker in durations {
            sum += worker.sum().as_secs_f64();
            for (bucket, count) in buckets.iter_mut().zip(worker.buckets()) {
                bucket.1 += count;
            }
        }
        Histogram { sum, buckets }
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let count = self.buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(self.sum, count, &self.buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

/// Writes one metric after the other.
struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn single(&mut self, name: &str, help: &str, value: impl EncodeMetric) -> fmt::Result {
        let name = format!("sockeye_{name}");
        value.encode(
            self.0
                .encode_descriptor(&name, help, None, value.metric_type())?,
        )
    }

    /// Writes one metric that has a value for each value of a label.
    fn labelled<M: EncodeMetric>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ((&'static str, &'static str), M)>,
    ) -> fmt::Result {
        let name = format!("sockeye_{name}");
        let mut values = values.into_iter().peekable();
        let Some((_, first)) = values.peek() else {
            return Ok(());
        };
        let mut encoder = self
            .0
            .encode_descriptor(&name, help, None, first.metric_type())?;
        for (label, value) in values {
            value.encode(encoder.encode_family(&[label])?)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.single(name, help, ConstCounter::new(value))
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.single(name, help, ConstGauge::new(value.cast_signed()))
    }
}

impl Collector for Summed {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut write = Writer(encoder);
        let states = ConnectionState::ALL.iter().map(|&state| {
            let value = self.sum(|worker| worker.connections(state)).cast_signed();
            (("state", state.label()), ConstGauge::new(value))
        });
        write.labelled("connections", "Open connections by state", states)?;
        let accepted = self.sum(|worker| &worker.accepted);
        write.counter("connections_accepted", "Connections accepted", accepted)?;
        let live = self.sum(|worker| &worker.instances_live);
        write.gauge("instances_live", "Instances that run an activation", live)?;
        let warm = self.sum(|worker| &worker.instances_warm);
        write.gauge(
            "instances_warm",
            "Instances kept for the next activation",
            warm,
        )?;
        let activations = self.sum(|worker| &worker.activations);
        write.counter("activations", "Activations started", activations)?;
        let requests = self.sum(|worker| &worker.requests);
        write.counter(
            "requests",
            "Requests that a handler began to serve",
            requests,
        )?;
        let received = self.sum(|worker| &worker.bytes_received);
        write.counter("bytes_received", "Bytes received from clients", received)?;
        let sent = self.sum(|worker| &worker.bytes_sent);
        write.counter("bytes_sent", "Bytes sent to clients", sent)?;
        let durations = self.workers.iter().map(|worker| &worker.request_durations);
        write.single(
            "request_duration_seconds",
            "Time from a whole request to when its handler was done with it",
            Histogram::sum(durations),
        )?;
        let logs = self.logs.iter().map(|(name, log)| {
            let dropped = log.as_ref().map_or(0, LineWriter::dropped);
            (("log", *name), ConstCounter::new(dropped))
        });
        write.labelled(
            "log_lines_dropped",
            "Lines that could not be written, or not fast enough, by log",
            logs,
        )?;
        let reloads = [
            (("result", "ok"), &self.server.reloaded),
            (("result", "failed"), &self.server.reloads_failed),
        ];
        write.labelled(
            "reloads",
            "Components read again, by whether that replaced what was served",
            reloads.map(|(label, counter)| (label, ConstCounter::new(counter.get()))),
        )?;
        write.counter(
            "take_overs_failed",
            "New processes that did not take over",
            self.server.take_overs_failed.get(),
        )?;
        let failures = Failure::ALL.iter().map(|&failure| {
            let value = self.sum(|worker| worker.failure(failure));
            (("cause", failure.label()), ConstCounter::new(value))
        });
        write.labelled(
            "activations_failed",
            "Activations that failed, by cause",
            failures,
        )?;
        let bounds = Bound::ALL.iter().map(|&bound| {
            let value = self.sum(|worker| worker.bound(bound));
            (("bound", bound.label()), ConstCounter::new(value))
        });
        write.labelled("bounds_fired", "How often each bound fired", bounds)
    }
}
