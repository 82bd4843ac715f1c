//! `ALTER SYSTEM`: done when the server runs with the value, and taken back at once when it does not (`faults` F115 to F118).

use std::time::Duration;

use pgtailor_model::change::{Change, Replaced};
use pgtailor_model::name::quote_identifier;
use pgtailor_model::outcome::StepResult;
use pgtailor_model::setting::{Parameter, ValueType, same_value};
use tokio_postgres::Client;

use super::{How, Look, as_it_is, nothing_to_do, refused};
use crate::executor::error::{ApplyError, while_doing};
use crate::executor::sessions::Sessions;
use crate::executor::settle::Settling;
use crate::executor::short;
use crate::ledger::Move;

/// How often the server is asked whether it has read its configuration again.
const LOOKS: usize = 100;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// What `postgresql.auto.conf` says of a parameter.
enum Entry {
    /// This role may not know.
    Hidden,
    /// Nothing.
    Absent,
    /// This value.
    Set(String),
}

impl Entry {
    fn value(&self) -> Option<&String> {
        match self {
            Self::Set(value) => Some(value),
            Self::Hidden | Self::Absent => None,
        }
    }
}

impl From<Option<String>> for Entry {
    fn from(value: Option<String>) -> Self {
        value.map_or(Self::Absent, Self::Set)
    }
}

/// What the server says of a parameter.
struct Now {
    parameter: Parameter,
    context: String,
    /// The value that sessions begin with.
    value: String,
    entry: Entry,
    /// The value is that of the entry.
    is_from_entry: bool,
    /// Set for a role or a database, which hides the server's value from some sessions, this one perhaps among them.
    is_overridden: bool,
    /// Set on the command line of the server, which no file overrides.
    is_fixed: bool,
}

pub(super) async fn ready(change: &Change, sessions: &Sessions) -> Result<Look, ApplyError> {
    let Change::SetParameter { name, value } = change else { unreachable!("called by kind") };
    let Some(now) = look(&sessions.watchdog, name).await? else {
        return Ok(refused(&format!("the server has no parameter {name}")));
    };
    if matches!(now.entry, Entry::Hidden) {
        let role = sessions.whoami().await?.0;
        return Ok(refused(&format!(
            "this role may not see where {name} is set, so its former value could not be given back; `GRANT pg_read_all_settings TO \
             {role}` lets it"
        )));
    }
    let entry = now.entry.value();
    if !["sighup", "user", "superuser"].contains(&now.context.as_str()) {
        return Ok(refused(&format!("{name} is read at the server's start only; it is not set unattended")));
    }
    if let Some(grant) = missing_grant(sessions, name).await? {
        return Ok(refused(&format!("this role may not set {name}; {grant}")));
    }
    if now.is_fixed {
        return Ok(refused(&format!("{name} is set on the server's command line, which no file overrides")));
    }
    let same = |one: Option<&String>, other: Option<&String>| match (one, other) {
        (Some(one), Some(other)) => same_value(one, other, &now.parameter),
        (one, other) => one == other,
    };
    if same(entry, value.to.as_ref()) {
        return Ok(nothing_to_do(&format!("{name} is set to this already")));
    }
    if !same(entry, value.from.as_ref()) {
        return Ok(refused(&format!("{name} was set by somebody else since the decision was taken")));
    }
    // The former entry as it is written, not as it was understood.
    let change = Change::SetParameter { name: name.clone(), value: Replaced { from: entry.cloned(), to: value.to.clone() } };
    Ok(Ok(as_it_is(&change, How::Reload)))
}

pub(super) async fn settle(settling: Settling<'_>) -> Result<StepResult, ApplyError> {
    let Change::SetParameter { name, value } = settling.open.change else { unreachable!("called by kind") };
    let watchdog = &settling.sessions.watchdog;
    let mut is_written = false;
    // Told once in any case: where a role or a database hides the value, this session does not see whether the server took it over.
    reload(watchdog).await?;
    for _ in 0..LOOKS {
        let Some(now) = look(watchdog, name).await? else { break };
        is_written = match (now.entry.value(), &value.to) {
            (Some(entry), Some(to)) => same_value(entry, to, &now.parameter),
            (entry, to) => entry == to.as_ref(),
        };
        let is_in_force = match &value.to {
            Some(to) => now.is_overridden || same_value(&now.value, to, &now.parameter),
            None => !now.is_from_entry,
        };
        if is_written && is_in_force {
            return settling.applied(None, Move::default()).await;
        }
        if !is_written {
            break;
        }
        reload(watchdog).await?;
        tokio::time::sleep(PAUSE).await;
    }
    if is_written {
        let back = Change::SetParameter { name: name.clone(), value: value.reversed() };
        short::alone(&back.sql(), settling.sessions).await.map_err(while_doing("take the parameter back"))?;
        reload(watchdog).await?;
        return settling.failed("the server does not run with the value, so it was taken back").await;
    }
    settling.failed("the server did not set the parameter").await
}

