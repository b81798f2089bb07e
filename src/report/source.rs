//! The rollups of a domain, or those of the account.

/// Whose rollups are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'n> {
    /// A domain of this name.
    Domain(&'n str),
    /// The account: the points of all domains are summed for each slot first.
    Account,
}

impl<'n> Source<'n> {
    /// Returns the first parameter of a statement: the domain.
    pub(super) const fn name(self) -> Option<&'n str> {
        match self {
            Self::Domain(name) => Some(name),
            Self::Account => None,
        }
    }

    /// Returns `FROM` and the begin of `WHERE` for rollups such as `daily`. The first parameter is [`Self::name`].
    pub(super) fn rows(self, rollup: &str) -> String {
        match self {
            Self::Domain(_) => format!("FROM origin_{rollup} WHERE domain = ?1"),
            Self::Account => format!("FROM origin_account_{rollup} WHERE ?1 IS NULL"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_has_relations_of_its_own() {
        let domain = Source::Domain("www.a.com");
        assert_eq!(domain.rows("daily"), "FROM origin_daily WHERE domain = ?1");
        assert_eq!(domain.name(), Some("www.a.com"));
        assert_eq!(
            Source::Account.rows("daily"),
            "FROM origin_account_daily WHERE ?1 IS NULL"
        );
        assert_eq!(Source::Account.name(), None);
    }
}
