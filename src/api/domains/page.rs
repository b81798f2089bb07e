//! The body of an answer that lists domains.
//!
//! Documented: `{"status": 0, "msg": …, "data": {"total": 2, "domains": [{"domain": …, "cname": …, "status": …,
//! "type": …, "accelerateRegion": …}, …]}}`. Another shape of the envelope is an error and never "no domains". An entry
//! that cannot be read spoils itself alone.

use serde_json::value::RawValue;

use crate::api::envelope::encoding::{self, UNDECODED};
use crate::api::envelope::failure::FailureKind;
use crate::api::envelope::members::{not_documented, successful_data};
use crate::api::envelope::raw;
use crate::model::{AccountDomain, Domain, DomainStatus, text};

/// The most entries of a page. A request asks for a hundred.
const MAX_ENTRIES: usize = 10_000;

/// One page of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainsPage {
    /// How many domains there are on all pages, by the API. `None` if it gives no number that can be read.
    pub total: Option<u64>,
    /// The entries, in the order of the answer.
    pub entries: Vec<ListedEntry>,
}

/// One entry of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListedEntry {
    /// A domain.
    Domain(AccountDomain),
    /// An entry without a name that can be asked for: its text, safe to print.
    Unreadable(String),
}

/// Reads the body of an answer.
///
/// # Errors
/// [`FailureKind::Api`] for a status other than 0. [`FailureKind::Format`] where the body is not the documented shape.
pub fn read_page(body: &[u8]) -> Result<DomainsPage, FailureKind> {
    let text = encoding::decode_bounded(body)?;
    let data = successful_data(&text)?;
    if !raw::is_object(data) {
        return Err(not_documented("its `data` is not an object", &text));
    }
    let (mut total, mut domains) = (None, None);
    raw::members(data, |key, value| {
        let member = match raw::string(key).as_deref() {
            Ok("total") => &mut total,
            Ok("domains") => &mut domains,
            _ => return Ok(()),
        };
        match member.replace(value) {
            None => Ok(()),
            Some(_) => Err(not_documented("it names `total` or `domains` twice", &text)),
        }
    })?;
    let domains: &RawValue = domains.ok_or_else(|| not_documented("it has no `domains`", &text))?;
    // An empty list may be written as null. The total tells whether the list should be empty.
    if !raw::is_list(domains) && domains.get() != "null" {
        return Err(not_documented("its `domains` is not a list", &text));
    }
    let mut entries = Vec::new();
    raw::elements(domains, |entry| {
        if entries.len() == MAX_ENTRIES {
            return Err(not_documented("it lists more than 10000 domains at once", &text));
        }
        entries.push(read_entry(entry));
        Ok(())
    })?;
    Ok(DomainsPage {
        total: total.and_then(|total| word(total)?.parse().ok()),
        entries,
    })
}

fn read_entry(entry: &RawValue) -> ListedEntry {
    named(entry).map_or_else(
        || ListedEntry::Unreadable(text::printable(entry.get())),
        ListedEntry::Domain,
    )
}

/// Returns the domain of an entry; `None` without a name that can be asked for, or if a member is there twice.
fn named(entry: &RawValue) -> Option<AccountDomain> {
    let (mut name, mut status, mut cname, mut kind, mut region) = (None, None, None, None, None);
    let read = raw::members(entry, |key, value| {
        let member = match raw::string(key).as_deref() {
            Ok("domain") => &mut name,
            Ok("status") => &mut status,
            Ok("cname") => &mut cname,
            Ok("type") => &mut kind,
            Ok("accelerateRegion") => &mut region,
            _ => return Ok(()),
        };
        match member.replace(value) {
            None => Ok(()),
            Some(_) => Err(()),
        }
    });
    read.ok()?;
    let name = raw::string(name?).ok()?;
    let status = status.and_then(word);
    Some(AccountDomain {
        name: Domain::from_answer(&name).ok()?,
        status: status.map_or(DomainStatus::Unknown, |word| DomainStatus::read(&word)),
        cname: cname.and_then(word),
        kind: kind.and_then(word),
        region: region.and_then(word),
    })
}

