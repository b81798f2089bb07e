//! The data of an answer: built from the truth, bent by faults, written as JSON.

use super::envelope::json_text;
use super::fault::DataFault;
use super::question::Question;
use super::row::Row;
use super::settings::{RowShape, Settings};
use super::truth::{POINT_SECONDS, Truth, TruthPoint};

/// The points of one domain under the name the answer gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DomainRows {
    name: String,
    rows: Vec<Row>,
}

/// The `data` of a successful answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer(Vec<DomainRows>);

impl Answer {
    /// What the API reports when asked at the moment `now`.
    pub(crate) fn new(question: &Question, settings: &Settings, truth: Truth, now: i64) -> Self {
        let domains = question.domains.iter().map(|name| DomainRows {
            name: name.clone(),
            rows: rows(truth, name, question.start, question.end, now),
        });
        let mut answer = Self(domains.collect());
        let span = question.end - question.start;
        if settings.hourly_beyond_seconds.is_some_and(|limit| span > limit) {
            answer.coarsen(question.start, 3_600);
        }
        answer
    }

    /// Makes the answer wrong in the way of `fault`.
    pub(crate) fn bend(&mut self, fault: &DataFault, question: &Question, truth: Truth) {
        match fault {
            DataFault::Granularity { seconds } => self.coarsen(question.start, *seconds),
            DataFault::Mutate {
                domain,
                slot,
                mutation,
            } => {
                self.change(domain, *slot, |row, rows| {
                    rows.push(Row {
                        mutation: Some(*mutation),
                        ..row
                    });
                });
            }
            DataFault::Duplicate { domain, slot } => self.change(domain, *slot, |row, rows| {
                rows.extend([row.clone(), row]);
            }),
            DataFault::ConflictingDuplicate { domain, slot } => {
                self.change(domain, *slot, |row, rows| {
                    let mut other = row.clone();
                    other.point.bandwidth += 1;
                    rows.extend([row, other]);
                });
            }
            DataFault::Omit { domain, slot } => self.change(domain, *slot, |_, _| {}),
            DataFault::OutsideWindow => {
                let (before, after) = (question.start - POINT_SECONDS, question.end);
                for domain in &mut self.0 {
                    let outside = |slot| rows(truth, &domain.name, slot, slot + POINT_SECONDS, i64::MAX);
                    let (before, after) = (outside(before), outside(after));
                    domain.rows.splice(0..0, before);
                    domain.rows.extend(after);
                }
            }
            DataFault::UnaskedDomain(name) => self.0.push(DomainRows {
                name: name.clone(),
                rows: rows(truth, name, question.start, question.end, i64::MAX),
            }),
            DataFault::AbsentDomain(name) => self.0.retain(|domain| !domain.name.eq_ignore_ascii_case(name)),
            DataFault::NoDomains => self.0.clear(),
            DataFault::NoPoints => self.0.iter_mut().for_each(|domain| domain.rows.clear()),
            DataFault::UpperCase => self
                .0
                .iter_mut()
                .for_each(|domain| domain.name.make_ascii_uppercase()),
            DataFault::Unordered => {
                self.0.reverse();
                for domain in &mut self.0 {
                    let middle = domain.rows.len() / 2;
                    domain.rows.reverse();
                    domain.rows.rotate_left(middle);
                }
            }
        }
    }

    /// The whole body of the answer.
    pub(crate) fn body(&self, shape: RowShape) -> Vec<u8> {
        let points: usize = self.0.iter().map(|domain| domain.rows.len()).sum();
        let mut out = Vec::with_capacity(256 + points * 192);
        out.extend_from_slice(br#"{"status":0,"msg":"Successful","data":["#);
        for (position, domain) in self.0.iter().enumerate() {
            out.extend_from_slice(if position == 0 {
                b"{\"domain\":"
            } else {
                b",{\"domain\":"
            });
            out.extend_from_slice(json_text(&domain.name).as_bytes());
            out.extend_from_slice(b",\"data\":[");
            for (position, row) in domain.rows.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                row.write(&mut out, shape);
            }
            out.extend_from_slice(b"]}");
        }
        out.extend_from_slice(b"]}");
        out
    }

