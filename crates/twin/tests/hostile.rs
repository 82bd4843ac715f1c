//! A snapshot written by an enemy: whatever its definitions try, nothing of it happens with the rights of the twin's superuser.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pgtailor_model::name::quote_literal;
use pgtailor_model::planner::{PlannerInputs, SchemaObject, SchemaObjectKind as Kind, SourcePlan, StatisticsLevel};
use pgtailor_postgres::lab_session::LabSession;
use pgtailor_twin::Twin;
use support::{Source, raised, resolve};

const SCHEMA: &str = "
    CREATE TYPE mood AS ENUM ('calm', 'busy');
    CREATE DOMAIN amount AS int CHECK (VALUE >= 0);
    CREATE TABLE t (id int PRIMARY KEY, mood mood, amount amount, name text);
    INSERT INTO t SELECT i, 'calm', i % 50, 'name ' || i % 40 FROM generate_series(1, 3000) i;
    CREATE STATISTICS s (mcv, ndistinct, dependencies) ON mood, amount, name FROM t; CREATE INDEX ON t (name); ANALYZE";

/// Code that leaves a trace where it has the power: one for each way out. Each is tried alone, since one that fails ends the rest.
fn deeds(folder: &Path) -> String {
    let path = |name: &str| quote_literal(&folder.join(name).display().to_string());
    let program = quote_literal(&format!("touch {}", folder.join("program").display()));
    let all = [
        format!("COPY (SELECT 1) TO PROGRAM {program}"),
        format!("COPY (SELECT 1) TO {}", path("copied")),
        "CREATE ROLE risen SUPERUSER LOGIN".to_owned(),
        "ALTER ROLE pgtailor_owner SUPERUSER".to_owned(),
        "ALTER ROLE pgtailor_planner SUPERUSER".to_owned(),
        "ALTER SYSTEM SET log_min_messages = debug5".to_owned(),
        "SELECT lo_from_bytea(77, 'x')".to_owned(),
        format!("SELECT lo_export(77, {})", path("exported")),
        "INSERT INTO public.loot SELECT session_user, current_user WHERE (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user)"
            .to_owned(),
    ];
    all.map(|deed| {
        let deed = quote_literal(&deed);
        format!("BEGIN EXECUTE {deed}; EXCEPTION WHEN OTHERS THEN NULL; END;")
    })
    .join(" ")
}

/// Adds definitions that act whenever somebody makes, reads, compares or plans something.
fn poison(inputs: &mut PlannerInputs, folder: &Path) {
    let deeds = deeds(folder);
    // The one that acts is volatile, since what is immutable may not; whoever calls it says that he is.
    let acting = format!("CREATE FUNCTION public.deeds() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN {deeds} END $f$");
    let function = |head: &str, end: &str| {
        format!("CREATE FUNCTION {head} LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN PERFORM public.deeds(); {end} END $f$")
    };
    let texts = [
        // Itself a statement that acts, as the owner.
        (Kind::Schema, format!("CREATE SCHEMA trap; CREATE TABLE public.loot (a text, b text); DO $f$ BEGIN {deeds} END $f$")),
        (Kind::Schema, "GRANT INSERT ON public.loot TO PUBLIC".to_owned()),
        (Kind::Schema, acting),
        (Kind::Type, function("public.acts(int) RETURNS int", "RETURN $1;")),
        (Kind::Type, function("public.holds(public.mood) RETURNS bool", "RETURN true;")),
        // Conditions that run where values are read.
        (Kind::Type, "ALTER DOMAIN public.amount ADD CONSTRAINT early CHECK (public.acts(VALUE) >= 0)".to_owned()),
        // Operators and functions that a superuser would call by a name of the server's.
        (Kind::Type, function("trap.same(name, name) RETURNS bool", "RETURN pg_catalog.nameeq($1, $2);")),
        (Kind::Type, function("trap.same(name, text) RETURNS bool", "RETURN $1::text = $2;")),
        (Kind::Type, function("trap.same(oid, oid) RETURNS bool", "RETURN pg_catalog.oideq($1, $2);")),
        (Kind::Type, "CREATE OPERATOR trap.= (FUNCTION = trap.same, LEFTARG = name, RIGHTARG = name)".to_owned()),
        (Kind::Type, "CREATE OPERATOR trap.= (FUNCTION = trap.same, LEFTARG = name, RIGHTARG = text)".to_owned()),
        (Kind::Type, "CREATE OPERATOR trap.= (FUNCTION = trap.same, LEFTARG = oid, RIGHTARG = oid)".to_owned()),
        (Kind::Type, function("trap.pg_relation_filepath(oid) RETURNS text", "RETURN pg_catalog.pg_relation_filepath($1);")),
        (Kind::Type, "ALTER DATABASE twin SET search_path = trap, pg_catalog, public".to_owned()),
        (Kind::Type, "ALTER DATABASE twin SET session_preload_libraries = 'evil'".to_owned()),
        (Kind::Default, "ALTER TABLE public.t ALTER COLUMN amount SET DEFAULT public.acts(7)".to_owned()),
        (Kind::Default, function("public.fires() RETURNS trigger", "RETURN NEW;").replace("IMMUTABLE", "")),
        (Kind::Default, "CREATE TRIGGER fires BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.fires()".to_owned()),
        (Kind::Index, "CREATE INDEX trapped ON public.t (public.acts(id)) WHERE public.acts(id) > 0".to_owned()),
        (Kind::Check, "ALTER TABLE public.t ADD CHECK (public.acts(id) > 0)".to_owned()),
        (
            Kind::Rule,
            format!(
                "CREATE RULE r AS ON INSERT TO public.t DO ALSO INSERT INTO public.loot SELECT current_user, 'rule' WHERE {}",
                "false"
            ),
        ),
        (
            Kind::DomainCheck,
            "ALTER DOMAIN public.amount ADD CONSTRAINT late CHECK (public.acts(VALUE) >= 0) NOT VALID".to_owned(),
        ),
        (Kind::DomainCheck, "CREATE EXTENSION dblink".to_owned()),
        (Kind::DomainCheck, "CREATE LANGUAGE plpython3u".to_owned()),
    ];
    inputs.schema.extend(texts.into_iter().map(|(kind, sql)| SchemaObject::new(kind, "a trap", sql)));
    inputs.schema.sort_by_key(|object| object.kind);
    // Statistics whose values are of the domain, so that reading them runs its conditions.
    for slot in inputs.statistics.iter_mut().flat_map(|statistic| &mut statistic.numbers.slots) {
        for values in slot.values.iter_mut().filter(|values| values.element_type == "integer") {
            "public.amount".clone_into(&mut values.element_type);
        }
    }
    inputs.settings.insert("session_preload_libraries".to_owned(), "evil".to_owned());
    inputs.settings.insert("search_path".to_owned(), "trap, pg_catalog".to_owned());
    inputs.search_path = vec!["trap".to_owned(), "pg_catalog".to_owned(), "public".to_owned()];
}

