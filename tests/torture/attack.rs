//! What an attack is.

/// One attack while it runs.
#[derive(Debug)]
pub(crate) struct Case {
    /// Follows from the campaign's seed, the group and the id of the attack.
    pub(crate) rng: fastrand::Rng,
    /// What it is doing, for the message of a violation.
    pub(crate) step: String,
}

impl Case {
    /// Notes what is done next.
    pub(crate) fn step(&mut self, what: impl Into<String>) {
        self.step = what.into();
    }
}

/// The end of an attack that found no violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The program withstood it.
    Withstood,
    /// The attack was not possible, and why. It does not count as tried.
    Skipped(String),
}

/// An error or a panic is a violation. An assertion of the pipeline's tests may panic.
pub(crate) type CaseResult = Result<Attempt, String>;

/// An attack of a list.
pub(crate) struct Attack {
    pub(crate) id: String,
    pub(crate) run: Box<dyn Fn(&mut Case) -> CaseResult + Send + Sync>,
}

impl Attack {
    pub(crate) fn new(
        id: impl Into<String>,
        run: impl Fn(&mut Case) -> CaseResult + Send + Sync + 'static,
    ) -> Self {
        Self {
            id: id.into(),
            run: Box::new(run),
        }
    }
}

/// Which attacks a group can make.
pub(crate) enum Kind {
    /// All that there are.
    Listed(Vec<Attack>),
    /// One for every number, as long as there is time.
    Endless(Box<dyn Fn(&mut Case) -> CaseResult + Send + Sync>),
}

/// The attacks of a group.
pub(crate) struct Attacks {
    pub(crate) kind: Kind,
    /// So many make the campaign worth its name.
    pub(crate) wanted: usize,
    /// What cannot be attacked here, and why.
    pub(crate) missing: Vec<String>,
}

impl Attacks {
    /// All of a list are wanted.
    pub(crate) fn all(attacks: Vec<Attack>) -> Self {
        Self {
            wanted: attacks.len(),
            kind: Kind::Listed(attacks),
            missing: Vec::new(),
        }
    }

    pub(crate) fn endless(
        wanted: usize,
        run: impl Fn(&mut Case) -> CaseResult + Send + Sync + 'static,
    ) -> Self {
        Self {
            wanted,
            kind: Kind::Endless(Box::new(run)),
            missing: Vec::new(),
        }
    }

    /// Only so many of a list are wanted.
    pub(crate) fn wanted(self, wanted: usize) -> Self {
        Self {
            wanted: wanted.min(self.wanted),
            ..self
        }
    }

    /// These cannot be attacked here.
    pub(crate) fn without(self, missing: Vec<String>) -> Self {
        Self { missing, ..self }
    }
}

/// Attacks of one kind.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) share: u32,
    /// Sets the stage; an error is the reason why the group is skipped.
    pub(crate) prepare: fn() -> Result<Attacks, String>,
}