/// Tells the server to read its configuration again.
async fn reload(client: &Client) -> Result<(), ApplyError> {
    const RELOAD: &str = "SELECT /* pgtailor */ pg_catalog.pg_reload_conf()";
    client.query_one(RELOAD, &[]).await.map_err(while_doing("make the server read its configuration again"))?;
    Ok(())
}

async fn look(client: &Client, name: &str) -> Result<Option<Now>, ApplyError> {
    const SETTING: &str = "SELECT /* pgtailor */ s.vartype, s.unit, s.context, s.reset_val, s.source, \
             pg_catalog.has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE'), \
             pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE'), \
             coalesce(s.sourcefile LIKE '%postgresql.auto.conf', false), \
             EXISTS (SELECT FROM pg_catalog.pg_db_role_setting d, unnest(d.setconfig) c WHERE c LIKE s.name || '=%') \
         FROM pg_catalog.pg_settings s WHERE s.name = $1";
    const ENTRY: &str = "SELECT /* pgtailor */ setting FROM pg_catalog.pg_file_settings \
         WHERE name = $1 AND sourcefile LIKE '%postgresql.auto.conf' ORDER BY seqno DESC LIMIT 1";
    let doing = while_doing("look at the parameter");
    let Some(row) = client.query_opt(SETTING, &[&name]).await.map_err(&doing)? else { return Ok(None) };
    let vartype: String = row.try_get(0).map_err(&doing)?;
    let unit: Option<String> = row.try_get(1).map_err(&doing)?;
    let value: String = row.try_get::<_, Option<String>>(3).map_err(&doing)?.unwrap_or_default();
    let source: String = row.try_get(4).map_err(&doing)?;
    let is_from_entry: bool = row.try_get(7).map_err(&doing)?;
    let parameter = Parameter { value_type: ValueType::named(&vartype), unit };
    let may_see: bool = row.try_get(6).map_err(&doing)?;
    let may_read_file: bool = row.try_get(5).map_err(&doing)?;
    let entry = match (may_see, may_read_file) {
        (false, _) => Entry::Hidden,
        (true, true) => {
            let entry = client.query_opt(ENTRY, &[&name]).await.map_err(&doing)?;
            Entry::from(entry.map(|row| row.try_get::<_, String>(0)).transpose().map_err(&doing)?)
        }
        // A session that pinned the parameter does not see which file it is from; none of those is on the list of what may be set.
        (true, false) => Entry::from(is_from_entry.then(|| parameter.with_unit(&value))),
    };
    Ok(Some(Now {
        context: row.try_get(2).map_err(&doing)?,
        is_from_entry,
        is_overridden: row.try_get(8).map_err(&doing)?,
        is_fixed: source == "command line",
        parameter,
        value,
        entry,
    }))
}

/// The grants without which this role cannot set `name`; `None` when it can.
async fn missing_grant(sessions: &Sessions, name: &str) -> Result<Option<String>, ApplyError> {
    const MAY: &str = "SELECT /* pgtailor */ pg_catalog.has_parameter_privilege($1, 'ALTER SYSTEM') \
         AND pg_catalog.has_function_privilege('pg_catalog.pg_reload_conf()', 'EXECUTE')";
    const SUPERUSER: &str = "SELECT /* pgtailor */ rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user";
    let doing = while_doing("see whether this role may set the parameter");
    let role = sessions.whoami().await?.0;
    // Before server 15 only superusers can.
    if sessions.version().await < 150_000 {
        let row = sessions.watchdog.query_one(SUPERUSER, &[]).await.map_err(&doing)?;
        let is_superuser: bool = row.try_get(0).map_err(&doing)?;
        return Ok((!is_superuser).then(|| "before server 15 only superusers may".to_owned()));
    }
    let row = sessions.watchdog.query_one(MAY, &[&name]).await.map_err(&doing)?;
    let may: bool = row.try_get(0).map_err(&doing)?;
    let name = quote_identifier(name);
    Ok((!may).then(|| {
        format!(
            "`GRANT ALTER SYSTEM ON PARAMETER {name} TO {role}` and `GRANT EXECUTE ON FUNCTION pg_reload_conf() TO {role}` let it"
        )
    }))
}
