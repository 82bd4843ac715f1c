//! Enough stack for the parser.
//!
//! A syntax tree of the deepest nesting that the parser returns takes more than the two megabytes of a common thread to decode in
//! an unoptimised build, and a stack overflow cannot be caught. Anybody who may send a statement to the server can choose its nesting, so
//! reading happens on a stack of known size. The parser's C code measures the stack it runs on, which rules out growing it in place.

use std::panic::resume_unwind;
use std::thread;

/// Eight times what an unoptimised build was seen to need; reserved, not touched until used.
const STACK: usize = 16 * 1024 * 1024;

/// What `work` returns, computed on a stack of [`STACK`] bytes while the caller waits.
#[expect(clippy::disallowed_methods, reason = "the caller waits, so nothing runs beside it; only the size of the stack differs")]
pub(crate) fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("sql-parser".to_owned()).stack_size(STACK).spawn_scoped(scope, work);
        let worker = worker.expect("the system starts one more thread");
        worker.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}
