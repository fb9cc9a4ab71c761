//! Every mistake is told with its place; every source of a value is named; no secret is shown.

use super::{Config, ConfigErrors, Environment, Source, Suggestions, from_text, show};

fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let environment: Environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    from_text(Source { name: "tributary.toml".into(), text: text.into() }, &environment)
}

fn good(text: &str, environment: &[(&str, &str)]) -> Config {
    read(text, environment).unwrap_or_else(|errors| panic!("{errors}"))
}

fn bad(text: &str, environment: &[(&str, &str)]) -> String {
    read(text, environment).unwrap_err().to_string()
}

#[test]
fn without_a_file_there_are_defaults() {
    let config = good("", &[]);
    assert_eq!(config.hub.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.hub.api_listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.hub.data_dir.to_str(), Some("./tributary-data"));
    assert_eq!((config.hub.name.as_str(), config.hub.public_url), ("tributary", None));
    assert!(config.tokens.is_empty() && config.channels.is_empty());
    assert_eq!(config.log.segment_bytes, 64 << 20);
    assert_eq!(config.store.cache_bytes, 256 << 20);
    assert_eq!(config.suggestions, Suggestions { enabled: true, max_customers: 1_000_000 });
}

#[test]
fn a_whole_file_is_read() {
    let digest = "ab".repeat(32);
    let text = format!(
        "[hub]\nname = \"acme\"\nlisten = \"0.0.0.0:80\"\napi_listen = \"0.0.0.0:81\"\npublic_url = \
         \"https://hooks.acme.example/\"\ntime_zone = \"Asia/Hong_Kong\"\ndefault_region = \"HK\"\n[log]\nengine = \
         \"embedded\"\nsegment_mib = 8\naccept_future = true\n[store]\ncache_mib = 16\ncheckpoint_secs = \
         5\n[suggestions]\nenabled = false\nmax_customers = 20\n[[tokens]]\nname = \"desk\"\nsha256 = \"{digest}\"\nscopes = [\"read\"]\n"
    );
    let config = good(&text, &[]);
    assert_eq!(config.hub.channel_url("shop").as_deref(), Some("https://hooks.acme.example/in/shop"));
    assert_eq!(config.hub.default_region.as_str(), "HK");
    assert_eq!((config.log.segment_bytes, config.log.accept_future), (8 << 20, true));
    assert_eq!(config.store.checkpoint.as_secs(), 5);
    assert_eq!(config.suggestions, Suggestions { enabled: false, max_customers: 20 });
    assert!(!config.tokens.is_empty());
    assert!(!show::text(&config, true).contains(&digest), "digests are covered");
}

#[test]
fn a_rate_needs_to_know_whose_address_counts() {
    let text = |hub: &str, rate: &str| {
        format!("[hub]\n{hub}\n[channels.shop]\nkind = \"web_form\"\nform = \"shop\"\n{rate}")
    };
    let shown = bad(&text("", "rate = 5"), &[]);
    assert!(
        shown.contains("error[bad_value]: channels.shop.rate") && shown.contains("trusted_proxies"),
        "{shown}"
    );
    assert!(shown.contains("--> tributary.toml:6:8"), "{shown}");
    assert_eq!(good(&text("trusted_proxies = 0", "rate = 5"), &[]).hub.trusted_proxies, Some(0));
    assert_eq!(good(&text("", "rate_in_all = 5"), &[]).hub.trusted_proxies, None);
    assert!(bad(&text("trusted_proxies = 9", ""), &[]).contains("from 0 to 8"));
}