    /// Hands the row of this domain and slot to `change`, which pushes what takes its place.
    fn change(&mut self, domain: &str, slot: i64, change: impl Fn(Row, &mut Vec<Row>)) {
        let named = |rows: &&mut DomainRows| rows.name.eq_ignore_ascii_case(domain);
        for rows in self.0.iter_mut().filter(named) {
            if let Some(position) = rows.rows.iter().position(|row| row.point.ts == slot) {
                let tail = rows.rows.split_off(position + 1);
                if let Some(row) = rows.rows.pop() {
                    change(row, &mut rows.rows);
                }
                rows.rows.extend(tail);
            }
        }
    }

    /// Leaves one point for each `step` seconds from `start`: the peak bandwidth, and all requests.
    fn coarsen(&mut self, start: i64, step: i64) {
        let step = step.max(1);
        for domain in &mut self.0 {
            let mut coarse: Vec<Row> = Vec::new();
            for row in domain.rows.drain(..) {
                let ts = row.point.ts - (row.point.ts - start).rem_euclid(step);
                match coarse.last_mut().filter(|last| last.point.ts == ts) {
                    Some(last) => merge(&mut last.point, row.point),
                    None => coarse.push(Row {
                        point: TruthPoint { ts, ..row.point },
                        ..row
                    }),
                }
            }
            domain.rows = coarse;
        }
    }
}

fn rows(truth: Truth, domain: &str, start: i64, end: i64, now: i64) -> Vec<Row> {
    let points = truth.domain(domain);
    let rows = points.points(start, end, now).map(|point| Row {
        point,
        mutation: None,
    });
    rows.collect()
}

