//! Who may depend on whom: the arrows between rooms, vendors kept in their room, peers kept out.

use cargo_metadata::{DependencyKind, Package};

use super::Finding;
use crate::lock::{self, Locked};

/// Each crate of ours and the crates of ours that it may import. `ARCHITECTURE.md` draws the same.
const ARROWS: &[(&str, &[&str])] = &[
    ("syncline-core", &[]),
    ("syncline-resilience", &["syncline-core"]),
    ("syncline-journal", &["syncline-core"]),
    ("syncline-redis", &["syncline-core"]),
    ("syncline-sql", &["syncline-core"]),
    ("syncline-testkit", &["syncline-core"]),
    ("syncline-queue", &["syncline-core", "syncline-resilience", "syncline-journal"]),
    ("syncline-engine", &["syncline-core", "syncline-resilience", "syncline-journal"]),
    (
        "syncline-offline",
        &["syncline-core", "syncline-resilience", "syncline-journal", "syncline-queue", "syncline-engine"],
    ),
    (
        "syncline",
        &[
            "syncline-core",
            "syncline-resilience",
            "syncline-journal",
            "syncline-redis",
            "syncline-sql",
            "syncline-testkit",
            "syncline-queue",
            "syncline-engine",
            "syncline-offline",
        ],
    ),
    ("syncline-node", &["syncline"]),
    (
        "syncline-torture",
        &["syncline-core", "syncline-journal", "syncline-queue", "syncline-sql", "syncline-testkit"],
    ),
    ("xtask", &[]),
];

/// What any crate may use in its tests.
const FOR_TESTS: &str = "syncline-testkit";

/// Crates of vendors, and the one crate of ours that speaks to each.
const VENDORS: &[(&str, &str)] = &[
    ("redis", "syncline-redis"),
    ("rusqlite", "syncline-sql"),
    ("libsqlite3-sys", "syncline-sql"),
    ("sqlx", "syncline-sql"),
    ("tower", "syncline-resilience"),
    ("axum", "syncline-node"),
];

/// The feature that holds planted bugs, and the only program that may turn it on.
const PLANTED: (&str, &str) = ("planted", "syncline-torture");

/// Peers: measured against in `benches/`, never locked with the product.
const PEERS: &[&str] = &[
    "apalis",
    "backon",
    "failsafe",
    "fjall",
    "governor",
    "okaywal",
    "recloser",
    "redb",
    "sled",
    "sync-engine",
    "tokio-retry2",
    "tower-resilience",
    "yaque",
];

/// One declared dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    from: String,
    to: String,
    for_tests: bool,
    features: Vec<String>,
}

/// Every declared dependency of the workspace.
pub fn edges(members: &[Package]) -> Vec<Edge> {
    let of = |package: &Package| {
        let from = package.name.to_string();
        let edge = move |dependency: &cargo_metadata::Dependency| Edge {
            from: from.clone(),
            to: dependency.name.clone(),
            for_tests: dependency.kind == DependencyKind::Development,
            features: dependency.features.clone(),
        };
        package.dependencies.iter().map(edge).collect::<Vec<_>>()
    };
    members.iter().flat_map(of).collect()
}

/// Dependencies that no rule lets stand.
pub fn forbidden(edges: &[Edge]) -> Vec<Finding> {
    edges.iter().filter_map(why_not).collect()
}

/// Crates that have no row in the table: a new crate draws its arrows first.
pub fn unknown<'a>(members: impl Iterator<Item = &'a str>) -> Vec<Finding> {
    members
        .filter(|name| row(name).is_none())
        .map(|name| format!("{name} has no row in the table of arrows"))
        .collect()
}

/// Peers among the packages that cargo chose.
pub fn peers(locked: &[Locked]) -> Vec<Finding> {
    let present = PEERS.iter().filter(|peer| !lock::versions(locked, peer).is_empty());
    present
        .map(|peer| format!("Cargo.lock holds the peer {peer}: it belongs in benches/, a workspace of its own"))
        .collect()
}

