//! The region that reads a phone number without a country code.

use std::fmt;
use std::str::FromStr;

use phonenumber::country;

/// Region of a channel or store: two upper-case letters of ISO 3166 that the numbering-plan data knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region([u8; 2]);

/// The text is not a region with a numbering plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown region, expected two letters such as TW or HK")]
pub struct RegionError;

impl Region {
    /// Taiwan, the default.
    pub const TW: Self = Self(*b"TW");
    /// Hong Kong.
    pub const HK: Self = Self(*b"HK");

    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("TW")
    }

    /// The id of the numbering-plan data. `None` cannot happen for a parsed region.
    pub(super) fn country(self) -> Option<country::Id> {
        // The parser panics on an id that its data does not hold, so both are asked.
        let id: country::Id = self.as_str().parse().ok()?;
        phonenumber::metadata::DATABASE.by_id(id.as_ref()).map(|_| id)
    }
}

impl Default for Region {
    fn default() -> Self {
        Self::TW
    }
}

impl FromStr for Region {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Self, RegionError> {
        let letters: [u8; 2] = text.trim().as_bytes().try_into().map_err(|_| RegionError)?;
        if !letters.iter().all(u8::is_ascii_alphabetic) {
            return Err(RegionError);
        }
        let region = Self(letters.map(|letter| letter.to_ascii_uppercase()));
        region.country().map(|_| region).ok_or(RegionError)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
