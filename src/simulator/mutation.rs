//! One point written wrongly, or in an unusual way.

use super::row::Fields;

/// What is done to the text of one point.
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
    /// `NaN`, which is no JSON: the whole answer becomes unreadable.
    NaN,
    /// A bandwidth of `Infinity`, which is no JSON either.
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
    /// Whether the point still says what the truth says, in other words.
    #[must_use]
    pub fn keeps_value(self) -> bool {
        matches!(
            self,
            Self::NumbersAsText | Self::Exponent | Self::PointZero | Self::FractionalBandwidth
        )
    }

    /// Changes `fields`; None when the whole point becomes `null`.
    pub(crate) fn apply(self, mut fields: Fields) -> Option<Fields> {
        let quote = |text: &str| format!("\"{text}\"");
        match self {
            Self::NumbersAsText => {
                fields.ts = quote(&fields.ts);
                fields.pv = quote(&fields.pv);
                fields.bandwidth = fields.bandwidth.as_deref().map(quote);
                for (_, count) in fields.codes.iter_mut().flatten() {
                    *count = quote(count);
                }
            }
            Self::Exponent => fields.extend_bandwidth("e0"),
            Self::PointZero => fields.extend_bandwidth(".0"),
            Self::FractionalBandwidth => fields.extend_bandwidth(".25"),
            Self::UnknownCode => {
                let codes = fields.codes.get_or_insert_default();
                codes.push(("999".to_owned(), "7".to_owned()));
            }
            Self::RepeatedCode => {
                if let Some(codes) = &mut fields.codes
                    && let Some((code, count)) = codes.first()
                {
                    let higher = count.parse::<i64>().unwrap_or(0).saturating_add(1);
                    let again = (code.clone(), higher.to_string());
                    codes.push(again);
                }
            }
            Self::NegativeBandwidth => fields.bandwidth = Some("-1".to_owned()),
            Self::NegativePv => "-1".clone_into(&mut fields.pv),
            Self::NegativeCount => {
                if let Some((_, count)) = fields.codes.iter_mut().flatten().next() {
                    "-1".clone_into(count);
                }
            }
            Self::FractionalPv => fields.pv.push_str(".5"),
            Self::BeyondI64 => fields.bandwidth = Some("9223372036854775808".to_owned()),
            Self::BeyondFloat => fields.bandwidth = Some("1e400".to_owned()),
            Self::NaN => fields.bandwidth = Some("NaN".to_owned()),
            Self::Infinity => fields.bandwidth = Some("Infinity".to_owned()),
            Self::NaNPv => "NaN".clone_into(&mut fields.pv),
            Self::NaNCount => {
                if let Some((_, count)) = fields.codes.iter_mut().flatten().next() {
                    "NaN".clone_into(count);
                }
            }
            Self::WordBandwidth => fields.bandwidth = Some(quote("n/a")),
            Self::NullBandwidth => fields.bandwidth = Some("null".to_owned()),
            Self::NullCodes => fields.null_codes = true,
            Self::TextTime => fields.ts = quote("2026-01-01 00:05"),
            Self::OffGridTime => {
                let time = fields.ts.parse::<i64>().unwrap_or(0).saturating_add(127);
                fields.ts = time.to_string();
            }
            Self::MillisecondTime => fields.ts.push_str("000"),
            Self::NegativeTime => fields.ts.insert(0, '-'),
            Self::WithoutBandwidth => fields.bandwidth = None,
            Self::WithoutCodes => fields.codes = None,
            Self::NullPoint => return None,
        }
        Some(fields)
    }
}