fn why_not(edge: &Edge) -> Option<Finding> {
    let Edge { from, to, for_tests, features } = edge;
    if row(to).is_some() && !allowed(from, to, *for_tests) {
        return Some(format!("{from} must not import {to}: no such arrow"));
    }
    let home = VENDORS.iter().find(|(vendor, home)| vendor == to && home != from && !for_tests);
    if let Some((vendor, home)) = home {
        return Some(format!("{from} must not use {vendor}: only {home} does, behind a port"));
    }
    let (planted, only) = PLANTED;
    let plants = !for_tests && from != only && features.iter().any(|feature| feature == planted);
    plants.then(|| format!("{from} turns on planted bugs in {to}: only {only} may"))
}

fn allowed(from: &str, to: &str, for_tests: bool) -> bool {
    let listed = row(from).is_some_and(|targets| targets.contains(&to));
    listed || for_tests && (to == FOR_TESTS || to == from)
}

fn row(name: &str) -> Option<&'static [&'static str]> {
    ARROWS.iter().find(|(from, _)| *from == name).map(|(_, targets)| *targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: &str, to: &str) -> Edge {
        Edge { from: from.to_owned(), to: to.to_owned(), for_tests: false, features: Vec::new() }
    }

    #[track_caller]
    fn refused(edge: Edge, why: &str) {
        let findings = forbidden(&[edge]);
        assert!(matches!(findings.as_slice(), [finding] if finding.contains(why)), "{findings:?}");
    }

    #[test]
    fn arrows_point_down_only() {
        assert_eq!(
            forbidden(&[edge("syncline-engine", "syncline-journal"), edge("syncline-node", "syncline")]),
            [""; 0]
        );
        refused(edge("syncline-journal", "syncline-engine"), "no such arrow");
        refused(edge("syncline-core", "syncline-journal"), "no such arrow");
        refused(edge("syncline-node", "syncline-core"), "no such arrow");
    }

    #[test]
    fn siblings_never_meet() {
        refused(edge("syncline-queue", "syncline-engine"), "no such arrow");
        refused(edge("syncline-sql", "syncline-redis"), "no such arrow");
    }

    #[test]
    fn the_testkit_is_for_tests() {
        refused(edge("syncline-journal", "syncline-testkit"), "no such arrow");
        assert_eq!(forbidden(&[Edge { for_tests: true, ..edge("syncline-journal", "syncline-testkit") }]), [""; 0]);
        refused(Edge { for_tests: true, ..edge("syncline-journal", "syncline-sql") }, "no such arrow");
    }

    #[test]
    fn a_vendor_stays_in_its_room() {
        assert_eq!(forbidden(&[edge("syncline-sql", "rusqlite")]), [""; 0]);
        refused(edge("syncline-engine", "rusqlite"), "only syncline-sql does");
        refused(edge("syncline", "axum"), "only syncline-node does");
    }

    #[test]
    fn planted_bugs_stay_in_torture() {
        let planted = |from| Edge { features: vec!["planted".to_owned()], ..edge(from, "syncline-journal") };
        assert_eq!(forbidden(&[planted("syncline-torture")]), [""; 0]);
        refused(planted("syncline-engine"), "planted bugs");
    }

    #[test]
    fn a_new_crate_draws_its_arrows_first() {
        assert_eq!(unknown(["xtask", "syncline-new"].into_iter()).len(), 1);
    }

    #[test]
    fn a_peer_in_the_lock_is_named() {
        let locked = ["fjall", "serde"].map(|name| Locked { name: name.to_owned(), version: "1.0.0".to_owned() });
        assert!(matches!(peers(&locked).as_slice(), [finding] if finding.contains("fjall")));
    }

    #[test]
    fn the_table_has_no_way_back() {
        for (from, targets) in ARROWS {
            for to in *targets {
                assert!(row(to).is_some_and(|back| !back.contains(from)), "{from} and {to}");
            }
        }
    }
}
