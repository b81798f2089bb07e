//! Numbers for texts that repeat, such as the codes of one point after the other.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::convert::{to_u32, to_usize};

/// Gives each text a number, in the order in which they come.
///
/// Most texts follow the one that they followed before. So it is enough to compare them with that one; only others are
/// looked up.
#[derive(Debug, Default)]
pub(super) struct KnownTexts {
    texts: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
    /// For each text the number of the one that followed it the last time.
    follows: Vec<u32>,
    last: Option<u32>,
}

impl KnownTexts {
    /// Returns the number of a text, and whether it is new.
    pub(super) fn number(&mut self, text: &str) -> (u32, bool) {
        let guess = self
            .last
            .and_then(|last| self.follows.get(to_usize(last)).copied());
        if let Some(guess) = guess
            && self
                .texts
                .get(to_usize(guess))
                .is_some_and(|known| **known == *text)
        {
            self.last = Some(guess);
            return (guess, false);
        }
        let known = self.numbers.get(text).copied();
        let number = known.unwrap_or_else(|| {
            let number = to_u32(self.texts.len());
            let text: Arc<str> = Arc::from(text);
            self.texts.push(Arc::clone(&text));
            self.follows.push(number);
            self.numbers.insert(text, number);
            number
        });
        if let Some(follows) = self.last.and_then(|last| self.follows.get_mut(to_usize(last))) {
            *follows = number;
        }
        self.last = Some(number);
        (number, known.is_none())
    }

    /// Returns the texts by their numbers.
    pub(super) fn texts(&self) -> &[Arc<str>] {
        &self.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number_whatever_it_follows() {
        let mut known = KnownTexts::default();
        let sequence = [
            "200", "404", "200", "404", "", "200", "200", "5", "404", "", "200", "404",
        ];
        let expected = ["200", "404", "", "5"];
        for (at, text) in sequence.iter().enumerate() {
            let (number, is_new) = known.number(text);
            assert_eq!(expected[to_usize(number)], *text);
            assert_eq!(is_new, !sequence[..at].contains(text), "{text}");
        }
        assert_eq!(
            known.texts().iter().map(|text| &**text).collect::<Vec<_>>(),
            expected
        );
    }
}
