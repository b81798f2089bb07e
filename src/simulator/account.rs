//! The domains of the simulated account. Tests add and remove some while the simulator runs.

use super::settings::Settings;

/// The account's domains, in the order in which the API lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The domains, each once.
    pub domains: Vec<OwnDomain>,
    /// How many domains one request for statistics may list. `None`: as many as the account has.
    pub(super) max_domains: Option<usize>,
}

/// A domain of the simulated account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnDomain {
    /// The name, as the owner typed it.
    pub name: String,
    /// Whether it is served. It has traffic in any case.
    pub status: OwnStatus,
    /// What it serves.
    pub kind: OwnKind,
}

/// The status of a domain. The numbers are documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnStatus {
    /// 0
    Stopped,
    /// 1
    Running,
    /// 4
    Configuring,
    /// 5
    Auditing,
    /// 6
    Rejected,
    /// 7
    Blocked,
}

/// What a domain serves. The first four are documented as values of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnKind {
    /// Small files.
    Web,
    /// Large files.
    Download,
    /// Video on demand.
    Vod,
    /// Dynamic content.
    Dynamic,
    /// Live streams. The API does not list such a domain (documented), and serves its statistics (assumed).
    Live,
}

/// How the listing writes a status and a kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wording {
    /// In Chinese, as the examples of the newer pages.
    #[default]
    Chinese,
    /// In English, as the examples of the English pages.
    English,
    /// As the numbers and words of the filters.
    Filters,
}

impl OwnDomain {
    /// Returns a domain that is served.
    #[must_use]
    pub fn running(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            status: OwnStatus::Running,
            kind: OwnKind::Web,
        }
    }

    /// Returns the same domain with another status.
    #[must_use]
    pub fn with_status(self, status: OwnStatus) -> Self {
        Self { status, ..self }
    }

    /// Returns the same domain with other content.
    #[must_use]
    pub fn with_kind(self, kind: OwnKind) -> Self {
        Self { kind, ..self }
    }
}

impl Account {
    pub(super) fn new(settings: &Settings) -> Self {
        let domains = settings.domains.iter().map(|name| OwnDomain::running(name));
        Self {
            domains: domains.collect(),
            max_domains: settings.max_domains,
        }
    }

    /// Adds a domain at the end.
    pub fn add(&mut self, domain: OwnDomain) {
        self.domains.push(domain);
    }

    /// Removes a domain. Its statistics are refused from now on.
    pub fn remove(&mut self, name: &str) {
        self.domains.retain(|domain| domain.name != name);
    }

    /// Returns the domain of this name, to change it.
    pub fn domain(&mut self, name: &str) -> Option<&mut OwnDomain> {
        self.domains.iter_mut().find(|domain| domain.name == name)
    }

    pub(super) fn max_domains(&self) -> usize {
        self.max_domains.unwrap_or(self.domains.len())
    }
}

impl OwnStatus {
    /// Returns the words in this wording. The Chinese and the English ones are documented.
    pub(super) fn word(self, wording: Wording) -> &'static str {
        let (chinese, english, number) = match self {
            Self::Stopped => ("停止", "Stopped", "0"),
            Self::Running => ("运行", "Running", "1"),
            Self::Configuring => ("配置中", "Configuring", "4"),
            Self::Auditing => ("审核中", "Auditing", "5"),
            Self::Rejected => ("驳回", "Disapproved", "6"),
            Self::Blocked => ("封禁", "Blocked", "7"),
        };
        match wording {
            Wording::Chinese => chinese,
            Wording::English => english,
            Wording::Filters => number,
        }
    }
}

impl OwnKind {
    pub(super) fn word(self, wording: Wording) -> &'static str {
        let (chinese, english, filter) = match self {
            Self::Web => ("图片小文件", "Image Small File", "web"),
            Self::Download => ("大文件下载", "Large File Download", "download"),
            Self::Vod => ("视频文件", "Video File", "vod"),
            Self::Dynamic => ("动态加速", "Dynamic Acceleration", "dynamic"),
            Self::Live => ("视频云直播", "Live Streaming", "live"),
        };
        match wording {
            Wording::Chinese => chinese,
            Wording::English => english,
            Wording::Filters => filter,
        }
    }
}
