//! One chart: the CPU time per request of each server.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Problem;
use crate::figure::Figure;
use crate::report::Report;
use crate::subject::Subject;
use crate::workload::Workload;

const WIDTH: u32 = 900;
const BAR_HEIGHT: u32 = 34;
const FRAME_HEIGHT: u32 = 90;

/// Draws the bars into the SVG file at `path`; none where that load was not asked for.
pub fn draw(report: &Report<'_>, path: &Path) -> Result<(), Problem> {
    let bars: Vec<(Subject, f64, f64)> = Subject::ALL
        .into_iter()
        .filter_map(|subject| {
            let median = |figure| report.results.median(Workload::Hello, subject, figure);
            let (user, system) = (median(Figure::User)?, median(Figure::System)?);
            Some((subject, user.median, system.median))
        })
        .collect();
    if bars.is_empty() {
        return Ok(());
    }
    let count = bars.len() as u32;
    let longest = bars.iter().map(|(_, user, system)| user + system);
    let right = longest.fold(1.0, f64::max) * 1.15;
    let root = SVGBackend::new(path, (WIDTH, count * BAR_HEIGHT + FRAME_HEIGHT));
    let root = root.into_drawing_area();
    root.fill(&WHITE)?;
    let title = "Server CPU per keep-alive request, µs: own code (dark), kernel (light)";
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 17))
        .margin(10)
        .x_label_area_size(24)
        .y_label_area_size(210)
        .build_cartesian_2d(0.0..right, 0.0..f64::from(count))?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .disable_y_mesh()
        .disable_y_axis()
        .y_labels(0)
        .draw()?;
    for (at, (subject, user, system)) in bars.into_iter().enumerate() {
        // The first one on top.
        let low = f64::from(count) - at as f64 - 0.85;
        let (high, middle) = (low + 0.7, low + 0.35);
        let color = match subject {
            Subject::Peer(_) => RGBColor(110, 118, 129),
            _ => RGBColor(31, 111, 235),
        };
        let bar = |from, to, style: ShapeStyle| Rectangle::new([(from, low), (to, high)], style);
        let total = user + system;
        chart.draw_series([
            bar(0.0, user, color.filled()),
            bar(user, total, color.mix(0.55).filled()),
        ])?;
        let font = ("sans-serif", 14).into_font();
        let style = |side| font.clone().color(&BLACK).pos(Pos::new(side, VPos::Center));
        let value = Text::new(format!(" {total:.1}"), (total, middle), style(HPos::Left));
        chart.draw_series([value])?;
        let (x, y) = chart.backend_coord(&(0.0, middle));
        root.draw_text(&subject.to_string(), &style(HPos::Right), (x - 8, y))?;
    }
    root.present()?;
    Ok(())
}
