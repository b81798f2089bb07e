//! One question to the endpoint, and its parameters.

use serde_json::{Map, Value};

use crate::model::{Domain, Span, civil};

/// The precision of times in a request: `yyyy-mm-dd hh:mi` (documented).
const MINUTE_SECONDS: i64 = 60;

/// Asks for the points of some domains in a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginRequest {
    domains: Vec<Domain>,
    window: Span,
    asked: Span,
}

impl OriginRequest {
    /// Returns a request for `domains`, each once, in `window`.
    ///
    /// `None` without a domain, or where the window does not begin and end on whole minutes: a request cannot name
    /// such a window.
    #[must_use]
    pub fn new(domains: &[Domain], window: Span) -> Option<Self> {
        let mut asked: Vec<Domain> = Vec::with_capacity(domains.len());
        for domain in domains {
            if !asked.contains(domain) {
                asked.push(domain.clone());
            }
        }
        let on_minutes = window.start() % MINUTE_SECONDS == 0 && window.end() % MINUTE_SECONDS == 0;
        (on_minutes && !asked.is_empty()).then_some(Self {
            domains: asked,
            window,
            asked: window,
        })
    }

    /// Returns the same request, sent for `asked`: a range on whole minutes around the window. Points outside of the
    /// window are not taken.
    #[must_use]
    pub fn asking(self, asked: Span) -> Self {
        let start = asked.start().min(self.window.start());
        let end = asked.end().max(self.window.end());
        let on_minutes = start % MINUTE_SECONDS == 0 && end % MINUTE_SECONDS == 0;
        let asked = Span::new(start, end).filter(|_| on_minutes);
        Self {
            asked: asked.unwrap_or(self.window),
            ..self
        }
    }

    /// Returns the domains, at least one, each once.
    #[must_use]
    pub fn domains(&self) -> &[Domain] {
        &self.domains
    }

    /// Returns the range whose points are stored.
    #[must_use]
    pub fn window(&self) -> Span {
        self.window
    }

    /// Returns the range that is sent: the window, with its padding if it has any.
    #[must_use]
    pub fn asked(&self) -> Span {
        self.asked
    }

    /// Returns the parameters to send, besides the account and its signature.
    ///
    /// It is unknown whether the API takes `end_time` as inclusive. The vendor's pages ask for whole periods as
    /// `00:00` to `23:59`, so `end_time` names the last minute of the half-open range, which means the same either
    /// way.
    #[must_use]
    pub fn parameters(&self) -> Map<String, Value> {
        let domains: Vec<&str> = self.domains.iter().map(Domain::as_str).collect();
        [
            ("domain", domains.join(",")),
            ("start_time", civil::cst_minute(self.asked.start())),
            ("end_time", civil::cst_minute(self.asked.end() - MINUTE_SECONDS)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn domains(names: &[&str]) -> Vec<Domain> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn the_parameters_are_the_documented_ones_and_name_the_last_minute() {
        // 2016-12-14 07:00 to 13:00 in UTC+8, which the documented example asks as 07:00 to 12:59.
        let window = Span::new(1_481_670_000, 1_481_691_600).unwrap();
        let request = OriginRequest::new(&domains(&["www.a.com", "WWW.b.com", "www.A.com"]), window).unwrap();
        assert_eq!(
            Value::Object(request.parameters()),
            json!({
                "domain": "www.a.com,www.b.com",
                "start_time": "2016-12-14 07:00",
                "end_time": "2016-12-14 12:59",
            })
        );
    }

    #[test]
    fn a_padded_request_sends_the_wider_range() {
        let window = Span::new(1_481_670_000, 1_481_691_600).unwrap();
        let request = OriginRequest::new(&domains(&["a.com"]), window).unwrap();
        let wider = Span::new(window.start() - 300, window.end() + 300).unwrap();
        let padded = request.asking(wider);
        assert_eq!((padded.window(), padded.asked()), (window, wider));
        let sent = padded.parameters();
        assert_eq!(sent["start_time"], "2016-12-14 06:55");
        assert_eq!(sent["end_time"], "2016-12-14 13:04");
    }

    #[test]
    fn a_question_that_cannot_be_put_exactly_is_not_made() {
        let day = Span::new(0, 86_400).unwrap();
        assert_eq!(OriginRequest::new(&[], day), None);
        assert_eq!(
            OriginRequest::new(&domains(&["a.com"]), Span::new(30, 90).unwrap()),
            None
        );
    }
}
