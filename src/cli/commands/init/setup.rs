//! The values so far, and how the rest of them is found.

use super::dialog;
use super::files::Target;
use super::given::{self, Given};
use super::key::{ChosenKey, KeyPlace};
use super::terminal::Terminal;
use super::trial::{self, Refusal};
use crate::api::Listing;
use crate::cli::view::text;
use crate::cli::{CliError, Context};
use crate::config::ValueSource;
use crate::model::discovery::is_among;
use crate::model::{Credentials, Domain};

/// How often a person may give the user name and the key.
const TRIES: u32 = 3;
/// What the trial showed.
#[derive(Debug)]
pub enum Trial {
    /// It was skipped.
    Skipped,
    /// The API answered a request for these domains with this number of points.
    Points(u64),
    /// The API listed the account's domains.
    Listed(Listing),
}

/// What the options ask for.
#[derive(Debug, Clone, Copy)]
pub struct Wishes {
    /// Ask nothing.
    pub yes: bool,
    /// Take all domains of the account.
    pub all_domains: bool,
    /// Make no request.
    pub no_check: bool,
}

/// What a person has typed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Typed {
    username: bool,
    key: bool,
    domains: bool,
}

/// The values so far, and how the rest of them is found.
#[derive(Debug)]
pub struct Setup {
    /// Where the files go.
    pub target: Target,
    /// The values.
    pub given: Given,
    /// The key.
    pub key: Option<ChosenKey>,
    /// Whether a person can be asked.
    pub asks: bool,
    /// What the options ask for.
    pub wishes: Wishes,
    /// What was typed, so that it may be typed again.
    pub typed: Typed,
    /// Whether the API has refused to list the domains.
    pub is_listless: bool,
}

impl Setup {
    /// Refuses to go on where something is missing and nobody can be asked.
    pub fn refuse_missing(&self) -> Result<(), CliError> {
        if self.asks {
            return Ok(());
        }
        let mut missing = Vec::new();
        if self.given.get("username").is_none() {
            missing.push("no user name is given: add `--username NAME`, or set JDCDN_USERNAME");
        }
        if self.key.is_none() {
            missing.push(
                "no secret key is given: add `--key-file FILE` or `--key-command PROGRAM`, or set JDCDN_SECRET_KEY \
                 or JDCDN_SECRET_KEY_FILE",
            );
        }
        if self.given.get("domains").is_none() && !self.wishes.all_domains {
            missing.push("no domain is given: add `-d www.a.com`, or `--all-domains`");
        }
        if missing.is_empty() {
            return Ok(());
        }
        let error = CliError::usage(missing.join("\n       "));
        Err(error.with_help((!self.wishes.yes).then_some(
            "without a terminal nothing can be asked; run `jdcdn-stats init` in a terminal, or give everything by options",
        )))
    }

    /// Refuses a key file that exists, if a new one is written.
    pub fn check_key_file(&self) -> Result<(), CliError> {
        match &self.key {
            Some(key) if key.place == KeyPlace::NewFile => self.target.check(true),
            _ => Ok(()),
        }
    }

    /// Finds the user name, the key and the domains, and tries them.
    pub fn try_account(&mut self, context: &mut Context<'_, '_>) -> Result<Trial, CliError> {
        if self.asks {
            self.greet(context)?;
        }
        let mut tries = 0;
        loop {
            tries += 1;
            self.ask_account(context)?;
            let refusal = match self.try_once(context)? {
                Ok(trial) => return Ok(trial),
                Err(refusal) => refusal,
            };
            let can_mend = refusal.is_of_credentials() && (self.typed.username || self.typed.key)
                || refusal.is_of_domains() && self.typed.domains;
            let Some(mut terminal) = self.terminal(context).filter(|_| can_mend && tries < TRIES) else {
                return Err(refusal.error());
            };
            terminal.say_error(&refusal.error())?;
            if refusal.is_of_domains() {
                self.given.unset("domains");
            } else {
                if self.typed.username {
                    self.given.unset("username");
                }
                if self.typed.key {
                    self.key = None;
                }
            }
        }
    }

