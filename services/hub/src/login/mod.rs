//! Logins at a platform (OpenID Connect id tokens): signature against the platform's keys, audience, issuer, times, nonce. Keys
//! come from the configuration or from the platform's address, which is asked at most once a minute.

mod token;

pub use token::{Keys, Refused};

use crate::{
    hub::Hub,
    outbound::{Address, Outbound},
    problem::Problem,
};
use bytes::Bytes;
use hyper::Method;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tributary_channels::adapter::Login;
use tributary_core::time::Micros;

/// Keys are asked for again after this time, or when a token is signed by an unknown one, but never sooner than that.
const KEPT: Duration = Duration::from_secs(3600);
const SOONEST: Duration = Duration::from_secs(60);
/// Longest wait for keys; a person waits behind the request.
const ANSWER: Duration = Duration::from_secs(5);

/// What a login proves.
#[derive(Clone, PartialEq, Eq)]
pub struct Proven {
    /// The person's id at the platform.
    pub subject: String,
    /// Which of our offers it answers.
    pub nonce: String,
    /// When they logged in.
    pub at: Micros,
}

/// Keys of platforms, by their address.
#[derive(Default)]
pub struct KeyStore(Mutex<HashMap<String, (Instant, Arc<Keys>)>>);

impl KeyStore {
    fn get(&self, url: &str) -> Option<(Duration, Arc<Keys>)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(url).map(|(at, keys)| (at.elapsed(), Arc::clone(keys)))
    }

    fn put(&self, url: &str, keys: &Arc<Keys>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(url.to_owned(), (Instant::now(), Arc::clone(keys)));
    }
}

/// Checks an id token as of `now`.
///
/// # Errors
/// 401 `login_refused` with what is wrong, 503 while the platform's keys cannot be had.
pub async fn verify(hub: &Hub, expected: &Login, token: &str, now: Micros) -> Result<Proven, Problem> {
    let seconds = now.0 / 1_000_000;
    if token::needs_no_keys(token) {
        let checked = token::check(token, &Keys::default(), expected, seconds);
        return checked.map_err(refused);
    }
    let keys = keys(hub, expected, KEPT).await?;
    let mut checked = token::check(token, &keys, expected, seconds);
    if checked == Err(Refused::UnknownKey) && expected.keys.starts_with("http") {
        // Platforms change their keys now and then.
        let keys = self::keys(hub, expected, SOONEST).await?;
        checked = token::check(token, &keys, expected, seconds);
    }
    checked.map_err(refused)
}

fn refused(why: Refused) -> Problem {
    Problem::new(401, "login_refused", why.to_string())
}

/// The keys, at most so old.
async fn keys(hub: &Hub, expected: &Login, age_max: Duration) -> Result<Arc<Keys>, Problem> {
    let unusable = || Problem::new(503, "login_keys_unusable", "the platform's keys cannot be read");
    if !expected.keys.starts_with("http") {
        return Keys::read(expected.keys.as_bytes()).map(Arc::new).ok_or_else(unusable);
    }
    let known = hub.login_keys.get(&expected.keys);
    if let Some((age, keys)) = &known
        && *age < age_max
    {
        return Ok(Arc::clone(keys));
    }
    match fetch(&expected.keys).await {
        Ok(keys) => {
            let keys = Arc::new(keys);
            hub.login_keys.put(&expected.keys, &keys);
            Ok(keys)
        }
        Err(error) => {
            tracing::warn!(error = %error, "the keys of a login cannot be had");
            // Old keys are still the platform's.
            known.map(|(_, keys)| keys).ok_or_else(|| unusable().retry_after(5))
        }
    }
}

async fn fetch(url: &str) -> Result<Keys, String> {
    let address = Address::parse(url)?;
    let outbound = Outbound::new().map_err(|e| e.to_string())?;
    let answer = outbound.send(&address, Method::GET, &[], Bytes::new(), ANSWER).await;
    let answer = answer.map_err(|e| e.to_string())?;
    if answer.status != 200 {
        return Err(format!("status {}", answer.status));
    }
    Keys::read(&answer.body).ok_or_else(|| "no set of keys".to_owned())
}
