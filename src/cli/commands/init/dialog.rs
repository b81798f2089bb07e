//! What a person is asked for, and how the answers are read.

use std::path::Path;

use secrecy::ExposeSecret as _;

use super::files::Target;
use super::key::{self, ChosenKey};
use super::terminal::Terminal;
use crate::api::Listing;
use crate::cli::CliError;
use crate::cli::view::text::counted;
use crate::model::convert::to_u64;
use crate::model::discovery::is_among;
use crate::model::{AccountDomain, Domain};

/// The most domains that are shown.
pub const MAX_SHOWN: usize = 200;

/// The most entries without a readable name that are shown.
const MAX_UNREADABLE: usize = 10;

/// Where the secret key comes from. People try the one that they have.
pub const KEY_ORIGIN: &str =
    "The vendor issues the secret key of this API by ticket.\nThe secret of an AccessKey does not work.";

/// Asks for the secret key until it can be one.
pub fn key(terminal: &mut Terminal<'_>, target: &Target) -> Result<ChosenKey, CliError> {
    terminal.say(KEY_ORIGIN)?;
    loop {
        let typed = terminal.ask_unseen("Secret key (not shown; empty to give a file or a command):")?;
        let chosen = if typed.expose_secret().trim().is_empty() {
            from_elsewhere(terminal, target)
        } else {
            ChosenKey::typed(&typed)
        };
        match chosen {
            Ok(chosen) => return Ok(chosen),
            Err(error) => terminal.say_error(&error)?,
        }
    }
}

fn from_elsewhere(terminal: &mut Terminal<'_>, target: &Target) -> Result<ChosenKey, CliError> {
    let file = terminal.ask("File that holds the key (empty to give a command):")?;
    if !file.is_empty() {
        return ChosenKey::from_file(Path::new(&file), "the file", target);
    }
    let command = terminal.ask("Command that prints the key, such as `pass jdcdn`:")?;
    ChosenKey::from_command(key::words(&[command.into()])?, "the command")
}

/// Asks which of the listed domains are wanted.
pub fn choose_domains(terminal: &mut Terminal<'_>, listing: &Listing) -> Result<Vec<Domain>, CliError> {
    let count = to_u64(listing.domains.len());
    terminal.say(&format!("\nThe account has {}:", counted(count, "domain")))?;
    let shown = listing.domains.iter().take(MAX_SHOWN);
    let width = shown
        .clone()
        .map(|domain| domain.name.as_str().len())
        .max()
        .unwrap_or(0);
    for (number, domain) in (1..).zip(shown) {
        terminal.say(&format!("{number:>5}  {:width$}  {}", domain.name, domain.status))?;
    }
    if listing.domains.len() > MAX_SHOWN {
        terminal.say(&format!("       and {} more", listing.domains.len() - MAX_SHOWN))?;
    }
    for line in unreadable(listing) {
        terminal.say(&line)?;
    }
    if let Some(flaw) = &listing.flaw {
        terminal.say(&format!("The list may be incomplete: {flaw}."))?;
    }
    loop {
        let answer = terminal.ask(
            "Which ones? Numbers such as `1,3-5`, or names; empty for all that are running or\nstopped:",
        )?;
        match selected(&answer, &listing.domains) {
            Ok(domains) => return Ok(domains),
            Err(problem) => terminal.say(&problem)?,
        }
    }
}

/// Returns lines about the entries of the list that name no domain. Those of the account's domains that are among them
/// have to be named by hand.
#[must_use]
pub fn unreadable(listing: &Listing) -> Vec<String> {
    let entries = &listing.unreadable;
    let shown = entries.iter().take(MAX_UNREADABLE);
    let mut lines: Vec<_> = shown
        .map(|entry| format!("  left out, because its name cannot be read: {entry}"))
        .collect();
    if entries.len() > MAX_UNREADABLE {
        lines.push(format!(
            "  and {} more of this kind",
            entries.len() - MAX_UNREADABLE
        ));
    }
    lines
}

