//! The migrations are embedded by a macro that Cargo does not see through: without this a new file would not be
//! in the next build.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
