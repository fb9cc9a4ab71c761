//! The identity policy as an event: what the log states, what is in force, and the event that states another.

use crate::{hub::Hub, query};
use tributary_core::{
    body::Body, draft::Draft, event::Event, identity::policy::Policy, ids::FactKey, view::Records as _,
};

/// Key of the policy's fact: its revision is the time, so that the newest counts.
const KEY: &str = "policy";

/// The policy that judges events now.
#[must_use]
pub fn in_force(hub: &Hub) -> Policy {
    hub.projector().read(|look| look.engine().fold().resolver.policy().clone())
}

/// The policy that the log states last, as JSON; `None` if it states none.
#[must_use]
pub fn stated(hub: &Hub) -> Option<String> {
    let context = query::console(hub);
    let key = FactKey::derive(&context.kind, &context.account, KEY);
    let event = hub.projector().read(|look| {
        let place = look.engine().place(&key).ok()??;
        look.engine().with_sources(|_, records| records.at(place.position))
    });
    match event?.event.body {
        Body::Policy { policy } => Some(policy),
        _ => None,
    }
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
