//! Migrations, and how the schema is recognised.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, query, query_scalar, raw_sql};
use uuid::Uuid;

use super::error::{Failed, translate};
use super::session::{ANSWER, PATIENCE, within};
use crate::store::StoreError;

/// The steps that make the tables and functions, oldest first. Their number is the schema's version.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
    include_str!("migrations/5.sql"),
    include_str!("migrations/6.sql"),
    include_str!("migrations/7.sql"),
];

/// What the schema consists of, a line each. It is kept when the last step was taken, so that changes that somebody else
/// made afterwards come to light.
const SHAPE: &str = "
    SELECT coalesce(string_agg(line, E'\\n' ORDER BY line), '') FROM (
        SELECT format('relation %s %s%s%s', c.relname, c.relkind, c.relpersistence,
                CASE WHEN c.relrowsecurity THEN ' row security' ELSE '' END) AS line
            FROM pg_class c WHERE c.relnamespace = 'angzarr'::regnamespace AND c.relkind NOT IN ('i', 'I', 't', 'c')
        UNION ALL
        SELECT format('column %s.%s %s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                CASE WHEN a.attnotnull THEN ' not null' ELSE '' END)
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'angzarr'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0
                AND NOT a.attisdropped
        UNION ALL
        SELECT format('index %s', pg_get_indexdef(i.indexrelid))
            FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = 'angzarr'::regnamespace
        UNION ALL
        SELECT format('constraint %s on %s: %s', k.conname, k.conrelid::regclass, pg_get_constraintdef(k.oid))
            FROM pg_constraint k WHERE k.connamespace = 'angzarr'::regnamespace AND k.contype <> 'n'
        UNION ALL
        SELECT format('trigger %s on %s', t.tgname, t.tgrelid::regclass)
            FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
            WHERE c.relnamespace = 'angzarr'::regnamespace AND NOT t.tgisinternal
        UNION ALL
        SELECT format('rule %s on %s', r.rulename, r.ev_class::regclass)
            FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
            WHERE c.relnamespace = 'angzarr'::regnamespace AND c.relkind = 'r'
        UNION ALL
        SELECT format('function %s(%s) %s%s%s%s', p.proname, pg_get_function_identity_arguments(p.oid), p.provolatile,
                CASE WHEN p.prosecdef THEN ' security definer ' ELSE ' ' END, md5(p.prosrc), ' ' || p.proconfig::text)
            FROM pg_proc p WHERE p.pronamespace = 'angzarr'::regnamespace
    ) AS parts";

/// The first thing that this user may not do, of all that has to be done.
const RIGHTS: &str = "
    SELECT missing FROM (
        SELECT format('%s on table angzarr.%s', p.privilege, c.relname) AS missing
            FROM pg_class c CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (privilege)
            WHERE c.relnamespace = 'angzarr'::regnamespace AND c.relkind = 'r' AND c.relname <> 'migrations'
                AND NOT has_table_privilege(c.oid, p.privilege)
        UNION ALL
        SELECT 'SELECT on table angzarr.migrations' WHERE NOT has_table_privilege('angzarr.migrations', 'SELECT')
        UNION ALL
        SELECT format('%s on sequence angzarr.%s', p.privilege, c.relname)
            FROM pg_class c CROSS JOIN unnest(ARRAY['SELECT', 'UPDATE']) AS p (privilege)
            WHERE c.relnamespace = 'angzarr'::regnamespace AND c.relkind = 'S'
                AND NOT has_sequence_privilege(c.oid, p.privilege)
        UNION ALL
        SELECT format('EXECUTE on %s angzarr.%s', CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, p.proname)
            FROM pg_proc p WHERE p.pronamespace = 'angzarr'::regnamespace AND NOT has_function_privilege(p.oid, 'EXECUTE')
    ) AS rights LIMIT 1";

fn version() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// Makes sure that the schema is ours and of this release, making it where there is none; gives the log's id.
pub(super) async fn prepare(connection: &mut PgConnection, place: &str) -> Result<Uuid, StoreError> {
    let found = within(PATIENCE, inspect(connection, place)).await??;
    if found < version() {
        // Steps take as long as the tables are large.
        let limit = if found == 0 { ANSWER } else { Duration::MAX };
        within(limit, migrate(connection, place)).await??;
    }
    within(PATIENCE, check(connection, place)).await?
}

/// What is there before anything is done: the version of the schema.
async fn inspect(connection: &mut PgConnection, place: &str) -> Result<i32, StoreError> {
    let told = |failed: Failed| placed(failed.into(), place);
    let encoding: String =
        query_scalar("SHOW server_encoding").fetch_one(&mut *connection).await.map_err(|error| told(error.into()))?;
    if encoding != "UTF8" {
        let reason = format!("the database keeps text as {encoding}; it must be UTF8");
        return Err(StoreError::CannotOpen { place: place.to_owned(), reason });
    }
    let read_only: bool = query_scalar("SELECT current_setting('transaction_read_only') = 'on'")
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| told(error.into()))?;
    if read_only {
        let reason = "the server takes no writes: it is a standby, or default_transaction_read_only is on".to_owned();
        return Err(StoreError::NoRights { place: place.to_owned(), reason });
    }
    warn_of_settings(connection, place).await.map_err(told)?;
    recognise(connection, place).await
}

