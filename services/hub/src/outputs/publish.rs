//! The task that publishes: waits to lead, goes on where others stopped, and follows the fold.

use super::{
    Content, Outputs,
    message::{self, Page, Published, TOLD},
};
use crate::{hub::Hub, node::Node};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tributary_core::{change::Change, codec::BadRow, ids::Cursor, view};
use tributary_eventlog::pipe::{Lead, Message, PipeError};
use tributary_projector::View;

/// Changes of one page.
const PAGE: usize = 256;
/// Pauses between tries, doubling.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_LONGEST: Duration = Duration::from_secs(5);
/// The pause where somebody has to mend something first.
const PAUSE_REFUSED: Duration = Duration::from_secs(30);
/// Longest time for giving the lead back.
const RESIGN: Duration = Duration::from_secs(2);

/// Why a lead ended without an error.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The hub stops.
    Stopped,
    /// Another node publishes.
    Lost,
}

/// Publishes whenever it is this node's turn, until the hub stops.
pub async fn run(hub: Arc<Hub>, node: Arc<Node>, outputs: Arc<Outputs>, mut stopped: watch::Receiver<bool>) {
    let mut pause = PAUSE_FIRST;
    loop {
        let published = outputs.standing().published;
        let error = match lead(&hub, &node, &outputs, stopped.clone()).await {
            Ok(Ended::Stopped) => return,
            Ok(Ended::Lost) => None,
            Err(error) => Some(error),
        };
        let told = error.as_ref().map(ToString::to_string);
        if let Some(error) = error.as_ref().filter(|_| told != outputs.standing().error) {
            tracing::warn!(%error, code = error.code(), remedy = error.remedy(), "changes are not published");
        }
        outputs.note(|standing| (standing.publishing, standing.error) = (false, told));
        pause = match &error {
            Some(error) if !error.retryable() => PAUSE_REFUSED,
            _ if outputs.standing().published > published => PAUSE_FIRST,
            _ => (pause * 2).min(PAUSE_LONGEST),
        };
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One lead from its beginning to its end.
async fn lead(
    hub: &Arc<Hub>,
    node: &Arc<Node>,
    outputs: &Outputs,
    mut stopped: watch::Receiver<bool>,
) -> Result<Ended, PipeError> {
    let mut lead = tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => return Ok(Ended::Stopped),
        lead = outputs.outlet.lead() => lead?,
    };
    let mut turn = Turn { hub, node, outputs, stopped };
    let ended = turn.publish(&mut *lead).await;
    if tokio::time::timeout(RESIGN, lead.resign()).await.is_err() {
        tracing::debug!("the lead was not given back in time; it ends by its age");
    }
    ended
}

struct Turn<'a> {
    hub: &'a Arc<Hub>,
    node: &'a Arc<Node>,
    outputs: &'a Outputs,
    stopped: watch::Receiver<bool>,
}

impl Turn<'_> {
    async fn publish(&mut self, lead: &mut dyn Lead) -> Result<Ended, PipeError> {
        let published = Published::of(&lead.newest(&TOLD).await?);
        let mut folded = self.hub.projector().subscribe();
        let (mut after, mut floor) = (Cursor::default(), 0);
        if let Some(published) = published {
            loop {
                floor = *folded.borrow_and_update();
                if self.hub.reach(floor).is_ok_and(|reach| reach.covers(&published.position)) {
                    break;
                }
                if let Some(ended) = self.wait(lead, &mut folded).await {
                    return Ok(ended);
                }
            }
            after = published.after;
        }
        tracing::info!(after = %after, "this node publishes the changes");
        self.outputs.note(|standing| (standing.publishing, standing.error) = (true, None));
        loop {
            folded.borrow_and_update();
            let page = self.page(after.clone(), floor).await?;
            if page.messages.is_empty() {
                after = page.next;
                if let Some(ended) = self.wait(lead, &mut folded).await {
                    return Ok(ended);
                }
                continue;
            }
            // A record that only this node has may be lost with it, and nobody could come so far again.
            if let Some(ended) = self.sent(lead, &page.position).await {
                return Ok(ended);
            }
            lead.publish(&page.messages).await?;
            self.outputs.note(|standing| standing.published += page.messages.len() as u64);
            after = page.next;
            if *self.stopped.borrow() {
                return Ok(Ended::Stopped);
            }
        }
    }

    /// Waits for the fold to move.
    async fn wait(&mut self, lead: &mut dyn Lead, folded: &mut watch::Receiver<u64>) -> Option<Ended> {
        tokio::select! {
            _ = self.stopped.wait_for(|stopped| *stopped) => Some(Ended::Stopped),
            () = lead.lost() => Some(Ended::Lost),
            // The projector stops with the hub.
            moved = folded.changed() => moved.is_err().then_some(Ended::Stopped),
        }
    }

    /// Waits until the broker has what this node's own log gave to a page.
    async fn sent(&mut self, lead: &mut dyn Lead, position: &Cursor) -> Option<Ended> {
        let own = position.sequence(self.hub.log.origin().0);
        let mut acknowledged = self.node.acknowledged_upto();
        tokio::select! {
            _ = self.stopped.wait_for(|stopped| *stopped) => Some(Ended::Stopped),
            () = lead.lost() => Some(Ended::Lost),
            has = acknowledged.wait_for(|upto| *upto >= own) => has.is_err().then_some(Ended::Stopped),
        }
    }

    async fn page(&self, after: Cursor, floor: u64) -> Result<Read, PipeError> {
        let (hub, content) = (Arc::clone(self.hub), self.outputs.content);
        let read = tokio::task::spawn_blocking(move || {
            hub.projector().read(|look| read(&look, &after, floor, content))
        });
        let failed = |error: String| PipeError::Failed(format!("the views cannot be read: {error}"));
        read.await.map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))
    }
}

/// A page of changes as messages.
struct Read {
    messages: Vec<Message>,
    /// How far this node had folded.
    position: Cursor,
    next: Cursor,
}

fn read(look: &View<'_>, after: &Cursor, floor: u64, content: Content) -> Result<Read, BadRow> {
    let page = look.changes(after, PAGE)?;
    let position = look.cursor()?;
    let place = Page { after, position: &position, floor };
    let mut messages = Vec::with_capacity(page.changes.len());
    for change in &page.changes {
        let view = match content {
            Content::Thin => None,
            Content::Full => view_of(look, change)?,
        };
        messages.extend(message::messages(change, view.as_ref(), &place));
    }
    Ok(Read { messages, next: page.next, position })
}

/// The view of today; `None` where the customer went into another or was erased since, of which a later change tells.
fn view_of(look: &View<'_>, change: &Change) -> Result<Option<Value>, BadRow> {
    let Some(customer) = look.resolve(change.customer) else { return Ok(None) };
    let view = look.engine().with_sources(|sources, _| view::view(sources, customer)).map_err(|_| BadRow)?;
    let view = view.filter(|view| view.id == change.customer);
    view.map(|view| serde_json::to_value(view).map_err(|_| BadRow)).transpose()
}
