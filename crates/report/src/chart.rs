//! Drawings as inline SVG: paired bars and distribution curves, both on a logarithmic axis of milliseconds.
//!
//! Colours come from the page's style, so that light, dark and print work. Every mark has a title, every drawing a text that says
//! the same, and the second curve differs from the first in more than colour. Coordinates have one decimal: the same values give
//! the same bytes.

use maud::{Markup, html};
use pgtailor_model::name::printable;
use pgtailor_model::unit::{Milliseconds, count_as_f64, f64_as_count, three_digits};

use crate::document::{Chart, Curves, Pair, Pairs};
use crate::text::cut;

/// Anything faster is drawn as this; a clock of the client cannot tell less (milliseconds).
const FASTEST: f64 = 0.001;

/// `chart` with its caption.
pub fn figure(chart: &Chart) -> Markup {
    let (title, drawing) = match chart {
        Chart::Pairs(pairs) => (&pairs.title, draw_pairs(pairs)),
        Chart::Curves(curves) => (&curves.title, draw_curves(curves)),
        Chart::Legend(text) => return html! { p { (printable(text)) } },
    };
    html! { figure { figcaption { (printable(title)) } (drawing) } }
}

/// A logarithmic axis between two powers of ten.
struct Axis {
    /// The exponents at its ends.
    decades: (i32, i32),
    /// Where it starts and ends on the page.
    from: f64,
    to: f64,
}

impl Axis {
    /// An axis of whole decades that holds `least` and `greatest`, in milliseconds.
    fn around(least: f64, greatest: f64, from: f64, to: f64) -> Self {
        let low = decade(least.max(FASTEST).log10().floor());
        let high = decade(greatest.max(FASTEST).log10().ceil()).max(low + 1);
        Self { decades: (low, high), from, to }
    }

