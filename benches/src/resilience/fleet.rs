//! The simulated fleet as a figure: what retries do to a server that is down for half a minute.
//!
//! Text is drawn with a small font of our own, so that the figure is the same on machines without fonts.

#[path = "../../../crates/syncline-resilience/tests/fleet/simulation.rs"]
mod simulation;

use std::{fmt::Write as _, fs, path::Path};

use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::*,
};
use simulation::{API, NETWORK, OFFERED, OUTAGE, Policy, SECONDS, Second};

/// The figure is the same every time.
const SEED: u64 = 1;
/// Pixels.
const SIZE: (u32, u32) = (1_200, 900);
const MARGIN: i32 = 30;
const LEFT: i32 = 70;
const TOP: i32 = 80;
const BOTTOM: i32 = 60;

const INK: RGBColor = RGBColor(40, 40, 40);
const FAINT: RGBColor = RGBColor(225, 225, 225);
const SHADE: RGBColor = RGBColor(243, 238, 226);
const OFFERED_COLOR: RGBColor = RGBColor(160, 160, 160);
const WITH_COLOR: RGBColor = RGBColor(0, 90, 181);
const WITHOUT_COLOR: RGBColor = RGBColor(213, 94, 0);

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, BitMapBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// One policy, simulated with a budget and without one.
struct Pair {
    name: &'static str,
    /// What the figure calls it.
    title: &'static str,
    with: Vec<Second>,
    without: Vec<Second>,
}

impl Pair {
    fn simulate(name: &'static str, title: &'static str, policy: Policy) -> Self {
        Self {
            name,
            title,
            with: policy.simulate(true, SEED),
            without: policy.simulate(false, SEED),
        }
    }
}

/// Writes `fleet.csv` and `fleet.png` into `dir`.
///
/// # Errors
///
/// When they cannot be written.
pub(crate) fn figures(dir: &Path) -> crate::Result {
    let pairs = [
        Pair::simulate("api", "api policy: 3 attempts, 250 ms doubling to 5 s", API),
        Pair::simulate("network", "network policy: 8 attempts, 500 ms doubling to 30 s", NETWORK),
    ];
    fs::create_dir_all(dir)?;
    fs::write(dir.join("fleet.csv"), csv(&pairs)?)?;
    draw(&dir.join("fleet.png"), &pairs)
}

fn csv(pairs: &[Pair]) -> Result<String, std::fmt::Error> {
    let mut text = String::from("policy,budget,second,offered,retries,given_up\n");
    for pair in pairs {
        for (budget, seconds) in [("yes", &pair.with), ("no", &pair.without)] {
            for (second, Second { first, retries, given_up }) in seconds.iter().enumerate() {
                writeln!(text, "{},{budget},{second},{first},{retries},{given_up}", pair.name)?;
            }
        }
    }
    Ok(text)
}

fn draw(path: &Path, pairs: &[Pair]) -> crate::Result {
    let root = BitMapBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let title = "requests per second at a server that fails for 30 seconds, in thousands";
    write_text(&root, title, (LEFT, 22), 2, &INK)?;
    let (_, body) = root.split_vertically(60);
    for (panel, pair) in body.split_evenly((pairs.len(), 1)).iter().zip(pairs) {
        draw_panel(&root, panel, pair)?;
    }
    root.present()?;
    Ok(())
}

fn draw_panel(root: &Area<'_>, panel: &Area<'_>, pair: &Pair) -> crate::Result {
    let busiest = pair.without.iter().map(Second::load).max().unwrap_or(OFFERED);
    // A little room above the highest line, in whole steps of the axis.
    let step = if busiest > 40_000 { 20 } else { 10 };
    let top = (busiest / 1_000 / step + 1) * step;
    let mut chart = ChartBuilder::on(panel)
        .margin_left(LEFT)
        .margin_right(MARGIN)
        .margin_top(TOP)
        .margin_bottom(BOTTOM)
        .build_cartesian_2d(0.0..SECONDS as f64, 0.0..f64::from(top))?;
    let outage = [(OUTAGE.start as f64, f64::from(top)), (OUTAGE.end as f64, 0.0)];
    chart.draw_series([Rectangle::new(outage, SHADE.filled())])?;
    draw_axes(root, &mut chart, top, step)?;
    let offered = |_: &Second| f64::from(OFFERED) / 1_000.0;
    let load = |second: &Second| f64::from(second.load()) / 1_000.0;
    chart.draw_series(LineSeries::new(steps(&pair.without, load), WITHOUT_COLOR.stroke_width(3)))?;
    chart.draw_series(LineSeries::new(steps(&pair.with, offered), OFFERED_COLOR.stroke_width(7)))?;
    chart.draw_series(LineSeries::new(steps(&pair.with, load), WITH_COLOR.stroke_width(3)))?;
    draw_legend(root, &chart, pair, top)
}

/// A line that is level for the whole of each second.
fn steps(seconds: &[Second], value: impl Fn(&Second) -> f64) -> Vec<(f64, f64)> {
    let ends = |(at, second)| [(at as f64, value(second)), (at as f64 + 1.0, value(second))];
    seconds.iter().enumerate().flat_map(ends).collect()
}

