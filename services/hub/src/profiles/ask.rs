//! Asking about one person after another: what the answer says, and how long to leave the source alone.

use super::{Desk, asked::Asked};
use crate::{
    hub::{Hub, record},
    outbound::{Address, Answer, Outbound, SendError},
};
use bytes::Bytes;
use hyper::Method;
use std::time::{Duration, Instant};
use tributary_channels::settings::Channel;
use tributary_core::{draft::Draft, event::Event, ids::FactKey, view::Records as _};

/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// First rest after a failure; each is twice as long as the one before.
const REST: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(300);
/// Longest rest that a source may ask for.
const ASKED_REST_MAX: Duration = Duration::from_secs(3600);
/// Rest after 429 without a time, and after a refused token.
const TOO_MANY: Duration = Duration::from_secs(60);
const REFUSED: Duration = Duration::from_secs(600);
/// How often who was asked about longer than a week ago is forgotten.
const COMPACT: Duration = Duration::from_secs(24 * 3600);

/// What became of a question.
enum Heard {
    /// What to append; `None` where nobody is there or nothing is understood.
    Answer(Option<Box<Draft>>),
    /// Ask again later.
    Rest(Duration, &'static str),
}

/// Works until it is dropped.
pub(super) async fn run(hub: &Hub, name: &str, desk: &Desk, outbound: &Outbound) {
    let Some(channel) = hub.channel(name) else { return };
    let path = hub.config.hub.data_dir.join("profiles").join(name);
    let mut asked = tokio::task::block_in_place(|| Asked::open(path, seconds(hub)));
    let (mut rest, mut compacted) = (REST, Instant::now());
    loop {
        let Some(person) = desk.next() else {
            desk.news.notified().await;
            continue;
        };
        if !person.followed && asked.recently(&person.user, seconds(hub)) {
            continue;
        }
        let (pause, why) = match ask(hub, channel, outbound, &person.user).await {
            Heard::Answer(draft) => match append(hub, channel, draft).await {
                Ok(()) => (Duration::ZERO, ""),
                Err(why) => (rest, why),
            },
            Heard::Rest(pause, why) => (pause.max(rest), why),
        };
        if !pause.is_zero() {
            tracing::warn!(channel.name = %name, wait_seconds = pause.as_secs(), why, "profiles wait");
            tokio::time::sleep(pause).await;
            rest = (rest * 2).min(REST_MAX);
            // Behind the others: what fails for one person may work for them.
            desk.put(person);
            continue;
        }
        rest = REST;
        tokio::task::block_in_place(|| asked.note(&person.user, seconds(hub)));
        if compacted.elapsed() >= COMPACT {
            compacted = Instant::now();
            tokio::task::block_in_place(|| asked.compact(seconds(hub)));
        }
    }
}

fn seconds(hub: &Hub) -> u32 {
    u32::try_from(hub.now().0 / 1_000_000).unwrap_or_default()
}

async fn ask(hub: &Hub, channel: &Channel, outbound: &Outbound, user: &str) -> Heard {
    let Some(lookup) = channel.adapter.ask_profile(user) else { return Heard::Answer(None) };
    let Ok(address) = Address::parse(&lookup.url) else { return Heard::Answer(None) };
    let sent = outbound.send(&address, Method::GET, &lookup.headers, Bytes::new(), ANSWER).await;
    match sent {
        Ok(Answer { status: 200, body, .. }) => {
            Heard::Answer(channel.adapter.read_profile(user, &body, hub.now()).map(Box::new))
        }
        Ok(Answer { status: 429, retry_after, .. }) => Heard::Rest(
            retry_after.unwrap_or(TOO_MANY).min(ASKED_REST_MAX),
            "the source counts the questions",
        ),
        Ok(Answer { status: 401 | 403, .. }) => Heard::Rest(REFUSED, "the source refuses the access token"),
        Ok(Answer { status, retry_after, .. }) if status >= 500 || status == 408 => {
            Heard::Rest(retry_after.unwrap_or_default().min(ASKED_REST_MAX), "the source fails")
        }
        // They blocked us, or never followed: there is nothing to know.
        Ok(_) => Heard::Answer(None),
        Err(SendError::Tls(_)) => Heard::Rest(REST_MAX, "the source's certificate is not trusted"),
        Err(_) => Heard::Rest(REST, "the source cannot be reached"),
    }
}

/// Appends a profile unless it is the one that is known.
async fn append(hub: &Hub, channel: &Channel, draft: Option<Box<Draft>>) -> Result<(), &'static str> {
    let Some(draft) = draft else { return Ok(()) };
    let events = hub.events(&channel.context, vec![*draft], Vec::new(), hub.now());
    // A follow right after a follow: what the first one brought must be seen.
    if hub.wait_for(&hub.end()).await.is_err() {
        return Err("the projection is behind");
    }
    let known = events.last().is_some_and(|event| tokio::task::block_in_place(|| is_known(hub, event)));
    if known {
        return Ok(());
    }
    let appended = hub.append(events.iter().map(record).collect()).await;
    appended.map(|_| ()).map_err(|_| "the log takes no records")
}

/// Whether the fact says the same already, of somebody who was not erased since.
fn is_known(hub: &Hub, event: &Event) -> bool {
    let key = FactKey::derive(&event.kind, &event.account, &event.key);
    hub.projector().read(|look| {
        let Some(place) = look.engine().place(&key).ok().flatten() else { return false };
        let known = look.engine().with_sources(|_, records| records.at(place.position));
        let Some(known) = known else { return false };
        let resolver = &look.engine().fold().resolver;
        let erased =
            known.event.identifiers.iter().any(|i| resolver.is_erased(i.token, known.effective_at()));
        let profile = |event: &Event| event.content().ok().map(|content| content.profile);
        !erased && profile(&known.event).is_some() && profile(&known.event) == profile(event)
    })
}