/// What must be so once all steps are taken; tidies up, and gives the log's id.
async fn check(connection: &mut PgConnection, place: &str) -> Result<Uuid, StoreError> {
    let told = |failed: Failed| placed(failed.into(), place);
    let kept: Option<String> = query_scalar("SELECT shape FROM angzarr.migrations WHERE version = $1")
        .bind(version())
        .fetch_optional(&mut *connection)
        .await
        .map_err(|error| told(error.into()))?
        .flatten();
    let shape: String = query_scalar(SHAPE).fetch_one(&mut *connection).await.map_err(|error| told(error.into()))?;
    if let Some(reason) = difference(kept.as_deref().unwrap_or_default(), &shape) {
        return Err(StoreError::Altered { place: place.to_owned(), reason });
    }
    raw_sql("CALL angzarr.correct()").execute(&mut *connection).await.map_err(|error| told(error.into()))?;
    // Writers that are gone and have not been seen for a day do not come back.
    query("DELETE FROM angzarr.writers w WHERE w.seen_at < now() - interval '1 day' AND NOT angzarr.lives(w.id)")
        .execute(&mut *connection)
        .await
        .map_err(|error| told(error.into()))?;
    let id = query_scalar("SELECT id FROM angzarr.log").fetch_optional(&mut *connection).await;
    let id = id.map_err(|error| told(error.into()))?;
    id.ok_or_else(|| StoreError::Damaged { reason: "the log has no id".into() })
}

/// Law 3 is kept by the server; one that was told not to is told of.
async fn warn_of_settings(connection: &mut PgConnection, place: &str) -> Result<(), Failed> {
    let off: Vec<String> = query_scalar(
        "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name",
    )
    .fetch_all(connection)
    .await?;
    for setting in off {
        tracing::warn!(place, setting, "the server runs with this off: what is acknowledged may be lost in a crash");
    }
    Ok(())
}

