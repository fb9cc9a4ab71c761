//! What two records have in common, and what that is worth.

use super::{
    name::{self, Name},
    record::Record,
    weights::{Field, Level, weight},
};

/// The level of every field that both records have, by [`Field`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Levels([Option<Level>; Field::ALL.len()]);

/// One field's part in a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What was compared.
    pub field: Field,
    /// How well it agrees.
    pub level: Level,
    /// Hundredths of a bit.
    pub weight: i32,
}

/// Why two records may be one person. It holds no personal value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// Sum of the weights, in hundredths of a bit.
    pub score: i32,
    /// What it is the sum of.
    pub levels: Levels,
}

impl Levels {
    /// The best level of each field over all pairs of values.
    #[must_use]
    pub fn between(a: &Record, b: &Record) -> Self {
        let mut out = Self::default();
        for (x, y) in pairs(&a.names, &b.names) {
            let field = if matches!(x, Name::Han(_)) { Field::HanName } else { Field::Name };
            out.best(field, name::likeness(x, y));
        }
        for (x, y) in pairs(&a.dates, &b.dates) {
            out.best(Field::BirthDate, Some(x.likeness(*y)));
        }
        for (x, y) in pairs(&a.phones, &b.phones).filter(|(x, y)| x.landline == y.landline) {
            let field = if x.landline { Field::Landline } else { Field::Mobile };
            out.best(field, Some(x.likeness(y)));
        }
        for (x, y) in pairs(&a.emails, &b.emails) {
            out.best(Field::Email, Some(x.likeness(y)));
        }
        for (x, y) in pairs(&a.codes, &b.codes).filter(|(x, y)| x.kind == y.kind) {
            out.best(Field::Code, Some(x.likeness(y)));
        }
        addresses(a, b, &mut out);
        out
    }

    /// The level of a field; `None` where one of the records lacks it.
    #[must_use]
    pub fn of(&self, field: Field) -> Option<Level> {
        self.0[field as usize]
    }

    fn best(&mut self, field: Field, level: Option<Level>) {
        let kept = &mut self.0[field as usize];
        *kept = match (*kept, level) {
            (Some(a), Some(b)) => Some(if weight(field, a) >= weight(field, b) { a } else { b }),
            (a, b) => a.or(b),
        };
    }

    fn score(&self) -> i32 {
        Field::ALL.iter().filter_map(|f| Some(weight(*f, self.of(*f)?))).sum()
    }
}

impl Suggestion {
    /// The fields that were compared, in the order of [`Field::ALL`].
    pub fn reasons(&self) -> impl Iterator<Item = Reason> {
        let levels = self.levels;
        Field::ALL.into_iter().filter_map(move |field| {
            let level = levels.of(field)?;
            Some(Reason { field, level, weight: weight(field, level) })
        })
    }
}

/// Compares two records, whichever comes first. `None` where the pair is vetoed: what agrees may be a household, and what
/// tells its members apart does not.
#[must_use]
pub fn compare(a: &Record, b: &Record) -> Option<Suggestion> {
    let levels = Levels::between(a, b);
    (!is_household(&levels)).then(|| Suggestion { score: levels.score(), levels })
}

/// Words and numbers of the same two addresses: those that agree best together.
fn addresses(a: &Record, b: &Record, out: &mut Levels) {
    let worth = |field, level: Option<Level>| level.map_or(0, |l| weight(field, l));
    let each = pairs(&a.addresses, &b.addresses).map(|(x, y)| (x.words(y), x.numbers(y)));
    let best =
        each.max_by_key(|(words, numbers)| worth(Field::Street, *words) + worth(Field::Numbers, *numbers));
    if let Some((words, numbers)) = best {
        out.best(Field::Street, words);
        out.best(Field::Numbers, numbers);
    }
}

fn pairs<'a, T>(a: &'a [T], b: &'a [T]) -> impl Iterator<Item = (&'a T, &'a T)> {
    a.iter().flat_map(move |x| b.iter().map(move |y| (x, y)))
}

/// Whether what is in common may be a household's: another birth date, and the names do not say that it is mistyped; or
/// another name, and no birth date that says so. Brothers and couples share everything else. A number that is given to one
/// person overrules both.
fn is_household(levels: &Levels) -> bool {
    let alike = |level: Option<Level>| matches!(level, Some(Level::Same | Level::Close));
    let names = [levels.of(Field::Name), levels.of(Field::HanName)];
    let named = names.into_iter().any(alike);
    let born = levels.of(Field::BirthDate);
    let other_date = born == Some(Level::Different) && !named && names != [None, None];
    let other_name = names.contains(&Some(Level::Different)) && !named && !alike(born);
    (other_date || other_name) && !alike(levels.of(Field::Code))
}
