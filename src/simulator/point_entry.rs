//! One point as JSON.

use serde::{Serialize, Serializer};

use super::mutation::Mutation;
use super::point_text::PointText;
use super::settings::RowShape;
use super::truth::TruthPoint;

/// A point in an answer, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PointEntry {
    pub(crate) point: TruthPoint,
    pub(crate) mutation: Option<Mutation>,
}

impl From<TruthPoint> for PointEntry {
    fn from(point: TruthPoint) -> Self {
        Self {
            point,
            mutation: None,
        }
    }
}

impl PointEntry {
    pub(crate) fn write(&self, out: &mut Vec<u8>, shape: RowShape) {
        let point = &self.point;
        let Some(mutation) = self.mutation else {
            // Writing to a Vec cannot fail.
            let _ = match shape {
                RowShape::Arrays => {
                    serde_json::to_writer(out, &(point.ts, point.bandwidth, point.pv, CodeMap(point)))
                }
                RowShape::Objects => serde_json::to_writer(out, &PointObject(point)),
            };
            return;
        };
        let text = mutation.apply(PointText::new(point)).map(|text| match shape {
            RowShape::Arrays => text.array(),
            RowShape::Objects => text.object(),
        });
        out.extend_from_slice(text.as_deref().unwrap_or("null").as_bytes());
    }
}

/// `{code: count}`
struct CodeMap<'p>(&'p TruthPoint);

impl Serialize for CodeMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.codes.iter().copied())
    }
}

/// `{"bandwidth": …, "pv": …, code: count, …, "time": ts}`
struct PointObject<'p>(&'p TruthPoint);

impl Serialize for PointObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let point = self.0;
        let figures = [("bandwidth", point.bandwidth), ("pv", point.pv)].into_iter();
        serializer.collect_map(
            figures
                .chain(point.codes.iter().copied())
                .chain([("time", point.ts)]),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(mutation: Option<Mutation>, shape: RowShape) -> String {
        let point = TruthPoint {
            ts: 300,
            bandwidth: 1_234,
            pv: 10,
            codes: vec![("0", 0), ("200", 10), ("000", 0)],
        };
        let mut out = Vec::new();
        PointEntry { point, mutation }.write(&mut out, shape);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_point_has_the_documented_shape_or_that_of_the_sister_endpoint() {
        assert_eq!(
            text(None, RowShape::Arrays),
            r#"[300,1234,10,{"0":0,"200":10,"000":0}]"#
        );
        assert_eq!(
            text(None, RowShape::Objects),
            r#"{"bandwidth":1234,"pv":10,"0":0,"200":10,"000":0,"time":300}"#
        );
    }

    #[test]
    fn each_mutation_changes_what_it_says() {
        use Mutation::*;
        let expected = [
            (
                NumbersAsText,
                r#"["300","1234","10",{"0":"0","200":"10","000":"0"}]"#,
            ),
            (Exponent, r#"[300,1234e0,10,{"0":0,"200":10,"000":0}]"#),
            (PointZero, r#"[300,1234.0,10,{"0":0,"200":10,"000":0}]"#),
            (
                FractionalBandwidth,
                r#"[300,1234.25,10,{"0":0,"200":10,"000":0}]"#,
            ),
            (UnknownCode, r#"[300,1234,10,{"0":0,"200":10,"000":0,"999":7}]"#),
            (RepeatedCode, r#"[300,1234,10,{"0":0,"200":10,"000":0,"0":1}]"#),
            (NegativeBandwidth, r#"[300,-1,10,{"0":0,"200":10,"000":0}]"#),
            (NegativePv, r#"[300,1234,-1,{"0":0,"200":10,"000":0}]"#),
            (NegativeCount, r#"[300,1234,10,{"0":-1,"200":10,"000":0}]"#),
            (FractionalPv, r#"[300,1234,10.5,{"0":0,"200":10,"000":0}]"#),
            (
                BeyondI64,
                r#"[300,9223372036854775808,10,{"0":0,"200":10,"000":0}]"#,
            ),
            (BeyondFloat, r#"[300,1e400,10,{"0":0,"200":10,"000":0}]"#),
            (NaN, r#"[300,NaN,10,{"0":0,"200":10,"000":0}]"#),
            (Infinity, r#"[300,Infinity,10,{"0":0,"200":10,"000":0}]"#),
            (NaNPv, r#"[300,1234,NaN,{"0":0,"200":10,"000":0}]"#),
            (NaNCount, r#"[300,1234,10,{"0":NaN,"200":10,"000":0}]"#),
            (OffGridTime, r#"[427,1234,10,{"0":0,"200":10,"000":0}]"#),
            (MillisecondTime, r#"[300000,1234,10,{"0":0,"200":10,"000":0}]"#),
            (NegativeTime, r#"[-300,1234,10,{"0":0,"200":10,"000":0}]"#),
            (WordBandwidth, r#"[300,"n/a",10,{"0":0,"200":10,"000":0}]"#),
            (NullBandwidth, r#"[300,null,10,{"0":0,"200":10,"000":0}]"#),
            (NullCodes, "[300,1234,10,null]"),
            (
                TextTime,
                r#"["2026-01-01 00:05",1234,10,{"0":0,"200":10,"000":0}]"#,
            ),
            (WithoutBandwidth, r#"[300,10,{"0":0,"200":10,"000":0}]"#),
            (WithoutCodes, "[300,1234,10]"),
            (NullPoint, "null"),
        ];
        for (mutation, array) in expected {
            assert_eq!(text(Some(mutation), RowShape::Arrays), array, "{mutation:?}");
        }
        assert_eq!(
            text(Some(NullCodes), RowShape::Objects),
            r#"{"pv":10,"bandwidth":1234,"0":null,"200":null,"000":null,"time":300}"#
        );
        assert_eq!(
            text(Some(WithoutCodes), RowShape::Objects),
            r#"{"pv":10,"bandwidth":1234,"time":300}"#
        );
    }
}