fn merge(into: &mut TruthPoint, point: TruthPoint) {
    into.bandwidth = into.bandwidth.max(point.bandwidth);
    into.pv += point.pv;
    for (code, count) in point.codes {
        match into.codes.iter_mut().find(|(known, _)| *known == code) {
            Some((_, sum)) => *sum += count,
            None => into.codes.push((code, count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Mutation;
    use super::*;

    const START: i64 = 1_767_542_400;
    const LATER: i64 = START + 30 * 86_400;
    const A: &str = "www.a.com";

    fn question(slots: i64) -> Question {
        Question {
            domains: vec![A.to_owned(), "www.b.com".to_owned()],
            start: START,
            end: START + slots * POINT_SECONDS,
        }
    }

    fn answer(slots: i64, now: i64, fault: Option<&DataFault>) -> Value {
        let (settings, truth) = (Settings::default(), Truth::new(1));
        let mut answer = Answer::new(&question(slots), &settings, truth, now);
        if let Some(fault) = fault {
            answer.bend(fault, &question(slots), truth);
        }
        serde_json::from_slice(&answer.body(RowShape::Arrays)).unwrap()
    }

    fn bent(slots: i64, fault: &DataFault) -> Value {
        answer(slots, LATER, Some(fault))
    }

    fn expected_row(domain: &str, slot: i64) -> Value {
        let point = Truth::new(1).final_point(domain, slot).unwrap();
        let codes: serde_json::Map<_, _> = point
            .codes
            .iter()
            .map(|(code, n)| ((*code).to_owned(), (*n).into()))
            .collect();
        json!([point.ts, point.bandwidth, point.pv, codes])
    }

    fn times(answer: &Value, domain: usize) -> Vec<i64> {
        let rows = answer["data"][domain]["data"].as_array().unwrap();
        rows.iter()
            .map(|row| (row[0].as_i64().unwrap() - START) / POINT_SECONDS)
            .collect()
    }

    #[test]
    fn the_answer_is_the_truth_in_the_documented_shape() {
        let rows = |domain| json!([expected_row(domain, START), expected_row(domain, START + 300)]);
        let expected = json!({"status": 0, "msg": "Successful", "data": [
            {"domain": A, "data": rows(A)},
            {"domain": "www.b.com", "data": rows("www.b.com")},
        ]});
        assert_eq!(answer(2, LATER, None), expected);
    }

    #[test]
    fn points_that_do_not_exist_yet_are_left_out() {
        let early = answer(12, START + 1_500, None);
        assert_eq!(times(&early, 0)[..4], [0, 1, 2, 3]);
        assert!(times(&early, 0).len() <= 5);
    }

    #[test]
    fn a_coarse_answer_holds_the_peak_of_each_step() {
        let coarse = bent(24, &DataFault::Granularity { seconds: 3_600 });
        assert_eq!(times(&coarse, 0), [0, 12]);
        let truth = Truth::new(1).domain(A);
        let hour: Vec<_> = truth.points(START, START + 3_600, LATER).collect();
        assert_eq!(
            coarse["data"][0]["data"][0][1].as_i64(),
            hour.iter().map(|p| p.bandwidth).max()
        );
        assert_eq!(
            coarse["data"][0]["data"][0][2],
            hour.iter().map(|p| p.pv).sum::<i64>()
        );

        let settings = Settings {
            hourly_beyond_seconds: Some(3_600),
            ..Settings::default()
        };
        let rows = |slots| {
            Answer::new(&question(slots), &settings, Truth::new(1), LATER).0[0]
                .rows
                .len()
        };
        assert_eq!((rows(12), rows(24)), (12, 2));
    }

    #[test]
    fn faults_of_single_points_leave_the_others_alone() {
        let (domain, slot) = (A.to_owned(), START + 300);
        let clean = answer(4, LATER, None);
        let omitted = bent(
            4,
            &DataFault::Omit {
                domain: domain.clone(),
                slot,
            },
        );
        assert_eq!(
            (times(&omitted, 0), times(&omitted, 1)),
            (vec![0, 2, 3], vec![0, 1, 2, 3])
        );

        let twice = bent(
            4,
            &DataFault::Duplicate {
                domain: domain.clone(),
                slot,
            },
        );
        assert_eq!(times(&twice, 0), [0, 1, 1, 2, 3]);
        assert_eq!(twice["data"][0]["data"][1], twice["data"][0]["data"][2]);

        let conflict = bent(
            4,
            &DataFault::ConflictingDuplicate {
                domain: domain.clone(),
                slot,
            },
        );
        assert_eq!(times(&conflict, 0), [0, 1, 1, 2, 3]);
        assert_ne!(conflict["data"][0]["data"][1], conflict["data"][0]["data"][2]);

        let mutation = Mutation::NegativePv;
        let mut mutated = bent(
            4,
            &DataFault::Mutate {
                domain,
                slot,
                mutation,
            },
        );
        assert_eq!(mutated["data"][0]["data"][1][2], -1);
        mutated["data"][0]["data"][1] = clean["data"][0]["data"][1].clone();
        assert_eq!(mutated, clean);
    }

    #[test]
    fn what_was_not_asked_for_is_added_and_what_was_asked_for_is_missing() {
        let outside = bent(2, &DataFault::OutsideWindow);
        assert_eq!(
            (times(&outside, 0), times(&outside, 1)),
            (vec![-1, 0, 1, 2], vec![-1, 0, 1, 2])
        );
        let names = |fault: &DataFault| -> Vec<String> {
            let answer = bent(2, fault);
            let domains = answer["data"].as_array().unwrap();
            domains
                .iter()
                .map(|d| d["domain"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(
            names(&DataFault::UnaskedDomain("x.com".to_owned())),
            [A, "www.b.com", "x.com"]
        );
        assert_eq!(names(&DataFault::AbsentDomain(A.to_owned())), ["www.b.com"]);
        assert_eq!(names(&DataFault::UpperCase), ["WWW.A.COM", "WWW.B.COM"]);
        assert!(names(&DataFault::NoDomains).is_empty());
        assert!(times(&bent(2, &DataFault::NoPoints), 1).is_empty());
    }

    #[test]
    fn an_unordered_answer_holds_the_same_points() {
        let unordered = bent(5, &DataFault::Unordered);
        assert_eq!(unordered["data"][1]["domain"], A);
        let mut found = times(&unordered, 1);
        assert_ne!(found, [0, 1, 2, 3, 4]);
        found.sort_unstable();
        assert_eq!(found, [0, 1, 2, 3, 4]);
    }
}
