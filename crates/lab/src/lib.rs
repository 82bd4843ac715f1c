//! Disposable local PostgreSQL servers: find, start, stop, sweep.