/// Text, environment and the whole message.
type Mistake = (&'static str, &'static [(&'static str, &'static str)], &'static str);

const MISTAKES: [Mistake; 14] = [
    (
        "[hub]\nnmae = \"acme\"\n",
        &[],
        "error[unknown_key]: hub.nmae: is not a known setting\n --> tributary.toml:2:1\n  |\n2 | nmae = \"acme\"\n  \
             | ^^^^\n  = help: did you mean `name`? known here: name, listen, api_listen, public_url, data_dir, \
             time_zone, default_region, trusted_proxies, max_connections\n",
    ),
    (
        "\n\n# 註\n[hub]\nname = \"陳美玲\" # 名\n",
        &[],
        "error[bad_value]: hub.name: must be 1 to 32 of the characters a-z, 0-9 and -\n --> tributary.toml:5:8\n  |\n\
             5 | name = \"陳美玲\" # 名\n  |        ^^^^^^^^\n",
    ),
    (
        "hub = { listen = \"localhost\" }",
        &[],
        "error[bad_value]: hub.listen: must be an IP address and a port, such as \"127.0.0.1:8080\"\n --> \
             tributary.toml:1:18\n  |\n1 | hub = { listen = \"localhost\" }\n  |                  ^^^^^^^^^^^\n",
    ),
    (
        "[log]\nengine = \"nats\"\nnats = { url = \"http://x\" }\n",
        &[],
        "error[bad_value]: log.nats.url: must be addresses such as \"nats://host:4222\" or \"tls://host:4222\", separated by \
             commas\n --> tributary.toml:3:16\n  |\n3 | nats = { url = \"http://x\" }\n  |                ^^^^^^^^^^\n",
    ),
    (
        "[log]\nengine = \"nats\"\n[log.nats]\nmonitor = \"127.0.0.1:8222\"\n",
        &[],
        "error[bad_value]: log.nats.monitor: must be the address of one server's monitoring port, such as \
             \"http://127.0.0.1:8222\"\n --> tributary.toml:4:11\n  |\n4 | monitor = \"127.0.0.1:8222\"\n  |           \
             ^^^^^^^^^^^^^^^^\n",
    ),
    (
        "[log]\nengine = \"nats\"\n[log.nats]\nuser = \"hub\"\n",
        &[],
        "error[bad_value]: log.nats: `user` and `password` go together\n --> tributary.toml:3:6\n  |\n3 | [log.nats]\n  | \
             \x20    ^^^^\n  = help: give one of: `user` with `password`, `token`, `nkey_secret`, `credentials_secret`\n",
    ),
    (
        "[log]\nengine = \"nats\"\n[log.nats]\ntoken = \"s3cr3t\"\n",
        &[],
        "error[plain_secret]: log.nats.token: a secret must not stand in the configuration\n --> tributary.toml:4:9\n  |\n4 | \
             token = \"******\"\n  |         ^^^^^^^^\n  = help: keep it in an environment variable or a file: token = \
             \"env:NAME\" or \"file:PATH\"\n",
    ),
    (
        "[hub]\napi_listen = \"0.0.0.0:8081\"\n",
        &[],
        "error[public_api_without_tokens]: hub.api_listen: 0.0.0.0:8081 can be reached from outside, and there are no \
             [[tokens]]\n --> tributary.toml:2:14\n  |\n2 | api_listen = \"0.0.0.0:8081\"\n  |              \
             ^^^^^^^^^^^^^^\n  = help: listen on 127.0.0.1, or add [[tokens]] with name, sha256 and scopes\n",
    ),
    (
        "[channels.line-main]\nkind = \"line\"\nsecret = \"hunter2\"\n",
        &[],
        "error[plain_secret]: channels.line-main.secret: a secret must not stand in the configuration\n --> \
             tributary.toml:3:10\n  |\n3 | secret = \"*******\"\n  |          ^^^^^^^^^\n  = help: keep it in an \
             environment variable or a file: secret = \"env:NAME\" or \"file:PATH\"\n",
    ),
    (
        "[channels.a]\nkind = \"line\"\nsecret = [\"env:ONE\", \"env:TWO\"]\n",
        &[("ONE", "1")],
        "error[secret_missing]: channels.a.secret: the environment variable TWO is not set\n --> \
             tributary.toml:3:22\n  |\n3 | secret = [\"env:ONE\", \"env:TWO\"]\n  |                      ^^^^^^^^^\n",
    ),
    (
        "[channels.Line_Main]\nkind = \"line\"\n",
        &[],
        "error[bad_name]: channels.Line_Main: a channel's name is 1 to 64 of a-z, 0-9 and -, and no - in front\n --> \
             tributary.toml:1:11\n  |\n1 | [channels.Line_Main]\n  |           ^^^^^^^^^\n",
    ),
    (
        "[[tokens]]\nname = \"desk\"\nsha256 = \"12\"\nscopes = [\"read\"]\n",
        &[],
        "error[bad_value]: tokens.0.sha256: must be the token's SHA-256 as 64 hex digits\n --> tributary.toml:3:10\n  \
             |\n3 | sha256 = \"12\"\n  |          ^^^^\n",
    ),
    (
        "[stroe]\n",
        &[],
        "error[unknown_key]: stroe: is not a known setting\n --> tributary.toml:1:2\n  |\n1 | [stroe]\n  |  ^^^^^\n  = \
             help: did you mean `store`? known here: hub, log, store, suggestions, identity, tokens, channels\n",
    ),
    (
        "",
        &[("TRIBUTARY__LOG__SEGMENT_MIB", "huge")],
        "error[bad_value]: log.segment_mib: must be a whole number from 1 to 4096\n --> \
             TRIBUTARY__LOG__SEGMENT_MIB (environment)\n",
    ),
];

#[test]
fn mistakes_are_shown_at_their_place() {
    for (text, environment, want) in MISTAKES {
        assert_eq!(bad(text, environment), want, "{text}");
    }
}

#[test]
fn a_wrong_expression_is_shown_at_its_place() {
    let text = "[channels.desk]\nkind = \"mapped\"\nsignature = \"none\"\n[[channels.desk.events]]\ntype = \
                \"note\"\nkey = 'payload.id'\nnote = { text = 'payload.text +' }\n[channels.shop]\nkind = \
                \"mapped\"\nsignature = \"none\"\nevents = [{ type = \"follow\", key = 'paylaod.id' }]\n";
    let shown = bad(text, &[]);
    for want in [
        "error[bad_value]: channels.desk.events.0.note.text: is no expression: `payload.text +`, line 1, character 15: \
         mismatched input '<EOF>'\n --> tributary.toml:7:17\n",
        "= help: texts stand in quotes inside the expression",
        "error[bad_value]: channels.shop.events.0.key: `paylaod.id`, character 1: no variable is called paylaod\n  --> \
         tributary.toml:11:36\n",
        "= help: there are: payload, header\n",
    ] {
        assert!(shown.contains(want), "{want}\n{shown}");
    }
}

#[test]
fn a_slip_of_syntax_is_shown_at_its_place() {
    let shown = bad("[hub]\nname = \"acme\"\nlisten = 127.0.0.1:8080\n", &[]);
    assert!(shown.starts_with("error[toml_syntax]: "), "{shown}");
    assert!(shown.contains("tributary.toml:3:"), "{shown}");
    let shown = bad("[hub]\nname = \"a\"\nname = \"b\"\n", &[]);
    assert!(shown.contains("duplicate key") && shown.contains("tributary.toml:3:1\n"), "{shown}");
}

#[test]
fn all_mistakes_are_told_at_once_from_top_to_bottom() {
    let text = "[store]\ncache_mib = 0\n[hub]\nname = 7\n[channels.a]\nkind = \"nosuch\"\n[channels.b]\n";
    let errors = read(text, &[("TRIBUTARY__HUB__PORT", "1")]).unwrap_err();
    let keys: Vec<&str> = errors.list.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, ["store.cache_mib", "hub.name", "channels.a.kind", "channels.b.kind", "hub.port"]);
    let shown = errors.to_string();
    assert!(shown.contains("channels.a.kind: no adapter of this name\n --> tributary.toml:6:8\n"), "{shown}");
    assert!(shown.contains("channels.b.kind: is missing"), "{shown}");
    assert!(shown.contains("tributary.toml:7:11\n"), "an absent key is shown at its table: {shown}");
}

