//! What the script for fish lacks as `clap_complete` writes it.

use std::fmt::Write as _;

use clap::{Arg, Command};

/// Reads the words before the one to complete. It fails after an option that waits for its value.
const READS_WORDS: &str = " -- $cmd 2>/dev/null\n";
const READS_WORDS_BEFORE_OPTION: &str =
    " -- $cmd 2>/dev/null\n    or argparse -s (OPTIONS) -- $cmd[1..-2] 2>/dev/null\n";

/// Returns the script with three repairs. `command` is built.
///
/// - The value of an option before the command is completed.
/// - The commands after `help` are completed. `help` is one of them, so the script took it for the command.
/// - The values of arguments that are no options are completed, such as the shells of `completions`.
pub(super) fn repaired(script: &str, command: &Command) -> String {
    let name = command.get_name();
    let prefix = format!("__fish_{}", name.replace('-', "_"));
    let reads_words = READS_WORDS_BEFORE_OPTION.replace("OPTIONS", &format!("{prefix}_global_optspecs"));
    let after_help = format!("\"{prefix}_using_subcommand help; and not ");
    let mut repaired = String::new();
    for line in script.replace(READS_WORDS, &reads_words).lines() {
        let line = if line.contains(&after_help) {
            line.replacen(" help\" ", "\" ", 1)
        } else {
            line.to_owned()
        };
        repaired.push_str(&line);
        repaired.push('\n');
    }
    for subcommand in command.get_subcommands() {
        let values = subcommand.get_positionals().flat_map(Arg::get_possible_values);
        let values: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
        if !values.is_empty() {
            let (subcommand, values) = (subcommand.get_name(), values.join(" "));
            // Writing to a string does not fail.
            let _ = writeln!(
                repaired,
                "complete -c {name} -n \"{prefix}_using_subcommand {subcommand}\" -f -a \"{values}\""
            );
        }
    }
    repaired
}
