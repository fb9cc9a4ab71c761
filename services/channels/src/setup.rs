//! What people are told of a kind's settings: what each is, where to find it, what is needed. `channel describe`, the README's
//! table and scaffolded configuration come from these rows; a test holds them to what `build` asks for.

use crate::adapter::{Registration, Transport};

/// One key of `[channels.NAME]`.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The key.
    pub name: &'static str,
    /// Whether it must be there.
    pub need: Need,
    /// What it goes with: names of other settings, or `name = value`. Empty: it stands for itself.
    pub with: &'static [&'static str],
    /// Written as `env:NAME` or `file:PATH`, a list of two while rotating.
    pub secret: bool,
    /// What holds without it, as TOML or in words; empty = nothing.
    pub default: &'static str,
    /// A value, as TOML.
    pub example: &'static str,
    /// One line: what it is, and where in the provider's console it is found.
    pub about: &'static str,
}

/// Whether a setting must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Always, or wherever what it goes with is there.
    Required,
    /// Unless this is there; in words with the names in backticks.
    Unless(&'static str),
    /// Never.
    Optional,
}

impl Setting {
    /// One that must be there.
    #[must_use]
    pub const fn required(name: &'static str, example: &'static str, about: &'static str) -> Self {
        Self { name, need: Need::Required, with: &[], secret: false, default: "", example, about }
    }

    /// One that may be there.
    #[must_use]
    pub const fn optional(name: &'static str, example: &'static str, about: &'static str) -> Self {
        Self { need: Need::Optional, ..Self::required(name, example, about) }
    }

    /// Holds a secret.
    #[must_use]
    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// What holds without it.
    #[must_use]
    pub const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    /// What it goes with.
    #[must_use]
    pub const fn with(self, with: &'static [&'static str]) -> Self {
        Self { with, ..self }
    }

    /// Needed unless this is there.
    #[must_use]
    pub const fn unless(self, what: &'static str) -> Self {
        Self { need: Need::Unless(what), ..self }
    }

    /// Whether it must be there, in words.
    #[must_use]
    pub fn need_in_words(&self) -> String {
        let with: Vec<String> = self.with.iter().map(|one| format!("`{one}`")).collect();
        match (self.need, with.is_empty()) {
            (Need::Required, true) => "required".to_owned(),
            (Need::Required, false) => format!("required with {}", with.join(" and ")),
            (Need::Unless(what), _) => format!("required without {what}"),
            (Need::Optional, true) => "optional".to_owned(),
            (Need::Optional, false) => format!("optional, with {}", with.join(" and ")),
        }
    }
}

impl Registration {
    /// The kind's own settings.
    pub fn own_settings(&self) -> impl Iterator<Item = &'static Setting> {
        self.settings.iter().copied().flatten()
    }

    /// The kind's own settings, then those that all kinds of its transport take.
    pub fn all_settings(&self) -> impl Iterator<Item = &'static Setting> {
        let by_transport = match self.transport {
            Transport::Webhook => WEBHOOK,
            Transport::Watch => WATCH,
        };
        self.own_settings().chain(by_transport).chain(EVERY)
    }
}

/// Of every channel.
pub static EVERY: &[Setting] = &[
    Setting::optional("region", "\"TW\"", "where phone numbers without a country code are from")
        .default("the hub's `default_region`"),
    Setting::optional(
        "trust",
        "\"verified\"",
        "most that its word counts: \"verified\" for a system of the shop's own, else \"claimed\" or \"observed\"",
    )
    .default("by kind"),
    Setting::optional("member_is_phone", "true", "member numbers are phone numbers").default("false"),
    Setting::optional("brand", "\"acme\"", "a label that every event of the channel gets"),
    Setting::optional(
        "purchases",
        "\"attach\"",
        "\"attach\": a sale that another channel tells too counts there; \"count\": here",
    )
    .default("each sale counts"),
    Setting::optional("expect_every", "\"36h\"", "warn of a store, or of the channel, that is silent for longer"),
    Setting::optional("expect_stores", "[\"7\", \"8\"]", "stores that are expected from the start")
        .with(&["expect_every"]),
    Setting::optional(
        "agent_link",
        "\"https://desk.example.com/chat/{user}\"",
        "address of a conversation in the tool that people answer from; also {thread}, {key}, {event}",
    ),
];

/// Of channels whose source posts.
static WEBHOOK: &[Setting] = &[Setting::optional(
    "forward",
    "\"https://bot.example.com/callback\"",
    "the system that had the webhook's address before: it gets every request after the append",
)];

/// Of channels of files.
static WATCH: &[Setting] = &[
    Setting::optional(
        "folder",
        "\"/srv/till/in\"",
        "watched folder: a file is taken once it has stopped growing",
    ),
    Setting::optional("done", "\"move\"", "where taken files go; \"move\" is a folder `done` inside")
        .with(&["folder"])
        .default("they stay"),
];

/// The key of uploads to channels of files.
pub(crate) const UPLOAD_KEY: Setting = Setting::required(
    "key",
    "\"env:TILL_KEY\"",
    "what uploads carry as `Authorization: Bearer`; yours to make up",
)
.secret()
.unless("`folder`");

/// The first part of every key.
pub(crate) const ACCOUNT: Setting = Setting::optional(
    "account",
    "\"shop-1\"",
    "first part of every key: whoever renames the channel keeps its facts",
)
.default("the channel's name");

/// The README's table of kinds, as Markdown.
#[must_use]
pub fn markdown(registry: &[&'static Registration]) -> String {
    let mut out = "| kind | what it takes | what it needs |\n|---|---|---|\n".to_owned();
    for registration in registry {
        let needs: Vec<String> = registration.own_settings().filter_map(need_in_table).collect();
        let (kind, about) = (registration.kind, registration.about);
        out.push_str(&format!("| `{kind}` | {about} | {} |\n", needs.join(", ")));
    }
    out
}

fn need_in_table(setting: &Setting) -> Option<String> {
    let name = format!("`{}`", setting.name);
    match setting.need {
        Need::Required if setting.with.is_empty() => Some(name),
        // Another value of another setting would take more words than a cell has room for.
        Need::Unless(what) if !what.contains('=') => Some(format!("{name} (or {what})")),
        Need::Unless(_) => Some(name),
        _ => None,
    }
}

/// A block for the configuration file: what is needed, and the rest as comments. `name` is the channel's.
#[must_use]
pub fn block(registration: &'static Registration, name: &str) -> String {
    let mut out = format!("[channels.{name}]\nkind = \"{}\"\n", registration.kind);
    for setting in registration.own_settings() {
        let needed = setting.need != Need::Optional && setting.with.is_empty();
        let mark = if needed { "" } else { "# " };
        out.push_str(&format!("{mark}{} = {}\n", setting.name, setting.example));
    }
    out
}
