//! Which arguments are names of files.

use clap::{Arg, Command, ValueHint};

/// Returns `command` with a hint for each value that has none and is not one of a list: a path is a file, and anything
/// else is no file. So no shell offers files where a domain or a time is expected.
pub(super) fn with_hints(command: Command) -> Command {
    let with_arguments = command.mut_args(|argument| {
        if !argument.get_action().takes_values() || !argument.get_possible_values().is_empty() {
            return argument;
        }
        let hint = hint(&argument);
        argument.value_hint(hint)
    });
    with_arguments.mut_subcommands(with_hints)
}

fn hint(argument: &Arg) -> ValueHint {
    match argument.get_value_hint() {
        // Bash adds the slash of a directory only for this one.
        ValueHint::AnyPath => ValueHint::FilePath,
        ValueHint::Unknown => ValueHint::Other,
        known => known,
    }
}