/// Returns a text or a number as text, without blanks around it and safe to print. `None` for an empty text, a text in
/// another encoding, and everything else.
fn word(piece: &RawValue) -> Option<String> {
    let text = match raw::string(piece) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => piece.get().parse::<serde_json::Number>().ok()?.to_string(),
    };
    (!text.is_empty() && !text.contains(UNDECODED)).then(|| text::printable(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(data: &str) -> Result<DomainsPage, FailureKind> {
        read_page(format!(r#"{{"status":0,"msg":"成功","data":{data}}}"#).as_bytes())
    }

    fn one(entry: &str) -> ListedEntry {
        let mut page = page(&format!(r#"{{"total":1,"domains":[{entry}]}}"#)).unwrap();
        assert_eq!((page.total, page.entries.len()), (Some(1), 1));
        page.entries.remove(0)
    }

    fn domain(entry: &str) -> AccountDomain {
        match one(entry) {
            ListedEntry::Domain(domain) => domain,
            ListedEntry::Unreadable(shown) => panic!("{shown}"),
        }
    }

    #[test]
    fn an_entry_is_read_without_blanks_and_with_words_in_either_language() {
        let read = domain(
            r#"{"cname":" www.b.com.example ","domain":"\u3000 WWW.b.com. ","status":"运行 ","type":"图片小文件",
                "accelerateRegion":"mainland","new":[1]}"#,
        );
        let expected = AccountDomain {
            name: "www.b.com".parse().unwrap(),
            status: DomainStatus::Running,
            cname: Some("www.b.com.example".to_owned()),
            kind: Some("图片小文件".to_owned()),
            region: Some("mainland".to_owned()),
        };
        assert_eq!(read, expected);
        assert_eq!(
            domain(r#"{"domain":"*.a.com","status":0}"#).status,
            DomainStatus::Stopped
        );
        assert_eq!(
            domain(r#"{"domain":"a.com","status":"1"}"#).status,
            DomainStatus::Running
        );
    }

    #[test]
    fn members_that_are_missing_null_or_of_a_wrong_type_are_not_known() {
        for entry in [
            r#"{"domain":"a.com"}"#,
            r#"{"domain":"a.com","status":null,"cname":null,"type":{},"accelerateRegion":[]}"#,
            r#"{"domain":"a.com","status":true,"cname":" "}"#,
        ] {
            let read = domain(entry);
            assert_eq!(read.status, DomainStatus::Unknown, "{entry}");
            assert_eq!(
                (read.cname, read.kind, read.region),
                (None, None, None),
                "{entry}"
            );
        }
    }

    #[test]
    fn an_entry_without_a_usable_name_is_unreadable_alone_and_safe_to_print() {
        for entry in [
            "null",
            "[]",
            "{}",
            r#""a.com""#,
            r#"{"domain":null}"#,
            r#"{"domain":7}"#,
            r#"{"domain":""}"#,
            r#"{"domain":"a.com/x"}"#,
            r#"{"domain":"a.com","domain":"b.com"}"#,
            "{\"domain\":\"a\u{9b}31m.com\"}",
        ] {
            match one(entry) {
                ListedEntry::Unreadable(shown) => assert!(!shown.contains('\u{9b}'), "{shown}"),
                ListedEntry::Domain(read) => panic!("{entry}: {read:?}"),
            }
        }
    }

    #[test]
    fn a_total_may_be_a_text_and_is_unknown_otherwise() {
        let total = |total: &str| {
            page(&format!(r#"{{"total":{total},"domains":[]}}"#))
                .unwrap()
                .total
        };
        assert_eq!((total("7"), total("\" 7 \"")), (Some(7), Some(7)));
        for unknown in ["null", "-1", "1.5", "{}", "true", "\"\"", "99999999999999999999"] {
            assert_eq!(total(unknown), None, "{unknown}");
        }
        assert_eq!(page(r#"{"domains":null}"#).unwrap().total, None);
    }

    #[test]
    fn another_shape_is_an_error_and_never_an_account_without_domains() {
        for data in [
            "null",
            "[]",
            "7",
            "{}",
            r#"{"total":0}"#,
            r#"{"total":0,"domains":{}}"#,
            r#"{"total":0,"domains":"a.com"}"#,
            r#"{"total":0,"total":1,"domains":[]}"#,
        ] {
            let error = page(data).unwrap_err();
            assert!(matches!(error, FailureKind::Format { .. }), "{data}: {error}");
        }
        let refused = read_page(br#"{"status":7,"msg":"no","data":{"total":0,"domains":[]}}"#);
        assert!(matches!(refused, Err(FailureKind::Api { .. })));
        for body in [
            "",
            "<html>",
            r#"{"status":0}"#,
            r#"{"data":{"total":0,"domains":[]}}"#,
        ] {
            assert!(read_page(body.as_bytes()).is_err(), "{body}");
        }
    }
}
