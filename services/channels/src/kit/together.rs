//! Laws of several requests: what a request says does not depend on those before it. And requests of the largest size.

use super::{Case, Effort, decode, event, hostile};
use crate::settings::Channel;
use serde_json::Value;
use tributary_core::event::Event;

/// Orders that are tried.
const ORDERS: usize = 3;

/// What is kept of a body may be at most so many times as large: every row of a file is kept with its header.
const RAW_TIMES_MAX: usize = 64;

type Said = Option<(Vec<Event>, Vec<crate::adapter::Unrecognised>)>;

fn said(channel: &Channel, case: &Case) -> Said {
    let decoded = decode(channel, case).ok()?;
    Some((decoded.events.iter().filter_map(|d| event(channel, d)).collect(), decoded.unrecognised))
}

/// Requests decode to the same in any order, and among any others.
pub(super) fn shuffled(channel: &Channel, cases: &[Case], effort: Effort) -> Vec<String> {
    let signed: Vec<Case> = cases.iter().map(|case| case.signed(channel)).collect();
    let in_order: Vec<Said> = signed.iter().map(|case| said(channel, case)).collect();
    let mut random = hostile::XorShift::new(effort.seed);
    let mut failures = Vec::new();
    for _ in 0..ORDERS {
        let mut order: Vec<usize> = (0..signed.len()).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at + 1));
        }
        for index in order {
            let (Some(case), Some(want)) = (signed.get(index), in_order.get(index)) else { continue };
            if said(channel, case) != *want {
                failures.push(format!(
                    "{} / {}: decodes differently after other requests (seed {:#x})",
                    channel.context.name, case.name, effort.seed
                ));
            }
        }
        if !failures.is_empty() {
            break;
        }
    }
    failures
}

/// Bodies as large as the kind takes them.
pub(super) fn largest(channel: &Channel, case: &Case, effort: Effort) -> Vec<String> {
    let size = effort.largest_bytes.min(channel.registration.body_max);
    let filled = |piece: &[u8]| piece.iter().copied().cycle().take(size).collect::<Vec<u8>>();
    let own = if case.body.is_empty() { b" ".as_slice() } else { &case.body };
    let mut failures = Vec::new();
    let grown = grown(&case.body, size).unwrap_or_default();
    for (what, body) in [
        ("its list with more elements", grown),
        ("the body again and again", filled(own)),
        ("spaces", filled(b" ")),
        ("one text", [b"\"".to_vec(), filled(b"a"), b"\"".to_vec()].concat()),
        ("one list", [b"[".to_vec(), filled(b"0,"), b"0]".to_vec()].concat()),
    ] {
        let length = body.len();
        match hostile::decode(channel, &Case { body, ..case.clone() }) {
            Err(panic) => failures.push(format!("{what}: {panic}")),
            Ok(Err(_)) => {}
            Ok(Ok(decoded)) => {
                let raws =
                    decoded.events.iter().map(|d| &d.raw).chain(decoded.unrecognised.iter().map(|u| &u.raw));
                let kept: usize = raws.map(|raw| raw.body.len()).sum();
                if kept > length.saturating_mul(RAW_TIMES_MAX) {
                    failures.push(format!("{what}: {length} bytes become {kept} bytes of raw requests"));
                }
            }
        }
    }
    failures.into_iter().map(|f| format!("{} / {}: {f}", channel.context.name, case.name)).collect()
}

/// A JSON body whose first list has so many of its first elements that it is as large as that.
fn grown(body: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    let list = first_list(&mut value)?;
    let one = list.first()?.clone();
    let room = size.saturating_sub(body.len()).checked_div(one.to_string().len() + 1)?;
    list.extend(std::iter::repeat_n(one, room));
    Some(value.to_string().into_bytes())
}

/// The first list of objects in it, else the first that is not empty.
fn first_list(value: &mut Value) -> Option<&mut Vec<Value>> {
    let mut places = Vec::new();
    lists(value, &mut String::new(), &mut places);
    let of_objects = places.iter().find(|(_, objects)| *objects).or(places.first());
    value.pointer_mut(&of_objects?.0)?.as_array_mut()
}

fn lists(value: &Value, at: &mut String, out: &mut Vec<(String, bool)>) {
    let length = at.len();
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                at.push('/');
                at.push_str(&name.replace('~', "~0").replace('/', "~1"));
                lists(value, at, out);
                at.truncate(length);
            }
        }
        Value::Array(list) => {
            out.extend(list.first().map(|first| (at.clone(), first.is_object())));
        }
        _ => {}
    }
}