#[test]
fn a_secret_on_a_marked_line_is_covered() {
    for text in [
        "[channels.a]\nkind = \"line\"\nsecret = \"hunter2\" oops\n",
        "[channels.a]\nkind = \"line\"\nsecret = hunter2\n",
        "channels.a = { kind = 1, app_secret = \"hunter2\" }\n",
        "[channels.a]\nkind = \"line\"\nkey = [\n  \"hunter2\",\n]\n",
        "[channels.a]\nkind = \"line\"\nverify_token = 'hunter2'\n",
    ] {
        let shown = bad(text, &[]);
        assert!(!shown.contains("hunter2") && shown.contains("tributary.toml:"), "{shown}");
    }
    let shown = bad("", &[("TRIBUTARY__CHANNELS__A__SECRET", "hunter2")]);
    assert!(!shown.contains("hunter2") && shown.contains("TRIBUTARY__CHANNELS__A__SECRET"), "{shown}");
}

#[test]
fn the_environment_overrides_the_file() {
    let text = "[hub]\nname = \"file\"\nlisten = \"127.0.0.1:1\"\n[log]\naccept_future = false\n";
    let config = good(
        text,
        &[
            ("TRIBUTARY__HUB__NAME", "7"),
            ("TRIBUTARY__LOG__ACCEPT_FUTURE", "true"),
            ("TRIBUTARY__HUB__LISTEN", "127.0.0.1:2"),
            ("TRIBUTARY__HUB__PUBLIC_URL", "\"https://a.example\""),
            (
                "TRIBUTARY__TOKENS",
                &format!("[{{name = 'x', sha256 = '{}', scopes = ['read']}}]", "0".repeat(64)),
            ),
            ("TRIBUTARY_HUB", "is no override"),
        ],
    );
    assert_eq!((config.hub.name.as_str(), config.hub.listen.port()), ("7", 2));
    assert!(config.log.accept_future && !config.tokens.is_empty());
    assert_eq!(config.hub.public_url.as_deref(), Some("https://a.example"));
}

