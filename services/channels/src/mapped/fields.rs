//! What an event of the settings may hold: the names of CloudEvents' `data` (`crate::cloudevents`), which reads the result.
//! Known here as well, so that a misspelt name is an error at start and not a dead letter for each payload.

/// What may stand at a place.
pub(super) enum Shape {
    /// An expression.
    Value,
    /// A plain word that means itself, or an expression.
    Word,
    /// A table of these names, or an expression that gives a map.
    Table(&'static [(&'static str, Shape)]),
    /// An identifier; without a value it is none.
    Claim(&'static [(&'static str, Shape)]),
    /// A list of these, or an expression that gives a list of maps.
    Each(&'static Shape),
    /// A table of any names, or an expression that gives a map.
    Any,
}

use Shape::{Any, Claim, Each, Table, Value, Word};

/// What every event may hold besides its body, `when`, `type`, `key` and `time`, which the channel itself reads.
pub(super) const COMMON: &[(&str, Shape)] = &[
    ("revision", Value),
    ("identifiers", Each(&Claim(&[("type", Word), ("scope", Word), ("value", Value), ("trust", Word)]))),
    ("profile", PROFILE),
    ("profile_source", Word),
    ("actor", Value),
    ("store", Value),
    ("brand", Word),
    ("historical", Value),
    ("test", Value),
];

const PROFILE: Shape = Table(&[
    ("name", Value),
    ("displayName", Value),
    ("email", Value),
    ("telephone", Value),
    ("birthDate", Value),
    ("language", Word),
    ("address", Value),
    ("gender", Value),
    ("image", Value),
]);

const LINES: Shape = Each(&Table(&[("sku", Value), ("quantity", Value), ("amount", Value)]));

const ATTACHMENTS: Shape =
    Each(&Table(&[("kind", Word), ("name", Value), ("media_type", Value), ("url", Value), ("size", Value)]));

/// The bodies; `profile` is the table that every event may have.
pub(super) const BODIES: &[(&str, Shape)] = &[
    (
        "message",
        Table(&[
            ("text", Value),
            ("subject", Value),
            ("attachments", ATTACHMENTS),
            ("direction", Word),
            ("thread", Value),
            ("reply_to", Value),
            ("form", Word),
        ]),
    ),
    ("form", Table(&[("form", Word), ("fields", Any)])),
    (
        "mention",
        Table(&[("network", Word), ("kind", Word), ("thread", Value), ("text", Value), ("url", Value)]),
    ),
    (
        "purchase",
        Table(&[
            ("currency", Word),
            ("total", Value),
            ("tax", Value),
            ("discount", Value),
            ("points_used", Value),
            ("lines", LINES),
            ("refs", Each(&Value)),
        ]),
    ),
    ("refund", Table(&[("of", Value), ("currency", Word), ("total", Value)])),
    ("order", Table(&[("number", Value), ("state", Word), ("carrier", Word), ("tracking", Value)])),
    ("follow", Table(&[("following", Value)])),
    ("visit", Table(&[("url", Value), ("kind", Word)])),
    ("cart", Table(&[("items", LINES), ("state", Word)])),
    (
        "consent",
        Table(&[
            ("purpose", Word),
            ("channel", Word),
            ("granted", Value),
            ("method", Word),
            ("text_sha256", Value),
            ("expires_at", Value),
        ]),
    ),
    ("trait", Table(&[("name", Word), ("value", Value)])),
    ("note", Table(&[("text", Value)])),
    ("delivery", Table(&[("campaign", Value), ("state", Word)])),
    ("link", Table(&[("with", Value), ("nonce", Value), ("ok", Value)])),
    ("removed", Table(&[("of", Value)])),
    ("activity", Table(&[("title", Word), ("fields", Any)])),
];

/// Whether an event's type may begin with this word.
pub(super) fn is_body(name: &str) -> bool {
    name == "profile" || body(name).is_some()
}

/// The shape of this body's table.
pub(super) fn body(name: &str) -> Option<&'static Shape> {
    BODIES.iter().find(|(known, _)| *known == name).map(|(_, shape)| shape)
}

/// The shape of what every event may hold under this name.
pub(super) fn common(name: &str) -> Option<&'static Shape> {
    COMMON.iter().find(|(known, _)| *known == name).map(|(_, shape)| shape)
}
