//! `domains forget`: stops following a domain.

use clap::Args;

use crate::cli::{CliError, Context, ExitStatus};
use crate::model::{Domain, DomainState};
use crate::store::{OpenError, Reader, Store};

#[derive(Debug, Args)]
pub(super) struct ForgetArgs {
    /// Domain to forget
    #[arg(value_name = "NAME")]
    name: Domain,
}

impl ForgetArgs {
    pub(super) fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config(|_| {})?;
        // A missing database is not made for this. Opening it for writing says what else is wrong with it.
        if let Err(error @ OpenError::Missing { .. }) = Reader::open(&config.database) {
            return Err(error.into());
        }
        let mut store = Store::open(&config.database, &context.holder("domains forget"))?;
        let known = store.account_domains()?;
        let found = known
            .iter()
            .find(|known| known.listed.name == self.name)
            .or_else(|| known.iter().find(|known| known.listed.name.is_same(&self.name)));
        let Some(found) = found else {
            let error = CliError::usage(format!(
                "`{}` is not followed: no listing of the account has shown it",
                self.name
            ));
            let help = if config.configures(&self.name) {
                "remove it from `domains` in the configuration"
            } else {
                "`jdcdn-stats query \"SELECT * FROM origin_domains\"` shows what the database knows"
            };
            return Err(error.with_help(Some(help)));
        };
        let name = found.listed.name.clone();
        let state = found.state;
        let mut forgotten = found.clone();
        forgotten.state = DomainState::Forgotten;
        store.forget(&forgotten, config.configures(&name))?;
        store.roll_up(|_, _| ())?;
        store.checkpoint()?;
        store.confirm(None)?;
        drop(store);
        let out = &mut context.streams.stdout;
        match state {
            DomainState::Followed => writeln!(out, "{name} is no longer followed. Its figures stay.")?,
            DomainState::Listed => writeln!(out, "{name} will not be followed.")?,
            DomainState::Forgotten => writeln!(out, "{name} was forgotten before.")?,
        }
        if config.configures(&name) {
            writeln!(
                out,
                "It is still fetched, because `domains` in the configuration names it."
            )?;
        }
        Ok(ExitStatus::SUCCESS)
    }
}