    fn greet(&self, context: &mut Context<'_, '_>) -> Result<(), CliError> {
        let Some(mut terminal) = Terminal::of(context) else {
            return Ok(());
        };
        terminal.say(&format!(
            "This writes `{}` and a key file in the same directory.\n\
             Nothing is written before the API has accepted the key. Ctrl-C ends it.\n",
            text::path(&self.target.config)
        ))
    }

    /// Asks for the user name and the key, if they are missing.
    fn ask_account(&mut self, context: &mut Context<'_, '_>) -> Result<(), CliError> {
        let (environment, now) = (context.environment, context.now());
        if let Some(mut terminal) = self.terminal(context) {
            while self.given.get("username").is_none() {
                let answer = terminal.ask("User name (pin) of the JD account:")?;
                let mut given = self.given.clone();
                given.set("username", [answer], ValueSource::Flag("user name"));
                match given.config(environment, now) {
                    Ok(_) => {
                        self.given = given;
                        self.typed.username = true;
                    }
                    Err(error) => terminal.say_error(&error)?,
                }
            }
            if self.key.is_none() {
                self.key = Some(dialog::key(&mut terminal, &self.target)?);
                self.typed.key = true;
            }
        }
        let credentials = self.credentials()?;
        context.redactor.add_account(&credentials, &context.clock);
        self.check_key_file()
    }

    /// Sends the trial request, and finds the domains if they are missing.
    fn try_once(&mut self, context: &mut Context<'_, '_>) -> Result<Result<Trial, Refusal>, CliError> {
        if self.wishes.no_check {
            self.ask_domains(context)?;
            return Ok(Ok(Trial::Skipped));
        }
        let wants_list = self.wishes.all_domains || self.given.get("domains").is_none();
        if wants_list && !self.is_listless {
            let config = self.given.config(context.environment, context.now())?;
            match trial::list(&config, self.credentials()?, &context.clock)? {
                Ok(listing) => {
                    if self.take_listed(&listing, context)? {
                        return Ok(Ok(Trial::Listed(listing)));
                    }
                }
                Err(refusal) if !refusal.is_of_call() => return Ok(Err(refusal)),
                Err(refusal) => self.without_list(&refusal.reason(), context)?,
            }
        }
        self.ask_domains(context)?;
        let config = self.given.config(context.environment, context.now())?;
        let domains = config.require_domains()?;
        let asked = trial::ask(&config, domains, self.credentials()?, &context.clock)?;
        Ok(asked.map(Trial::Points))
    }

    /// Takes the domains of the account that are wanted. Returns false if there is none.
    ///
    /// "All" of an inconsistent list may lack some: a person is asked, and without one it is an error.
    fn take_listed(&mut self, listing: &Listing, context: &mut Context<'_, '_>) -> Result<bool, CliError> {
        if let Some(flaw) = listing.flaw.filter(|_| !self.asks) {
            let error = format!(
                "nothing was written, because the list of the account's domains is inconsistent: {flaw}"
            );
            return Err(CliError::failed(error).with_help(Some(
                "run it again later, or name the domains with `-d www.a.com` instead of `--all-domains`",
            )));
        }
        if listing.domains.is_empty() {
            self.without_list("it lists no domain", context)?;
            return Ok(false);
        }
        let source = ValueSource::Flag("--all-domains");
        let mut domains = match self.terminal(context) {
            Some(mut terminal) if !self.wishes.all_domains || listing.flaw.is_some() => {
                dialog::choose_domains(&mut terminal, listing)?
            }
            _ => dialog::with_figures(&listing.domains),
        };
        // Those that are named, too: the API does not list every kind of domain.
        let config = self.given.config(context.environment, context.now())?;
        let named = config.selected_domains.into_iter();
        let named: Vec<Domain> = named.filter(|domain| !is_among(&domains, domain)).collect();
        domains.extend(named);
        if domains.is_empty() {
            self.without_list("it lists no domain that is running or stopped", context)?;
            return Ok(false);
        }
        self.given
            .set("domains", domains.iter().map(Domain::as_str), source);
        Ok(true)
    }

