//! A point by itself, from the text that a reject keeps.

use super::codes::CodeReader;
use super::row;
use crate::api::envelope::raw;
use crate::model::{CodeBook, PointColumns, RejectReason};

/// Reads a text that holds one point and nothing else.
///
/// # Errors
/// [`RejectReason::Malformed`], with what is wrong with it; the same text inside an answer is rejected for the
/// same reason.
pub fn read_point(text: &str) -> Result<(PointColumns, CodeBook), RejectReason> {
    read([text])
}

/// Returns whether two texts are one and the same point: time, figures, reported codes and counts. False where one of
/// them is no point.
#[must_use]
pub fn is_same_point(a: &str, b: &str) -> bool {
    read([a, b]).is_ok_and(|(points, _)| points.ts.first() == points.ts.get(1) && points.same_figures(0, 1))
}

fn read<const N: usize>(rows: [&str; N]) -> Result<(PointColumns, CodeBook), RejectReason> {
    let mut codes = CodeReader::default();
    let mut points = PointColumns::default();
    for row in rows {
        let row = raw::parse(row).map_err(RejectReason::Malformed)?;
        let read = row::read(row, &mut codes);
        let read = read.map_err(|error| RejectReason::Malformed(error.into_text().into_owned()))?;
        points.push(read.ts, read.bandwidth, read.pv, read.set, codes.counts());
    }
    Ok((points, codes.into_book()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_point_is_read_and_anything_more_or_less_is_not() {
        let (points, book) = read_point(r#" [1568477100, 8, 2, {"200": 2, "000": 0}] "#).unwrap();
        assert_eq!(
            (&*points.ts, &*points.bandwidth, &*points.pv),
            (&[1_568_477_100][..], &[8][..], &[2][..])
        );
        let set = book.set(points.code_set[0]).unwrap();
        let codes: Vec<_> = set.iter().map(|code| book.code(*code).unwrap()).collect();
        assert_eq!(codes, ["000", "200"]);
        for raw in [
            "",
            "null",
            r#"[1568477100, "n/a", 2, {"200": 2}]"#,
            r#"[1568477100, 8, 2, {"200": 2}"#,
            r#"[1568477100, 8, 2, {"200": 2}] [1568477400, 8, 2, {"200": 2}]"#,
            r#"{"domain": "www.a.com", "data": [[1568477100, 8, 2, {"200": 2}]]}"#,
        ] {
            assert!(
                matches!(read_point(raw), Err(RejectReason::Malformed(_))),
                "{raw}"
            );
        }
    }

    #[test]
    fn the_same_point_may_be_written_differently() {
        let point = r#"[300, 8, 2, {"200": 2, "000": 0}]"#;
        assert!(is_same_point(
            point,
            r#"{"time": 300, "bandwidth": 8.0, "pv": "2", "codes": {"000": 0, "200": 2}}"#
        ));
        for other in [
            r#"[600, 8, 2, {"200": 2, "000": 0}]"#,
            r#"[300, 9, 2, {"200": 2, "000": 0}]"#,
            r#"[300, 8, 2, {"200": 2}]"#,
            r#"[300, 8, 2, {"200": 1, "000": 0}]"#,
            "[300]",
        ] {
            assert!(!is_same_point(point, other), "{other}");
        }
    }
}
