//! Whether the channel's public address leads to this hub: an unsigned request there must be refused as this hub refuses it.

use super::{ANSWER, Checks, probe::PROBE};
use crate::hub::Hub;
use crate::outbound::{Address, Outbound};
use bytes::Bytes;
use hyper::Method;
use serde_json::Value;
use tributary_channels::{
    adapter::{InboundRequest, Transport},
    settings::Channel,
    standing::Finding,
};

/// The address to register and whether it works; nothing for channels that nobody posts to.
pub(super) async fn checks(hub: &Hub, channel: &Channel, url: Option<&str>, outbound: &Outbound) -> Checks {
    // Files may be posted too, and mail may be fetched: then an address is no must.
    let must = channel.registration.transport == Transport::Webhook && channel.adapter.pulls().is_empty();
    let Some(url) = url else {
        let found = Finding::doubtful(
            "[hub] public_url is not set",
            "set it to the https address under which providers reach this hub, and register that address with /in/ and \
             the channel's name there",
        );
        return if must { vec![("public address".to_owned(), found)] } else { Vec::new() };
    };
    if !must {
        return Vec::new();
    }
    let is_safe = url.starts_with("https://");
    let address = if is_safe {
        Finding::good(format!("to be registered at the source: {url}"))
    } else {
        Finding::bad(
            format!("{url} is not encrypted"),
            "put a proxy with a certificate in front, and set [hub] public_url to https://",
        )
    };
    let mut checks = vec![("public address".to_owned(), address)];
    match Address::parse(url) {
        Ok(address) => checks.push(("reachable".to_owned(), reach(hub, channel, &address, outbound).await)),
        // Why is told above.
        Err(_) if !is_safe => {}
        Err(problem) => {
            checks.push((
                "reachable".to_owned(),
                Finding::bad(format!("{url} {problem}"), "correct [hub] public_url"),
            ));
        }
    }
    checks
}

/// Posts nothing without a signature; where an empty post would be taken, only asks with a method that no channel takes.
async fn reach(hub: &Hub, channel: &Channel, address: &Address, outbound: &Outbound) -> Finding {
    let (method, status, code) = match channel.adapter.verify(&InboundRequest::post(&[], b"")) {
        Err(refused) => (Method::POST, refused.status, refused.code),
        Ok(()) => (Method::DELETE, 405, "method_not_allowed"),
    };
    let host = address.host();
    let Some(word) = hub.probes.begin() else {
        return Finding::doubtful("the system gives no random numbers", "see the hub's log");
    };
    let headers = [(PROBE.to_owned(), word.clone())];
    let answer = outbound.send(address, method.clone(), &headers, Bytes::new(), ANSWER).await;
    let came = hub.probes.end(&word);
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            return Finding::bad(
                format!("{host} cannot be reached from here: {error}"),
                "check its name, the proxy in front of [hub] listen, and the certificate; a network may also keep the hub \
                 from reaching its own public address",
            );
        }
    };
    let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match problem["code"].as_str() {
        Some(said) if came && said == code && answer.status == status => {
            Finding::good(format!("{host} leads here: an unsigned {method} is refused with {status} {code}"))
        }
        Some(_) if !came => Finding::bad(
            format!("{host} leads to another hub"),
            "point the proxy to this hub's [hub] listen, or check that one",
        ),
        Some(said) => Finding::bad(
            format!("an unsigned {method} was answered {} {said}, not {status} {code}", answer.status),
            "compare the path: the proxy must pass on path, method and headers unchanged",
        ),
        None => Finding::bad(
            format!("{host} answers {} and is not this hub", answer.status),
            "point the proxy to this hub's [hub] listen, with path and body unchanged; redirects do not do",
        ),
    }
}