    /// Where `milliseconds` stands on the page.
    fn place(&self, milliseconds: f64) -> f64 {
        let (low, high) = self.decades;
        let share = (milliseconds.max(FASTEST).log10() - f64::from(low)) / f64::from(high - low);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// The powers of ten on it, with their names.
    fn ticks(&self) -> impl Iterator<Item = (f64, String)> {
        (self.decades.0..=self.decades.1).map(|exponent| {
            let value = 10_f64.powi(exponent);
            (self.place(value), tick_name(value))
        })
    }
}

fn draw_pairs(pairs: &Pairs) -> Markup {
    const LEFT: f64 = 178.0;
    const RIGHT: f64 = 640.0;
    const TOP: f64 = 34.0;
    const ROW: f64 = 50.0;
    let values = || pairs.pairs.iter().flat_map(|pair| [pair.first, pair.second]).filter(|value| *value > 0.0);
    // A bar that ends on the axis would be invisible: leave it a third of a decade.
    let axis = Axis::around(values().fold(f64::INFINITY, f64::min).min(1e6) * 0.5, values().fold(0.0, f64::max), LEFT, RIGHT);
    let bottom = TOP + ROW * count_as_f64(pairs.pairs.len() as u64);
    let label =
        format!("{}. {}", pairs.title, pairs.pairs.iter().map(|pair| sentence(pairs, pair)).collect::<Vec<_>>().join(" "));
    html! {
        svg viewBox=(format!("0 0 760 {bottom:.0}", bottom = bottom + 48.0)) role="img" aria-label=(printable(&label)) {
            (legend(&pairs.legend, LEFT))
            @for (x, name) in axis.ticks() {
                line.grid x1=(at(x)) x2=(at(x)) y1=(at(TOP)) y2=(at(bottom)) {}
                text.soft x=(at(x)) y=(at(bottom + 18.0)) text-anchor="middle" { (name) }
            }
            text.soft x=(at(f64::midpoint(LEFT, RIGHT))) y=(at(bottom + 38.0)) text-anchor="middle" { (printable(&pairs.axis)) }
            @for (number, pair) in pairs.pairs.iter().enumerate() {
                @let y = TOP + ROW * count_as_f64(number as u64);
                text.strong x=(at(LEFT - 12.0)) y=(at(y + 29.0)) text-anchor="end" { (cut(&pair.label, 24)) }
                (bar(&axis, pair.first, y + 7.0, "fill-before", &format!("{}, {}", pair.label, pairs.legend.0)))
                (bar(&axis, pair.second, y + 26.0, "fill-after", &format!("{}, {}", pair.label, pairs.legend.1)))
                text.strong x="752" y=(at(y + 29.0)) text-anchor="end" { (printable(&pair.difference)) }
            }
            line.frame x1=(at(LEFT)) x2=(at(LEFT)) y1=(at(TOP)) y2=(at(bottom)) {}
        }
    }
}

/// A bar with its value behind it, or in it where there is no room behind.
fn bar(axis: &Axis, value: f64, y: f64, fill: &str, what: &str) -> Markup {
    let end = axis.place(value);
    let text = Milliseconds(value).to_string();
    html! {
        rect.(fill) x=(at(axis.from)) y=(at(y)) width=(at(end - axis.from)) height="16" rx="2" {
            title { (printable(what)) ": " (text) }
        }
        text x=(at(end + 5.0)) y=(at(y + 12.5)) { (text) }
    }
}

fn sentence(pairs: &Pairs, pair: &Pair) -> String {
    format!(
        "{}: {} {}, {} {}, {}.",
        pair.label,
        pairs.legend.0,
        Milliseconds(pair.first),
        pairs.legend.1,
        Milliseconds(pair.second),
        pair.difference
    )
}

fn draw_curves(curves: &Curves) -> Markup {
    const LEFT: f64 = 64.0;
    const RIGHT: f64 = 400.0;
    const TOP: f64 = 30.0;
    const BOTTOM: f64 = 212.0;
    let axis = Axis::around(curves.range.0, curves.range.1, LEFT, RIGHT);
    let height = |share: f64| BOTTOM - share * (BOTTOM - TOP);
    let label = format!(
        "{}. {}: {}. {}: {}.",
        curves.title,
        curves.legend.0,
        summary(&curves.first),
        curves.legend.1,
        summary(&curves.second)
    );
    html! {
        svg viewBox="0 0 420 256" role="img" aria-label=(printable(&label)) {
            (legend(&curves.legend, LEFT))
            @for (x, name) in axis.ticks() {
                line.grid x1=(at(x)) x2=(at(x)) y1=(at(TOP)) y2=(at(BOTTOM)) {}
                text.soft x=(at(x)) y=(at(BOTTOM + 17.0)) text-anchor="middle" { (name) }
            }
            @for percent in [0_u32, 25, 50, 75, 100] {
                @let y = height(f64::from(percent) / 100.0);
                line.grid x1=(at(LEFT)) x2=(at(RIGHT)) y1=(at(y)) y2=(at(y)) {}
                text.soft x=(at(LEFT - 7.0)) y=(at(y + 4.0)) text-anchor="end" { (percent) " %" }
            }
            text.soft x=(at(f64::midpoint(LEFT, RIGHT))) y=(at(BOTTOM + 37.0)) text-anchor="middle" { (printable(&curves.axis)) }
            @let middle = f64::midpoint(TOP, BOTTOM);
            text.soft x="14" y=(at(middle)) text-anchor="middle" transform=(format!("rotate(-90 14 {})", at(middle))) {
                "share of executions"
            }
            (curve(&axis, &curves.first, &height, "before", &curves.legend.0))
            (curve(&axis, &curves.second, &height, "after", &curves.legend.1))
        }
    }
}

/// One curve and the dot at its median.
fn curve(axis: &Axis, quantiles: &[f64], height: &dyn Fn(f64) -> f64, class: &str, name: &str) -> Markup {
    let last = count_as_f64(quantiles.len().saturating_sub(1).max(1) as u64);
    let points: Vec<String> = quantiles
        .iter()
        .enumerate()
        .map(|(number, value)| format!("{},{}", at(axis.place(*value)), at(height(count_as_f64(number as u64) / last))))
        .collect();
    html! {
        @if points.len() > 1 {
            polyline.(format!("stroke-{class}")) points=(points.join(" ")) { title { (printable(name)) ": " (summary(quantiles)) } }
        }
        @if let Some(median) = quantile(quantiles, 0.5) {
            circle.dot.(format!("fill-{class}")) cx=(at(axis.place(median))) cy=(at(height(0.5))) r="4.5" {
                title { (printable(name)) ": median " (Milliseconds(median)) }
            }
        }
    }
}

/// Names of the two colours above the drawing.
fn legend(names: &(String, String), left: f64) -> Markup {
    let second = left + 34.0 + 7.5 * count_as_f64(names.0.chars().count() as u64);
    html! {
        rect.fill-before x=(at(left)) y="6" width="12" height="12" rx="2" {}
        text x=(at(left + 18.0)) y="16.5" { (printable(&names.0)) }
        rect.fill-after x=(at(second)) y="6" width="12" height="12" rx="2" {}
        text x=(at(second + 18.0)) y="16.5" { (printable(&names.1)) }
    }
}

fn summary(quantiles: &[f64]) -> String {
    match (quantile(quantiles, 0.5), quantile(quantiles, 0.95)) {
        (Some(median), Some(p95)) => format!("median {}, 95 of 100 within {}", Milliseconds(median), Milliseconds(p95)),
        _ => "not measured".to_owned(),
    }
}

/// The value at `probability` between evenly spaced `quantiles`, linearly between neighbours.
fn quantile(quantiles: &[f64], probability: f64) -> Option<f64> {
    let last = quantiles.len().checked_sub(1)?;
    let position = probability * count_as_f64(last as u64);
    let below = usize::try_from(f64_as_count(position.floor())).ok()?;
    let (low, high) = (*quantiles.get(below)?, *quantiles.get((below + 1).min(last))?);
    Some(low + (high - low) * (position - position.floor()))
}

/// A coordinate, to a tenth of a unit.
fn at(coordinate: f64) -> String {
    let text = format!("{coordinate:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A power of ten without needless zeros: `0.01`, `1`, `1000`.
fn tick_name(value: f64) -> String {
    if value >= 1.0 { three_digits(value).trim_end_matches(".00").trim_end_matches(".0").to_owned() } else { format!("{value}") }
}

/// An exponent of ten; everything measurable lies between these.
#[expect(clippy::cast_possible_truncation, reason = "clamped to two digits before the cast")]
fn decade(exponent: f64) -> i32 {
    exponent.clamp(-3.0, 12.0) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_powers_of_ten() {
        let axis = Axis::around(0.042, 310.0, 0.0, 500.0);
        assert_eq!(axis.decades, (-2, 3));
        let names: Vec<String> = axis.ticks().map(|(_, name)| name).collect();
        assert_eq!(names, ["0.01", "0.1", "1", "10", "100", "1000"]);
        assert!((axis.place(1.0) - 200.0).abs() < 1e-9);
        assert!((axis.place(0.0) - 0.0).abs() < 1e-9);
    }

    #[test]
    fn an_empty_or_single_valued_chart_has_an_axis_too() {
        let axis = Axis::around(f64::INFINITY, 0.0, 0.0, 1.0);
        assert!(axis.decades.1 > axis.decades.0);
        assert!(Axis::around(1.0, 1.0, 0.0, 1.0).decades.1 > 0);
    }

    #[test]
    fn quantiles_are_read_between_neighbours() {
        assert_eq!(quantile(&[1.0, 3.0], 0.5), Some(2.0));
        assert_eq!(quantile(&[7.0], 0.95), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
