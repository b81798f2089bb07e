//! `completions`: a script for tab completion in a shell.

mod bash;
mod fish;
mod hints;

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
    pub fn run(&self, command: clap::Command, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        context
            .streams
            .stdout
            .write_all(script(self.shell, command).as_bytes())?;
        Ok(ExitStatus::SUCCESS)
    }
}

fn script(shell: Shell, command: clap::Command) -> String {
    let name = command.get_name().to_owned();
    let mut command = hints::with_hints(command);
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, &name, &mut script);
    let script = String::from_utf8_lossy(&script);
    match shell {
        Shell::Bash => bash::repaired(&script, &name),
        Shell::Fish => fish::repaired(&script, &command),
        _ => script.into_owned(),
    }
}
