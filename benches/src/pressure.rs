//! How busy the machine is with other work: ratios of a busy one favour whoever needs fewer threads.

use std::fs;

use crate::measure::Measure;

/// Share of the last ten seconds in which somebody waited for a processor, before anything of ours ran; nothing where the
/// system does not say.
pub(crate) fn of_processors(room: &str) -> Option<Measure> {
    let text = fs::read_to_string("/proc/pressure/cpu").ok()?;
    Some(Measure::context(format!("{room}.machine.cpu_pressure_percent"), parse(&text)?))
}

fn parse(text: &str) -> Option<f64> {
    let some = text.lines().find(|line| line.starts_with("some "))?;
    some.split_whitespace().find_map(|word| word.strip_prefix("avg10="))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ten_seconds_count() {
        let text = "some avg10=96.14 avg60=94.99 avg300=90.66 total=4964446313\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(parse(text), Some(96.14));
        assert_eq!(parse("full avg10=1.00"), None);
    }
}
