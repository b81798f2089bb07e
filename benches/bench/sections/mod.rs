//! What is measured, one file a section of the page.

mod big;
mod export;
mod growth;
mod parse;
mod peers;
mod plan;
mod program;
mod queries;
mod rollups;
mod size;
mod snapshot;
mod start;
mod tick;
mod write;

use crate::Result;
use crate::results::Section;
use crate::setup::Setup;

/// Measures the section of this name.
pub(crate) fn measure(id: &str, setup: &Setup) -> Result<Section> {
    match id {
        "parse" => parse::measure(setup),
        "write" => write::measure(setup),
        "program" => program::measure(setup),
        "tick" => tick::measure(setup),
        "plan" => plan::measure(setup),
        "rollups" => rollups::measure(setup),
        "queries" => queries::measure(setup),
        "export" => export::measure(setup),
        "snapshot" => snapshot::measure(setup),
        "start" => start::measure(setup),
        "size" => size::measure(setup),
        "growth" => growth::measure(setup),
        "peers" => peers::measure(setup),
        "big" => big::measure(setup),
        other => Err(format!("there is no section `{other}`").into()),
    }
}
