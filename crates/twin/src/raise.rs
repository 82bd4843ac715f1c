//! Raising a twin, from a snapshot to a server that plans.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use pgtailor_lab::{Binaries, Lab, LabError, LabOptions, Listen, Shutdown, find_servers};
use pgtailor_model::catalog::TableKind;
use pgtailor_model::name::{Oid, QualifiedName, quote_identifier, quote_literal};
use pgtailor_model::planner::{Inexact, PlannerInputs, SchemaObject, SchemaObjectKind};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_postgres::lab_session::LabSession;
use pgtailor_postgres::session::{Limits, ReadOnlySession};

use crate::definitions::{Rows, make, make_without_columns, missing};
use crate::error::TwinError;
use crate::files::{self, Patch};
use crate::session::{Address, DATABASE, OWNER, PLANNER};
use crate::{dump, locale, rows, statistics, statistics_ext};

/// How to raise a twin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaiseOptions {
    /// Folder of server programs; `None` for the newest here of the source's major version.
    pub server: Option<PathBuf>,
    /// What to do when there are none of that version.
    pub other_major: OtherMajor,
    /// The tables wanted, with what belongs together with them; `None` for all.
    pub tables: Option<BTreeSet<Oid>>,
    /// Text of a file that `pg_dump --statistics-only` of PostgreSQL 18 wrote, whose statistics replace those of the capture.
    pub statistics_dump: Option<String>,
}

/// What to do when this machine has no server of the source's major version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtherMajor {
    /// Say which is missing.
    #[default]
    Refuse,
    /// Take the newest that is here: costs are approximate.
    Allow,
}

/// A twin that runs. It ends, and leaves nothing, when it is dropped.
pub struct Twin {
    pub(crate) lab: Lab,
    pub(crate) address: Address,
    pub(crate) inputs: PlannerInputs,
    /// The twin's relations: identifier and file by the source's identifier.
    pub(crate) relations: BTreeMap<Oid, TwinRelation>,
    pub(crate) server_version: u32,
}

/// A relation in the twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TwinRelation {
    pub oid: Oid,
    /// Relative to the data folder; `None` for what has no file.
    pub path: Option<PathBuf>,
}

/// What raising brought.
pub struct Raised {
    /// The twin.
    pub twin: Twin,
    /// What it cannot have like the source, from the capture and from raising it.
    pub inexact: Vec<Inexact>,
}

