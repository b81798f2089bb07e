//! The options of commands that fetch, made from the table of configuration keys.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::config::{ConfigKey, KEYS, Overrides};

/// The help heading of these options.
const HEADING: &str = "Request options";
/// Keys whose flags belong to the options of all commands, or of all that take domains.
const ELSEWHERE: [&str; 2] = ["database", "domains"];

/// How requests are made: each option overrides its configuration key.
#[derive(Debug, Clone, Default)]
pub struct FetchArgs(Vec<(&'static str, String)>);

impl FetchArgs {
    /// Adds these options to `overrides`.
    pub fn add_to(&self, overrides: &mut Overrides) {
        for (key, value) in &self.0 {
            overrides.set(key, [value]);
        }
    }
}

impl Args for FetchArgs {
    fn augment_args(command: Command) -> Command {
        command.args(keys().filter_map(option))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FetchArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |key: &ConfigKey| Some((key.name, matches.get_one::<String>(key.name)?.clone()));
        Ok(Self(keys().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn keys() -> impl Iterator<Item = &'static ConfigKey> {
    let keys = KEYS.iter().filter(|key| key.flag.is_some());
    keys.filter(|key| !ELSEWHERE.contains(&key.name))
}

fn option(key: &'static ConfigKey) -> Option<Arg> {
    let (flag, value) = key.flag?;
    let variable = key
        .variable
        .map(|name| format!(" [env: {name}]"))
        .unwrap_or_default();
    let default = key.default.join(", ");
    Some(
        Arg::new(key.name)
            .long(flag.trim_start_matches('-'))
            .value_name(value)
            .help(format!("{}{variable} [default: {default}]", key.help))
            .help_heading(HEADING),
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::{Config, Environment, FileConfig};

    #[derive(Debug, Parser)]
    struct Probe {
        #[command(flatten)]
        fetch: FetchArgs,
    }

    #[test]
    fn every_option_overrides_the_key_of_its_row() {
        let given = "probe --window 1h --domains-per-request 2 --concurrency 3 --rate 0.5 --timeout 5s --endpoint https://x.y/";
        let mut overrides = Overrides::default();
        let probe = Probe::try_parse_from(given.split(' ')).unwrap();
        probe.fetch.add_to(&mut overrides);
        let config = Config::resolve(&overrides, &Environment::default(), FileConfig::default(), 0).unwrap();
        for key in keys() {
            let (flag, _) = key.flag.unwrap();
            let setting = config.setting(key.name).unwrap();
            assert_eq!(setting.source.to_string(), flag);
            assert!(given.contains(&format!("{flag} {setting}")), "{flag} {setting}");
        }
        assert_eq!(config.fetch.window, 3_600);
    }
}
