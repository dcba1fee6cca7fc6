//! The `kyoso` command.

fn main() {}
