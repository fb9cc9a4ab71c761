//! One request on its way: tried until it is taken, refused for good, or its time is over.

use super::{Request, Work};
use crate::{
    hub::record,
    outbound::{Answer, SendError},
    query,
};
use hyper::Method;
use std::time::{Duration, Instant};
use tributary_core::{body::Body, draft::Draft};

/// How long a request is tried, from its arrival on.
const TRIED: Duration = Duration::from_secs(30);
/// Longest single try.
const TRY_MAX: Duration = Duration::from_secs(10);
/// A try that begins late gets at least this.
const TRY_MIN: Duration = Duration::from_secs(2);
/// First pause between two tries; each is twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// Pause while the log takes no records.
const LOG_PAUSE: Duration = Duration::from_secs(1);

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Delivered,
    GivenUp,
}

pub(super) struct Delivery {
    pub work: Work,
    pub request: Request,
}

impl Delivery {
    /// The request's first sequence, and how it ended; what was given up is in the log then.
    pub async fn make(self) -> (u64, End) {
        let first = self.request.first;
        match self.tried().await {
            Ok(()) => (first, End::Delivered),
            Err(reason) => {
                self.give_up(&reason).await;
                (first, End::GivenUp)
            }
        }
    }

    async fn tried(&self) -> Result<(), String> {
        let target = self.work.lane.target.with_query(&self.request.query);
        let deadline = self.request.received + TRIED;
        let (mut pause, mut tries) = (PAUSE, 0);
        loop {
            tries += 1;
            let left = deadline.saturating_duration_since(Instant::now()).clamp(TRY_MIN, TRY_MAX);
            let (headers, body) = (&self.request.headers, self.request.body.clone());
            let sent = self.work.outbound.send(&target, Method::POST, headers, body, left).await;
            let wait = match judge(&sent) {
                Verdict::Taken => return Ok(()),
                Verdict::Refused(why) => return Err(format!("{why}; not tried again")),
                Verdict::Later(why, wait) if Instant::now() + wait.max(pause) >= deadline => {
                    return Err(format!("{why} at try {tries}, the last"));
                }
                Verdict::Later(_, wait) => wait.max(pause),
            };
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// A dead letter, and one line for whoever watches; neither holds anything of the request itself.
    async fn give_up(&self, reason: &str) {
        let (hub, name) = (&self.work.hub, &self.work.name);
        let host = self.work.lane.target.host();
        tracing::warn!(channel.name = %name, forward.host = host, log.sequence = self.request.first, reason, "not forwarded");
        let context = tributary_core::draft::ChannelContext { name: name.clone(), ..query::console(hub) };
        let key = format!("forward/{}/{}", hub.log.origin().0, self.request.first);
        let mut draft = Draft::new(key, Body::Unrecognised { reason: "forward_failed".to_owned() });
        let Request { first, last, .. } = self.request;
        let detail = format!("records {first} to {last} did not reach {host}: {reason}");
        draft.content.fields.insert("detail".into(), detail.into());
        let events = context.events(draft, hub.now(), hub.key());
        while let Err(problem) = hub.append(events.iter().map(record).collect()).await {
            tracing::warn!(channel.name = %name, code = problem.code, "a failed forwarding waits for the log");
            tokio::time::sleep(LOG_PAUSE).await;
        }
    }
}

enum Verdict {
    Taken,
    Refused(String),
    Later(String, Duration),
}

fn judge(sent: &Result<Answer, SendError>) -> Verdict {
    match sent {
        Ok(answer) if (200..300).contains(&answer.status) => Verdict::Taken,
        Ok(Answer { status, retry_after, .. }) if *status >= 500 || [408, 425, 429].contains(status) => {
            Verdict::Later(format!("status {status}"), retry_after.unwrap_or_default())
        }
        Ok(answer) => Verdict::Refused(format!("status {}", answer.status)),
        Err(error) => Verdict::Later(error.to_string(), Duration::ZERO),
    }
}
