//! An adapter in Rust from a sample: a folder of the channels crate, two lines of the registry, fixtures with their golden
//! results. It compiles and passes the conformance kit as it is; what it means is then its author's.

use super::{
    Args, Done,
    guess::{self, Guess, TimeForm, misses},
    mapped::{self, conforms, variable},
    place::words,
    refuse,
    samples::samples,
    trial, write_new,
};
use crate::cli::Failure;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tributary_channels::kit::{self, Case};

/// Of the channels crate, inside a checkout.
const REGISTRY: &str = "services/channels/src/lib.rs";

/// Words that no module can be called.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "test", "trait", "true", "try", "type", "typeof", "union", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield", "std", "core",
];

/// Longest name of a kind.
const NAME_MAX: usize = 40;

/// Runs `channel new --rust`.
pub fn begin(args: &Args, sample: &Value, body: &[u8]) -> Result<Done, Failure> {
    let kind = &args.name;
    check_name(kind)?;
    let root = workspace()?;
    let (lib, source, fixtures) = (
        root.join(REGISTRY),
        root.join("services/channels/src").join(kind),
        root.join("services/channels/fixtures").join(kind),
    );
    let registry = fs::read_to_string(&lib)
        .map_err(|e| Failure::usage(format!("cannot read {}: {e}", lib.display())))?;
    let taken = source.exists() || source.with_extension("rs").exists() || fixtures.exists();
    if taken || registry.contains(&format!("mod {kind};")) || tributary_channels::registration(kind).is_some()
    {
        let problem = format!("there is a kind or module \"{kind}\" already");
        return Err(refuse("name_taken", problem, "choose another name, or change its files by hand"));
    }
    let registry = registered(&registry, kind).ok_or_else(|| {
        let problem = format!("{} has no list of modules and REGISTRY as it should", lib.display());
        refuse("no_registry", problem, "add the module and its row by hand, or take a fresh checkout")
    })?;
    let begun = Begun::of(sample, body, kind)?;
    let mut files: Vec<(PathBuf, Vec<u8>)> =
        begun.fixtures.into_iter().map(|(n, b)| (fixtures.join(n), b)).collect();
    files.extend(begun.sources.into_iter().map(|(name, text)| (source.join(name), text.into_bytes())));
    let mut next = Vec::new();
    if !args.dry_run {
        files.iter().try_for_each(|(path, bytes)| write_new(path, bytes))?;
        fs::write(&lib, registry)
            .map_err(|e| Failure::usage(format!("cannot write {}: {e}", lib.display())))?;
        next.extend(format(&root, &source));
    }
    next.extend([
        "fixtures and samples hold the sample as it is: replace what belongs to real people".to_owned(),
        format!("read services/channels/src/{kind}/mod.rs: every place in it is a guess from one payload"),
        "UPDATE_EXPECT=1 cargo test -p tributary-channels --test kit   (after a change; read the golden results)".to_owned(),
        "cargo test -p tributary-channels".to_owned(),
        "UPDATE_EXPECT=1 cargo test -p tributary-tests the_readme   (the README's table)".to_owned(),
    ]);
    let mut names: Vec<String> = files.iter().map(|(path, _)| path.display().to_string()).collect();
    names.push(format!("{} (two lines)", lib.display()));
    Ok(Done { files: names, shown: begun.shown, left_out: begun.left_out, next })
}

fn check_name(name: &str) -> Result<(), Failure> {
    let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let shape = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && !name.ends_with('_')
        && !name.contains("__");
    let word = KEYWORDS.contains(&name);
    if letters && shape && !word && name.len() <= NAME_MAX {
        return Ok(());
    }
    let remedy = "1 to 40 of a-z, 0-9 and _, beginning with a letter and no word of Rust, such as acme_desk";
    Err(refuse("bad_name", format!("\"{name}\" is no name of a kind"), remedy))
}

/// The checkout that the working folder is in.
fn workspace() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir()?;
    let is_root = |folder: &&Path| folder.join("Cargo.toml").is_file() && folder.join(REGISTRY).is_file();
    here.ancestors().find(is_root).map(Path::to_path_buf).ok_or_else(|| {
        let problem = format!("{} is in no checkout of Tributary", here.display());
        refuse(
            "no_workspace",
            problem,
            "run it inside a checkout; or leave --rust out: many sources need no code",
        )
    })
}

