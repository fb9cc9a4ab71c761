use super::{Budget, Expression, PAYLOAD, Scope, of_json, write_json};
use crate::when::{Clock, Day};
use std::sync::Arc;

/// The expression's JSON over this payload, or what went wrong.
fn evaluate(source: &str, payload: &str) -> Result<String, String> {
    let expression = Expression::compile("x", source, &[PAYLOAD]).map_err(|wrong| wrong.0)?;
    let budget = Arc::new(Budget::new());
    let clock = Arc::new(Clock::new("Asia/Taipei", &["%d.%m.%Y".to_owned()], Day::default()).unwrap());
    let mut scope = Scope::new(&budget, &clock);
    let payload =
        of_json(serde_json::from_str(payload).unwrap(), &budget).map_err(|e| e.detail.to_owned())?;
    scope.bind(PAYLOAD, payload);
    let value = expression.evaluate(&scope).map_err(|failed| failed.0)?;
    let mut out = String::new();
    write_json(value.as_ref(), &mut out)?;
    Ok(out)
}

const PAYLOAD_TEXT: &str = r#"{"a": 1, "s": " Ab,c ", "l": [3, 1, 2], "m": {"z": 1, "y": {"x": null}, "b": 2}, "d": 12.50,
    "big": 123456789012345678901234567890, "long": 0.1234567890123456789, "e": 1e3, "u": 18446744073709551615}"#;

