//! What `drops` takes away: what nothing but writes ever touches, and never what keeps rows apart.

use super::support::{Source, Statements, dropped, told};

const INDEXED: &str = "
    CREATE TABLE visits (id integer PRIMARY KEY, org integer NOT NULL, at timestamptz NOT NULL, token text NOT NULL, page text NOT NULL);
    INSERT INTO visits SELECT n, n * 7919 % 500, timestamptz '2025-01-01' + n * interval '1 minute', md5(n::text), 'page ' || n % 70
      FROM generate_series(1, 60000::bigint) n;
    CREATE INDEX visits_org ON visits (org);
    CREATE INDEX visits_org_at ON visits (org, at);
    CREATE INDEX visits_page ON visits (page);
    CREATE UNIQUE INDEX visits_token ON visits (token);";

const OF_ORG: &str = "SELECT * FROM visits WHERE org = 5 ORDER BY at LIMIT 10";
const VISITED: &str = "INSERT INTO visits (id, org, at, token, page) VALUES (1, 2, now(), 'token', 'page')";

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_and_an_index_that_nobody_uses_go_and_a_unique_one_stays() {
    let source = Source::with(INDEXED);
    // The prefix is used, and so is the longer one: which of them a plan takes is a matter of their size.
    source.server.sql("postgres", "SET enable_seqscan = off; SELECT count(*) FROM visits WHERE org = 7");
    let snapshot = source.captured().await;
    for asked in [
        Statements::of(&[("of-org", 1_000, OF_ORG), ("visited", 50_000, VISITED)]),
        // Nothing is written, and yet there is nothing that keeps them.
        Statements::of(&[("of-org", 1_000, OF_ORG)]),
    ] {
        let mut options = asked.options();
        let kept = pgtailor::advise_snapshot(&snapshot, &options).await.expect("advice");
        assert!(dropped(&kept).is_empty(), "{}", told(&kept));
        options.drops = true;
        let advice = pgtailor::advise_snapshot(&snapshot, &options).await.expect("advice");
        let mut names = dropped(&advice);
        names.sort_unstable();
        assert_eq!(names, ["visits_org", "visits_page"], "{}", told(&advice));
        assert!(advice.cost_after <= advice.cost_before, "{}", told(&advice));
    }
}

/// Both of two indexes alike were scanned, by statements that the workload does not have.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_alike_that_were_used_one_stays() {
    let source = Source::with(INDEXED);
    let scan = "SET enable_seqscan = off; SELECT count(*) FROM visits WHERE page = 'page 7'";
    let valid =
        |is_valid: bool| format!("UPDATE pg_index SET indisvalid = {is_valid} WHERE indexrelid = 'visits_page'::regclass");
    source.server.sql("postgres", scan);
    source.server.sql("postgres", "CREATE INDEX visits_page_again ON visits (page)");
    source.server.sql("postgres", &valid(false));
    source.server.sql("postgres", scan);
    source.server.sql("postgres", &valid(true));
    let asked = Statements::of(&[("of-org", 1_000, OF_ORG), ("visited", 50_000, VISITED)]);
    let mut options = asked.options();
    options.drops = true;
    let advice = pgtailor::advise_snapshot(&source.captured().await, &options).await.expect("advice");
    let alike = dropped(&advice).into_iter().filter(|name| name.starts_with("visits_page")).count();
    assert_eq!(alike, 1, "{}", told(&advice));
}
