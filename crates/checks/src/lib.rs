//! Findings about a snapshot, one file a check.
