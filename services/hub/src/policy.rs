//! The identity policy as an event: what the log states, what is in force, and the event that states another.

use crate::{hub::Hub, query};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tributary_core::{
    body::Body, draft::Draft, event::Event, identity::policy::Policy, ids::FactKey, time::Micros,
    view::Records as _,
};
use tributary_projector::{ProjectorError, newest_policy};

/// Between two looks for a policy of another node.
const LOOK: Duration = Duration::from_secs(1);
/// Key of the policy's fact: its revision is the time, so that the newest counts.
const KEY: &str = "policy";

/// Two days of one year, half a year apart, in seconds since 1970: one of them has standard time.
const YEAR: [i64; 2] = [1_735_689_600, 1_751_328_000];

/// This release's policy for a hub in this time zone.
#[must_use]
pub fn default_in(time_zone: &str) -> Policy {
    Policy { day_offset_minutes: day_offset(time_zone), ..Policy::default() }
}

/// Minutes by which a zone's standard time is ahead of UTC: days of receipts begin so. Summer time is left out, because the
/// policy holds a number and no rules; it moves the end of the day to an hour at which little is sold.
#[must_use]
pub fn day_offset(time_zone: &str) -> i32 {
    let Ok(zone) = jiff::tz::TimeZone::get(time_zone) else { return 0 };
    let instants = YEAR.into_iter().filter_map(|second| jiff::Timestamp::from_second(second).ok());
    instants.map(|at| zone.to_offset(at).seconds() / 60).min().unwrap_or(0)
}

/// The policy that judges events now.
#[must_use]
pub fn in_force(hub: &Hub) -> Policy {
    hub.projector().read(|look| look.engine().fold().resolver.policy().clone())
}

/// What the log says of the policy.
pub struct Stated {
    /// The newest counts.
    pub revision: u64,
    /// As JSON.
    pub policy: String,
}

/// The policy that the log states last; `None` if it states none.
#[must_use]
pub fn stated(hub: &Hub) -> Option<Stated> {
    let context = query::console(hub);
    let key = FactKey::derive(&context.kind, &context.account, KEY);
    let event = hub.projector().read(|look| {
        let place = look.engine().place(&key).ok()??;
        look.engine().with_sources(|_, records| records.at(place.position))
    });
    let event = event?.event;
    match event.body {
        Body::Policy { policy } => Some(Stated { revision: event.revision, policy }),
        _ => None,
    }
}

/// The same at a start, where views may have far to go: what this node's own log states is known before it is folded, and is
/// not stated again by a hub whose views are made anew.
#[must_use]
pub fn stated_at_start(hub: &Hub) -> Option<Stated> {
    let number = *hub.projector().subscribe().borrow();
    let unfolded = || {
        let folded = hub.order.reach(number).map_err(ProjectorError::from)?;
        let own = folded.iter().find(|position| position.origin == hub.log.origin());
        newest_policy(&*hub.log, own.map_or(0, |position| position.sequence) + 1)
    };
    let unfolded = unfolded().unwrap_or_else(|error| {
        tracing::warn!(%error, "the policy that the log states cannot be read; it is stated again");
        None
    });
    let unfolded = unfolded.map(|(revision, policy)| Stated { revision, policy: policy.to_json() });
    stated(hub).into_iter().chain(unfolded).max_by_key(|stated| stated.revision)
}

/// The event that states a policy, now.
#[must_use]
pub fn event(hub: &Hub, policy: &Policy, actor: &str, reason: &str) -> Vec<Event> {
    let now = hub.now();
    let mut draft = Draft::new(KEY, Body::Policy { policy: policy.to_json() });
    draft.revision = now.0.unsigned_abs();
    draft.actor = actor.to_owned();
    draft.content.text = reason.to_owned();
    query::console(hub).events(draft, now, hub.key())
}

/// The event that states the default, behind what this node knows. It is older than all that comes later, so it ends nothing
/// that another node applied and this one cannot know yet; and it is the same event on every node.
#[must_use]
pub fn default_event(hub: &Hub, policy: &Policy, known: Option<&Stated>) -> Vec<Event> {
    let mut draft = Draft::new(KEY, Body::Policy { policy: policy.to_json() });
    draft.revision = known.map_or(0, |known| known.revision.saturating_add(1));
    draft.occurred_at = Some(Micros(i64::try_from(draft.revision).unwrap_or(i64::MAX)));
    query::console(hub).events(draft, hub.now(), hub.key())
}

/// Follows the policy that other nodes apply. Where the configuration has one, that rules, on every node.
pub async fn follow(hub: Arc<Hub>, mut stopped: watch::Receiver<bool>) {
    if hub.config.identity.is_some() {
        return;
    }
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            _ = looks.tick() => {}
        }
        let looking = Arc::clone(&hub);
        if tokio::task::spawn_blocking(move || query::adopt_stated(&looking)).await.is_err() {
            tracing::error!("putting another node's policy in force panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::day_offset;

    #[test]
    fn days_begin_by_standard_time() {
        for (zone, minutes) in [
            ("Asia/Taipei", 480),
            ("Asia/Kolkata", 330),
            ("UTC", 0),
            ("Europe/Berlin", 60),
            ("America/New_York", -300),
            ("Australia/Sydney", 600),
        ] {
            assert_eq!(day_offset(zone), minutes, "{zone}");
        }
    }
}
