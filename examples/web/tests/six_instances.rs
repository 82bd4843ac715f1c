//! Six instances of the application start at once against one database.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgtailor_lab::{Lab, LabOptions};
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Connection as _, Executor as _};

const INSTANCES: usize = 6;
/// Far more than anything here takes; reached only when something hangs.
const LIMIT: Duration = Duration::from_mins(2);

struct Instance {
    process: Child,
    address: String,
    booted_in: Duration,
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Instance {
    /// Starts the application; returns when it says that it listens.
    fn start(url: &str, without_pgtailor: bool) -> Self {
        let begun = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgtailor-example-web"));
        command.env("DATABASE_URL", url).stdout(Stdio::piped());
        if without_pgtailor {
            command.env("WITHOUT_PGTAILOR", "1");
        }
        let mut process = command.spawn().expect("the application is built");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ").expect("it listens").to_owned();
        Self { process, address, booted_in: begun.elapsed() }
    }

    /// One request, by hand: no client library is needed for a GET.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
        (code, answer.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned())
    }

    /// Waits for the end of the background work.
    fn tailored(&self) -> String {
        let begun = Instant::now();
        loop {
            let (_, status) = self.get("/tailor");
            if !status.starts_with("Waiting") && !status.starts_with("Working") {
                return status;
            }
            assert!(begun.elapsed() < LIMIT, "still {status}");
        }
    }
}

async fn prepare(url: &str) -> PgPool {
    let pool = PgPool::connect(url).await.expect("the lab answers");
    pool.execute(
        "CREATE TABLE members (id int PRIMARY KEY, organization_id int NOT NULL, role text NOT NULL);
         INSERT INTO members SELECT n, n % 1000, (ARRAY['admin', 'editor', 'viewer'])[1 + n % 3] FROM generate_series(1, 200000) n;
         ANALYZE members",
    )
    .await
    .expect("a table");
    pool
}

async fn indexes(pool: &PgPool) -> Vec<(String, bool)> {
    sqlx::query_as(
        "SELECT c.relname::text, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         WHERE i.indrelid = 'members'::regclass AND NOT i.indisprimary",
    )
    .fetch_all(pool)
    .await
    .expect("the catalog")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_builds_none_fails_none_waits() {
    let lab = Lab::start(&LabOptions::new()).expect("a server");
    let url = lab.url("postgres");
    let pool = prepare(&url).await;
    let started: Vec<_> = (0..INSTANCES)
        .map(|_| {
            std::thread::spawn({
                let url = url.clone();
                move || Instance::start(&url, false)
            })
        })
        .collect();
    let instances: Vec<Instance> = started.into_iter().map(|thread| thread.join().expect("it starts")).collect();
    let statuses: Vec<String> = instances.iter().map(Instance::tailored).collect();
    let built = statuses.iter().filter(|status| status.contains("Applied")).count();
    assert_eq!(built, 1, "{statuses:#?}");
    let failed: Vec<_> = statuses.iter().filter(|status| status.starts_with("Failed")).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(indexes(&pool).await, [("idx_members_organization_role".to_owned(), true)]);
}

/// The boot cannot depend on the build when the build cannot end: a writer stays in its transaction until every instance has answered.
#[expect(clippy::print_stdout, reason = "the boot times are for whoever reads the log; seconds are not asserted")]
#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_waits_delays_no_boot_and_no_request() {
    let lab = Lab::start(&LabOptions::new()).expect("a server");
    let url = lab.url("postgres");
    let pool = prepare(&url).await;
    let mut writer = PgConnection::connect(&url).await.expect("a session");
    writer.execute("BEGIN; UPDATE members SET role = role WHERE id = 1").await.expect("a write");
    let plain = Instance::start(&url, true);
    let instances: Vec<Instance> = (0..INSTANCES).map(|_| Instance::start(&url, false)).collect();
    for instance in &instances {
        assert_eq!(instance.get("/members/7/admin").0, 200);
    }
    let waits = "SELECT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for%')";
    let begun = Instant::now();
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&pool).await.expect("the view") {
        assert!(begun.elapsed() < LIMIT, "nobody builds: {:?}", instances.iter().map(Instance::tailored).collect::<Vec<_>>());
    }
    for instance in &instances {
        assert_eq!(instance.get("/members/8/viewer").0, 200);
    }
    writer.execute("COMMIT").await.expect("an end");
    let statuses: Vec<String> = instances.iter().map(Instance::tailored).collect();
    assert!(statuses.iter().any(|status| status.contains("Applied")), "{statuses:#?}");
    assert_eq!(indexes(&pool).await, [("idx_members_organization_role".to_owned(), true)]);
    let slowest = instances.iter().map(|instance| instance.booted_in).max().expect("six");
    println!("boot: {:?} without pgtailor, {slowest:?} the slowest of six with it", plain.booted_in);
}

/// An application whose database is away still starts.
#[test]
fn a_database_that_is_away_does_not_stop_the_application() {
    let unused = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a port");
    let instance = Instance::start(&format!("postgres://nobody@{unused}/none"), false);
    assert_eq!(instance.get("/members/1/admin").0, 503);
    assert_eq!(instance.get("/tailor").0, 200);
}
