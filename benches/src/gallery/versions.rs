//! Which versions the peers have here: those that are locked.

const LOCK: &str = include_str!("../../Cargo.lock");

/// The version of the package `name`; empty when it is not locked, or in several.
pub(super) fn of(name: &str) -> String {
    let mut found = versions(LOCK, name);
    let first = found.next().filter(|_| found.next().is_none());
    first.unwrap_or_default().to_owned()
}

fn versions<'a>(lock: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let header = format!("name = \"{name}\"\nversion = \"");
    let found: Vec<_> = lock.split("[[package]]\n").filter_map(|package| package.strip_prefix(&header)).collect();
    found.into_iter().filter_map(|rest| Some(rest.split_once('"')?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_is_locked_once() {
        for peer in [
            "backon",
            "failsafe",
            "recloser",
            "tower",
            "tower-resilience-circuitbreaker",
            "tower-resilience-retry",
        ] {
            assert!(!of(peer).is_empty(), "{peer}");
        }
        assert_eq!(of("no-such-package"), "");
    }
}
