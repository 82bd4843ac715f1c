-- The ledger: what pgtailor did to this database, written before each statement.
-- Oldest server: 13. Privilege: CREATE on the database. Locks nothing that exists; creates the schema pgtailor and two tables in it.
CREATE SCHEMA pgtailor;
REVOKE ALL ON SCHEMA pgtailor FROM PUBLIC;
COMMENT ON SCHEMA pgtailor IS 'pgtailor ledger, version 1';
CREATE TABLE pgtailor.change (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    undoes             bigint REFERENCES pgtailor.change,
    server_fingerprint text NOT NULL,
    change             jsonb NOT NULL,
    do_sql             text NOT NULL,
    undo_sql           text,
    indexes_before     oid[] NOT NULL,
    index_oid          oid,
    built              jsonb,
    state              text NOT NULL CHECK (state IN ('intent', 'running', 'verifying', 'applied', 'reconciling', 'cleanup-pending',
                                                      'failed', 'rolled-back', 'needs-human')),
    state_since        timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by         text NOT NULL DEFAULT session_user,
    builder_pid        integer,
    builder_started_at timestamptz,
    sqlstate           text,
    note               text
);
COMMENT ON TABLE pgtailor.change IS 'One row a change, moved from state to state by compare-and-set, and the intent is committed before the statement is sent';
CREATE TABLE pgtailor.event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id  bigint NOT NULL REFERENCES pgtailor.change,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    from_state text,
    to_state   text NOT NULL,
    sqlstate   text,
    note       text
);
COMMENT ON TABLE pgtailor.event IS 'Every move of pgtailor.change, and rows are only ever added';
