//! One point as JSON text.

use super::mutation::Mutation;
use super::settings::RowShape;
use super::truth::TruthPoint;

/// A point of an answer, and how it is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) point: TruthPoint,
    pub(crate) mutation: Option<Mutation>,
}

impl From<TruthPoint> for Row {
    fn from(point: TruthPoint) -> Self {
        Self {
            point,
            mutation: None,
        }
    }
}

impl Row {
    pub(crate) fn write(&self, out: &mut Vec<u8>, shape: RowShape) {
        match (self.mutation, shape) {
            (None, RowShape::Arrays) => write_array(out, &self.point),
            (None, RowShape::Objects) => write_object(out, &self.point),
            (Some(mutation), shape) => {
                let text = mutation.apply(Fields::of(&self.point)).map(|fields| match shape {
                    RowShape::Arrays => fields.array(),
                    RowShape::Objects => fields.object(),
                });
                out.extend_from_slice(text.as_deref().unwrap_or("null").as_bytes());
            }
        }
    }
}

fn write_array(out: &mut Vec<u8>, point: &TruthPoint) {
    out.push(b'[');
    write_number(out, point.ts);
    out.push(b',');
    write_number(out, point.bandwidth);
    out.push(b',');
    write_number(out, point.pv);
    out.extend_from_slice(b",{");
    write_codes(out, point);
    out.extend_from_slice(b"}]");
}

fn write_object(out: &mut Vec<u8>, point: &TruthPoint) {
    out.extend_from_slice(b"{\"bandwidth\":");
    write_number(out, point.bandwidth);
    out.extend_from_slice(b",\"pv\":");
    write_number(out, point.pv);
    out.push(b',');
    write_codes(out, point);
    out.extend_from_slice(b",\"time\":");
    write_number(out, point.ts);
    out.push(b'}');
}

/// The codes without braces; every point has some.
fn write_codes(out: &mut Vec<u8>, point: &TruthPoint) {
    for (position, (code, count)) in point.codes.iter().enumerate() {
        out.extend_from_slice(if position == 0 { b"\"" } else { b",\"" });
        out.extend_from_slice(code.as_bytes());
        out.extend_from_slice(b"\":");
        write_number(out, *count);
    }
}

fn write_number(out: &mut Vec<u8>, number: i64) {
    // Formatting number by number with `write!` would be most of the work of an answer.
    let mut left = number.unsigned_abs();
    if let Ok(digit @ 0..=9) = u8::try_from(number) {
        return out.push(b'0' + digit);
    }
    if number < 0 {
        out.push(b'-');
    }
    let mut digits = [0; 20];
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(left % 10).unwrap_or(0);
        start -= 1;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// The parts of a point as JSON texts, for changing them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) ts: String,
    pub(crate) bandwidth: Option<String>,
    pub(crate) pv: String,
    pub(crate) codes: Option<Vec<(String, String)>>,
    pub(crate) null_codes: bool,
}

impl Fields {
    pub(crate) fn of(point: &TruthPoint) -> Self {
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

    /// Puts `tail` behind the digits of the bandwidth.
    pub(crate) fn extend_bandwidth(&mut self, tail: &str) {
        if let Some(bandwidth) = &mut self.bandwidth {
            bandwidth.push_str(tail);
        }
    }

    fn array(&self) -> String {
        let codes = match (&self.codes, self.null_codes) {
            (_, true) => Some("null".to_owned()),
            (Some(codes), false) => Some(format!("{{{}}}", members(codes))),
            (None, false) => None,
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

    fn object(&self) -> String {
        let mut fields = vec![("pv".to_owned(), self.pv.clone())];
        if let Some(bandwidth) = &self.bandwidth {
            fields.push(("bandwidth".to_owned(), bandwidth.clone()));
        }
        for (code, count) in self.codes.iter().flatten() {
            let count = if self.null_codes { "null" } else { count };
            fields.push((code.clone(), count.to_owned()));
        }
        fields.push(("time".to_owned(), self.ts.clone()));
        format!("{{{}}}", members(&fields))
    }
}

fn members(fields: &[(String, String)]) -> String {
    let members: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    members.join(",")
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
        Row { point, mutation }.write(&mut out, shape);
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
    fn every_number_is_written_in_full() {
        for number in [0, 9, 10, -1, 4_294_967_296, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            write_number(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
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