    /// Goes on without a list of domains, with those that were named or will be typed.
    fn without_list(&mut self, reason: &str, context: &mut Context<'_, '_>) -> Result<(), CliError> {
        self.is_listless = true;
        let line = format!("The API does not list the domains of this account: {reason}.");
        if let Some(mut terminal) = self.terminal(context) {
            return terminal.say(&line);
        }
        if self.given.get("domains").is_none() {
            return Err(CliError::usage(format!(
                "nothing was written, because the API does not list the domains of this account: {reason}; name them with \
                 `-d www.a.com`"
            )));
        }
        tracing::warn!("{line} Only those of `-d` are written");
        Ok(())
    }

    fn ask_domains(&mut self, context: &mut Context<'_, '_>) -> Result<(), CliError> {
        if self.given.get("domains").is_none()
            && let Some(mut terminal) = self.terminal(context)
        {
            let domains = dialog::type_domains(&mut terminal)?;
            let names = domains.iter().map(Domain::as_str);
            self.given.set("domains", names, ValueSource::Flag("domains"));
            self.typed.domains = true;
        }
        Ok(())
    }

    /// Finds the values that have a default.
    pub fn complete(&mut self, trial: &Trial, context: &mut Context<'_, '_>) -> Result<(), CliError> {
        if matches!(trial, Trial::Listed(_)) {
            self.ask_discover(context)?;
        }
        let now = context.now();
        let mut start = given::default_start(now);
        if self.given.get("start").is_some() {
            return Ok(());
        }
        if let Some(mut terminal) = self.terminal(context) {
            loop {
                let answer = terminal.ask(&format!("Start of the history [{start}]:"))?;
                if answer.is_empty() {
                    break;
                }
                match given::start("start", &answer, now) {
                    Ok(given) => {
                        start = given;
                        break;
                    }
                    Err(error) => terminal.say_error(&error)?,
                }
            }
        }
        self.given.set("start", [start], ValueSource::Flag("--start"));
        Ok(())
    }

    /// Asks what happens when the account gets a domain. Only where the API lists domains.
    fn ask_discover(&mut self, context: &mut Context<'_, '_>) -> Result<(), CliError> {
        let (environment, now) = (context.environment, context.now());
        let Some(mut terminal) = self.terminal(context) else {
            return Ok(());
        };
        while self.given.get("discover").is_none() {
            let answer = terminal
                .ask("New domains: `off`, `warn` (name them) or `follow` (fetch them, too) [off]:")?;
            if answer.is_empty() {
                break;
            }
            let mut given = self.given.clone();
            given.set("discover", [answer], ValueSource::Flag("new domains"));
            match given.config(environment, now) {
                Ok(_) => self.given = given,
                Err(error) => terminal.say_error(&error)?,
            }
        }
        Ok(())
    }

    fn credentials(&self) -> Result<Credentials, CliError> {
        let username = self.given.get("username").and_then(|name| name.words.first());
        let username = username.and_then(|name| name.to_str()).unwrap_or_default();
        let key = self
            .key
            .as_ref()
            .ok_or_else(|| CliError::usage("no secret key is given"))?;
        Ok(Credentials::new(username.to_owned(), key.secret.clone()))
    }

    /// Returns the terminal, if a person may be asked.
    fn terminal<'t, 's: 't>(&self, context: &'t mut Context<'_, 's>) -> Option<Terminal<'t>> {
        if self.asks { Terminal::of(context) } else { None }
    }
}
