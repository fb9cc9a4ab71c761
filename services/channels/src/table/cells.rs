//! The values of one row in one piece of memory: rows are many, and most of their values are short.

/// Values by place; absent and empty are the same.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    text: String,
    /// Where in the text each value begins and ends, in bytes.
    at: Vec<(usize, usize)>,
}

impl Cells {
    /// The value at this place; empty without one.
    #[must_use]
    pub fn get(&self, place: usize) -> &str {
        self.at.get(place).and_then(|(from, to)| self.text.get(*from..*to)).unwrap_or_default()
    }

    /// Sets a value without the white space around it.
    pub fn set(&mut self, place: usize, value: &str) {
        let from = self.text.len();
        self.text.push_str(value.trim());
        if self.at.len() <= place {
            self.at.resize(place + 1, (0, 0));
        }
        if let Some(slot) = self.at.get_mut(place) {
            *slot = (from, self.text.len());
        }
    }

    /// Empties it for the next row.
    pub fn clear(&mut self) {
        self.text.clear();
        self.at.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_at_their_places() {
        let mut cells = Cells::default();
        cells.set(2, " b ");
        cells.set(0, "a");
        cells.set(2, "c");
        assert_eq!([0, 1, 2, 3].map(|place| cells.get(place)), ["a", "", "c", ""]);
        cells.clear();
        assert_eq!(cells.get(0), "");
    }
}
