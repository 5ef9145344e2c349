//! How SQLite goes about what is asked of it: through an index, sorting nothing, and past nobody who is not next.

use rusqlite::{Connection, Params, StatementStatus};

use super::{claim, history, keys, lanes, list, reader, schema, upkeep, view};

fn plan(connection: &Connection, sql: &str, values: impl Params) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    statement.query_map(values, |row| row.get(3)).unwrap().map(|line| line.unwrap()).collect()
}

#[test]
fn a_claim_reads_nothing_but_the_beginning_of_its_index() {
    let plan = plan(&schema::in_memory(), claim::FIRST, (1, 2, 3));
    let expected = "SEARCH item USING COVERING INDEX item_next (queue=? AND priority=? AND eligible_at<?)";
    assert_eq!(plan, [expected]);
}

#[test]
fn every_other_question_is_a_search_and_sorts_nothing() {
    let connection = schema::in_memory();
    let of = |rest: &str| format!("SELECT * FROM item {rest}");
    let questions = [
        (lanes::HEAD.to_owned(), 2),
        (lanes::FRONTS.to_owned(), 2),
        (lanes::FIRST.to_owned(), 3),
        (lanes::NEXT.to_owned(), 2),
        (keys::OVER.to_owned(), 3),
        (of(upkeep::OVER), 3),
        (of(upkeep::EXPIRY), 3),
        (of(upkeep::OUTLIVED), 3),
        (history::BEFORE.to_owned(), 5),
        (history::LAST.to_owned(), 3),
        (history::FIRST.to_owned(), 2),
        (view::BY_ID.to_owned(), 2),
        (view::DEAD.to_owned(), 4),
        (reader::DIED.to_owned(), 2),
        (upkeep::FIRST_DEAD.to_owned(), 1),
        (list::READY.to_owned(), 6),
        (list::SCHEDULED.to_owned(), 6),
        (list::BEHIND.to_owned(), 3),
        (list::HELD.to_owned(), 4),
        (list::DEAD.to_owned(), 4),
        (list::LANE.to_owned(), 5),
        (reader::NEXT.to_owned(), 2),
        (reader::ENDS[0].to_owned(), 1),
        (reader::ENDS[1].to_owned(), 1),
        (reader::ENDS[2].to_owned(), 1),
    ];
    for (sql, values) in questions {
        let plan = plan(&connection, &sql, rusqlite::params_from_iter(vec![1; values]));
        let is_fit = |line: &String| line.starts_with("SEARCH ") && !line.contains("TEMP B-TREE");
        assert!(plan.iter().all(is_fit), "{sql}: {plan:?}");
    }
}

/// A hundred thousand jobs that were stuck made each claim a hundred times slower.
#[test]
fn what_is_in_hand_scheduled_behind_or_dead_costs_a_claim_nothing() {
    let connection = schema::in_memory();
    let steps = || {
        let mut statement = connection.prepare(claim::FIRST).unwrap();
        let seq: i64 = statement.query_row((1, 2, 1_000), |row| row.get(1)).unwrap();
        (seq, statement.get_status(StatementStatus::VmStep))
    };
    let fill = |first: i64, count: i64, phase: &str, eligible_at: i64| {
        let sql = format!(
            "WITH RECURSIVE n (n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM n WHERE n < {first} + {count} - 1) \
             INSERT INTO item SELECT n, 1, {phase}, 2, {eligible_at}, NULL, NULL, 0, 0, 3, 0, NULL, \
             CAST(n AS BLOB), NULL, NULL, x'', NULL, 0 FROM n"
        );
        connection.execute_batch(&sql).unwrap();
    };
    fill(1_000_000, 1, "0", 500);
    let before = steps();
    fill(1, 20_000, "2", 0);
    fill(100_001, 20_000, "1", 0);
    fill(200_001, 20_000, "3", 0);
    fill(300_001, 20_000, "0", 5_000);
    assert_eq!(steps(), before);
}