/// The registry with two lines more: the module in its place by name, the row last.
fn registered(registry: &str, kind: &str) -> Option<String> {
    let module = format!("pub mod {kind};");
    let mut lines: Vec<&str> = registry.lines().collect();
    let name =
        |line: &str| line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')).map(str::to_owned);
    let last = lines.iter().rposition(|line| name(line).is_some())?;
    let after = lines.iter().position(|line| name(line).is_some_and(|other| other.as_str() > kind));
    lines.insert(after.unwrap_or(last + 1), &module);
    let start = lines.iter().position(|line| line.contains("REGISTRY: &[&Registration]"))?;
    let end = start + lines.iter().skip(start).position(|line| *line == "];")?;
    let row = format!("    &{kind}::REGISTRATION,");
    lines.insert(end, &row);
    Some(lines.join("\n") + "\n")
}

/// Makes the sources as rustfmt has them; a step for people where there is none.
fn format(root: &Path, source: &Path) -> Option<String> {
    let file = source.join("mod.rs");
    let done =
        Command::new("rustfmt").args(["--edition", "2024", "--config-path"]).arg(root).arg(&file).output();
    let good = done.is_ok_and(|output| output.status.success());
    (!good).then(|| "rustfmt is not there or failed: run `cargo fmt -p tributary-channels`".to_owned())
}

