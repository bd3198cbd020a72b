//! Arguments to command to exit code, nothing else.
fn main() {}
