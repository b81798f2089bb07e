//! Finds the domain of a request by the name that an answer gives it.

use crate::model::Domain;

/// Returns the place in `asked` of the domain that an answer calls `written`.
///
/// Blanks around a name, its case and a final dot do not matter. An exact match wins. Else `*.a.com` stands for
/// `.a.com` and the other way round, where exactly one domain fits.
pub(super) fn position(asked: &[Domain], written: &str) -> Option<usize> {
    let name = Domain::from_answer(written).ok()?;
    if let Some(exact) = asked.iter().position(|domain| *domain == name) {
        return Some(exact);
    }
    let host = name.wildcard_host()?;
    let mut fitting = asked
        .iter()
        .enumerate()
        .filter(|(_, domain)| domain.wildcard_host() == Some(host))
        .map(|(at, _)| at);
    fitting.next().filter(|_| fitting.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(asked: &[&str], written: &str) -> Option<usize> {
        let asked: Vec<Domain> = asked.iter().map(|name| name.parse().unwrap()).collect();
        position(&asked, written)
    }

    #[test]
    fn blanks_case_a_final_dot_and_punycode_do_not_matter() {
        let asked = ["www.a.com", "xn--bcher-kva.example"];
        for written in [
            "www.a.com",
            "www.a.com.",
            " www.a.com",
            "\t WWW.A.com. \r\n",
            "\u{3000}www.a.com\u{a0}",
        ] {
            assert_eq!(found(&asked, written), Some(0), "{written:?}");
        }
        for written in ["bücher.example", " BÜCHER.example.", "XN--BCHER-KVA.EXAMPLE"] {
            assert_eq!(found(&asked, written), Some(1), "{written:?}");
        }
    }

    #[test]
    fn one_form_of_a_wildcard_stands_for_the_other() {
        assert_eq!(found(&["www.a.com", ".a.com"], "*.a.com"), Some(1));
        assert_eq!(found(&["www.a.com", "*.a.com"], " .A.com."), Some(1));
    }

    #[test]
    fn the_exact_name_wins_over_the_other_form() {
        let asked = [".a.com", "*.a.com", "a.com"];
        for (at, name) in asked.into_iter().enumerate() {
            assert_eq!(found(&asked, name), Some(at), "{name}");
        }
    }

    #[test]
    fn another_name_fits_nothing() {
        let asked = [".a.com", "b.com"];
        for written in [
            "a.com",
            "www.a.com",
            "*.b.com",
            ".b.com",
            "b.com..",
            "b. com",
            "b.com/",
            "",
            ".",
            "b.com\u{fffd}",
        ] {
            assert_eq!(found(&asked, written), None, "{written:?}");
        }
    }
}
