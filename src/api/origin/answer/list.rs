//! The list of entries in an answer, sorted by what was asked for.

use super::{
    Broken, Cursor, Entry, MAX_ENTRIES, MAX_KEPT_COUNTS, MAX_KEPT_POINTS, MAX_POINTS, MAX_REJECTS, Reader,
    RowError, read_name, row, said, shape, too_many,
};

impl<'a> Reader<'_, 'a> {
    pub(super) fn entries(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Broken> {
        if !cursor.eat(b'[') {
            return Err(shape("its `data` is not a list"));
        }
        let mut first = true;
        let mut count = 0;
        while cursor.next_element(&mut first)? {
            if count == MAX_ENTRIES {
                return Err(shape("its `data` has more than 10000 entries"));
            }
            count += 1;
            self.entry(cursor)?;
        }
        Ok(())
    }

    fn entry(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Broken> {
        let start = cursor.clone();
        if !cursor.eat(b'{') {
            cursor.skip_value()?;
            self.strays += 1;
            return Ok(());
        }
        let (mut domain, mut domains) = (None, 0);
        let (mut rows, mut lists) = (None, 0);
        let mut first = true;
        while let Some(key) = cursor.next_key(&mut first)? {
            match said(key).as_ref() {
                "domain" => {
                    domains += 1;
                    domain = read_name(cursor)?;
                }
                "data" => {
                    lists += 1;
                    let name = domain.as_deref().filter(|_| lists == 1);
                    rows = self.rows(cursor, name)?;
                }
                _ => {
                    cursor.skip_value()?;
                }
            }
        }
        let rows = rows.filter(|_| lists == 1);
        if let Some(domain) = domain.filter(|_| domains == 1) {
            return self.sort_in(domain, rows, start.until(cursor));
        }
        self.strays += 1;
        Ok(())
    }

    /// The points of an entry, called `name` if that is known by now: read where that domain is wanted and new, else
    /// passed, since nothing yet says whose they are, or that they are all. `None` where they are no list.
    fn rows(&mut self, cursor: &mut Cursor<'a>, name: Option<&str>) -> Result<Option<Rows<'a>>, Broken> {
        if !cursor.eat(b'[') {
            cursor.skip_value()?;
            return Ok(None);
        }
        let place = name.and_then(|name| self.wanted.place(name));
        if place.is_some_and(|place| self.known(place).is_none()) {
            let mut entry = Entry::default();
            self.read_rows(cursor, &mut entry, true)?;
            return Ok(Some(Rows::Read(Box::new(entry))));
        }
        let passed = cursor.clone();
        let mut first = true;
        while cursor.next_element(&mut first)? {
            self.receive()?;
            cursor.skip_value()?;
        }
        Ok(Some(Rows::Passed(passed)))
    }

    /// Counts an entry and takes its points, if they are a list.
    fn sort_in(&mut self, domain: String, rows: Option<Rows<'a>>, raw: &'a str) -> Result<(), Broken> {
        let Some(place) = self.wanted.place(&domain) else {
            self.strangers_in_all += 1;
            if self.strangers.len() < MAX_REJECTS {
                self.strangers.push((domain, raw));
            }
            return Ok(());
        };
        // An entry that can be used makes up for one that cannot.
        let known = self.found.get_mut(place).and_then(Option::take);
        let known = known.filter(|known| rows.is_none() || !known.malformed);
        let is_new = known.is_none();
        let mut entry = known.unwrap_or_default();
        match rows {
            Some(Rows::Read(read)) => entry = *read,
            Some(Rows::Passed(mut cursor)) => self.read_rows(&mut cursor, &mut entry, false)?,
            None => entry.malformed = is_new || entry.malformed,
        }
        if is_new {
            (entry.domain, entry.raw) = (domain, raw);
        }
        if let Some(found) = self.found.get_mut(place) {
            *found = Some(entry);
        }
        Ok(())
    }

    /// What is known of the domain at `place` that can be used.
    fn known(&self, place: usize) -> Option<&Entry<'a>> {
        let known = self.found.get(place).and_then(Option::as_ref);
        known.filter(|known| !known.malformed)
    }

    /// Reads the points of a list whose bracket was passed.
    fn read_rows(
        &mut self,
        cursor: &mut Cursor<'a>,
        entry: &mut Entry<'a>,
        are_new: bool,
    ) -> Result<(), Broken> {
        let frame = self.wanted.frame;
        let mut first = true;
        while cursor.next_element(&mut first)? {
            if are_new {
                self.receive()?;
            }
            let start = cursor.position();
            let (points, counts) = (entry.points.len(), entry.points.counts.len());
            match self.rows.read(cursor) {
                Ok(row) => entry.take(&frame, start, row, self.rows.counts()),
                Err(RowError::Answer(what)) => return Err(shape(what)),
                Err(RowError::Point(_)) => {
                    // What can be passed over is a bad point; what cannot is a broken answer.
                    cursor.go_back(start);
                    let ts = row::time_of(cursor.skip_value()?);
                    entry.take_unreadable(&frame, start, ts);
                }
            }
            self.kept_points += entry.points.len() - points;
            self.kept_counts += entry.points.counts.len() - counts;
            if self.kept_points > MAX_KEPT_POINTS {
                return Err(too_many(MAX_KEPT_POINTS, "points to keep"));
            }
            if self.kept_counts > MAX_KEPT_COUNTS {
                return Err(too_many(MAX_KEPT_COUNTS, "counts of status codes"));
            }
        }
        Ok(())
    }

    /// Counts a point.
    fn receive(&mut self) -> Result<(), Broken> {
        if self.received == MAX_POINTS {
            return Err(Broken::TooMany {
                limit: MAX_POINTS,
                unit: "points",
            });
        }
        self.received += 1;
        Ok(())
    }
}

/// The points of an entry.
enum Rows<'a> {
    /// Read, and of nobody else so far.
    Read(Box<Entry<'a>>),
    /// A list that begins here.
    Passed(Cursor<'a>),
}