/// Settings of a twin's server: nothing of it is worth keeping, nothing may change it, and the first pages of new indexes must not be held in
/// memory (`wal_skip_threshold`).
const SETTINGS: &[(&str, &str)] = &[
    ("autovacuum", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("wal_skip_threshold", "0"),
    ("min_wal_size", "32MB"),
    ("max_wal_size", "256MB"),
    ("shared_buffers", "32MB"),
    ("max_locks_per_transaction", "2048"),
    ("max_connections", "50"),
    ("jit", "off"),
];

/// As the definitions were written; with a limit, since code in them may take as long as it likes.
const OWNER_SESSION: &str = "SET check_function_bodies = off; SET client_min_messages = error; SET search_path = pg_catalog, pg_temp; SET statement_timeout = '2min'; \
                             SET DateStyle = iso; SET IntervalStyle = postgres; SET TimeZone = 'UTC'";

/// Extensions that reach files or other servers: none of their code is needed for a plan.
const REACHING_OUT: &[&str] =
    &["adminpack", "dblink", "file_fdw", "postgres_fdw", "plpython3u", "plperlu", "pltclu", "pg_cron", "http"];

impl Twin {
    /// Raises a twin of the database in `snapshot`.
    ///
    /// # Errors
    /// [`TwinError`]; what the twin merely lacks is in [`Raised::inexact`].
    pub async fn raise(snapshot: &Snapshot, options: &RaiseOptions) -> Result<Raised, TwinError> {
        let Some(inputs) = snapshot.planner.clone() else { return Err(TwinError::NoInputs) };
        if snapshot.server.block_size != 8192 {
            return Err(TwinError::BlockSize { source_bytes: snapshot.server.block_size });
        }
        let inputs = match &options.tables {
            Some(tables) => {
                let family = inputs.families(tables);
                inputs.subset(&family)
            }
            None => inputs,
        };
        let mut inexact = inputs.inexact.clone();
        let mut lab = start(snapshot.server.version / 10_000, options, &mut inexact)?;
        let address = Address::of(&lab);
        let server_version = lab.version().major * 10_000 + lab.version().minor;

        let superuser = address.superuser("postgres").await?;
        make_roles(&superuser).await?;
        locale::make_database(&superuser, server_version, &inputs.locale, &mut inexact).await?;
        drop(superuser);
        apply_settings(&address.owner().await?, &inputs, &mut inexact).await?;
        let superuser = address.superuser(DATABASE).await?;
        let owner = address.owner().await?;
        owner.run("prepare the owner's session", OWNER_SESSION).await?;
        owner.run("let the planning role read", &default_grants()).await?;
        make_extensions(&superuser, &inputs, &mut inexact).await?;
        let is_partial = options.tables.is_some();
        build(&superuser, &owner, server_version, &inputs, is_partial, &mut inexact).await?;
        mark_materialized(&superuser, snapshot).await?;

        if let Some(dump) = &options.statistics_dump {
            dump::restore(&owner, server_version, dump, &mut inexact).await?;
        }

        superuser.run("write everything out", "CHECKPOINT").await?;
        let relations = find_relations(&superuser, &inputs).await?;
        drop((superuser, owner));
        restart_with_sizes(&mut lab, &inputs, &relations)?;
        inexact.sort();
        inexact.dedup();
        Ok(Raised { twin: Self { lab, address, inputs, relations, server_version }, inexact })
    }

    /// A connection string for psql, for the role that plans.
    pub fn conninfo(&self) -> String {
        self.address.conninfo(PLANNER, DATABASE)
    }

    /// The server under it.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// What it was raised from.
    pub fn inputs(&self) -> &PlannerInputs {
        &self.inputs
    }

    /// The identifier here of a table or index of the source; `None` for one that was left out.
    pub fn relation(&self, source: Oid) -> Option<Oid> {
        self.relations.get(&source).map(|relation| relation.oid)
    }

    /// `server_version_num` of the twin's server.
    pub fn server_version(&self) -> u32 {
        self.server_version
    }

    /// A session of the role that plans.
    pub async fn session(&self) -> Result<ReadOnlySession, TwinError> {
        self.address.planner(Limits::OBSERVER).await
    }

    /// The server alone, for whoever wants to leave it running.
    pub fn into_lab(self) -> Lab {
        self.lab
    }

    /// Stops it and removes everything.
    pub fn stop(self) -> Result<(), TwinError> {
        Ok(self.lab.stop()?)
    }
}

/// Starts the server of the wanted major version.
fn start(major: u32, options: &RaiseOptions, inexact: &mut Vec<Inexact>) -> Result<Lab, TwinError> {
    let mut lab_options = LabOptions { listen: Listen::Socket, ..LabOptions::new() };
    lab_options.settings = SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    lab_options.binaries = match &options.server {
        Some(folder) => Binaries::Folder(folder.clone()),
        None => Binaries::Major(major),
    };
    let no_server = |found: String| TwinError::NoServer { wanted: major, found };
    let lab = match Lab::start(&lab_options) {
        Err(LabError::NoSuchMajor { .. }) if options.other_major == OtherMajor::Allow => {
            lab_options.binaries = Binaries::Preferred;
            Lab::start(&lab_options)?
        }
        Err(LabError::NoSuchMajor { found, .. }) => return Err(no_server(format!("there are only {found}"))),
        Err(LabError::NoServer { .. }) => return Err(no_server("there is none on this machine".to_owned())),
        outcome => outcome?,
    };
    let here = lab.version().major;
    if here != major {
        if options.other_major == OtherMajor::Refuse {
            let all: Vec<String> = find_servers().iter().map(|server| server.version.to_string()).collect();
            return Err(no_server(format!("{here} was given; found: {}", all.join(", "))));
        }
        inexact.push(Inexact {
            object: format!("server version {major}"),
            table: None,
            reason: format!("the twin runs on {here}, which plans some statements otherwise"),
        });
    }
    Ok(lab)
}

async fn make_roles(superuser: &LabSession) -> Result<(), TwinError> {
    // Nobody but the owner may make anything anywhere.
    let sql =
        format!("CREATE ROLE {OWNER} LOGIN; CREATE ROLE {PLANNER} LOGIN; REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC");
    Ok(superuser.run("make the twin's roles", &sql).await?)
}

/// The planning role may use what the owner will make. `pg_read_all_data` would do, too, but is no right of nobody's.
fn default_grants() -> String {
    [("SELECT, INSERT, UPDATE, DELETE", "TABLES"), ("USAGE, SELECT", "SEQUENCES"), ("USAGE", "SCHEMAS")]
        .map(|(rights, what)| format!("ALTER DEFAULT PRIVILEGES GRANT {rights} ON {what} TO {PLANNER}"))
        .join("; ")
}

/// As defaults of the database, so that a person's psql plans alike. By the owner, who may set nothing that loads code.
async fn apply_settings(owner: &LabSession, inputs: &PlannerInputs, inexact: &mut Vec<Inexact>) -> Result<(), TwinError> {
    let mut settings: Vec<(&str, String)> =
        inputs.settings.iter().map(|(name, value)| (name.as_str(), quote_literal(value))).collect();
    let path: Vec<String> = inputs.search_path.iter().map(|schema| quote_identifier(schema)).collect();
    if !path.is_empty() {
        settings.push(("search_path", path.join(", ")));
    }
    let statements: Vec<String> = settings
        .iter()
        .map(|(name, value)| format!("ALTER DATABASE {DATABASE} SET {} TO {value}", quote_identifier(name)))
        .collect();
    let texts: Vec<&str> = statements.iter().map(String::as_str).collect();
    let outcomes = owner.run_each("apply a setting", &texts).await?;
    for ((name, _), outcome) in settings.iter().zip(outcomes) {
        if outcome.is_err() {
            let reason = "the twin's server does not accept its value".to_owned();
            inexact.push(Inexact { object: format!("setting {name}"), table: None, reason });
        }
    }
    Ok(())
}

/// By their names alone: the text of the snapshot is not carried out by the superuser.
async fn make_extensions(superuser: &LabSession, inputs: &PlannerInputs, inexact: &mut Vec<Inexact>) -> Result<(), TwinError> {
    let doing = "look for extensions";
    let here = superuser.rows(doing, "SELECT a.name FROM pg_catalog.pg_available_extensions a").await?;
    let here: BTreeSet<&str> = here.iter().filter_map(|row| row.first()?.as_deref()).collect();
    for object in inputs.schema.iter().filter(|object| object.kind == SchemaObjectKind::Extension) {
        let name = object.name.as_str();
        let mut lacks = |reason: &str| {
            inexact.push(Inexact { object: format!("extension {name}"), table: None, reason: reason.to_owned() });
        };
        if REACHING_OUT.contains(&name) {
            lacks("it reaches files or other servers, which a twin must not");
            continue;
        }
        if !here.contains(name) {
            lacks("it is not installed here; what needs it is left out");
            continue;
        }
        let schema = object.tail.as_str();
        let place = if schema.is_empty() || schema == "pg_catalog" {
            String::new()
        } else {
            let name = quote_identifier(schema);
            let sql = format!("CREATE SCHEMA IF NOT EXISTS {name}; ALTER SCHEMA {name} OWNER TO {OWNER}");
            if schema != "public" {
                superuser.run("make the schema of an extension", &sql).await?;
            }
            format!(" SCHEMA {name}")
        };
        let sql = format!("CREATE EXTENSION IF NOT EXISTS {}{place} CASCADE", quote_identifier(name));
        if superuser.run("make an extension", &sql).await.is_err() {
            lacks("the twin's server could not make it; what needs it is left out");
        }
    }
    // One that another brought along.
    Ok(superuser
        .run("drop extensions that reach out", &format!("DROP EXTENSION IF EXISTS {} CASCADE", REACHING_OUT.join(", ")))
        .await?)
}

/// Everything that is defined, with rows and statistics at their time.
async fn build(
    superuser: &LabSession,
    owner: &LabSession,
    server_version: u32,
    inputs: &PlannerInputs,
    is_partial: bool,
    inexact: &mut Vec<Inexact>,
) -> Result<(), TwinError> {
    use SchemaObjectKind as Kind;
    let of = |first: Kind, last: Kind| -> Vec<&SchemaObject> {
        inputs.schema.iter().filter(|object| (first..=last).contains(&object.kind)).collect()
    };
    let failed = make(owner, &of(Kind::Schema, Kind::Default), Rows::None).await?;
    let (tables, others): (Vec<_>, Vec<_>) = failed.into_iter().partition(|failed| failed.object.kind == Kind::Table);
    let had_tables = !tables.is_empty();
    make_without_columns(owner, tables, inexact).await?;
    let mut failed = others;
    if had_tables {
        // What came behind the tables may find them now.
        let again: Vec<&SchemaObject> = failed.iter().map(|failed| failed.object).collect();
        failed = make(owner, &again, Rows::None).await?;
    }
    inexact.extend(failed.iter().map(|failed| missing(failed.object, &failed.error)));

    let early = early_objects(inputs);
    let failed = make(owner, &early, Rows::None).await?;
    inexact.extend(failed.iter().map(|failed| missing(failed.object, &failed.error)));
    switch_triggers_off(superuser, inputs, &early).await?;
    rows::insert(superuser, owner, inputs, inexact).await?;
    let is_late = |object: &&SchemaObject| !early.iter().any(|early| std::ptr::eq(*early, *object));
    let late: Vec<&SchemaObject> = of(Kind::Constraint, Kind::Statistics).into_iter().filter(is_late).collect();
    let failed = make(owner, &late, Rows::Extremes).await?;
    // A view over tables that were not wanted is not wanted.
    let is_expected = |object: &SchemaObject| is_partial && matches!(object.kind, Kind::View | Kind::Rule);
    inexact
        .extend(failed.iter().filter(|failed| !is_expected(failed.object)).map(|failed| missing(failed.object, &failed.error)));
    mark_validated(superuser, inputs).await?;

    statistics::write(superuser, inputs, inexact).await?;
    statistics_ext::write(superuser, server_version, inputs, inexact).await?;
    statistics::write_counters(superuser, &inputs.relations).await?;
    let failed = make(owner, &of(Kind::DomainCheck, Kind::DomainCheck), Rows::Extremes).await?;
    inexact.extend(failed.iter().map(|failed| missing(failed.object, &failed.error)));
    Ok(())
}

/// What would stumble over the rows of extremes, and so is made before them. Foreign keys of partitioned tables, with the keys that they refer
/// to: before version 18 they cannot be added without a look at all rows. Exclusion constraints and unique indexes for which two rows that are
/// mostly null may be the same.
fn early_objects(inputs: &PlannerInputs) -> Vec<&SchemaObject> {
    let is_partitioned =
        |object: &&SchemaObject| object.kind == SchemaObjectKind::Table && object.tail.contains(" PARTITION BY ");
    let partitioned: BTreeSet<Option<Oid>> = inputs.schema.iter().filter(is_partitioned).map(|object| object.table).collect();
    let keys: Vec<&SchemaObject> = inputs
        .schema
        .iter()
        .filter(|object| object.kind == SchemaObjectKind::ForeignKey && partitioned.contains(&object.table))
        .collect();
    let mut concerned: BTreeSet<Oid> = keys.iter().flat_map(|key| key.needs.iter().copied()).collect();
    let is_index = |object: &&SchemaObject| matches!(object.kind, SchemaObjectKind::Constraint | SchemaObjectKind::Index);
    let indexes = || inputs.schema.iter().filter(is_index);
    concerned.extend(indexes().filter(|object| minds_nulls(object)).filter_map(|object| object.table));
    // All indexes of such a table, since the planner tries them in the order in which they were made.
    indexes().filter(|object| object.table.is_some_and(|table| concerned.contains(&table))).chain(keys).collect()
}

/// Whether a constraint or an index may take two rows with nulls for the same; that it may not is no harm.
fn minds_nulls(object: &SchemaObject) -> bool {
    let has_expression = || object.sql.split_once('(').is_some_and(|(_, keys)| keys.contains('('));
    let is_unique = object.sql.starts_with("CREATE UNIQUE INDEX ");
    object.sql.contains(" EXCLUDE ") || object.sql.contains(" NULLS NOT DISTINCT") || (is_unique && has_expression())
}

/// So that rows of extremes need not refer to anything.
async fn switch_triggers_off(superuser: &LabSession, inputs: &PlannerInputs, early: &[&SchemaObject]) -> Result<(), TwinError> {
    let roots: BTreeSet<Oid> =
        early.iter().filter(|object| object.kind == SchemaObjectKind::ForeignKey).filter_map(|object| object.table).collect();
    if roots.is_empty() {
        return Ok(());
    }
    let family = inputs.families(&roots);
    let tables = inputs.relations.iter().filter(|relation| relation.oid == relation.table && family.contains(&relation.oid));
    let statements: Vec<String> =
        tables.map(|relation| format!("ALTER TABLE {} DISABLE TRIGGER ALL", relation.name.sql())).collect();
    let texts: Vec<&str> = statements.iter().map(String::as_str).collect();
    superuser.run_each("switch triggers off", &texts).await?;
    Ok(())
}

/// Materialized views are made as tables, which rows can be inserted into; from version 18 on the planner removes joins of a table with itself,
/// but not of a materialized view (`remove_self_joins_recurse` in `analyzejoins.c`).
async fn mark_materialized(superuser: &LabSession, snapshot: &Snapshot) -> Result<(), TwinError> {
    let views = snapshot.catalog.tables.iter().filter(|table| table.kind == TableKind::MaterializedView);
    let names: Vec<String> =
        views.map(|view| format!("({}, {})", quote_literal(&view.name.schema), quote_literal(&view.name.name))).collect();
    if names.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "BEGIN; SET LOCAL allow_system_table_mods = on;
         UPDATE pg_catalog.pg_class c SET relkind = 'm' FROM pg_catalog.pg_namespace n, (VALUES {}) AS v (schema, name)
          WHERE n.oid = c.relnamespace AND n.nspname = v.schema AND c.relname = v.name AND c.relkind = 'r' AND c.oid >= 16384; COMMIT",
        names.join(", ")
    );
    Ok(superuser.run("mark materialized views", &sql).await?)
}