fn draw_axes(root: &Area<'_>, chart: &mut Chart<'_, '_>, top: u32, step: u32) -> crate::Result {
    let end = SECONDS as f64;
    for thousands in (0..=top).step_by(step as usize) {
        let y = f64::from(thousands);
        chart.draw_series([PathElement::new([(0.0, y), (end, y)], if thousands == 0 { INK } else { FAINT })])?;
        let label = thousands.to_string();
        let (x, y) = chart.backend_coord(&(0.0, y));
        write_text(root, &label, (x - 10 - width(&label, 2), y - 7), 2, &INK)?;
    }
    for second in (0..=SECONDS).step_by(10) {
        let (x, y) = chart.backend_coord(&(second as f64, 0.0));
        root.draw(&PathElement::new([(x, y), (x, y + 5)], INK))?;
        let label = if second == 0 { String::from("0 s") } else { second.to_string() };
        write_text(root, &label, (x - width(&label, 2) / 2, y + 12), 2, &INK)?;
    }
    Ok(())
}

fn draw_legend(root: &Area<'_>, chart: &Chart<'_, '_>, pair: &Pair, top: u32) -> crate::Result {
    let (left, above) = chart.backend_coord(&(0.0, f64::from(top)));
    write_text(root, pair.title, (left, above - 54), 2, &INK)?;
    let mut x = left;
    for (name, color) in
        [("without a budget", WITHOUT_COLOR), ("with the budget", WITH_COLOR), ("offered", OFFERED_COLOR)]
    {
        root.draw(&Rectangle::new([(x, above - 24), (x + 26, above - 18)], color.filled()))?;
        write_text(root, name, (x + 34, above - 28), 2, &INK)?;
        x += 34 + width(name, 2) + 40;
    }
    let (outage, _) = chart.backend_coord(&(OUTAGE.start as f64, 0.0));
    write_text(root, "outage", (outage + 8, above + 8), 2, &INK)
}

/// Writes `text` with its upper left corner at `at`, each dot a square of `scale` pixels.
fn write_text(area: &Area<'_>, text: &str, at: (i32, i32), scale: i32, color: &RGBColor) -> crate::Result {
    for (place, letter) in (0..).zip(text.bytes()) {
        for (column, dots) in (0..).zip(glyph(letter)) {
            for row in (0..8).filter(|row| dots >> row & 1 == 1) {
                let (x, y) = (at.0 + (6 * place + column) * scale, at.1 + row * scale);
                area.draw(&Rectangle::new([(x, y), (x + scale, y + scale)], color.filled()))?;
            }
        }
    }
    Ok(())
}

fn width(text: &str, scale: i32) -> i32 {
    text.bytes().map(|_| 6 * scale).sum::<i32>() - scale
}

/// A letter of five columns, the highest dot in the lowest bit. What is not known is blank.
fn glyph(letter: u8) -> [u8; 5] {
    let known = match letter {
        b'0'..=b'9' => DIGITS.get(usize::from(letter - b'0')),
        b'a'..=b'z' => LETTERS.get(usize::from(letter - b'a')),
        b',' => Some(&[0x00, 0x50, 0x30, 0x00, 0x00]),
        b':' => Some(&[0x00, 0x36, 0x36, 0x00, 0x00]),
        _ => None,
    };
    known.copied().unwrap_or_default()
}

#[rustfmt::skip]
const DIGITS: [[u8; 5]; 10] = [
    [0x3e, 0x51, 0x49, 0x45, 0x3e], [0x00, 0x42, 0x7f, 0x40, 0x00], [0x42, 0x61, 0x51, 0x49, 0x46],
    [0x21, 0x41, 0x45, 0x4b, 0x31], [0x18, 0x14, 0x12, 0x7f, 0x10], [0x27, 0x45, 0x45, 0x45, 0x39],
    [0x3c, 0x4a, 0x49, 0x49, 0x30], [0x01, 0x71, 0x09, 0x05, 0x03], [0x36, 0x49, 0x49, 0x49, 0x36],
    [0x06, 0x49, 0x49, 0x29, 0x1e],
];

#[rustfmt::skip]
const LETTERS: [[u8; 5]; 26] = [
    [0x20, 0x54, 0x54, 0x54, 0x78], [0x7f, 0x48, 0x44, 0x44, 0x38], [0x38, 0x44, 0x44, 0x44, 0x28],
    [0x38, 0x44, 0x44, 0x48, 0x7f], [0x38, 0x54, 0x54, 0x54, 0x18], [0x08, 0x7e, 0x09, 0x01, 0x02],
    [0x18, 0xa4, 0xa4, 0xa4, 0x7c], [0x7f, 0x08, 0x04, 0x04, 0x78], [0x00, 0x44, 0x7d, 0x40, 0x00],
    [0x40, 0x80, 0x84, 0x7d, 0x00], [0x7f, 0x10, 0x28, 0x44, 0x00], [0x00, 0x41, 0x7f, 0x40, 0x00],
    [0x7c, 0x04, 0x18, 0x04, 0x78], [0x7c, 0x08, 0x04, 0x04, 0x78], [0x38, 0x44, 0x44, 0x44, 0x38],
    [0xfc, 0x24, 0x24, 0x24, 0x18], [0x18, 0x24, 0x24, 0x24, 0xfc], [0x7c, 0x08, 0x04, 0x04, 0x08],
    [0x48, 0x54, 0x54, 0x54, 0x24], [0x04, 0x3f, 0x44, 0x40, 0x20], [0x3c, 0x40, 0x40, 0x20, 0x7c],
    [0x1c, 0x20, 0x40, 0x20, 0x1c], [0x3c, 0x40, 0x30, 0x40, 0x3c], [0x44, 0x28, 0x10, 0x28, 0x44],
    [0x1c, 0xa0, 0xa0, 0xa0, 0x7c], [0x44, 0x64, 0x54, 0x4c, 0x44],
];
