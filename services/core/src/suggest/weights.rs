//! What agreement and disagreement of a field are worth.

use std::fmt;

/// How well a field of two records agrees. A field that either lacks has no level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The same value, in any spelling.
    Same,
    /// The same value but for what people mistype, mishear or swap.
    Close,
    /// Some of its parts agree.
    Partly,
    /// One of them is a scrap that fits the other (陳小姐, a first name alone).
    Faint,
    /// Another value.
    Different,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Names in letters.
    Name,
    /// Names in Han characters.
    HanName,
    /// Birth dates.
    BirthDate,
    /// Phones in one person's pocket.
    Mobile,
    /// Phones of a household.
    Landline,
    /// E-mail addresses.
    Email,
    /// Words of postal addresses.
    Street,
    /// Numbers of postal addresses: postcode, house, floor.
    Numbers,
    /// Numbers given to one person: a member's, an insured's.
    Code,
}

impl Level {
    /// All levels, best first: the columns of [`WEIGHTS`].
    pub const ALL: [Self; 5] = [Self::Same, Self::Close, Self::Partly, Self::Faint, Self::Different];

    /// Stable code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Close => "close",
            Self::Partly => "partly",
            Self::Faint => "faint",
            Self::Different => "different",
        }
    }
}

impl Field {
    /// All fields: the rows of [`WEIGHTS`].
    pub const ALL: [Self; 9] = [
        Self::Name,
        Self::HanName,
        Self::BirthDate,
        Self::Mobile,
        Self::Landline,
        Self::Email,
        Self::Street,
        Self::Numbers,
        Self::Code,
    ];

    /// Stable code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::HanName => "han_name",
            Self::BirthDate => "birth_date",
            Self::Mobile => "mobile",
            Self::Landline => "landline",
            Self::Email => "email",
            Self::Street => "street",
            Self::Numbers => "address_numbers",
            Self::Code => "code",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Weights in hundredths of a bit: 100 · log2(m / u), where m is the probability of a level among pairs of one person and u
/// that among pairs of two, by field and [`Level`]. 0 where a field has no such level.
///
/// They are estimates by expectation maximisation over all pairs of two public sets (FEBRL's third, and synthetic customers
/// of shops in Taiwan) without looking at their truth, rounded and then held back where the sets are cleaner than life: no
/// agreement is worth more than 15 bits; words and numbers of an address together are worth 19, because families share both;
/// people have a second number or mailbox and move, so another one tells less than the sets say. A landline stands in
/// neither set: its weight is a judgement. A test of the suite repeats the estimate.
pub const WEIGHTS: [[i32; 5]; Field::ALL.len()] = [
    [1_500, 1_300, 400, 700, -400],
    [1_200, 1_000, -300, 400, -900],
    [1_500, 350, -300, 0, -450],
    [1_500, 1_200, 0, 0, -250],
    [1_000, 0, 0, 0, -100],
    [1_300, 300, 0, 0, -200],
    [1_000, 850, 400, 0, -450],
    [900, 750, 200, 0, -400],
    [1_500, 1_250, 0, 0, -450],
];

/// The weight of a field's level, in hundredths of a bit.
#[must_use]
pub fn weight(field: Field, level: Level) -> i32 {
    WEIGHTS[field as usize][level as usize]
}
