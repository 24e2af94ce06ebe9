//! The samples as lines over time: flat ones are what is wanted.

use std::path::Path;

use plotters::prelude::*;

use crate::Problem;
use crate::gauges::Sample;

const SIZE: (u32, u32) = (1200, 1350);
const MIB: f64 = (1 << 20) as f64;

/// A line: its name and where its values come from.
type Line = (&'static str, fn(&Sample) -> f64);

/// The panels, each with lines of one unit.
const PANELS: [(&str, &[Line]); 6] = [
    (
        "memory of the server, MiB",
        &[
            ("resident", |sample| sample.rss as f64 / MIB),
            ("anonymous", |sample| sample.rss_anon as f64 / MIB),
        ],
    ),
    (
        "memory of TCP sockets, MiB",
        &[("tcp", |sample| sample.tcp as f64 / MIB)],
    ),
    (
        "connections and instances",
        &[
            ("parked", |sample| sample.parked as f64),
            ("waiting", |sample| sample.waiting as f64),
            ("closing", |sample| sample.closing as f64),
            ("live", |sample| sample.live as f64),
        ],
    ),
    (
        "descriptors and maps",
        &[
            ("descriptors", |sample| sample.descriptors as f64),
            ("maps", |sample| sample.maps as f64),
        ],
    ),
    (
        "normal answers per second",
        &[("answers", |sample| sample.answers as f64)],
    ),
    (
        "99th percentile of the normal answers, ms",
        &[("p99", |sample| sample.p99_ms)],
    ),
];

/// Draws every panel into the SVG file at `path`.
pub(crate) fn draw(path: &Path, samples: &[Sample]) -> Result<(), Problem> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, (title, lines)) in root.split_evenly((PANELS.len(), 1)).iter().zip(PANELS) {
        let end = samples.last().map_or(1.0, |sample| sample.at).max(1.0);
        let values = lines
            .iter()
            .flat_map(|(_, value)| samples.iter().map(value));
        let top = values.fold(1.0, f64::max) * 1.1;
        let mut chart = ChartBuilder::on(area)
            .caption(title, ("sans-serif", 16))
            .margin(8)
            .x_label_area_size(24)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..end, 0.0..top)?;
        chart
            .configure_mesh()
            .x_desc("seconds")
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (index, (name, value)) in lines.iter().enumerate() {
            let color = Palette99::pick(index).to_rgba();
            let points = samples.iter().map(|sample| (sample.at, value(sample)));
            chart
                .draw_series(LineSeries::new(points, &color))?
                .label(*name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .draw()?;
    }
    root.present()?;
    Ok(())
}
