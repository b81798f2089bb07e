//! The JSON texts of one point, for a mutation to change.

use super::truth::TruthPoint;

/// The JSON texts of one point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PointText {
    pub(crate) ts: String,
    /// `None` leaves it out.
    pub(crate) bandwidth: Option<String>,
    pub(crate) pv: String,
    /// Codes and counts; `None` leaves them out.
    pub(crate) codes: Option<Vec<(String, String)>>,
    /// `null` stands in place of the codes, or of each count where the point is an object.
    pub(crate) null_codes: bool,
}

impl PointText {
    pub(crate) fn new(point: &TruthPoint) -> Self {
        let codes = point.codes.iter();
        Self {
            ts: point.ts.to_string(),
            bandwidth: Some(point.bandwidth.to_string()),
            pv: point.pv.to_string(),
            codes: Some(
                codes
                    .map(|(code, count)| ((*code).to_owned(), count.to_string()))
                    .collect(),
            ),
            null_codes: false,
        }
    }

    /// Appends `tail` to the digits of the bandwidth.
    pub(crate) fn extend_bandwidth(&mut self, tail: &str) {
        if let Some(bandwidth) = &mut self.bandwidth {
            bandwidth.push_str(tail);
        }
    }

    /// Replaces the count of the first code.
    pub(crate) fn set_first_count(&mut self, text: &str) {
        if let Some((_, count)) = self.codes.iter_mut().flatten().next() {
            text.clone_into(count);
        }
    }

    /// Returns the point as `[ts, bandwidth, pv, {code: count}]`.
    pub(crate) fn array(&self) -> String {
        let codes = match &self.codes {
            _ if self.null_codes => Some("null".to_owned()),
            codes => codes.as_deref().map(|codes| format!("{{{}}}", members(codes))),
        };
        let elements = [
            Some(&self.ts),
            self.bandwidth.as_ref(),
            Some(&self.pv),
            codes.as_ref(),
        ];
        let elements: Vec<&str> = elements.into_iter().flatten().map(String::as_str).collect();
        format!("[{}]", elements.join(","))
    }

    /// Returns the point as `{"pv": …, "bandwidth": …, code: count, …, "time": ts}`.
    pub(crate) fn object(&self) -> String {
        let field = |name: &str, text: &String| (name.to_owned(), text.clone());
        let mut fields = vec![field("pv", &self.pv)];
        fields.extend(self.bandwidth.iter().map(|text| field("bandwidth", text)));
        fields.extend(self.codes.iter().flatten().map(|(code, count)| {
            let count = if self.null_codes { "null" } else { count };
            (code.clone(), count.to_owned())
        }));
        fields.push(field("time", &self.ts));
        format!("{{{}}}", members(&fields))
    }
}

fn members(fields: &[(String, String)]) -> String {
    let fields = fields.iter().map(|(name, value)| format!("\"{name}\":{value}"));
    fields.collect::<Vec<_>>().join(",")
}
