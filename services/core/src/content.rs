//! The personal part of an event: text, names, addresses, form fields. It is written into one sealed cell as JSON and is
//! never part of the clear facts. `Debug` shows only how much there is.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// Profile fields by the words of schema.org.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProfileField {
    /// Full name as one text.
    Name,
    /// Name the platform shows; never replaces `name`.
    DisplayName,
    /// Contact address.
    Email,
    /// Contact number.
    Telephone,
    /// ISO 8601 date.
    BirthDate,
    /// BCP 47, such as `zh-Hant-TW`.
    Language,
    /// Postal address as one text.
    Address,
    /// As the source says.
    Gender,
    /// Address of a picture.
    Image,
}

impl ProfileField {
    /// All fields, in the order of their stored numbers.
    pub const ALL: [Self; 9] = [
        Self::Name,
        Self::DisplayName,
        Self::Email,
        Self::Telephone,
        Self::BirthDate,
        Self::Language,
        Self::Address,
        Self::Gender,
        Self::Image,
    ];

    /// The schema.org word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::DisplayName => "displayName",
            Self::Email => "email",
            Self::Telephone => "telephone",
            Self::BirthDate => "birthDate",
            Self::Language => "language",
            Self::Address => "address",
            Self::Gender => "gender",
            Self::Image => "image",
        }
    }
}

/// Profile fields with their values.
pub type Profile = BTreeMap<ProfileField, String>;

/// Where an event's profile fields come from; smaller ranks higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileSource {
    /// The member master file or system.
    MemberMaster = 1,
    /// A form the customer filled in.
    #[default]
    Form = 2,
    /// Typed at a till.
    Till = 3,
    /// A mail's headers.
    MailHeader = 4,
    /// A platform's display name.
    DisplayName = 5,
}

impl ProfileSource {
    /// From its stored number.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::MemberMaster,
            2 => Self::Form,
            3 => Self::Till,
            4 => Self::MailHeader,
            5 => Self::DisplayName,
            _ => return None,
        })
    }
}

/// Something sent along; the bytes stay at the source or in the raw request.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attachment {
    /// `image`, `video`, `audio`, `file`, `location`, `sticker`, ...
    pub kind: String,
    /// File name or title.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Media type.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// Where it can be fetched, or the source's id of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Size in bytes, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// A value that came in the place of an identifier but is not a key (a role address, an extension line).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Identifier type.
    #[serde(rename = "type")]
    pub kind: String,
    /// As received.
    pub value: String,
    /// Why it is no key: a stable code.
    pub reason: String,
}

/// The personal part of an event.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Content {
    /// What was said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// A mail's subject or a similar title.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Address of a post or page.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// What was sent along.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Form fields and other named values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, serde_json::Value>,
    /// What it says about the person.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub profile: Profile,
    /// Values that are no keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<Contact>,
}

impl Content {
    /// Whether there is nothing personal at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("text_bytes", &self.text.len())
            .field("attachments", &self.attachments.len())
            .field("fields", &self.fields.len())
            .field("profile", &self.profile.keys())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attachment({})", self.kind)
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contact({}, {})", self.kind, self.reason)
    }
}
