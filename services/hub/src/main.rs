//! The hub's binary.
fn main() {}
