//! What the script for bash lacks as `clap_complete` writes it.

/// The line that reads the word before the one to complete.
const READS_PREVIOUS: &str = "    prev=\"$3\"\n";
/// Bash takes `--format=csv` for three words.
const READS_PREVIOUS_OF_EQUALS: &str = "    prev=\"$3\"\n    if [[ \"${prev}\" == \"=\" ]]; then\n        prev=\"${COMP_WORDS[COMP_CWORD-2]}\"\n    fi\n";

/// Returns the script with two repairs:
///
/// - A command name with a hyphen is spelled in one way. `clap_complete` 4.6 spells it in another way where it looks for
///   the options of a command, so nothing was completed after the first word.
/// - The values of an option are completed after `=`, too.
pub(super) fn repaired(script: &str, name: &str) -> String {
    let (wrong, right) = (name.replace('-', "__subcmd__"), name.replace('-', "__"));
    script
        .replace(&wrong, &right)
        .replace(READS_PREVIOUS, READS_PREVIOUS_OF_EQUALS)
}
