//! Prefixes that many servers have: the simplest first, then those with many fixed words, which fit little else.

/// Prefixes of distributions, services and the manuals of log readers.
pub(super) const USUAL: &[&str] = &[
    // PostgreSQL's own since version 10, and before
    "%m [%p] ",
    "",
    // Red Hat
    "< %m >",
    "< %t >",
    // manuals of log readers
    "%t [%p]: ",
    "%t [%p]: [%l-1] ",
    "%t [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%m [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: [%l-1] user=%u,db=%d ",
    "%m [%p]: [%l-1] db=%d,user=%u ",
    "%m [%p]: [%l-1] db=%d,user=%u,app=%a,client=%h ",
    "%m [%p] %q[user=%u,db=%d,app=%a] ",
    "%m [%p] user=%u,db=%d,app=%a,client=%h ",
    // Debian and Ubuntu
    "%m [%p] %q%u@%d ",
    "%t [%p] %q%u@%d ",
    "%t [%p-%l] %q%u@%d ",
    "%m %p %u@%d ",
    "%m [%p] %u@%d ",
    // services
    "%t:%r:%u@%d:[%p]:",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
    "%t-%c-",
    "pid=%p,user=%u,db=%d,app=%a,client=%h ",
    "%h %m [%p] %q%u@%d ",
    // fits what others fit, too
    "%m [%p] %q%a ",
];
