//! Overture.
fn main() {}