/// The planner trusts conditions only when all rows fulfil them, which the source knows.
async fn mark_validated(superuser: &LabSession, inputs: &PlannerInputs) -> Result<(), TwinError> {
    let is_condition = |object: &&SchemaObject| matches!(object.kind, SchemaObjectKind::Check | SchemaObjectKind::ForeignKey);
    if !inputs.schema.iter().any(|object| is_condition(&object)) {
        return Ok(());
    }
    let names: BTreeMap<Oid, &QualifiedName> = inputs.relations.iter().map(|relation| (relation.oid, &relation.name)).collect();
    let invalid: Vec<String> = inputs
        .schema
        .iter()
        .filter(is_condition)
        .filter(|object| !object.validated)
        .filter_map(|object| {
            let table = names.get(&object.table?)?;
            let constraint = object.name.strip_suffix(&format!(" of {table}"))?;
            Some(format!("({}, {})", quote_literal(&table.sql()), quote_literal(constraint)))
        })
        .collect();
    let except = if invalid.is_empty() {
        String::new()
    } else {
        format!(
            " AND NOT EXISTS (SELECT FROM (VALUES {}) AS v (t, k) WHERE k.conname = v.k AND k.conrelid = to_regclass(v.t))",
            invalid.join(", ")
        )
    };
    let sql = format!(
        "BEGIN; SET LOCAL allow_system_table_mods = on;
         UPDATE pg_catalog.pg_constraint k SET convalidated = true
          WHERE k.contype IN ('c', 'f') AND k.conrelid >= 16384 AND NOT k.convalidated{except}; COMMIT"
    );
    Ok(superuser.run("mark constraints as fulfilled", &sql).await?)
}

