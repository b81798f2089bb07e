//! What the environment asks for.

use crate::attack::Group;

/// How the campaign is run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Decides everything random.
    pub(crate) seed: u64,
    /// The bound of the whole campaign.
    pub(crate) minutes: u64,
    /// Only this group.
    pub(crate) group: Option<String>,
    /// Only this attack of it.
    pub(crate) case: Option<String>,
    /// How many attacks run at a time.
    pub(crate) jobs: usize,
}

impl Options {
    /// Reads `MINUTES`, `SEED`, `GROUP`, `CASE` and `JOBS`.
    pub(crate) fn read(groups: &[Group]) -> Result<Self, String> {
        let group = text("GROUP");
        if let Some(name) = group
            .as_deref()
            .filter(|name| groups.iter().all(|group| group.name != *name))
        {
            let names: Vec<&str> = groups.iter().map(|group| group.name).collect();
            return Err(format!(
                "there is no group `{name}`; use one of {}",
                names.join(", ")
            ));
        }
        let case = text("CASE");
        if case.is_some() && group.is_none() {
            return Err("CASE needs GROUP".to_owned());
        }
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Ok(Self {
            seed: number("SEED")?.unwrap_or_else(|| fastrand::u64(1..1_000_000_000)),
            minutes: number("MINUTES")?.unwrap_or(50),
            group,
            case,
            jobs: number("JOBS")?.map_or(cores, |jobs| usize::try_from(jobs).unwrap_or(1).max(1)),
        })
    }

    /// Whether this is the whole campaign, whose figures are worth publishing.
    pub(crate) fn is_whole(&self) -> bool {
        self.group.is_none()
    }
}

fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn number(name: &str) -> Result<Option<u64>, String> {
    let parse = |text: String| {
        text.parse()
            .map_err(|_| format!("{name}=`{text}` is not a number"))
    };
    text(name).map(parse).transpose()
}
