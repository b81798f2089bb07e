//! `completions`: a script for tab completion in a shell.

use clap::Args;
use clap_complete::Shell;

use crate::cli::{CliError, Context, ExitStatus};

/// Print a script for tab completion in a shell
#[derive(Debug, Args)]
#[command(
    after_long_help = "Example:\n  jdcdn-stats completions bash > jdcdn-stats.bash && . ./jdcdn-stats.bash"
)]
pub struct CompletionsArgs {
    /// Shell
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionsArgs {
    /// Prints the script that completes `command`.
    pub fn run(
        &self,
        mut command: clap::Command,
        context: &mut Context<'_, '_>,
    ) -> Result<ExitStatus, CliError> {
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        context.streams.stdout.write_all(&script)?;
        Ok(ExitStatus::SUCCESS)
    }
}