/// The twin's relations by the source's identifiers.
async fn find_relations(superuser: &LabSession, inputs: &PlannerInputs) -> Result<BTreeMap<Oid, TwinRelation>, TwinError> {
    let found = superuser
        .rows(
            "find the files of the twin",
            "SELECT n.nspname, c.relname, c.oid::text, pg_relation_filepath(c.oid)
               FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relkind IN ('r', 'i', 'p', 'I', 'm') AND c.oid >= 16384",
        )
        .await?;
    let by_name: BTreeMap<QualifiedName, TwinRelation> = found
        .into_iter()
        .filter_map(|row| {
            let [schema, name, oid, path] = <[Option<String>; 4]>::try_from(row).ok()?;
            let relation = TwinRelation { oid: Oid(oid?.parse().ok()?), path: path.map(PathBuf::from) };
            Some((QualifiedName::new(schema?, name?), relation))
        })
        .collect();
    Ok(inputs.relations.iter().filter_map(|relation| Some((relation.oid, by_name.get(&relation.name)?.clone()))).collect())
}

/// Restarts the server with every file as long as on the source: then none of their pages is held in memory.
fn restart_with_sizes(lab: &mut Lab, inputs: &PlannerInputs, relations: &BTreeMap<Oid, TwinRelation>) -> Result<(), TwinError> {
    let data = lab.data_folder();
    let patch = |relation: &pgtailor_model::planner::Relation| {
        let path = relations.get(&relation.oid)?.path.clone()?;
        Some(Patch { path, blocks: relation.blocks?, head: relation.head })
    };
    let patches: Vec<Patch> = inputs.relations.iter().filter_map(patch).collect();
    let mut outcome = Ok(());
    lab.restart_after(Shutdown::Fast, || outcome = patches.iter().try_for_each(|patch| files::apply(&data, patch)))?;
    outcome
}
