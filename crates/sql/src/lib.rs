//! SQL text to shapes: what an index could serve in a statement.
