//! One point, written wrongly or in an unusual form.

use super::point_text::PointText;

/// A change to the text of one point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// All numbers as JSON strings, with the same values.
    NumbersAsText,
    /// The bandwidth as `123e0`, with the same value.
    Exponent,
    /// The bandwidth as `123.0`, with the same value.
    PointZero,
    /// The bandwidth with a fraction below one half, as sister endpoints print some; rounds to the same value.
    FractionalBandwidth,
    /// One more status code, 999, with the count 7.
    UnknownCode,
    /// The first status code twice, the second time with a count one higher.
    RepeatedCode,
    /// A negative bandwidth.
    NegativeBandwidth,
    /// A negative number of requests.
    NegativePv,
    /// A negative count of the first status code.
    NegativeCount,
    /// Half a request more.
    FractionalPv,
    /// A bandwidth of 2^63, one more than fits.
    BeyondI64,
    /// A bandwidth of `1e400`, more than any float.
    BeyondFloat,
    /// `NaN`, which is not JSON: the whole answer becomes unreadable.
    NaN,
    /// A bandwidth of `Infinity`, which is not JSON either.
    Infinity,
    /// `NaN` requests.
    NaNPv,
    /// A count of `NaN` for the first status code.
    NaNCount,
    /// A bandwidth of `"n/a"`.
    WordBandwidth,
    /// A bandwidth of `null`.
    NullBandwidth,
    /// Status codes of `null`.
    NullCodes,
    /// The timestamp as `"2026-01-01 00:05"`.
    TextTime,
    /// A timestamp 2 minutes and 7 seconds late: in its slot, but off the grid.
    OffGridTime,
    /// The timestamp in milliseconds.
    MillisecondTime,
    /// The timestamp with a minus sign.
    NegativeTime,
    /// No bandwidth: the elements after it move up.
    WithoutBandwidth,
    /// No status codes.
    WithoutCodes,
    /// `null` in place of the point.
    NullPoint,
}

impl Mutation {
    /// Returns whether the point keeps its value and only its form changes.
    #[must_use]
    pub fn keeps_value(self) -> bool {
        matches!(
            self,
            Self::NumbersAsText | Self::Exponent | Self::PointZero | Self::FractionalBandwidth
        )
    }

    /// Changes the text of a point; `None` when the whole point becomes `null`.
    pub(crate) fn apply(self, mut point: PointText) -> Option<PointText> {
        let quote = |text: &str| format!("\"{text}\"");
        let number =
            |text: &str, more: i64| text.parse::<i64>().unwrap_or(0).saturating_add(more).to_string();
        match self {
            Self::NumbersAsText => {
                point.ts = quote(&point.ts);
                point.pv = quote(&point.pv);
                point.bandwidth = point.bandwidth.as_deref().map(quote);
                for (_, count) in point.codes.iter_mut().flatten() {
                    *count = quote(count);
                }
            }
            Self::Exponent => point.extend_bandwidth("e0"),
            Self::PointZero => point.extend_bandwidth(".0"),
            Self::FractionalBandwidth => point.extend_bandwidth(".25"),
            Self::UnknownCode => {
                let codes = point.codes.get_or_insert_default();
                codes.push(("999".to_owned(), "7".to_owned()));
            }
            Self::RepeatedCode => {
                let codes = point.codes.get_or_insert_default();
                let again = codes
                    .first()
                    .map(|(code, count)| (code.clone(), number(count, 1)));
                codes.extend(again);
            }
            Self::NegativeBandwidth => point.bandwidth = Some("-1".to_owned()),
            Self::NegativePv => "-1".clone_into(&mut point.pv),
            Self::NegativeCount => point.set_first_count("-1"),
            Self::FractionalPv => point.pv.push_str(".5"),
            Self::BeyondI64 => point.bandwidth = Some("9223372036854775808".to_owned()),
            Self::BeyondFloat => point.bandwidth = Some("1e400".to_owned()),
            Self::NaN => point.bandwidth = Some("NaN".to_owned()),
            Self::Infinity => point.bandwidth = Some("Infinity".to_owned()),
            Self::NaNPv => "NaN".clone_into(&mut point.pv),
            Self::NaNCount => point.set_first_count("NaN"),
            Self::WordBandwidth => point.bandwidth = Some(quote("n/a")),
            Self::NullBandwidth => point.bandwidth = Some("null".to_owned()),
            Self::NullCodes => point.null_codes = true,
            Self::TextTime => point.ts = quote("2026-01-01 00:05"),
            Self::OffGridTime => point.ts = number(&point.ts, 127),
            Self::MillisecondTime => point.ts.push_str("000"),
            Self::NegativeTime => point.ts.insert(0, '-'),
            Self::WithoutBandwidth => point.bandwidth = None,
            Self::WithoutCodes => point.codes = None,
            Self::NullPoint => return None,
        }
        Some(point)
    }
}
