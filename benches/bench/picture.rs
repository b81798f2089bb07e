//! A picture of how cost grows: an SVG file with logarithmic axes, readable in a light and in a dark page.

use std::fmt::Write as _;

use crate::results::{Picture, duration};

const WIDTH: f64 = 780.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 70.0;
/// Room for the names of the lines.
const RIGHT: f64 = 220.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 52.0;
/// The least distance of two names.
const LINE_HEIGHT: f64 = 16.0;

/// Colours that differ in lightness as well, so that they can be told apart without colour; each for a light page and
/// for a dark one.
const COLOURS: [(&str, &str); 7] = [
    ("#0b62a4", "#6cb6ff"),
    ("#b5481b", "#ff9d5c"),
    ("#1a7f4b", "#5fd38d"),
    ("#7a3ea1", "#d2a8ff"),
    ("#8a6d00", "#e3c341"),
    ("#a3245e", "#ff8bc0"),
    ("#3d4a57", "#adb9c5"),
];

/// One axis: the logarithms of its ends.
#[derive(Debug, Clone, Copy)]
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn place(self, value: f64) -> f64 {
        let share = (value.log10() - self.low) / (self.high - self.low);
        self.from + share * (self.to - self.from)
    }
}

/// Draws the picture.
pub(crate) fn draw(picture: &Picture) -> String {
    let points = || {
        picture
            .lines
            .iter()
            .flat_map(|(_, points)| points.iter().copied())
    };
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::MAX, f64::MIN), |(low, high), value| {
            (low.min(value), high.max(value))
        })
    };
    let (least, most) = ends(&mut points().map(|(across, _)| across));
    let across = Axis {
        low: least.max(1e-9).log10(),
        high: most.max(least * 1.01).log10(),
        from: LEFT,
        to: WIDTH - RIGHT,
    };
    let (least, most) = ends(&mut points().map(|(_, seconds)| seconds.max(1e-6)));
    let up = Axis {
        low: least.log10().floor(),
        high: most.log10().ceil().max(least.log10().floor() + 1.0),
        from: HEIGHT - BOTTOM,
        to: TOP,
    };
    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = head(&mut svg, picture);
    let _ = grid(&mut svg, picture, across, up);
    let _ = lines(&mut svg, picture, across, up);
    svg.push_str("</svg>\n");
    svg
}

fn head(svg: &mut String, picture: &Picture) -> std::fmt::Result {
    let title = escape(&picture.title);
    write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n<style>\n\
         svg {{ font: 13px system-ui, sans-serif; background: #ffffff }}\n\
         text {{ fill: #1f2328 }} .title {{ font-weight: 600; font-size: 15px }} .axis {{ fill: #59636e }}\n\
         .grid {{ stroke: #d1d9e0 }} polyline {{ fill: none; stroke-width: 2 }}\n"
    )?;
    for (at, (light, _)) in COLOURS.iter().enumerate() {
        writeln!(svg, ".l{at} {{ stroke: {light} }} .d{at} {{ fill: {light} }}")?;
    }
    svg.push_str(
        "@media (prefers-color-scheme: dark) {\nsvg { background: #0d1117 } text { fill: #f0f6fc } .axis { fill: #9198a1 } \
         .grid { stroke: #3d444d }\n",
    );
    for (at, (_, dark)) in COLOURS.iter().enumerate() {
        writeln!(svg, ".l{at} {{ stroke: {dark} }} .d{at} {{ fill: {dark} }}")?;
    }
    writeln!(
        svg,
        "}}\n</style>\n<text class=\"title\" x=\"{LEFT}\" y=\"24\">{title}</text>"
    )
}

fn grid(svg: &mut String, picture: &Picture, across: Axis, up: Axis) -> std::fmt::Result {
    let mut power = up.low;
    while power <= up.high + 0.5 {
        let seconds = 10_f64.powf(power);
        let y = up.place(seconds);
        writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text class=\"axis\" \
             text-anchor=\"end\" x=\"{:.0}\" y=\"{:.1}\">{}</text>",
            across.to,
            LEFT - 8.0,
            y + 4.0,
            round_duration(seconds)
        )?;
        power += 1.0;
    }
    let mut steps: Vec<f64> = picture
        .lines
        .iter()
        .flat_map(|(_, points)| points.iter().map(|point| point.0))
        .collect();
    steps.sort_unstable_by(f64::total_cmp);
    steps.dedup();
    for step in steps {
        let x = across.place(step);
        let bottom = HEIGHT - BOTTOM;
        writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/><text class=\"axis\" \
             text-anchor=\"middle\" x=\"{x:.1}\" y=\"{}\">{step}</text>",
            bottom + 18.0
        )?;
    }
    let middle = f64::midpoint(across.from, across.to);
    let name = escape(&picture.across);
    writeln!(
        svg,
        "<text class=\"axis\" text-anchor=\"middle\" x=\"{middle:.0}\" y=\"{}\">{name}</text>",
        HEIGHT - 12.0
    )
}

fn lines(svg: &mut String, picture: &Picture, across: Axis, up: Axis) -> std::fmt::Result {
    let mut labels = Vec::new();
    for (at, (name, points)) in picture.lines.iter().enumerate() {
        let colour = at % COLOURS.len();
        let place = |&(value, seconds): &(f64, f64)| (across.place(value), up.place(seconds.max(1e-6)));
        let places: Vec<(f64, f64)> = points.iter().map(place).collect();
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        writeln!(
            svg,
            "<polyline class=\"l{colour}\" points=\"{}\"/>",
            path.join(" ")
        )?;
        for (x, y) in &places {
            writeln!(
                svg,
                "<circle class=\"d{colour}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"
            )?;
        }
        if let (Some(&(_, y)), Some(&(_, seconds))) = (places.last(), points.last()) {
            labels.push((y, colour, format!("{name}, {}", duration(seconds))));
        }
    }
    // Names that would cover each other move apart, and stay above the axis.
    labels.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let mut lowest = f64::MIN;
    for label in &mut labels {
        label.0 = label.0.max(lowest + LINE_HEIGHT);
        lowest = label.0;
    }
    let mut highest = HEIGHT - BOTTOM + LINE_HEIGHT;
    for (y, ..) in labels.iter_mut().rev() {
        *y = y.min(highest - LINE_HEIGHT);
        highest = *y;
    }
    for (y, colour, text) in labels {
        writeln!(
            svg,
            "<text class=\"d{colour}\" x=\"{:.0}\" y=\"{:.1}\">{}</text>",
            across.to + 10.0,
            y + 4.0,
            escape(&text)
        )?;
    }
    Ok(())
}

/// Writes a power of ten seconds.
fn round_duration(seconds: f64) -> String {
    match seconds {
        _ if seconds >= 0.9 => format!("{seconds:.0} s"),
        _ if seconds >= 0.9e-3 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{:.0} µs", seconds * 1e6),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
