//! `man`: the manual pages.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, ValueHint};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::view::text;
use crate::cli::{CliError, Context, ExitStatus};

/// The table of exit codes, which the first page repeats.
const EXIT_CODES: &str = include_str!("../../../docs/exit-codes.md");
/// The files of the program, and what they are.
const FILES: [(&str, &str); 4] = [
    (
        "./jdcdn-stats.toml",
        "the configuration, unless --config or JDCDN_CONFIG names another file",
    ),
    (
        "./jdcdn-stats.db",
        "the database, unless --db, JDCDN_DB or the configuration names another file",
    ),
    (
        "/etc/jdcdn-stats/jdcdn-stats.toml",
        "the configuration that the installed systemd units use",
    ),
    (
        "/etc/jdcdn-stats/secret.key",
        "the secret key that these units use",
    ),
];

/// Write the manual pages of the program and of every command
#[derive(Debug, Args)]
#[command(after_long_help = "Example:\n  jdcdn-stats man man1")]
pub struct ManArgs {
    /// Directory for the pages; it is created if it does not exist
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    directory: PathBuf,
}

impl ManArgs {
    /// Writes the pages of `command` and of its subcommands, and prints how many there are.
    pub fn run(&self, command: Command, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let pages = pages(command)?;
        let failed =
            |path: &Path, cause| CliError::failed(format!("cannot write `{}`: {cause}", text::path(path)));
        fs::create_dir_all(&self.directory).map_err(|cause| failed(&self.directory, cause))?;
        for (name, page) in &pages {
            let path = self.directory.join(name);
            fs::write(&path, page).map_err(|cause| failed(&path, cause))?;
        }
        writeln!(
            context.streams.stdout,
            "wrote {} manual pages to {}",
            pages.len(),
            text::path(&self.directory)
        )?;
        Ok(ExitStatus::SUCCESS)
    }
}

/// Returns the name and the text of each page, the program's own first.
fn pages(command: Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    let mut waiting = vec![&command];
    while let Some(next) = waiting.pop() {
        let man = Man::new(next.clone());
        pages.push((man.get_filename(), page(&man, next, command.get_name())?));
        waiting.extend(next.get_subcommands().filter(|sub| !sub.is_hide_set()));
    }
    Ok(pages)
}

fn page(man: &Man, command: &Command, program: &str) -> io::Result<Vec<u8>> {
    let name = command.get_display_name().unwrap_or(program).to_uppercase();
    let version = env!("CARGO_PKG_VERSION");
    // Without a date: the same program writes the same bytes.
    let mut page = format!(".TH \"{name}\" 1 \"\" \"{program} {version}\" \"User Commands\"\n").into_bytes();
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut rest = Roff::new();
    examples(&mut rest, command);
    if command.get_name() == program {
        exit_status(&mut rest);
        files(&mut rest);
    } else {
        rest.control("SH", ["SEE ALSO"]);
        rest.text([bold(program), roman("(1)")]);
    }
    rest.to_writer(&mut page)?;
    Ok(page)
}

/// The examples of the help, each line as it is typed.
fn examples(page: &mut Roff, command: &Command) {
    let Some(help) = command.get_after_long_help() else {
        return;
    };
    page.control("SH", ["EXAMPLES"]);
    page.control("nf", []);
    for line in help.to_string().lines().skip(1) {
        page.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
    }
    page.control("fi", []);
}

fn exit_status(page: &mut Roff) {
    page.control("SH", ["EXIT STATUS"]);
    for line in EXIT_CODES.lines() {
        let mut cells = line.trim_matches('|').splitn(2, '|').map(str::trim);
        if let (Some(code), Some(meaning)) = (cells.next(), cells.next())
            && code.parse::<u8>().is_ok()
        {
            page.control("TP", []);
            page.text([bold(code)]);
            page.text([roman(meaning.replace('`', ""))]);
        }
    }
}

fn files(page: &mut Roff) {
    page.control("SH", ["FILES"]);
    for (path, meaning) in FILES {
        page.control("TP", []);
        page.text([bold(path)]);
        page.text([roman(meaning)]);
    }
}
