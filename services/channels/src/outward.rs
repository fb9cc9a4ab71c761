//! Settings that every kind takes and that point away from the hub: where a channel's requests go on to (`forward`), and
//! where its conversations are handled (`agent_link`). Addresses only; who opens them is the shell's business.

use crate::{
    adapter::{Registration, Transport},
    settings::{Settings, SettingsError},
};

/// Longest address.
const URL_BYTES_MAX: usize = 2_000;

/// What may stand in braces in an `agent_link`.
const PLACES: [&str; 4] = ["user", "thread", "key", "event"];

/// Where a channel points to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outward {
    /// Address that gets every request of a webhook once it is in the log.
    pub forward: Option<String>,
    /// Address of a conversation in the tool that people answer from, with `{user}`, `{thread}`, `{key}`, `{event}`.
    pub agent_link: Option<AgentLink>,
}

/// A template of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentLink(String);

/// What an [`AgentLink`] is filled with; a template that asks for something empty gives no address.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place<'a> {
    /// The person's id at the source.
    pub user: &'a str,
    /// The conversation: a group, a room, a mail thread.
    pub thread: &'a str,
    /// The fact's own name at its source.
    pub key: &'a str,
    /// The event's id.
    pub event: &'a str,
}

impl Outward {
    /// Reads the settings of a channel of this kind.
    ///
    /// # Errors
    /// [`SettingsError`] for what is no address, and for `forward` where nothing is posted.
    pub fn read(settings: &mut Settings, registration: &Registration) -> Result<Self, SettingsError> {
        let forward = settings.text("forward")?;
        if forward.is_some() && registration.transport != Transport::Webhook {
            return Err(SettingsError::new("forward", "is for channels whose source posts to the hub"));
        }
        if forward.as_ref().is_some_and(|url| !is_address(url)) {
            let problem = "is no address; write it as \"https://bot.example.com/callback\"";
            return Err(SettingsError::new("forward", problem));
        }
        let agent_link = settings.text("agent_link")?.map(AgentLink::new).transpose()?;
        Ok(Self { forward, agent_link })
    }
}

impl AgentLink {
    fn new(template: String) -> Result<Self, SettingsError> {
        let refuse = |problem: &str| Err(SettingsError::new("agent_link", problem));
        if !is_address(&template) {
            return refuse("is no address; write it as \"https://desk.example.com/chat/{user}\"");
        }
        let mut rest = template.as_str();
        while let Some((_, after)) = rest.split_once('{') {
            match after.split_once('}') {
                Some((name, after)) if PLACES.contains(&name) => rest = after,
                _ => return refuse("has an unknown place; known are {user}, {thread}, {key} and {event}"),
            }
        }
        Ok(Self(template))
    }

    /// The address of one place; `None` where the template asks for what there is not.
    #[must_use]
    pub fn fill(&self, place: Place<'_>) -> Option<String> {
        let mut out = String::with_capacity(self.0.len() + 64);
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            let value = match name {
                "user" => place.user,
                "thread" => place.thread,
                "key" => place.key,
                _ => place.event,
            };
            if value.is_empty() {
                return None;
            }
            out.push_str(before);
            encode(value, &mut out);
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }
}

fn is_address(url: &str) -> bool {
    let scheme = url.starts_with("https://") || url.starts_with("http://");
    scheme && url.len() <= URL_BYTES_MAX && url.bytes().all(|b| b.is_ascii_graphic())
}

/// A value for a query string.
pub(crate) fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    encode(value, &mut out);
    out
}

/// Everything but unreserved characters percent-encoded, so that a value stays inside its place.
fn encode(value: &str, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.extend(DIGITS.get(usize::from(digit)).copied().map(char::from));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AgentLink, Place};

    fn link(template: &str) -> Result<AgentLink, String> {
        AgentLink::new(template.to_owned()).map_err(|e| e.to_string())
    }

    #[test]
    fn templates_are_filled_and_values_stay_inside_their_place() {
        let place = Place { user: "U1/..?a=乙", thread: "", key: "message/1", event: "e" };
        for (template, filled) in [
            ("https://desk.example.com/{user}", Some("https://desk.example.com/U1%2F..%3Fa%3D%E4%B9%99")),
            (
                "https://desk.example.com/{user}/{key}#{event}",
                Some("https://desk.example.com/U1%2F..%3Fa%3D%E4%B9%99/message%2F1#e"),
            ),
            ("https://desk.example.com/{thread}", None),
            ("https://desk.example.com/", Some("https://desk.example.com/")),
        ] {
            assert_eq!(link(template).expect(template).fill(place).as_deref(), filled);
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for template in
            ["desk", "javascript:alert(1)", "https://a b/", "https://x/{name}", "https://x/{user", ""]
        {
            assert!(link(template).is_err(), "{template}");
        }
    }
}
