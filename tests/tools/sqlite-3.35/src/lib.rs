//! Nothing: only the source of the dependency is wanted.
