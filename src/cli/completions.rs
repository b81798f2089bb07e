//! `completions`: a script that completes the command line.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::args::Cli;
use super::context::Context;
use super::error::CliError;
use super::exit::ExitStatus;

/// Print a script that completes commands and options in a shell
#[derive(Debug, Args)]
#[command(
    after_long_help = "Example:\n  jdcdn-stats completions bash > jdcdn-stats.bash && . ./jdcdn-stats.bash"
)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionsArgs {
    /// Prints the script.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let mut command = Cli::command();
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        context.streams.stdout.write_all(&script)?;
        Ok(ExitStatus::SUCCESS)
    }
}