#[test]
fn a_dash_is_an_underscore_in_the_environment() {
    // The kind is refused, which shows where the override went.
    for (text, key) in
        [("[channels.line-main]\nkind = \"x\"\n", "channels.line-main.kind"), ("", "channels.line-main.kind")]
    {
        let errors = read(text, &[("TRIBUTARY__CHANNELS__LINE_MAIN__KIND", "nosuch")]).unwrap_err();
        assert_eq!(errors.list.len(), 1, "{errors}");
        let one = errors.list.first().unwrap();
        assert_eq!(one.key, key);
        assert!(errors.to_string().contains("TRIBUTARY__CHANNELS__LINE_MAIN__KIND (environment)"));
    }
    for name in ["TRIBUTARY__HUB____NAME", "TRIBUTARY__", "TRIBUTARY__HUB__NAME__MORE"] {
        let errors = read("[hub]\nname = \"a\"\n", &[(name, "x")]).unwrap_err();
        assert_eq!(errors.list.first().unwrap().code, "bad_override", "{name}");
    }
}

#[test]
fn show_gives_the_same_configuration_again_and_names_origins() {
    let text = "[hub]\nname = \"acme\"\n";
    let environment = [("TRIBUTARY__STORE__CACHE_MIB", "32")];
    let config = good(text, &environment);
    let shown = show::text(&config, true);
    for line in [
        "name = \"acme\"                  # tributary.toml:2",
        "listen = \"127.0.0.1:8080\"      # default",
        "cache_mib = 32                 # TRIBUTARY__STORE__CACHE_MIB (environment)",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let plain = show::text(&config, false);
    assert!(!plain.contains('#') && plain.contains("[store]\ncache_mib = 32\n"), "{plain}");
    let again = good(&plain, &[]);
    assert_eq!(show::text(&again, false), plain);
}

#[test]
fn a_secret_file_is_read_without_its_last_newline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "s3\r\n").unwrap();
    let text = format!(
        "[channels.a]\nsecret = \"file:{0}\"\nnested = {{ deep = [\"file:{0}\"] }}\n",
        path.display()
    );
    let mut problems = Vec::new();
    let root = super::tree::parse(&text, &mut problems);
    let super::tree::Value::Table(channels) = &root["channels"].value else { panic!() };
    let super::tree::Value::Table(table) = &channels["a"].value else { panic!() };
    let json = super::secret::resolve(table, "channels.a", &Environment::new(), &mut problems);
    assert_eq!(problems, []);
    assert_eq!(
        serde_json::Value::Object(json),
        serde_json::json!({"secret": "s3", "nested": {"deep": ["s3"]}})
    );
    std::fs::write(&path, "\n").unwrap();
    let shown = bad(&text, &[]);
    assert!(shown.contains("is empty") && shown.contains("tributary.toml:2:10"), "{shown}");
}

#[test]
fn a_file_that_is_named_must_exist() {
    let surroundings =
        super::Surroundings { file: Some("no/such/file.toml".into()), environment: Environment::new() };
    let errors = super::load(&surroundings).unwrap_err();
    assert_eq!(errors.list.first().unwrap().code, "config_unreadable");
}

#[test]
fn beside_a_channel_that_attaches_the_others_count() {
    use tributary_core::draft::Purchases::{Alone, Attach, Count};
    let purchases = |of_a: &str| -> Vec<_> {
        let form = "kind = \"web_form\"\nform = \"f\"\n";
        let text = format!("[channels.a]\n{form}{of_a}\n[channels.b]\n{form}\n");
        good(&text, &[]).channels.iter().map(|c| c.context.purchases).collect()
    };
    assert_eq!(purchases(""), [Alone, Alone]);
    assert_eq!(purchases("purchases = \"count\""), [Count, Alone]);
    assert_eq!(purchases("purchases = \"attach\""), [Attach, Count]);
}
