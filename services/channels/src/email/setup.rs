//! What people are told of the settings.

use crate::setup::Setting;

pub(super) static SETTINGS: &[Setting] = &[
    Setting::required("mailbox", "[\"help@shop.example\"]", "our own addresses; the first is the channel's account"),
    Setting::optional(
        "agents",
        "[\"mei@shop.example\", \"@staff.shop.example\"]",
        "staff, or whole domains of them: what they write is said by us",
    ),
    Setting::optional("charset", "\"big5\"", "of mail that names none").default("by the hub's region"),
    Setting::optional(
        "authserv_id",
        "\"mx.shop.example\"",
        "who writes our Authentication-Results and takes out forged ones: the first word of that field in any mail",
    )
    .default("no sender is verified"),
    Setting::optional("provider", "\"sendgrid\"", "who posts: \"raw\", \"sendgrid\", \"mailgun\" or \"postmark\"")
        .default("\"raw\""),
    Setting::required(
        "key",
        "\"env:MAIL_KEY\"",
        "bearer token, x-api-key or password of posts, yours to make up; Mailgun: Sending > Webhooks > signing key",
    )
    .secret()
    .unless("`maildir` or `imap`"),
    Setting::optional("maildir", "\"/var/mail/help\"", "folder with new, cur and tmp: what comes to `new` is taken"),
    Setting::optional("maildir_done", "\"/var/mail/taken\"", "where taken mail goes")
        .default("`cur`")
        .with(&["maildir"]),
    Setting::optional("imap", "\"imap.shop.example\"", "server to fetch from, or host:port"),
    Setting::required("imap_user", "\"help@shop.example\"", "who logs in").with(&["imap"]),
    Setting::required("password", "\"env:IMAP_PASSWORD\"", "of `imap_user`; often an app password of the account's security page")
        .secret()
        .with(&["imap"]),
    Setting::optional("imap_folder", "\"INBOX\"", "which mailbox").default("\"INBOX\"").with(&["imap"]),
    Setting::optional("imap_seen", "true", "mark what was taken as seen").default("false").with(&["imap"]),
    Setting::optional("imap_move", "\"Processed\"", "move what was taken there").with(&["imap"]),
    Setting::optional("imap_ca", "\"/etc/ssl/own-ca.pem\"", "a private authority in the place of the public ones")
        .with(&["imap"]),
    Setting::optional("imap_tls", "false", "false: plain text, to this machine only")
        .default("true")
        .with(&["imap = \"127.0.0.1\""]),
];
