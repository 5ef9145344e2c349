//! How PostgreSQL goes about what is asked of it: through an index, sorting nothing, and past nobody who is not asked for.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres, Row as _, postgres::PgArguments, query::Query};
use syncline_testkit::PostgresServer;

use super::{PostgresQueueConfig, history, lanes, look, schema, upkeep};

/// Items of two queues, a quarter of them in each phase and every second one in a lane, and as many ends.
const FILL: &str = "
    insert into syncline_queue.queue (name) values ('other');
    insert into syncline_queue.item (seq, queue, phase, priority, eligible_at, lease_until, token, attempts, max_attempts, \
        lane_place, dead, dead_at, is_unique, id, lane, slot, errors, hash, body) \
    select n, 1 + n / 4 % 2, n % 4, n / 8 % 5, n, n, 0, 0, 3, n, 0, n, false, n::text, \
        case when n / 40 % 2 = 0 then (n % 1000)::text end, n, '{}', '', '' from generate_series(1, 40000) as n;
    insert into syncline_queue.ended (queue, at, seq, how, priority, attempts, id) \
    select 1 + n % 2, n, n, 0, 2, 1, (n % 5000)::text from generate_series(1, 40000) as n;
    analyze syncline_queue.item; analyze syncline_queue.ended; analyze syncline_queue.queue;";

async fn filled() -> PgConnection {
    let url = PostgresServer::shared().unwrap().database().unwrap();
    let config = PostgresQueueConfig { url, ..PostgresQueueConfig::default() };
    let mut connection = PgConnection::connect_with(&config.options().unwrap()).await.unwrap();
    assert_eq!(schema::prepare(&mut connection, "jobs").await.unwrap(), 1);
    sqlx::raw_sql(FILL).execute(&mut connection).await.unwrap();
    connection
}

type Asked = Query<'static, Postgres, PgArguments>;

/// Carries a question out, and shows that it went along these indexes alone.
async fn check(connection: &mut PgConnection, sql: &str, bind: impl FnOnce(Asked) -> Asked, indexes: &[&str]) {
    let explain = format!("explain (analyze, costs off, timing off, summary off) {sql}");
    let rows = bind(sqlx::query(AssertSqlSafe(explain))).fetch_all(connection).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let shown = plan.join("\n");
    let is_unfit = |line: &&String| ["Seq Scan", "Sort", "Removed by Filter"].iter().any(|unfit| line.contains(unfit));
    assert_eq!(plan.iter().find(is_unfit), None, "{sql}\n{shown}");
    let scans = plan.iter().filter_map(|line| line.split(" using ").nth(1));
    let used: Vec<_> = scans.filter_map(|rest| rest.split(' ').next()).collect();
    assert!(!used.is_empty() && used.iter().all(|index| indexes.contains(index)), "{sql}\n{shown}");
}

#[tokio::test]
async fn what_ended_and_the_dead_are_found_along_their_indexes() {
    let mut connection = filled().await;
    let connection = &mut connection;
    let before = |query: Asked| query.bind(1_i32).bind(30_000_i64).bind(7_i64).bind(10_i64).bind(65_i64);
    check(connection, history::BEFORE, before, &["ended_pkey"]).await;
    let last = |query: Asked| query.bind(1_i32).bind("77").bind(10_i64);
    check(connection, history::LAST, last, &["ended_id"]).await;
    check(connection, history::FIRST, |query| query.bind(1_i32).bind(64_i64), &["ended_pkey"]).await;
    let over = |query: Asked| query.bind(1_i32).bind(20_000_i64).bind(upkeep::MOST);
    check(connection, upkeep::OUTLIVED, over, &["item_dead"]).await;
    check(connection, look::FIRST_DEAD, |query| query.bind(1_i32), &["item_dead"]).await;
}

/// What a lane holds costs those nothing who look for its front, and another lane less than that.
#[tokio::test]
async fn fronts_and_lanes_are_found_along_their_indexes() {
    let mut connection = filled().await;
    let connection = &mut connection;
    let lanes = || vec!["1".to_owned(), "14".to_owned(), "none".to_owned()];
    for of_lane in [1, 20_000] {
        let set = format!("update syncline_queue.queue set of_lane = {of_lane}");
        sqlx::raw_sql(AssertSqlSafe(set)).execute(&mut *connection).await.unwrap();
        let indexes = ["item_front", "item_lane", "item_rank", "queue_pkey"];
        check(connection, lanes::FRONTS, |query| query.bind(1_i32).bind(lanes()), &indexes).await;
    }
    check(connection, lanes::AFTER, |query| query.bind(1_i32).bind("").bind(256_i64), &["item_lane"]).await;
}