/// The version of the schema; 0 if there is none.
async fn recognise(connection: &mut PgConnection, place: &str) -> Result<i32, StoreError> {
    let told = |error: sqlx::Error| placed(translate(&error), place);
    // Read from the table: what a session remembers of a name may be out of date while it holds no lock.
    let there: bool = query_scalar("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'angzarr')")
        .fetch_one(&mut *connection)
        .await
        .map_err(told)?;
    if !there {
        return Ok(0);
    }
    let usable: bool = query_scalar("SELECT has_schema_privilege('angzarr', 'USAGE')")
        .fetch_one(&mut *connection)
        .await
        .map_err(told)?;
    let needed = |missing: String| {
        let reason = format!("this user needs {missing}");
        StoreError::NoRights { place: place.to_owned(), reason }
    };
    if !usable {
        return Err(needed("USAGE on schema angzarr".into()));
    }
    let foreign = |reason: String| StoreError::Foreign { place: place.to_owned(), reason };
    let ours: bool = query_scalar("SELECT to_regclass('angzarr.migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await
        .map_err(told)?;
    // Nobody is told to get rights on what is not ours.
    if !ours {
        return Err(foreign("its schema `angzarr` belongs to something else".into()));
    }
    let missing: Option<String> = query_scalar(RIGHTS).fetch_optional(&mut *connection).await.map_err(told)?;
    if let Some(missing) = missing {
        return Err(needed(missing));
    }
    let found: Option<i32> = query_scalar("SELECT max(version) FROM angzarr.migrations")
        .fetch_one(&mut *connection)
        .await
        .map_err(|_| foreign("its table `angzarr.migrations` belongs to something else".into()))?;
    match found.unwrap_or(0) {
        found if found < 1 || found > version() => {
            let known = version();
            Err(foreign(format!("its tables have version {found}, this release knows those up to {known}")))
        }
        found => Ok(found),
    }
}

/// Takes the steps that are missing, all or none.
async fn migrate(connection: &mut PgConnection, place: &str) -> Result<(), StoreError> {
    let told = |error: sqlx::Error| match placed(translate(&error), place) {
        StoreError::NoRights { place, reason } => StoreError::NoRights {
            place,
            reason: format!("this user may not create the schema `angzarr`: GRANT CREATE ON DATABASE …; {reason}"),
        },
        other => other,
    };
    let mut transaction = connection.begin().await.map_err(told)?;
    // Others that open the log at the same time wait here, and find it done.
    query("SELECT pg_advisory_xact_lock(1095649114, 0)").execute(&mut *transaction).await.map_err(told)?;
    let found = recognise(&mut transaction, place).await?;
    if found == 0 {
        let made = "CREATE SCHEMA angzarr;
                    CREATE TABLE angzarr.migrations (version integer PRIMARY KEY, shape text)";
        raw_sql(made).execute(&mut *transaction).await.map_err(told)?;
    }
    let missing = (1..).zip(MIGRATIONS).filter(|(version, _)| *version > found);
    for (version, migration) in missing {
        raw_sql(AssertSqlSafe(*migration)).execute(&mut *transaction).await.map_err(told)?;
        let done = query("INSERT INTO angzarr.migrations (version) VALUES ($1)").bind(version);
        done.execute(&mut *transaction).await.map_err(told)?;
    }
    let shape: String = query_scalar(SHAPE).fetch_one(&mut *transaction).await.map_err(told)?;
    query("UPDATE angzarr.migrations SET shape = $1 WHERE version = $2")
        .bind(shape)
        .bind(version())
        .execute(&mut *transaction)
        .await
        .map_err(told)?;
    transaction.commit().await.map_err(told)
}

/// The first line that is not in both.
fn difference(kept: &str, found: &str) -> Option<String> {
    let (kept, found): (Vec<_>, Vec<_>) = (kept.lines().collect(), found.lines().collect());
    let gone = kept.iter().find(|line| !found.contains(line)).map(|line| format!("this is gone: {line}"));
    gone.or_else(|| found.iter().find(|line| !kept.contains(line)).map(|line| format!("this is not ours: {line}")))
}

/// Names the place in errors that have one.
fn placed(error: StoreError, at: &str) -> StoreError {
    match error {
        StoreError::NoRights { reason, .. } => StoreError::NoRights { place: at.to_owned(), reason },
        StoreError::Altered { reason, .. } => StoreError::Altered { place: at.to_owned(), reason },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn the_first_difference_is_told() {
        assert_eq!(difference("a\nb", "a\nb"), None);
        assert_eq!(difference("a\nb", "a").unwrap(), "this is gone: b");
        assert_eq!(difference("a", "a\nc").unwrap(), "this is not ours: c");
    }
}
