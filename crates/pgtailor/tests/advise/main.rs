//! Advice for a made-up service on a real server: every shape of question gets its index, what must not be indexed is not, and what was
//! promised holds when the indexes are really there.

mod bad_input;
mod drops;
mod early_stop;
mod properties;
mod shapes;
mod support;
