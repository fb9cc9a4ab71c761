//! Bodies that are small to send and meant to be dear to read.

/// One of them.
pub struct Payload {
    /// For people.
    pub what: &'static str,
    /// Which channel takes it.
    pub channel: &'static str,
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

const PARTS: usize = 100_000;
const DEPTH: usize = 10_000;
const MULTIPART: &str = "multipart/form-data; boundary=b";

/// All of them.
pub fn all() -> Vec<Payload> {
    let payload = |what, channel, content_type, body: String| {
        let body = body.into_bytes();
        Payload { what, channel, content_type, body }
    };
    let json = "application/json";
    let nested_lists = format!("{{\"events\":{}{}}}", "[".repeat(DEPTH), "]".repeat(DEPTH));
    let nested_maps = format!("{}1{}", "{\"events\":".repeat(DEPTH), "}".repeat(DEPTH));
    vec![
        payload("100,000 parts without a name", "form", MULTIPART, parts("--b\r\n\r\n\r\n")),
        payload("80,000 parts with one name", "form", MULTIPART, {
            "--b\r\ncontent-disposition:form-data;name=a\r\n\r\n\r\n".repeat(80_000) + "--b--\r\n"
        }),
        payload(
            "100,000 fields of a form",
            "form",
            "application/x-www-form-urlencoded",
            "a=1&".repeat(PARTS),
        ),
        payload("a mail of 100,000 parts", "mail", "message/rfc822", {
            format!("{}content-type: multipart/mixed; boundary=b\r\n\r\n{}", HEAD, parts("--b\r\n\r\nx\r\n"))
        }),
        payload("a mail of multiparts nested 10,000 deep", "mail", "message/rfc822", nested_multiparts()),
        payload("a mail of mails nested 10,000 deep", "mail", "message/rfc822", nested_mails()),
        payload("a mail of 100,000 headers", "mail", "message/rfc822", {
            format!("{}{}\r\nhello", HEAD, "references: <a@example.com>\r\n".repeat(PARTS))
        }),
        payload("JSON lists nested 10,000 deep (line)", "line", json, nested_lists.clone()),
        payload("JSON objects nested 10,000 deep (line)", "line", json, nested_maps.clone()),
        payload("JSON lists nested 10,000 deep (mapped)", "mapped", json, nested_lists.clone()),
        payload("JSON lists nested 10,000 deep (meta)", "meta", json, nested_lists.clone()),
        payload("JSON lists nested 10,000 deep (shopify)", "shopify", json, nested_lists.clone()),
        payload("JSON lists nested 10,000 deep (form)", "form", json, nested_lists),
        payload("XML nested 10,000 deep", "tw-einvoice", "application/xml", {
            format!("{}{}", "<a>".repeat(DEPTH), "</a>".repeat(DEPTH))
        }),
        payload("100,000 empty LINE events", "line", json, {
            format!("{{\"events\":[{}{{}}]}}", "{},".repeat(PARTS))
        }),
    ]
}

const HEAD: &str = "from: A <a@example.com>\r\nto: help@shop.example\r\nmessage-id: <1@example.com>\r\n\
                    date: Sun, 1 Mar 2026 10:12:00 +0800\r\nmime-version: 1.0\r\n";

fn parts(part: &str) -> String {
    part.repeat(PARTS) + "--b--\r\n"
}

fn nested_multiparts() -> String {
    let level = |n| format!("content-type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n");
    format!("{HEAD}{}content-type: text/plain\r\n\r\nhello\r\n", (0..DEPTH).map(level).collect::<String>())
}

fn nested_mails() -> String {
    format!("{HEAD}{}\r\nhello\r\n", "content-type: message/rfc822\r\n\r\nsubject: x\r\n".repeat(DEPTH))
}