#[test]
fn values_and_functions() {
    for (source, want) in [
        ("payload.a + 1", "2"),
        ("payload.d", "12.5"),
        ("payload.big", "\"123456789012345678901234567890\""),
        ("payload.long", "\"0.1234567890123456789\""),
        ("payload.e", "1000"),
        ("payload.u", "18446744073709551615"),
        ("payload.m", r#"{"b":2,"y":{"x":null},"z":1}"#),
        ("payload.?nothing", "null"),
        ("payload.m.y.?x", "null"),
        ("payload.?m.?y.?w.orValue(\"none\")", "\"none\""),
        ("payload[\"s\"].trim().lower()", "\"ab,c\""),
        ("payload.s.split(\",\").map(t, t.trim())", r#"["Ab","c"]"#),
        ("payload.s.replace(\",\", \"; \").upper()", "\" AB; C \""),
        ("payload.l.map(n, string(n)).join(\"-\")", "\"3-1-2\""),
        ("payload.m.map(k, k)", r#"["b","y","z"]"#),
        ("{\"q\": 1, \"p\": 2, \"o\": 3}.map(k, k).join()", "\"opq\""),
        ("payload.l.filter(n, n > 1).size()", "2"),
        ("payload.l.exists(n, n == 2) && payload.l.all(n, n > 0) && payload.l.exists_one(n, n == 3)", "true"),
        ("has(payload.m.z) ? \"yes\" : \"no\"", "\"yes\""),
        ("3 in payload.l && \"z\" in payload.m && !(\"q\" in payload.m)", "true"),
        ("payload.?s.optMap(t, t + \"!\")", "\" Ab,c !\""),
        ("type(payload.a) == int", "true"),
        ("minor(1250, 2)", "\"12.50\""),
        ("minor(\"-5\", 0)", "\"-5\""),
        ("unix(1772331120)", "\"2026-03-01T02:12:00Z\""),
        ("unix(\"1772331120.5\")", "\"2026-03-01T02:12:00.5Z\""),
        ("unix_ms(1772331120123)", "\"2026-03-01T02:12:00.123Z\""),
        ("local_time(\"01.03.2026 10:12\")", "\"2026-03-01T02:12:00Z\""),
        ("json(\"{\\\"a\\\": [1]}\").a[0]", "1"),
        ("digest(1, \"2\") == digest(\"1\", 2) && digest(12) != digest(1, 2)", "true"),
    ] {
        assert_eq!(evaluate(source, PAYLOAD_TEXT).as_deref(), Ok(want), "{source}");
    }
}

/// The order of a map's keys comes from the keys, not from the hash of the process.
#[test]
fn the_same_payload_gives_the_same_value() {
    let fields: Vec<String> = (0..200).map(|n| format!("\"k{n}\":{n}")).collect();
    let payload = format!("{{{}}}", fields.join(","));
    let value = || evaluate("payload.map(k, k + \"=\" + string(payload[k])).join(\"&\")", &payload).unwrap();
    let first = value();
    assert!(first.starts_with("\"k0=0&k1=1&k10=10&k100=100"), "{first}");
    for _ in 0..20 {
        assert_eq!(value(), first);
    }
}

#[test]
fn what_fails_names_the_setting_and_never_a_value() {
    let payload = r#"{"name": "Amy Secret", "l": ["amy@secret.example"]}"#;
    for (source, want) in [
        ("payload.mail", "x: there is no mail; where it may be missing, write .?mail or has()"),
        ("payload[payload.name]", "x: there is no such field"),
        ("payload.name.first", "x: a field is looked for in a string"),
        ("payload.name + 1", "x: the payload does not fit"),
        ("payload.name > 1", "x: _>_ does not go with string and int"),
        ("int(payload.name)", "x: int() does not take this value"),
        ("unix(payload.name)", "x: unix() takes a number of seconds or milliseconds since 1970"),
        ("unix(\"99999999999999999\")", "x: unix() takes a number of seconds or milliseconds since 1970"),
        (
            "local_time(payload.name)",
            "x: local_time() takes a date and a time as the channel's time_formats say",
        ),
        ("payload.l[1]", "x: a list has no such element"),
        ("payload.l.map(n, n.x)", "x: a field is looked for in a string"),
        ("1 / (size(payload.l) - 1)", "x: divides by 0"),
        ("9223372036854775807 + size(payload.l)", "x: a number is too large"),
        ("payload.l.optMap(x, x)", "x: hasValue does not go with list"),
        ("json(payload.name)", "x: json() takes a text that is JSON"),
        ("type(payload)", "gives bytes or a type, which no event holds"),
        ("{1: payload.name}", "gives a map whose keys are no texts"),
    ] {
        let failed = evaluate(source, payload).unwrap_err();
        assert_eq!(failed, want, "{source}");
        assert!(!failed.to_lowercase().contains("secret"), "{failed}");
    }
}

#[test]
fn no_clock_no_chance_and_nothing_unknown() {
    for (source, want) in [
        ("now()", "`now()`, character 4: no function is called now; "),
        ("timestamp(\"2026-03-01T00:00:00Z\")", "no function is called timestamp"),
        ("duration(\"1h\")", "no function is called duration"),
        ("payload.s.matches(\".*\")", "no function is called matches"),
        ("payload.getFullYear()", "no function is called getFullYear"),
        ("random.uuid()", "no function is called uuid"),
        ("paylaod.id", "no variable is called paylaod; there are: payload"),
        ("payload.l.map(x, y)", "character 18: no variable is called y"),
        ("payload.l.map(x, x) + x", "no variable is called x"),
        ("payload.a.minor()", "minor() takes 2 to 2 values"),
        ("Order{id: 1}", "there are no messages here; write a map"),
        (
            "payload.id +",
            "is no expression: `payload.id +`, line 1, character 13: mismatched input '<EOF>'; texts",
        ),
        ("order/17", "no variable is called order"),
        ("", "is no expression"),
        ("@take(payload)", "is no expression"),
    ] {
        let wrong = evaluate(source, "{}").unwrap_err();
        assert!(wrong.contains(want), "{source}: {wrong}");
    }
    assert!(evaluate(&"a".repeat(1_001), "{}").unwrap_err().contains("1001 bytes; at most 1000"));
}

/// Nothing that fits into the settings may exhaust the stack: neither the parser's nor the evaluator's.
#[test]
fn expressions_that_are_all_depth() {
    for (open, middle, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{\"a\":", "1", "}"),
        ("!", "true", ""),
        ("-", "1", ""),
        ("1+", "1", ""),
        ("1<", "1", ""),
        ("true||", "true", ""),
        ("true?1:", "1", ""),
        ("payload.", "a", ""),
        ("payload.?", "a", ""),
        ("payload[", "1", "]"),
        ("lower(", "\"a\"", ")"),
        ("[1].map(x,", "x", ")"),
        ("has(payload.", "a", ")"),
        ("[1].map(x,x)==", "[1]", ""),
    ] {
        for times in [20, 60, 1_000] {
            let times = times.min((super::SOURCE_BYTES_MAX - middle.len()) / (open.len() + close.len()));
            drop(evaluate(&(open.repeat(times) + middle + &close.repeat(times)), "{}"));
        }
    }
}

#[test]
fn work_and_memory_are_bounded() {
    let list = |item: &str, times: usize| format!("[{}]", vec![item; times].join(","));
    let objects = format!("{{\"l\":{},\"s\":\"{}\"}}", list("{\"a\":1}", 20_000), "x".repeat(500_000));
    let text = format!("{{\"s\":\"{}\"}}", "x".repeat(1_000_000));
    let each = "payload.l.map(x, payload.l.map(y, payload.l.map(z, z))).size()";
    let swallowed = "payload.l.exists(x, payload.l.exists(y, payload.l.exists(z, payload == 1)))";
    let copies = format!("[{}payload].size()", "payload,".repeat(110));
    let sum = format!("{}payload.s", "payload.s+".repeat(50));
    for (source, payload) in [
        (each, &objects),
        (swallowed, &objects),
        ("payload.l.map(x, payload.s).size()", &objects),
        ("payload.l.map(x, payload == payload).size()", &objects),
        ("payload.l.map(x, {\"p\": payload}).size()", &objects),
        (copies.as_str(), &objects),
        (sum.as_str(), &text),
        ("payload.s.replace(\"x\", payload.s)", &text),
        ("payload.s.split(\"x\").join(payload.s)", &text),
        ("payload.s.split(\"x\").map(x, payload.s.split(\"x\")).size()", &text),
    ] {
        let failed = evaluate(source, payload).unwrap_err();
        assert!(failed.contains("too much work"), "{source}: {failed}");
    }
    // A payload of many values or many levels is refused before any expression sees it.
    assert_eq!(evaluate("1", &list("1", 250_000)).unwrap_err(), "the payload holds too many values");
    assert_eq!(evaluate("1", &("[".repeat(40) + &"]".repeat(40))).unwrap_err(), "nested too deeply");
    assert_eq!(evaluate("payload.l.size()", &objects).as_deref(), Ok("20000"));
    let twice = evaluate("payload.s + payload.s", &text).map(|json| json.len());
    assert_eq!(twice.unwrap_err(), "gives more than an event holds");
}
