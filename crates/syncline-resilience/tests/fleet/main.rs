//! What a fleet with the default policies does to a server that is down for half a minute.

mod simulation;

use simulation::{API, NETWORK, OFFERED, OUTAGE, PROCESSES, Policy, SECONDS, Second};
use syncline_resilience::{MockClock, RetryPolicies};
use syncline_testkit::seed;

/// Load in the outage, and the busiest second after it, as parts of what was offered.
fn loads(seconds: &[Second]) -> (f64, f64) {
    let sum = |seconds: &[Second]| seconds.iter().map(Second::load).sum::<u32>();
    let offered = f64::from(OFFERED);
    let outage = &seconds[OUTAGE];
    let busiest = seconds[OUTAGE.end..].iter().map(Second::load).max().unwrap();
    (f64::from(sum(outage)) / (offered * outage.len() as f64), f64::from(busiest) / offered)
}

#[track_caller]
fn a_budget_bounds_the_load(policy: Policy) {
    let seed = seed();
    let with = policy.simulate(true, seed);
    let (outage, after) = loads(&with);
    assert!(outage <= 1.15, "{outage} times the offered load in the outage");
    assert!(after <= 1.2, "{after} times the offered load in a second after the outage");
    // Each process spends what it had saved, in the first seconds, and no more.
    let retries: u32 = with[OUTAGE].iter().map(|second| second.retries).sum();
    assert!(retries <= PROCESSES * 10, "{retries} retries in the outage");
    let (outage_without, after_without) = loads(&policy.simulate(false, seed));
    assert!(outage_without > outage, "{outage_without} without a budget, {outage} with it");
    assert!(after_without > after, "{after_without} without a budget, {after} with it");
}

#[test]
fn an_outage_of_an_api_is_not_made_worse_by_its_callers() {
    a_budget_bounds_the_load(API);
}

#[test]
fn an_outage_of_a_network_is_not_made_worse_by_its_callers() {
    a_budget_bounds_the_load(NETWORK);
}

#[test]
fn hiccups_of_a_healthy_server_are_cured_with_a_budget() {
    let seconds = API.simulate(true, seed());
    // In the first seconds after the outage savings are still being earned.
    for healthy in [&seconds[..OUTAGE.start], &seconds[OUTAGE.end + 5..]] {
        let given_up: u32 = healthy.iter().map(|second| second.given_up).sum();
        let offered: u32 = healthy.iter().map(|second| second.first).sum();
        assert!(given_up * 10_000 <= offered, "{given_up} of {offered}; without retries it would be 47 of 10,000");
    }
}

#[test]
fn a_seed_replays_the_fleet() {
    let seed = seed();
    let first = API.simulate(true, seed);
    assert_eq!((first.len(), first == API.simulate(true, seed)), (SECONDS, true));
    assert!(first.iter().all(|second| second.first == OFFERED));
}

#[test]
fn the_fleet_has_the_numbers_of_the_policies() {
    let clock = MockClock::new();
    for (ours, policy) in [(API, RetryPolicies::api_policy()), (NETWORK, RetryPolicies::network_policy())] {
        let strategy = ours.strategy(&clock, true, 0);
        assert_eq!(strategy.worst_case_duration(), policy.worst_case_duration());
    }
}
