//! What a set of indexes is worth when it is really built.

use pgtailor::model::unit::Bytes;
use pgtailor_postgres::lab_session::LabSession;

use super::Failure;

/// Statements on a server that holds their data.
pub(super) struct Score {
    session: LabSession,
    queries: Vec<String>,
    before: f64,
}

impl Score {
    pub(super) async fn new(session: LabSession, queries: Vec<String>) -> Result<Self, Failure> {
        let mut score = Self { session, queries, before: 0.0 };
        score.before = score.cost().await?;
        Ok(score)
    }

    /// The cost with `indexes` as a share of the cost without, and what they take.
    pub(super) async fn built(&mut self, indexes: &[String]) -> Result<(f64, Bytes), Failure> {
        let list = "SELECT indexrelid::text FROM pg_index JOIN pg_class c ON c.oid = indrelid \
                    WHERE relnamespace = 'public'::regnamespace ORDER BY 1";
        let before = self.session.rows("list indexes", list).await?;
        for sql in indexes {
            self.session.run("build an index", &sql.replace("CONCURRENTLY ", "")).await?;
        }
        let cost = self.cost().await?;
        let after = self.session.rows("list indexes", list).await?;
        let mut size = 0;
        for oid in after.iter().filter(|row| !before.contains(row)).filter_map(|row| row[0].clone()) {
            let rows =
                self.session.rows("read a size", &format!("SELECT pg_relation_size({oid})::text, {oid}::regclass::text")).await?;
            let row = rows.first().ok_or("an index without a size")?;
            size += row[0].as_deref().unwrap_or("0").parse::<u64>()?;
            self.session.run("drop an index", &format!("DROP INDEX {}", row[1].as_deref().unwrap_or_default())).await?;
        }
        Ok((cost / self.before, Bytes(size)))
    }

    /// The sum of the statements' planner costs.
    async fn cost(&self) -> Result<f64, Failure> {
        let mut sum = 0.0;
        for query in &self.queries {
            let rows = self.session.rows("plan a statement", &format!("EXPLAIN (FORMAT JSON) {query}")).await?;
            let text = rows.first().and_then(|row| row[0].clone()).ok_or("a statement without a plan")?;
            let plan: serde_json::Value = serde_json::from_str(&text)?;
            sum += plan[0]["Plan"]["Total Cost"].as_f64().ok_or("a plan without a cost")?;
        }
        Ok(sum)
    }
}

/// Processor time of this process and of the children that it has waited for, in seconds (`proc(5)`: fields 14 to 17 of `stat`, in ticks of
/// which Linux has a hundred a second on every machine).
pub(super) fn cpu_seconds() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after = stat.rsplit_once(')').map(|(_, after)| after).ok_or("no command in stat")?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let mut ticks = 0.0;
    for field in fields.get(11..15).ok_or("too few fields in stat")? {
        ticks += field.parse::<f64>()?;
    }
    Ok(ticks / 100.0)
}