async fn superuser(twin: &Twin) -> LabSession {
    let url = format!("host='{}' port={} user=postgres dbname=twin", twin.lab().host(), twin.lab().port());
    LabSession::connect(&resolve(url)).await.expect("connected")
}

/// Asserts that nobody has got more rights, and nothing was written.
async fn nothing_happened(twin: &Twin, folder: &Path) {
    let session = superuser(twin).await;
    let rows = async |sql: &str| session.rows("look for traces", sql).await.expect("read").concat();
    let supers = "SET search_path = pg_catalog; SELECT rolname FROM pg_roles WHERE rolsuper";
    assert_eq!(rows(supers).await, [Some("postgres".to_owned())]);
    assert_eq!(rows("SELECT rolname FROM pg_roles WHERE rolname = 'risen'").await, []);
    assert_eq!(rows("SELECT b FROM public.loot").await, []);
    assert_eq!(rows("SELECT name FROM pg_file_settings WHERE name = 'log_min_messages'").await, []);
    assert_eq!(rows("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'").await, []);
    let files: Vec<_> = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(files, ["secret"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_snapshot_defines_runs_with_power() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).expect("open to the server");
    std::fs::write(folder.path().join("secret"), "secret").expect("written");
    let source = Source::with(SCHEMA).await;
    let mut snapshot = source.captured(StatisticsLevel::Exact).await;
    poison(snapshot.planner.as_mut().expect("it was asked for"), folder.path());
    let (twin, inexact) = raised(&snapshot).await;
    nothing_happened(&twin, folder.path()).await;
    assert!(inexact.iter().any(|inexact| inexact.object.contains("session_preload_libraries")), "{inexact:?}");
    assert!(inexact.iter().any(|inexact| inexact.object.contains("domain constraint of")), "{inexact:?}");

    // The statements of the workload are the enemy's, too: the planner runs what is immutable.
    let secret = quote_literal(&folder.path().join("secret").display().to_string());
    let texts = [
        "SELECT * FROM public.t WHERE id = public.acts(7)".to_owned(),
        "SELECT * FROM public.t WHERE amount = 7::public.amount".to_owned(),
        "INSERT INTO public.t (id) VALUES (5)".to_owned(),
        format!("SELECT * FROM public.t WHERE name = pg_read_file({secret})"),
        format!("SELECT pg_read_file({secret})"),
        format!("SELECT lo_import({secret})"),
    ];
    let plan = |text: &String| SourcePlan {
        fingerprint: String::new(),
        text: text.clone(),
        types: Vec::new(),
        values: Some(Vec::new()),
        weight: 1.0,
        nodes: Vec::new(),
    };
    let test = twin.compare(&texts.iter().map(plan).collect::<Vec<_>>()).await.expect("compared");
    let planned = test.deviations.iter().filter(|deviation| deviation.twin_cost.is_some());
    let planned: Vec<&str> = planned.map(|deviation| deviation.text.as_str()).collect();
    assert!(planned.iter().any(|text| text.contains("acts")), "the enemy's code did run: {:?}", test.deviations);
    assert!(!planned.iter().any(|text| text.contains("secret")), "{planned:?}");
    nothing_happened(&twin, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_traps_would_snap_with_power() {
    // Else the test above would see nothing, whatever happened.
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).expect("open to the server");
    std::fs::write(folder.path().join("secret"), "secret").expect("written");
    let source = Source::with("CREATE TABLE loot (a text, b text)").await;
    source.run(&format!("DO $f$ BEGIN {} END $f$", deeds(folder.path()))).await;
    for name in ["program", "copied", "exported"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    assert_eq!(source.rows("SELECT 1 FROM pg_roles WHERE rolname = 'risen' AND rolsuper").await.len(), 1);
    assert_eq!(source.rows("SELECT b FROM loot").await.len(), 1);
}
