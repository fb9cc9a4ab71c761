//! How the channel stands at LINE: whether the access token works, and whether LINE posts to this hub.

use crate::{
    adapter::Lookup,
    settings::{Secret, Settings, SettingsError},
    standing::{Finding, Question},
};
use serde::Deserialize;

/// What only people can see, in the LINE Developers console and in LINE Official Account Manager.
pub(super) const REMINDERS: &[&str] = &[
    "turn on webhook redelivery (console, Messaging API): LINE then sends again what it could not deliver; it is off at first",
    "press Verify beside the webhook URL once: LINE posts an empty delivery, which is answered 200",
    "turn off automatic replies and greetings in LINE Official Account Manager, if a bot or agents answer",
    "when the channel secret is issued anew, set both here until the old one is gone: secret = [\"env:NEW\", \"env:OLD\"]",
];

const BOT: &str = "access token";
const WEBHOOK: &str = "webhook";
const TOKEN_REMEDY: &str =
    "issue a channel access token in the LINE Developers console and set it as access_token";

/// How to ask.
pub(super) struct Desk {
    base: String,
    token: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bot {
    basic_id: String,
}

#[derive(Deserialize)]
struct Webhook {
    endpoint: String,
    active: bool,
}

impl Desk {
    pub fn read(settings: &mut Settings) -> Result<Self, SettingsError> {
        let base = settings.text("profile_url")?.unwrap_or_else(|| super::profile::API.to_owned());
        let token = settings.optional_secrets("access_token")?.into_iter().next();
        Ok(Self { base: base.trim_end_matches('/').to_owned(), token })
    }

    /// What is known without asking.
    pub fn noticed(&self) -> Vec<(&'static str, Finding)> {
        if self.token.is_some() {
            return Vec::new();
        }
        let detail = "access_token is not set, so LINE cannot be asked where it posts to";
        vec![(BOT, Finding::doubtful(detail, TOKEN_REMEDY))]
    }

    pub fn questions(&self) -> Vec<Question> {
        let Some(token) = self.token.as_ref().and_then(|t| std::str::from_utf8(t.bytes()).ok()) else {
            return Vec::new();
        };
        let ask = |about, path: &str| Question {
            about,
            lookup: Lookup {
                url: format!("{}{path}", self.base),
                headers: vec![("authorization".to_owned(), format!("Bearer {}", token.trim()))],
            },
        };
        vec![ask(BOT, "/v2/bot/info"), ask(WEBHOOK, "/v2/bot/channel/webhook/endpoint")]
    }

    /// What an answer means; `url` is where LINE should post to.
    pub fn finding(&self, about: &str, status: u16, answer: &[u8], url: Option<&str>) -> Finding {
        match (about, status) {
            (_, 401 | 403) => Finding::bad(format!("LINE refuses the access token ({status})"), TOKEN_REMEDY),
            (BOT, 200) => match serde_json::from_slice::<Bot>(answer) {
                Ok(bot) => Finding::good(format!("it is of the account {}", bot.basic_id)),
                Err(_) => strange(status),
            },
            (WEBHOOK, 200) => match serde_json::from_slice::<Webhook>(answer) {
                Ok(webhook) => posts_to(&webhook, url),
                Err(_) => strange(status),
            },
            (WEBHOOK, 404) => Finding::bad("no webhook URL is set", set(url)),
            _ => strange(status),
        }
    }
}

fn posts_to(webhook: &Webhook, url: Option<&str>) -> Finding {
    let Webhook { endpoint, active } = webhook;
    match url {
        Some(url) if url != endpoint => Finding::bad(format!("LINE posts to {endpoint}"), set(Some(url))),
        _ if !active => Finding::bad(
            format!("the webhook {endpoint} is turned off"),
            "turn on \"Use webhook\" in the LINE Developers console, Messaging API",
        ),
        Some(_) => Finding::good(format!("LINE posts to {endpoint}")),
        None => Finding::doubtful(
            format!("LINE posts to {endpoint}"),
            "set [hub] public_url, so that this can be compared with the hub's own address",
        ),
    }
}

fn set(url: Option<&str>) -> String {
    let url = url.unwrap_or("the hub's public address and /in/ and the channel's name");
    format!("set the webhook URL in the LINE Developers console, Messaging API, to {url}")
}

fn strange(status: u16) -> Finding {
    Finding::doubtful(format!("LINE answered {status}, which says nothing"), "try again later")
}

#[cfg(test)]
mod tests {
    use super::{BOT, Desk, WEBHOOK};
    use crate::standing::Standing::{self, Bad, Doubtful, Good};

    #[test]
    fn answers_say_whether_line_posts_here() {
        let desk = Desk { base: "https://api.example".into(), token: None };
        let here = "https://hooks.example/in/line";
        let webhook = |endpoint: &str, active| format!(r#"{{"endpoint":"{endpoint}","active":{active}}}"#);
        let elsewhere = webhook("https://old.example/callback", true);
        for (about, status, answer, url, standing, word) in [
            (BOT, 200, r#"{"userId":"U1","basicId":"@shop"}"#.to_owned(), None, Good, "@shop"),
            (BOT, 200, "[]".to_owned(), None, Doubtful, "200"),
            (BOT, 401, "{}".to_owned(), None, Bad, "401"),
            (BOT, 503, String::new(), None, Doubtful, "503"),
            (WEBHOOK, 200, webhook(here, true), Some(here), Good, here),
            (WEBHOOK, 200, webhook(here, false), Some(here), Bad, "turned off"),
            (WEBHOOK, 200, webhook(here, true), None, Doubtful, here),
            (WEBHOOK, 200, elsewhere, Some(here), Bad, "https://old.example/callback"),
            (WEBHOOK, 200, "{}".to_owned(), Some(here), Doubtful, "200"),
            (WEBHOOK, 404, "{}".to_owned(), Some(here), Bad, "no webhook"),
            (WEBHOOK, 403, "{}".to_owned(), Some(here), Bad, "403"),
        ] {
            let found = desk.finding(about, status, answer.as_bytes(), url);
            let got: (Standing, bool) = (found.standing, found.detail.contains(word));
            assert_eq!(got, (standing, true), "{about} {status} {answer}: {found:?}");
            assert_eq!(found.remedy.is_empty(), standing == Good, "{found:?}");
        }
        assert!(desk.questions().is_empty() && desk.noticed().len() == 1, "nothing to ask with");
    }
}
