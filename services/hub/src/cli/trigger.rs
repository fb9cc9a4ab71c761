//! `channel trigger`: posts a signed sample to a running hub, the way the channel's provider would.

use super::{
    Exit, Failure,
    args::{Global, Trigger},
};
use crate::{
    client::Client,
    config::Config,
    output::{self, Format, Table},
};
use hyper::Method;
use serde_json::json;
use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};
use tributary_channels::{
    adapter::{Outbound, Sample},
    samples,
    settings::Channel,
};
use tributary_core::time::Micros;
use tributary_eventlog::{Clock as _, SystemClock};

/// One request a day is the slowest rate that makes sense to wait for.
const RATE_MIN: f64 = 1.0 / 86_400.0;

/// `WORD=VALUE`.
///
/// # Errors
/// Without a word or `=`.
pub fn parse_override(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((word, value)) if !word.is_empty() => Ok((word.to_owned(), value.to_owned())),
        _ => Err("must be WORD=VALUE".to_owned()),
    }
}

/// Runs `channel trigger`.
pub async fn run(
    args: &Trigger,
    config: Config,
    global: &Global,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let channel = super::check::configured(&config, &args.channel)?;
    let offered = channel.registration.samples;
    if args.list {
        return list(offered, global.output, out);
    }
    let sample = pick(offered, args.sample.as_deref())?;
    let client = Client::new(&format!("http://{}", reachable(config.hub.listen)?), None)?;
    let pause = match args.rate {
        Some(rate) if !rate.is_finite() || rate < RATE_MIN => {
            return Err(Failure::usage("--rate must be a number of requests a second above 0"));
        }
        Some(rate) => Duration::from_secs_f64(1.0 / rate),
        None => Duration::ZERO,
    };
    let overrides: Vec<(&str, &str)> = args.overrides.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let begun = Instant::now();
    let mut refused = 0_u64;
    // Numbers go on from the clock, so that a second run sends new events and not copies of the first.
    let first = SystemClock.now_micros().unsigned_abs() / 1_000;
    for n in 1..=args.count {
        let number = first.saturating_add(n);
        let request = request(channel, sample, number, &overrides, config.hub.channel_url(&args.channel));
        let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
        let path = format!("/in/{}{query}", args.channel);
        let sent = Instant::now();
        let answer = client.send(Method::POST, &path, &request.headers, request.body.into()).await?;
        let status = answer.status.as_u16();
        refused += u64::from(!answer.status.is_success());
        let ms = sent.elapsed().as_secs_f64() * 1000.0;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        match global.output {
            Format::Table if args.count == 1 => {
                writeln!(out, "{status} in {ms:.1} ms  {}", output::printable(&body))?;
            }
            Format::Table => {}
            _ => writeln!(out, "{}", json!({"n": n, "status": status, "ms": ms, "body": body}))?,
        }
        // The schedule counts from the start, so that slow answers do not lower the rate.
        let due = pause.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX));
        if n < args.count {
            tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
        }
    }
    if global.output == Format::Table && args.count > 1 {
        let seconds = begun.elapsed().as_secs_f64();
        let taken = args.count - refused;
        writeln!(out, "{taken} taken, {refused} refused in {seconds:.1} s")?;
    }
    Ok(if refused == 0 { Exit::Ok } else { Exit::CheckFailed })
}

fn list(samples: &[Sample], format: Format, out: &mut dyn Write) -> Result<Exit, Failure> {
    if format == Format::Table {
        let mut table = Table::new(&["sample", "about"]);
        samples.iter().for_each(|sample| table.row([sample.name.to_owned(), sample.about.to_owned()]));
        out.write_all(table.render().as_bytes())?;
    } else {
        let rows = samples.iter().map(|s| json!({"name": s.name, "about": s.about})).collect();
        output::json(out, &rows, format, "")?;
    }
    Ok(Exit::Ok)
}

fn pick<'a>(samples: &'a [Sample], name: Option<&str>) -> Result<&'a Sample, Failure> {
    let found = match name {
        Some(name) => samples.iter().find(|sample| sample.name == name),
        None => samples.first(),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = samples.iter().map(|sample| sample.name).collect();
        Failure::usage("this kind of channel has no such sample")
            .remedy(format!("it has: {}", names.join(", ")))
    })
}

fn request(
    channel: &Channel,
    sample: &Sample,
    n: u64,
    overrides: &[(&str, &str)],
    public_url: Option<String>,
) -> Outbound {
    let now = Micros::from(jiff::Timestamp::now());
    let mut request = Outbound {
        headers: vec![("content-type".to_owned(), sample.content_type.to_owned())],
        query: String::new(),
        body: samples::fill(sample, n, now, overrides),
        public_url,
        at: now,
    };
    channel.adapter.sign(&mut request);
    request
}

/// Where a listener on this address is reached from the same machine.
fn reachable(listen: SocketAddr) -> Result<SocketAddr, Failure> {
    if listen.port() == 0 {
        return Err(Failure::usage("hub.listen has port 0, so the hub's port is not known")
            .remedy("set a port, such as TRIBUTARY__HUB__LISTEN=127.0.0.1:8080"));
    }
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(SocketAddr::new(ip, listen.port()))
}
