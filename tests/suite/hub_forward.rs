//! `forward`: what went into the log goes on to another system, byte for byte, whatever that system does, and the provider's
//! answer never waits for it.

use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};
use tributary_tests::hub::{
    Folder, Hub,
    channels::Source,
    elsewhere::{Elsewhere, Says, says},
};

const PATIENCE: Duration = Duration::from_secs(60);

fn line(forward: &str) -> Source {
    Source::new("line", json!({"forward": forward}))
}

fn message(n: u32) -> Vec<u8> {
    format!(
        r#"{{ "destination":"U00000000000000000000000000000b07", "events":[{{"type":"message","mode":"active","timestamp":1772331119{n:03},"source":{{"type":"user","userId":"U0123456789abcdef0123456789abcdef"}},"webhookEventId":"01JFORWARD{n}","message":{{"id":"70{n}","type":"text","text":"\u4f60\u597d {n}"}}}}]}}"#
    )
    .into_bytes()
}

fn send(hub: &Hub, source: &Source, body: &[u8]) -> Duration {
    let begun = Instant::now();
    let answer = source.send(&mut hub.provider(), "application/json; charset=utf-8", body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    begun.elapsed()
}

fn row(hub: &Hub) -> Value {
    let channels = hub.client().get("/v1/channels").must(200).json();
    let rows = channels["channels"].as_array().expect("a list");
    rows.iter().find(|r| r["name"] == "line").expect("the channel").clone()
}

fn wait_for(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_is_stored_goes_on_byte_for_byte_once() {
    let bot = Elsewhere::new(vec![says(200, "")]);
    let source = line(&bot.url("/old-bot?key=1"));
    let folder = Folder::new(std::slice::from_ref(&source));
    let hub = folder.start();
    let body = message(1);
    let request =
        source.signed(&[("content-type", "application/json; charset=utf-8"), ("x-other", "kept")], &body);
    assert_eq!(source.post(&mut hub.provider(), &request).expect("an answer").status, 200);
    let asked = bot.wait(1, PATIENCE);
    assert_eq!((asked[0].line.as_str(), &asked[0].body), ("POST /old-bot?key=1", &body));
    let signature = request.headers.iter().find(|(n, _)| n == "x-line-signature").expect("signed");
    assert_eq!(asked[0].header("x-line-signature"), signature.1);
    assert_eq!(
        (asked[0].header("content-type"), asked[0].header("x-other")),
        ("application/json; charset=utf-8", "kept")
    );
    assert_eq!(asked[0].header("host"), bot.address.to_string());

    // What is refused, what is empty and what is known already does not go on.
    let forged = source.unsigned(&[("content-type", "application/json")], &message(2));
    assert_eq!(source.post(&mut hub.provider(), &forged).expect("an answer").status, 401);
    send(&hub, &source, br#"{"destination":"U00000000000000000000000000000b07","events":[]}"#);
    send(&hub, &source, &body);
    send(&hub, &source, &message(3));
    let asked = bot.wait(2, PATIENCE);
    assert_eq!(asked[1].body, message(3));
    wait_for("both are told", || {
        row(&hub)["forwarded"] == json!({"waiting": 0, "delivered": 2, "failed": 0})
    });
    let metrics = hub.client().get("/metrics").must(200).text();
    assert!(
        metrics.contains("tributary_forwards_total{channel=\"line\",result=\"delivered\"} 2"),
        "{metrics}"
    );
}

#[test]
fn a_slow_or_failing_bot_delays_no_answer_and_is_tried_again() {
    let slow = Says { after: Duration::from_secs(3), ..says(200, "") };
    let bot = Elsewhere::new(vec![slow, says(503, ""), says(500, ""), says(204, "")]);
    let source = line(&bot.url("/"));
    let folder = Folder::new(std::slice::from_ref(&source));
    let hub = folder.start();
    let first = send(&hub, &source, &message(1));
    bot.wait(1, PATIENCE).clear();
    let second = send(&hub, &source, &message(2));
    assert!(first < Duration::from_secs(2) && second < Duration::from_secs(2), "{first:?} {second:?}");
    let asked = bot.wait(4, PATIENCE);
    assert!(
        asked[1..].iter().all(|a| a.body == message(2)),
        "the second overtakes the first and is tried three times"
    );
    wait_for("both arrive", || row(&hub)["forwarded"]["delivered"] == 2);
}

#[test]
fn what_is_refused_or_redirected_is_given_up_and_listed() {
    let away = Says { header: "location: http://127.0.0.1:1/".to_owned(), ..says(302, "") };
    let bot = Elsewhere::new(vec![says(401, "no"), away, says(200, "")]);
    let source = line(&bot.url("/"));
    let folder = Folder::new(std::slice::from_ref(&source));
    let hub = folder.start();
    for n in 1..=3 {
        send(&hub, &source, &message(n));
        bot.wait(n as usize, PATIENCE).clear();
    }
    wait_for("all are told", || row(&hub)["forwarded"] == json!({"waiting": 0, "delivered": 1, "failed": 2}));
    hub.settle();
    let letters = hub.client().get("/v1/deadletters").must(200).json();
    let letters = letters["deadletters"].as_array().expect("a list").clone();
    assert_eq!(letters.len(), 2, "{letters:?}");
    for (letter, status) in letters.iter().zip(["401", "302"]) {
        assert_eq!((&letter["reason"], &letter["channel"]), (&json!("forward_failed"), &json!("line")));
        assert!(
            letter["detail"].as_str().is_some_and(|d| d.contains(&format!("status {status}"))),
            "{letter}"
        );
    }
    let logged = folder.log();
    assert!(logged.contains("not forwarded") && !logged.contains("U0123456789abcdef"), "{logged}");
}

/// The hub is killed while the bot is down: what was stored goes on from the log, signed, and what went on does not again.
#[test]
fn a_restart_goes_on_from_the_log() {
    let bot = Elsewhere::new(vec![says(200, "")]);
    let source = line(&bot.url("/"));
    let folder = Folder::new(std::slice::from_ref(&source));
    let hub = folder.start();
    send(&hub, &source, &message(1));
    bot.wait(1, PATIENCE).clear();
    wait_for("it is told", || row(&hub)["forwarded"]["delivered"] == 1);
    thread::sleep(Duration::from_secs(3)); // the cursor is saved a look later
    let address = bot.address.to_string();
    drop(bot);
    let two =
        format!(r#"{{"destination":"U1","events":[{},{}]}}"#, element(&message(2)), element(&message(3)));
    send(&hub, &source, two.as_bytes());
    hub.kill_now();
    drop(hub);

    let bot = Elsewhere::at(&address, vec![says(200, "")]);
    let hub = folder.start();
    let mut asked = bot.wait(2, PATIENCE);
    // Both are under way at once: either may arrive first.
    asked.sort_by(|a, b| a.body.cmp(&b.body));
    wait_for("both are told", || row(&hub)["forwarded"]["delivered"] == 2);
    send(&hub, &source, &message(4));
    assert_eq!(bot.wait(3, PATIENCE)[2].body, message(4));
    for (asked, n) in asked.iter().zip([2, 3]) {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        assert_eq!(body, format!(r#"{{"destination":"U1","events":[{}]}}"#, element(&message(n))));
        let own = source.signed(&[], &asked.body);
        assert_eq!(asked.header("x-line-signature"), own.headers[0].1);
    }
    let (status, _) = hub.terminate();
    assert!(status.success());
    drop(hub);
    let hub = folder.start();
    send(&hub, &source, &message(5));
    assert_eq!(bot.wait(4, PATIENCE)[3].body, message(5), "after a clean stop nothing is repeated");
}

fn element(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body).into_owned();
    let inside = text.split_once("\"events\":[").expect("events").1;
    inside.strip_suffix("]}").expect("the end").to_owned()
}

#[test]
fn an_address_that_is_not_safe_is_refused_at_start() {
    for (forward, problem) in [("http://bot.example.com/", "is not encrypted"), ("bot", "is no address")] {
        let folder = Folder::new(&[]);
        let text = folder.configuration()
            + &format!(
                "[channels.shop]\nkind = \"web_form\"\nform = \"f\"\nforward = \"{forward}\"\n[channels.shop.fields]\nemail = \"e\"\n"
            );
        folder.configure(&text);
        let checked = folder.run(&["config", "check"]);
        let told =
            String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
        assert!(
            !checked.status.success() && told.contains("channels.shop.forward") && told.contains(problem),
            "{told}"
        );
    }
}
