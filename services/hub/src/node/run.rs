//! The tasks of a node: sending, copying, and putting what came into this node's order.

use super::{Node, Trouble, Weaver, key};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinHandle};
use tributary_eventlog::{
    OrderError,
    pipe::{MirrorError, PipeError, REFUSED_PAUSE},
};

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
    if let Some(weaver) = &node.weaver {
        tasks.push(tokio::spawn(weave(Arc::clone(node), Arc::clone(weaver), stopped.clone())));
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
    // What two nodes wrote under one origin is not made worse.
    let ended = tokio::select! {
        ended = node.forwarder.run(stopped) => ended,
        () = node.until_forked() => return,
    };
    if let Err(error) = ended {
        tell(&node, (&error).into());
    }
}

async fn copy(node: Arc<Node>, mut stopped: watch::Receiver<bool>) {
    let mut pause = PAUSE_FIRST;
    loop {
        let before = node.mirrors.progress();
        let ended = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            ended = node.mirrors.run(&*node.pipe) => ended,
        };
        let Err(error) = ended else { continue };
        pause = if node.mirrors.progress() == before { (pause * 2).min(PAUSE_LONGEST) } else { PAUSE_FIRST };
        let wait = match error {
            MirrorError::Pipe(PipeError::Refused(_)) => REFUSED_PAUSE,
            error if !error.retryable() => return tell(&node, (&error).into()),
            _ => pause,
        };
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = tokio::time::sleep(wait) => {}
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
    node.set_trouble(trouble);
}

/// Numbers what is new, and takes in each origin that comes.
async fn weave(node: Arc<Node>, weaver: Arc<Weaver>, stopped: watch::Receiver<bool>) {
    weaver.wake_with(node.mirrors.origins());
    weaver.follow(&node.log);
    let mut known = BTreeMap::new();
    let look = || {
        for (origin, log) in node.mirrors.logs() {
            let is_added = known.entry(origin).or_insert_with(|| {
                weaver.follow(&log);
                false
            });
            // Its first record says whether it is one of ours.
            if *is_added || log.end() == 0 {
                continue;
            }
            *is_added = true;
            match key::differs(&*log, &node.key) {
                None => weaver.add(log),
                Some(trouble) => tell(&node, trouble),
            }
        }
    };
    let tell = |error: &OrderError| {
        if !matches!(error, OrderError::Io(_) | OrderError::Read(_)) {
            node.set_trouble(error.into());
        }
    };
    weaver.run(stopped, look, tell).await;
}