/// Everything that is written.
struct Begun {
    fixtures: Vec<(String, Vec<u8>)>,
    sources: Vec<(&'static str, String)>,
    shown: String,
    left_out: Vec<&'static str>,
}

impl Begun {
    fn of(sample: &Value, body: &[u8], kind: &str) -> Result<Self, Failure> {
        let mut guess = guess::guess(sample, kind);
        if guess.each.is_some() {
            let problem = "the sample is a list of facts, and an adapter is begun from one of them";
            return Err(refuse(
                "sample_is_a_list",
                problem,
                "give one element; without --rust lists are read too",
            ));
        }
        // Local times need the hub's zone, and versions the source's pages: both are the author's.
        guess.time = guess.time.filter(|(_, form)| *form != TimeForm::Local);
        (guess.revision, guess.paid) = (None, None);
        let bad = |problem: String| {
            refuse(
                "bad_sample",
                format!("nothing in it can be made an event: {problem}"),
                "try another payload",
            )
        };
        let (guess, (), left_out) = guess.settle(|guess| fits(guess, kind, body)).map_err(bad)?;
        let channel = trial::channel(&guess, kind).map_err(Failure::usage)?;
        let settings = json!({"kind": kind, "secret": format!("{kind}-test-secret")});
        let mut fixtures = vec![("settings.json".to_owned(), format!("{settings:#}\n").into_bytes())];
        for (name, body) in super::samples::fixtures(&guess, sample, body) {
            let golden = kit::golden(&channel, &Case::new(name, "application/json", body.clone()));
            fixtures.push((format!("{name}.json"), body));
            fixtures.push((format!("{name}.expected.json"), format!("{golden:#}\n").into_bytes()));
        }
        let sources = vec![
            ("mod.rs", source(&guess, kind)),
            (
                "samples.rs",
                include_str!("templates/samples.txt").replace("SAMPLES_HERE", &samples(&guess, sample)),
            ),
            ("tests.rs", include_str!("templates/tests.txt").replace("KIND", kind)),
        ];
        Ok(Self { fixtures, sources, shown: shown(&guess), left_out })
    }
}

/// Whether the sample is understood, and the guess keeps the laws.
fn fits(guess: &Guess, kind: &str, body: &[u8]) -> Result<(), String> {
    let channel = trial::channel(guess, kind)?;
    let case = Case::new("sample", "application/json", body);
    misses(&kit::golden(&channel, &case)).or_else(|| conforms(&channel, &case)).map_or(Ok(()), Err)
}

/// What was guessed, for people.
fn shown(guess: &Guess) -> String {
    let mut lines = vec![format!(
        "key         {}",
        guess.key.as_ref().map_or("a digest of the post".into(), |p| p.pointer())
    )];
    lines.extend(
        guess.says.as_ref().map(|(place, word)| format!("only if     {} is \"{word}\"", place.pointer())),
    );
    lines.extend(guess.time.as_ref().map(|(place, _)| format!("time        {}", place.pointer())));
    lines.extend(guess.who.iter().map(|who| format!("{:10}  {}", who.kind, who.place.pointer())));
    lines.extend(guess.name.as_ref().map(|place| format!("name        {}", place.pointer())));
    lines.extend(guess.subject.as_ref().map(|place| format!("subject     {}", place.pointer())));
    lines.extend(guess.text.as_ref().map(|place| format!("text        {}", place.pointer())));
    lines.join("\n") + "\n"
}

/// `AcmeDesk` of `acme_desk`.
fn type_name(kind: &str) -> String {
    let first_up = |word: String| {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    };
    words(kind).into_iter().map(first_up).collect()
}

fn source(guess: &Guess, kind: &str) -> String {
    let external = guess.who.iter().any(|who| who.kind == "external");
    let bare = guess.key.is_none();
    let or = |there: bool, text: &'static str| if there { text } else { "" };
    let looks = !bare || guess.says.is_some() || fills(guess);
    let arguments: Vec<&str> = [(looks, "&post"), (external, "&self.account"), (bare, "request.body")]
        .map(|(is, one)| or(is, one))
        .into();
    let parameters: Vec<&str> = [(looks, "post: &Value"), (external, "account: &str"), (bare, "body: &[u8]")]
        .map(|(is, one)| or(is, one))
        .into();
    let listed =
        |all: Vec<&str>| all.into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>().join(", ");
    let text = guess.says.is_some()
        || guess.text.is_some()
        || guess.name.is_some()
        || matches!(guess.time, Some((_, TimeForm::Instant)));
    let scalar = !guess.who.is_empty() || !bare;
    let helpers = [or(text, TEXT), or(scalar, SCALAR)].concat();
    include_str!("templates/mod.txt")
        .replace("BODY_IMPORTS", if guess.text.is_some() { "Body, Message" } else { "Body" })
        .replace("CONTENT_IMPORT\n", or(guess.name.is_some(), "content::ProfileField,\n"))
        .replace("DRAFT_IMPORTS", if guess.who.is_empty() { "Draft" } else { "Claim, Draft" })
        .replace("TIME_IMPORT\n", or(guess.time.is_some(), "time::Micros,\n"))
        .replace("ACCOUNT_FIELD\n", or(external, "account: String,\n"))
        .replace(", ACCOUNT_INIT", or(external, ", account: account.clone()"))
        .replace("PARSED", if looks { PARSED } else { CHECKED })
        .replace("DRAFT_ARGUMENTS", &listed(arguments))
        .replace("DRAFT_PARAMETERS", &listed(parameters))
        .replace("HELPERS\n", &helpers)
        .replace("DRAFT_BODY\n", &statements(guess, kind))
        .replace("SECRET_NAME", &variable(kind))
        .replace("CHANNEL", &kind.replace('_', "-"))
        .replace("HEADER", &kind.replace('_', "-"))
        .replace("TYPE", &type_name(kind))
        .replace("KIND", kind)
}

/// Whether anything but the key is taken from a post.
fn fills(guess: &Guess) -> bool {
    let places = [&guess.name, &guess.subject, &guess.text];
    guess.time.is_some() || !guess.who.is_empty() || places.iter().any(|place| place.is_some())
}

const PARSED: &str = "let Ok(post) = serde_json::from_slice::<Value>(request.body) else {
            return Ok(Decoded::only_unrecognised(\"malformed_json\", \"the body is not JSON\", raw));
        };";

const CHECKED: &str = "if serde_json::from_slice::<Value>(request.body).is_err() {
            return Ok(Decoded::only_unrecognised(\"malformed_json\", \"the body is not JSON\", raw));
        }";

const TEXT: &str = "
/// The text at a place, empty without one.
fn text<'a>(post: &'a Value, at: &str) -> &'a str {
    post.pointer(at).and_then(Value::as_str).unwrap_or_default()
}
";

const SCALAR: &str = "
/// The text or whole number at a place, as text.
fn scalar(post: &Value, at: &str) -> Option<String> {
    match post.pointer(at)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}
";

/// What `draft` does, from top to bottom.
fn statements(guess: &Guess, kind: &str) -> String {
    let mut out = String::new();
    if let Some((place, word)) = &guess.says {
        let (at, detail) = (place.pointer(), format!("{} is no known word", place.pointer()));
        out += &format!(
            "    if text(post, {at:?}) != {word:?} {{ return Err((\"unknown_event_type\", {detail:?})); }}\n"
        );
    }
    match &guess.key {
        Some(place) => {
            let (at, detail) = (place.pointer(), format!("{} is missing", place.pointer()));
            out += &format!("    let id = scalar(post, {at:?}).ok_or((\"missing_id\", {detail:?}))?;\n");
        }
        None => out += "    let id = digest::hex32(body); // the source names no fact: equal posts are one\n",
    }
    let body = match guess.text {
        Some(_) => "Body::Message(Message::default())".to_owned(),
        None => format!("Body::Activity {{ title: {:?}.to_owned() }}", mapped::title(guess, kind)),
    };
    let draft = format!("Draft::new(format!(\"{}/{{}}\", key_part(&id)), {body})", guess.about);
    if !fills(guess) {
        return out + &format!("    Ok({draft})\n");
    }
    out += &format!("    let mut draft = {draft};\n");
    if let Some((place, form)) = &guess.time {
        let at = place.pointer();
        out += &match form {
            TimeForm::Seconds => format!(
                "    draft.occurred_at = post.pointer({at:?}).and_then(Value::as_i64).map(Micros::from_secs);\n"
            ),
            TimeForm::Millis => format!(
                "    draft.occurred_at = post.pointer({at:?}).and_then(Value::as_i64).map(Micros::from_millis);\n"
            ),
            _ => format!("    draft.occurred_at = Micros::parse(text(post, {at:?}));\n"),
        };
    }
    if !guess.who.is_empty() {
        let one = |who: &guess::Who| {
            let scope = if who.kind == "external" { "account" } else { "\"\"" };
            format!("({:?}, {scope}, {:?}), ", who.kind, who.place.pointer())
        };
        let all: String = guess.who.iter().map(one).collect();
        out += &format!("    for (kind, scope, at) in [{}] {{\n", all.trim_end_matches([',', ' ']));
        out += "        let claim = scalar(post, at).map(|value| Claim::new(kind, scope, value, Trust::Claimed));\n";
        out += "        draft.identifiers.extend(claim);\n    }\n";
    }
    if let Some(place) = &guess.name {
        out += &format!("    let name = text(post, {:?});\n", place.pointer());
        out += "    if !name.is_empty() { draft.content.profile.insert(ProfileField::Name, name.to_owned()); }\n";
    }
    for (field, place) in [("subject", &guess.subject), ("text", &guess.text)] {
        let line = |place: &super::place::Place| {
            format!("    draft.content.{field} = text(post, {:?}).to_owned();\n", place.pointer())
        };
        out += &place.as_ref().map(line).unwrap_or_default();
    }
    out + "    Ok(draft)\n"
}

#[cfg(test)]
mod tests {
    use super::{check_name, registered, type_name};

    #[test]
    fn the_registry_gets_two_lines() {
        let before = "pub mod a;\npub mod line;\npub mod z;\n\npub static REGISTRY: &[&Registration] = &[\n    \
                      &line::REGISTRATION,\n];\n";
        let after = registered(before, "desk").unwrap();
        let added: Vec<&str> = after.lines().filter(|line| !before.lines().any(|l| l == *line)).collect();
        assert_eq!(added, ["pub mod desk;", "    &desk::REGISTRATION,"]);
        assert!(after.contains("pub mod a;\npub mod desk;\npub mod line;"), "{after}");
        assert!(after.ends_with("    &line::REGISTRATION,\n    &desk::REGISTRATION,\n];\n"), "{after}");
        assert_eq!(registered("fn main() {}\n", "desk"), None);
    }

    #[test]
    fn names_of_kinds() {
        for (name, fits) in [
            ("acme_desk", true),
            ("a1", true),
            ("", false),
            ("Acme", false),
            ("1a", false),
            ("a-b", false),
            ("match", false),
            ("a__b", false),
            ("a_", false),
        ] {
            assert_eq!(check_name(name).is_ok(), fits, "{name}");
        }
        assert_eq!(type_name("acme_desk2"), "AcmeDesk2");
    }
}
