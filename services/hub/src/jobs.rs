//! Long work that a request starts: rebuilds, plans, counts. Only the last few are remembered.

use crate::hub::Hub;
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};

/// Jobs remembered.
const KEPT: usize = 20;

/// The kinds that tell their progress themselves.
const OWN_PROGRESS: [&str; 3] = ["quality", "import", "readapt"];

/// A job's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Under way.
    Running,
    /// Finished as it should.
    Done,
    /// Finished otherwise.
    Failed,
}

/// A job.
#[derive(Clone, Debug, Serialize)]
pub struct Job {
    /// Its number.
    pub id: u64,
    /// `rebuild`, `plan`, `policy`, `quality`, `import` or `readapt`.
    pub kind: &'static str,
    /// How it is doing.
    pub state: State,
    /// Records done.
    pub done: u64,
    /// Records in all.
    pub total: u64,
    /// What it found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<serde_json::Value>,
}

/// All jobs of this process.
#[derive(Debug, Default)]
pub struct Jobs(Mutex<Vec<Job>>);

impl Jobs {
    /// Starts one; `None` while one of its kind is running.
    #[must_use]
    pub fn start(&self, kind: &'static str) -> Option<u64> {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.iter().any(|j| j.kind == kind && j.state == State::Running) {
            return None;
        }
        let id = jobs.last().map_or(1, |j| j.id + 1);
        if jobs.len() >= KEPT
            && let Some(oldest) = jobs.iter().position(|j| j.state != State::Running)
        {
            jobs.remove(oldest);
        }
        jobs.push(Job { id, kind, state: State::Running, done: 0, total: 0, result: None });
        Some(id)
    }

    /// Ends one that went through `total` records.
    pub fn end(&self, id: u64, ok: bool, total: u64, result: serde_json::Value) {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = jobs.iter_mut().find(|j| j.id == id) {
            job.state = if ok { State::Done } else { State::Failed };
            (job.done, job.total) = (total, total);
            job.result = Some(result);
        }
    }

    /// Notes how far one is that the projector does not do.
    pub fn advance(&self, id: u64, done: u64, total: u64) {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = jobs.iter_mut().find(|j| j.id == id) {
            (job.done, job.total) = (done, total);
        }
    }

    /// All of them; `projecting` is the progress of the running one that the projector does.
    #[must_use]
    pub fn list(&self, projecting: (u64, u64)) -> Vec<Job> {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for job in jobs.iter_mut().filter(|j| j.state == State::Running && !OWN_PROGRESS.contains(&j.kind)) {
            (job.done, job.total) = projecting;
        }
        jobs.clone()
    }
}

/// A job under way. If nobody says how it ended, because its task was dropped or panicked, it has failed.
pub struct Underway {
    hub: Arc<Hub>,
    id: u64,
    ended: bool,
}

impl Underway {
    /// Starts a job of this kind; `None` while one is running.
    #[must_use]
    pub fn start(hub: &Arc<Hub>, kind: &'static str) -> Option<Self> {
        let id = hub.jobs.start(kind)?;
        Some(Self { hub: Arc::clone(hub), id, ended: false })
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The hub it works on.
    #[must_use]
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// It came to its end.
    pub fn end(mut self, ok: bool, total: u64, result: serde_json::Value) {
        self.ended = true;
        self.hub.jobs.end(self.id, ok, total, result);
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        if !self.ended {
            let result = serde_json::json!({"error": "it was broken off; the hub's log says why"});
            self.hub.jobs.end(self.id, false, 0, result);
        }
    }
}
