//! A domain of the account, as the API lists it.

use std::fmt;

use super::Domain;

/// A domain of the account, as the API lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountDomain {
    /// The name.
    pub name: Domain,
    /// Whether the CDN serves it.
    pub status: DomainStatus,
    /// The name that its DNS entry points to. Foreign text.
    pub cname: Option<String>,
    /// The kind of content, in the API's words, such as `web`. Foreign text.
    pub kind: Option<String>,
    /// Where it is accelerated, in the API's words, such as `mainland`. Foreign text.
    pub region: Option<String>,
}

/// The status of a domain of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DomainStatus {
    /// The owner has stopped it. Its history is still served.
    Stopped,
    /// It is served.
    Running,
    /// A change of its configuration is on its way.
    Configuring,
    /// The vendor has not accepted it yet.
    Auditing,
    /// The vendor did not accept it.
    Rejected,
    /// The vendor has blocked it.
    Blocked,
    /// A word that the vendor does not document. Foreign text.
    Other(String),
    /// The API gave none.
    Unknown,
}

/// A status, the number that a request filters by, and the words for it.
struct Documented {
    status: DomainStatus,
    number: &'static str,
    /// The first is shown. The others are words of the vendor's pages in English and Chinese, and their close forms.
    words: &'static [&'static str],
}

/// The numbers and most words are documented. Which of them an answer holds is not.
const DOCUMENTED: [Documented; 6] = [
    Documented {
        status: DomainStatus::Stopped,
        number: "0",
        words: &[
            "stopped",
            "stop",
            "suspended",
            "offline",
            "停止",
            "已停止",
            "停用",
            "已停用",
        ],
    },
    Documented {
        status: DomainStatus::Running,
        number: "1",
        words: &[
            "running",
            "enabled",
            "online",
            "运行",
            "运行中",
            "正常运行",
            "已运行",
            "启用",
            "已启用",
        ],
    },
    Documented {
        status: DomainStatus::Configuring,
        number: "4",
        words: &["configuring", "deploying", "配置中", "部署中"],
    },
    Documented {
        status: DomainStatus::Auditing,
        number: "5",
        words: &["auditing", "being audited", "under audit", "审核中", "待审核"],
    },
    Documented {
        status: DomainStatus::Rejected,
        number: "6",
        words: &[
            "rejected",
            "disapproved",
            "unapproved",
            "驳回",
            "审核驳回",
            "已驳回",
            "审核不通过",
            "审核未通过",
        ],
    },
    Documented {
        status: DomainStatus::Blocked,
        number: "7",
        words: &["blocked", "封禁", "已封禁"],
    },
];

impl DomainStatus {
    /// Reads a word or a number of the API. Case, and blanks around it, do not matter.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Unknown;
        }
        let word = text.to_lowercase();
        let known = DOCUMENTED
            .into_iter()
            .find(|row| row.number == word || row.words.contains(&word.as_str()));
        known.map_or_else(|| Self::Other(text.to_owned()), |row| row.status)
    }

    /// Returns the word that is shown and stored: `running`, or the API's own word. May be foreign text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let row = DOCUMENTED.iter().find(|row| row.status == *self);
        match (row, self) {
            (Some(row), _) => row.words.first().copied().unwrap_or_default(),
            (None, Self::Other(word)) => word,
            (None, _) => "unknown",
        }
    }

    /// Returns the documented ones.
    #[must_use]
    pub fn documented() -> [Self; 6] {
        DOCUMENTED.map(|row| row.status)
    }

    /// Whether such a domain can have figures: it is served, or it was before its owner stopped it.
    #[must_use]
    pub fn may_have_figures(&self) -> bool {
        matches!(self, Self::Running | Self::Stopped)
    }

    /// Whether the vendor has accepted such a domain. One that it has not accepted has no figures yet.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        !matches!(self, Self::Auditing | Self::Rejected)
    }
}

impl fmt::Display for DomainStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_both_languages_and_numbers_mean_the_same() {
        for (texts, status) in [
            ([" 停止", "Stopped", "0"], DomainStatus::Stopped),
            (["运行\u{3000}", "RUNNING", "1"], DomainStatus::Running),
            (["配置中", "Configuring", " 4 "], DomainStatus::Configuring),
            (["审核中", "auditing", "5"], DomainStatus::Auditing),
            (["驳回", "Disapproved", "6"], DomainStatus::Rejected),
            (["封禁", "blocked", "7"], DomainStatus::Blocked),
        ] {
            for text in texts {
                assert_eq!(DomainStatus::read(text), status, "{text}");
            }
            // What is stored is read back.
            assert_eq!(DomainStatus::read(status.as_str()), status);
        }
    }

    #[test]
    fn another_word_is_kept_and_no_word_is_unknown() {
        for word in ["配置失败", "2", "running soon"] {
            let status = DomainStatus::read(word);
            assert_eq!(status, DomainStatus::Other(word.to_owned()));
            assert!(!status.may_have_figures());
        }
        for nothing in ["", " \u{3000}"] {
            assert_eq!(DomainStatus::read(nothing), DomainStatus::Unknown);
        }
    }
}
