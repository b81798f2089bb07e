//! The call that lists the account's domains: a request checked, and its answer.

use serde_json::{Map, Value, json};

use super::account::{Account, OwnDomain, OwnKind, Wording};
use super::listing_fault::ListingFault;
use super::request::{proven, required};
use super::settings::Settings;

/// The page and its size without parameters (documented).
const DEFAULT_PAGE: usize = 1;
const DEFAULT_SIZE: usize = 10;

/// A request that passes every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListingRequest {
    page: usize,
    size: usize,
    domain: Option<String>,
    kind: Option<String>,
    status: Option<String>,
}

impl ListingRequest {
    /// Checks a request: the account, then the parameters. The error is the envelope status of the first check that
    /// fails.
    ///
    /// The statuses of the account are documented, the others are assumed.
    pub(crate) fn check(body: &[u8], settings: &Settings, now: i64) -> Result<Self, i64> {
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
            return Err(2);
        };
        let username = required(&fields, "username", 3)?;
        let signature = required(&fields, "signature", 4)?;
        proven(username, signature, settings, now)?;
        let text = |name: &str| match fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(41_i64),
        };
        let asked = number(&fields, "pageSize")?.unwrap_or(DEFAULT_SIZE);
        Ok(Self {
            page: number(&fields, "pageNumber")?.unwrap_or(DEFAULT_PAGE),
            size: settings.max_page_size.map_or(asked, |most| most.min(asked)),
            domain: text("domain")?,
            kind: text("type")?,
            status: text("status")?,
        })
    }

    fn selects(&self, domain: &OwnDomain) -> bool {
        let is = |filter: &Option<String>, word: &str| filter.as_ref().is_none_or(|filter| filter == word);
        // Documented as "fuzzy", read as "part of the name".
        let fits = self
            .domain
            .as_ref()
            .is_none_or(|part| domain.name.contains(part.as_str()));
        fits && domain.kind != OwnKind::Live
            && is(&self.kind, domain.kind.word(Wording::Filters))
            && is(&self.status, domain.status.word(Wording::Filters))
    }

    /// Returns the body of the answer.
    pub(crate) fn answer(
        &self,
        account: &Account,
        settings: &Settings,
        fault: Option<&ListingFault>,
    ) -> Vec<u8> {
        let is_hidden =
            |domain: &OwnDomain| matches!(fault, Some(ListingFault::Without(name)) if *name == domain.name);
        let selected = account.domains.iter();
        let selected: Vec<&OwnDomain> = selected
            .filter(|domain| self.selects(domain) && !is_hidden(domain))
            .collect();
        let page = match fault {
            Some(ListingFault::SamePage) => 1,
            _ => self.page,
        };
        let first = (page - 1).saturating_mul(self.size);
        let shown = selected.iter().enumerate().skip(first).take(self.size);
        let mut entries: Vec<Value> = shown
            .map(|(at, domain)| entry(domain, at, settings.wording))
            .collect();
        let mut total = json!(selected.len());
        if let Some(fault) = fault {
            fault.distort(&mut entries, &mut total, self.page, self.size);
        }
        let entries = match fault {
            Some(ListingFault::NullList) => Value::Null,
            _ => Value::Array(entries),
        };
        let answer = json!({
            "status": 0,
            "msg": "Successful",
            "data": {"total": total, "domains": entries},
        });
        answer.to_string().into_bytes()
    }
}

/// Every second name has blanks around it, as in the documented example.
fn entry(domain: &OwnDomain, at: usize, wording: Wording) -> Value {
    let name = if at % 2 == 1 {
        format!(" {} ", domain.name)
    } else {
        domain.name.clone()
    };
    json!({
        "cname": format!("{}.s.galileo.jcloud-cdn.com", domain.name),
        "domain": name,
        "status": domain.status.word(wording),
        "type": domain.kind.word(wording),
        "accelerateRegion": "mainland",
    })
}

/// Returns a number from 1. It may be written as a text (assumed).
fn number(fields: &Map<String, Value>, name: &str) -> Result<Option<usize>, i64> {
    let number = match fields.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => return Err(41),
    };
    let number = number.parse().ok().filter(|number| *number > 0);
    number.map(Some).ok_or(1)
}

#[cfg(test)]
mod tests {
    use super::super::account::OwnStatus;
    use super::*;

    /// 2016-10-23 20:00 in UTC+8, on the day of the documented signature example.
    const NOW: i64 = 1_477_224_000;

    fn account() -> Account {
        let mut account = Account::new(&Settings::default());
        account.add(OwnDomain::running("live.a.com").with_kind(OwnKind::Live));
        account.add(OwnDomain::running("vod.c.com").with_kind(OwnKind::Vod));
        account.add(OwnDomain::running("old.c.com").with_status(OwnStatus::Stopped));
        account
    }

    fn body(changes: Value) -> Vec<u8> {
        let mut fields = json!({"username": "jcloud_00", "signature": "a35685491fd80a80b40a718c3a5c5c56"});
        let Value::Object(changes) = changes else {
            unreachable!()
        };
        fields.as_object_mut().unwrap().extend(changes);
        fields.to_string().into_bytes()
    }

    fn names(changes: Value) -> (u64, Vec<String>) {
        let settings = Settings::default();
        let request = ListingRequest::check(&body(changes), &settings, NOW).unwrap();
        let answer: Value = serde_json::from_slice(&request.answer(&account(), &settings, None)).unwrap();
        let domains = answer["data"]["domains"].as_array().unwrap();
        (
            answer["data"]["total"].as_u64().unwrap(),
            domains
                .iter()
                .map(|entry| entry["domain"].as_str().unwrap().trim().to_owned())
                .collect(),
        )
    }

    #[test]
    fn pages_and_filters_select_and_live_domains_are_not_listed() {
        let all = ["www.a.com", "www.b.com", "vod.c.com", "old.c.com"];
        let (total, listed) = names(json!({}));
        assert_eq!((total, listed), (4, all.map(str::to_owned).to_vec()));
        for (changes, total, listed) in [
            (json!({"pageNumber": 2, "pageSize": 3}), 4, &all[3..]),
            (json!({"pageNumber": "1", "pageSize": "3"}), 4, &all[..3]),
            (json!({"pageNumber": 3, "pageSize": 3}), 4, &[]),
            (json!({"domain": "c.com"}), 2, &all[2..]),
            (json!({"type": "vod"}), 1, &all[2..3]),
            (json!({"status": "0"}), 1, &all[3..]),
            (json!({"status": "7"}), 0, &[]),
        ] {
            assert_eq!(
                names(changes.clone()),
                (total, listed.iter().map(|name| (*name).to_owned()).collect()),
                "{changes}"
            );
        }
    }

    #[test]
    fn the_account_is_checked_as_for_statistics() {
        let status = |changes: Value| ListingRequest::check(&body(changes), &Settings::default(), NOW).err();
        assert_eq!(status(json!({})), None);
        assert_eq!(status(json!({"username": null})), Some(3));
        assert_eq!(status(json!({"signature": ""})), Some(4));
        assert_eq!(status(json!({"username": "x"})), Some(20));
        assert_eq!(status(json!({"signature": "x"})), Some(7));
        assert_eq!(status(json!({"pageSize": []})), Some(41));
        assert_eq!(status(json!({"pageSize": 0})), Some(1));
        assert_eq!(ListingRequest::check(b"[]", &Settings::default(), NOW), Err(2));
    }
}
