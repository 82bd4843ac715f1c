//! Changes to an ordered, guarded, reversible rollout.
