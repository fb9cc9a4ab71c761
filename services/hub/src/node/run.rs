//! The tasks of a node: sending, copying, and putting what came into this node's order.

use super::{Node, Trouble, key};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};
use tributary_eventlog::{EventLog, Interleaved, OrderError};

/// Pauses between tries, doubling.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_LONGEST: Duration = Duration::from_secs(2);

/// Starts the tasks. They end when `stopped` says so, or where somebody has to mend something first.
#[must_use]
pub fn spawn(node: &Arc<Node>, stopped: &watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
    let mut tasks = vec![
        tokio::spawn(send(Arc::clone(node), stopped.clone())),
        tokio::spawn(copy(Arc::clone(node), stopped.clone())),
    ];
    if let Some(order) = &node.order {
        tasks.push(tokio::spawn(weave(Arc::clone(node), Arc::clone(order), stopped.clone())));
    }
    tasks
}

/// Nothing is sent before the broker was compared with our log: it may hold more of it than we do.
async fn send(node: Arc<Node>, mut stopped: watch::Receiver<bool>) {
    let mut caught_up = node.mirrors.caught_up();
    tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => return,
        _ = caught_up.wait_for(|caught_up| *caught_up) => {}
    }
    if let Some(trouble) = key::stranger(&node.mirrors, &node.key) {
        return tell(&node, trouble);
    }
    node.compared.send_replace(true);
    if let Err(error) = node.forwarder.run(stopped).await {
        tell(&node, (&error).into());
    }
}

async fn copy(node: Arc<Node>, mut stopped: watch::Receiver<bool>) {
    let mut pause = PAUSE_FIRST;
    let mut last = String::new();
    loop {
        let before = node.mirrors.progress();
        let ended = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            ended = node.mirrors.run(&*node.pipe) => ended,
        };
        let Err(error) = ended else { continue };
        if !error.retryable() {
            tell(&node, (&error).into());
            return;
        }
        if error.to_string() != last {
            tracing::warn!(%error, code = error.code(), "nothing is copied from the broker at the moment");
            last = error.to_string();
        }
        pause = if node.mirrors.progress() == before { (pause * 2).min(PAUSE_LONGEST) } else { PAUSE_FIRST };
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn tell(node: &Node, trouble: Trouble) {
    tracing::error!(
        code = trouble.code,
        remedy = trouble.remedy,
        "the node is cut off from the broker: {}",
        trouble.detail
    );
    node.set_trouble(Some(trouble));
}

/// Numbers what is new, whenever a log has grown.
async fn weave(node: Arc<Node>, order: Arc<Interleaved>, mut stopped: watch::Receiver<bool>) {
    let grown = Arc::new(Notify::new());
    let mut followers = Vec::new();
    let mut origins = node.mirrors.origins();
    follow(&node.log, &grown, &mut followers);
    let mut known = BTreeMap::new();
    loop {
        for (origin, log) in node.mirrors.logs() {
            if !known.contains_key(&origin) {
                follow(&log, &grown, &mut followers);
            }
            let is_added = known.entry(origin).or_insert(false);
            // Its first record says whether it is one of ours.
            if *is_added || log.end() == 0 {
                continue;
            }
            *is_added = true;
            match key::differs(&*log, &node.key) {
                None => order.add(log),
                Some(trouble) => tell(&node, trouble),
            }
        }
        let weaving = Arc::clone(&order);
        let woven = tokio::task::spawn_blocking(move || {
            loop {
                match weaving.weave() {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    Err(error) => return Err(error),
                }
            }
        });
        if let Ok(Err(error)) = woven.await {
            complain(&node, &error);
            tokio::time::sleep(PAUSE_LONGEST).await;
            grown.notify_one();
        }
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            () = grown.notified() => {}
            _ = origins.changed() => {}
        }
    }
    followers.iter().for_each(JoinHandle::abort);
}

fn follow(log: &Arc<dyn EventLog>, grown: &Arc<Notify>, followers: &mut Vec<JoinHandle<()>>) {
    let (mut end, grown) = (log.subscribe(), Arc::clone(grown));
    followers.push(tokio::spawn(async move {
        while end.changed().await.is_ok() {
            grown.notify_one();
        }
    }));
}

fn complain(node: &Node, error: &OrderError) {
    tracing::error!(%error, code = error.code(), remedy = error.remedy(), "records wait to be folded");
    if !matches!(error, OrderError::Io(_) | OrderError::Read(_)) {
        node.set_trouble(Some(error.into()));
    }
}
