//! B: interruption and lost connections.