/// Asks for the names of domains.
pub fn type_domains(terminal: &mut Terminal<'_>) -> Result<Vec<Domain>, CliError> {
    loop {
        let answer = terminal.ask("Domains, such as `www.a.com img.a.com`:")?;
        match selected(&answer, &[]) {
            Ok(domains) => return Ok(domains),
            Err(problem) => terminal.say(&problem)?,
        }
    }
}

/// Returns the domains of the account that can have figures, each once: `*.a.com` and `.a.com` are the same traffic.
#[must_use]
pub fn with_figures(listed: &[AccountDomain]) -> Vec<Domain> {
    let mut domains = Vec::new();
    for domain in listed.iter().filter(|domain| domain.status.may_have_figures()) {
        if !is_among(&domains, &domain.name) {
            domains.push(domain.name.clone());
        }
    }
    domains
}

/// Returns the domains that an answer names, each once: by their number in `listed`, as a range of numbers, or by name.
/// An empty answer is all of `listed` that can have figures.
pub fn selected(answer: &str, listed: &[AccountDomain]) -> Result<Vec<Domain>, String> {
    let words = answer.split(|char: char| char == ',' || char.is_whitespace());
    let mut domains: Vec<Domain> = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        let found = match numbers(word) {
            Some((first, last)) if !listed.is_empty() => {
                let range = first.checked_sub(1).filter(|before| *before < last);
                let range = range.and_then(|before| listed.get(before..last));
                let range =
                    range.ok_or_else(|| format!("`{word}` is not a number from 1 to {}", listed.len()))?;
                range.iter().map(|domain| domain.name.clone()).collect()
            }
            _ => vec![
                word.parse()
                    .map_err(|error: crate::model::domain::DomainError| error.to_string())?,
            ],
        };
        for domain in found {
            if !is_among(&domains, &domain) {
                domains.push(domain);
            }
        }
    }
    if domains.is_empty() {
        domains = with_figures(listed);
    }
    if domains.is_empty() {
        return Err("name at least one domain".to_owned());
    }
    Ok(domains)
}

/// Reads `3` or `3-5`, in order.
fn numbers(word: &str) -> Option<(usize, usize)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(first) || !is_number(last) {
        return None;
    }
    // A number that is too large is no number of the list.
    Some((first.parse().unwrap_or(0), last.parse().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DomainStatus;

    fn listed() -> Vec<AccountDomain> {
        let domain = |name: &str, status| AccountDomain {
            name: name.parse().unwrap(),
            status,
            cname: None,
            kind: None,
            region: None,
        };
        vec![
            domain("a.com", DomainStatus::Running),
            domain("b.com", DomainStatus::Auditing),
            domain("c.com", DomainStatus::Stopped),
        ]
    }

    fn names(answer: &str) -> Result<String, String> {
        let domains = selected(answer, &listed())?;
        Ok(domains.iter().map(Domain::as_str).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn domains_are_chosen_by_number_range_name_or_all_at_once() {
        for (answer, chosen) in [
            ("", "a.com c.com"),
            (" ", "a.com c.com"),
            ("2", "b.com"),
            ("3, 1", "c.com a.com"),
            ("1-3", "a.com b.com c.com"),
            ("1-1,1 a.com", "a.com"),
            ("live.d.com,2", "live.d.com b.com"),
        ] {
            assert_eq!(names(answer).as_deref(), Ok(chosen), "{answer}");
        }
    }

    #[test]
    fn the_two_forms_of_a_wildcard_are_chosen_once() {
        let both = ["*.a.com", ".a.com"].map(|name| AccountDomain {
            name: name.parse().unwrap(),
            status: DomainStatus::Running,
            cname: None,
            kind: None,
            region: None,
        });
        for answer in ["", "1-2", "2,*.a.com"] {
            assert_eq!(selected(answer, &both).unwrap().len(), 1, "{answer}");
        }
    }

    #[test]
    fn what_names_no_domain_is_refused_with_a_sentence() {
        for wrong in [
            "0",
            "4",
            "2-4",
            "3-2",
            "99999999999999999999999",
            "-1",
            "1-",
            "a",
            "https://a.com/",
        ] {
            assert!(!names(wrong).unwrap_err().is_empty(), "{wrong}");
        }
        assert!(selected("", &[]).is_err());
        assert!(selected("1", &[]).is_err());
    }
}
