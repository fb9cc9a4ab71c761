//! Tables for everything but phones.

use super::*;

/// `key value`, `marked value name,...`, `attribute value reason` or `reject reason`.
pub(super) fn show(normal: &Normal) -> String {
    match normal {
        Normal::Key { value, marks: 0 } => format!("key {value}"),
        Normal::Key { value, marks } => {
            let names: Vec<_> = PATTERNS.iter().filter(|p| p.mark() & marks != 0).map(|p| p.name).collect();
            format!("marked {value} {}", names.join(","))
        }
        Normal::Attribute { value, reason } => format!("attribute {value} {}", reason.as_str()),
        Normal::Reject { reason } => format!("reject {}", reason.as_str()),
    }
}

fn check(kind: &str, table: &[(&str, &str)]) {
    for (raw, expected) in table {
        let normal = normalise(kind, "scope", raw, Region::TW);
        assert_eq!(show(&normal), *expected, "{kind} {raw:?}");
    }
}

#[test]
fn emails() {
    check(
        "email",
        &[
            ("Bob.Lin@Shop.TW", "key bob.lin@shop.tw"),
            ("\u{feff}bob\u{200b}@shop.tw\u{3000}", "key bob@shop.tw"),
            ("ＢＯＢ＠ｓｈｏｐ．ｔｗ", "key bob@shop.tw"),
            ("bob@shop。tw", "key bob@shop.tw"),
            ("MAILTO:bob@shop.tw?subject=hi", "key bob@shop.tw"),
            ("bob@shop.tw.", "key bob@shop.tw"),
            ("bob@商店.tw", "key bob@xn--czrs0t.tw"),
            ("bob@XN--CZRS0T.tw", "key bob@xn--czrs0t.tw"),
            ("jose\u{301}@correo.es", "key jos\u{e9}@correo.es"),
            ("ก\u{e48}@shop.tw", "key ก\u{e48}@shop.tw"),
            ("😀@shop.tw", "reject malformed"),
            ("王「bob@shop.tw", "reject malformed"),
            ("H\u{331}a@shop.tw", "key \u{1e96}a@shop.tw"),
            ("\u{212a}im@shop.tw", "key kim@shop.tw"),
            ("ÉVA@correo.es", "key Éva@correo.es"),
            ("o'neil+x@mail.example", "key o'neil+x@mail.example"),
            ("amy@example.com", "key amy@example.com"),
            ("amy@amy.tw", "key amy@amy.tw"),
            ("", "reject empty"),
            (" \u{200b}", "reject empty"),
            ("沒有", "reject blank"),
            ("bob", "reject malformed"),
            ("@shop.tw", "reject malformed"),
            ("bob@", "reject malformed"),
            ("bob@shop..tw", "reject malformed"),
            ("bob@shop.tw..", "reject malformed"),
            (".bob@shop.tw", "reject malformed"),
            ("bob@[10.0.0.1]", "reject malformed"),
            ("bob@10.0.0.1", "reject malformed"),
            ("Bob <bob@shop.tw>", "reject malformed"),
            ("\"bob\"@shop.tw", "reject malformed"),
            ("bob@shop.tw, eve@shop.tw", "reject malformed"),
            ("bob@shop.tw,eve@shop.tw", "reject several_values"),
            ("bob@shop.tw\0", "reject control_character"),
        ],
    );
}

#[test]
fn email_patterns_and_roles() {
    check(
        "email",
        &[
            ("Test@gmail.com", "marked test@gmail.com test-mail"),
            ("aaa@aaa.com", "marked aaa@aaa.com test-mail"),
            ("abc@abc.com", "marked abc@abc.com test-mail"),
            ("no-reply@bank.tw", "marked no-reply@bank.tw no-reply"),
            ("shop.noreply+7@bank.tw", "marked shop.noreply+7@bank.tw no-reply"),
            ("do_not_reply@bank.tw", "marked do_not_reply@bank.tw no-reply"),
            ("user@example.com.tw", "marked user@example.com.tw example-mail"),
            ("user@gmail.com", "key user@gmail.com"),
            ("Postmaster@bank.tw", "attribute postmaster@bank.tw role_address"),
            ("support+tw@bank.tw", "attribute support+tw@bank.tw role_address"),
            ("客服@bank.tw", "attribute 客服@bank.tw role_address"),
            ("servicelin@bank.tw", "key servicelin@bank.tw"),
        ],
    );
}

#[test]
fn email_limits() {
    let local = "a".repeat(EMAIL_LOCAL_BYTES_MAX);
    assert!(email(&format!("{local}@shop.tw")).clean_key().is_some());
    assert_eq!(show(&email(&format!("{local}b@shop.tw"))), "reject too_long");
    let label = "b".repeat(60);
    let longest = format!("{local}@{label}.{label}.{label}.tw12");
    assert_eq!(show(&email(&longest)), format!("key {longest}"));
    assert_eq!(show(&email(&format!("{local}@{label}.{label}.{label}.tw12345"))), "reject too_long");
    assert_eq!(show(&email(&"a".repeat(EMAIL_RAW_BYTES_MAX + 1))), "reject too_long");
}

#[test]
fn line_users() {
    check(
        "line",
        &[
            (" U0123456789abcdef0123456789abcdef\n", "key U0123456789abcdef0123456789abcdef"),
            ("U0123456789ABCDEF0123456789abcdef", "reject malformed"),
            ("u0123456789abcdef0123456789abcdef", "reject malformed"),
            ("U0123456789abcdef0123456789abcde", "reject malformed"),
            ("C0123456789abcdef0123456789abcdef", "reject conversation"),
            ("R0123456789abcdef0123456789abcdef", "reject conversation"),
            ("Udeadbeefdeadbeefdeadbeefdeadbeef", "marked Udeadbeefdeadbeefdeadbeefdeadbeef dummy-line"),
            ("null", "reject blank"),
            ("陳", "reject malformed"),
            ("", "reject empty"),
        ],
    );
}

#[test]
fn members() {
    check(
        "member",
        &[
            (" 00123 ", "key 00123"),
            ("ＶＩＰ－００１", "key VIP-001"),
            ("vip-001", "key vip-001"),
            ("無", "marked 無 blank-word-zh"),
            ("「無」", "marked 「無」 blank-word-zh"),
            ("\"N/A\"", "marked \"N/A\" blank-word"),
            ("\"\"", "marked \"\" blank-word"),
            ("[object Object]", "marked [object Object] blank-word"),
            ("測試", "marked 測試 test-word"),
            ("0000000000", "marked 0000000000 zeros"),
            ("---", "marked --- zeros"),
            ("0912-345-678", "marked 0912-345-678 placeholder-phone"),
            ("A\u{7}B", "reject control_character"),
            ("", "reject empty"),
        ],
    );
    let as_member = |raw| show(&member(raw, Region::TW, true));
    assert_eq!(as_member("0928-173-654"), "key +886928173654");
    assert_eq!(as_member("００９"), "key 009");
    assert_eq!(as_member("0900000000"), "marked +886900000000 placeholder-phone,repeated-digits");
}

#[test]
fn member_fields_that_hold_a_phone() {
    let phone_in = |raw, region| member_as_phone(raw, region);
    assert_eq!(phone_in("0928 173 654", Region::TW).as_deref(), Some("+886928173654"));
    assert_eq!(phone_in("928173654", Region::TW).as_deref(), Some("+886928173654"));
    assert_eq!(phone_in("(02)2345-6789", Region::TW).as_deref(), Some("+886223456789"));
    assert_eq!(phone_in("+1 650-253-0000", Region::TW).as_deref(), Some("+16502530000"));
    // A landline without its zero is more likely a loyalty number; lines of many people are not one person's.
    assert_eq!(phone_in("223456789", Region::TW), None);
    assert_eq!(phone_in("23456789", Region::HK), None);
    assert_eq!(phone_in("02-2345-6789#12", Region::TW), None);
    assert_eq!(phone_in("0800-080-123", Region::TW), None);
    assert_eq!(phone_in("VIP0928173654", Region::TW), None);
}

#[test]
fn carriers_and_social_ids() {
    check(
        "carrier",
        &[
            ("/AB12+-.", "key /AB12+-."),
            ("／ａｂ１２ｃｄ３", "key /AB12CD3"),
            ("/0000000", "marked /0000000 zeros"),
            ("AB12CD34", "reject malformed"),
            ("/AB12CD34", "reject malformed"),
            ("/AB12 D3", "reject malformed"),
            ("無", "reject blank"),
        ],
    );
    check(
        "social",
        &[
            ("6012345678901234", "key 6012345678901234"),
            ("did:plc:abc", "key did:plc:abc"),
            ("https://m.example/users/Amy", "key https://m.example/users/Amy"),
            ("@amy", "attribute @amy handle"),
            ("amy chen", "reject malformed"),
            ("0", "marked 0 zeros"),
        ],
    );
}

#[test]
fn other_kinds() {
    for kind in ["cookie", "device", "external", "something-new"] {
        check(
            kind,
            &[
                ("\tGA1.2-x Y\r\n", "key GA1.2-x Y"),
                ("ＧＡ", "key ＧＡ"),
                ("undefined", "marked undefined blank-word"),
                ("a\nb", "reject control_character"),
                ("  ", "reject empty"),
            ],
        );
    }
    check("name", &[("陳小姐", "attribute 陳小姐 never_a_key"), ("", "reject empty")]);
    check("ip", &[("10.0.0.1", "attribute 10.0.0.1 never_a_key")]);
    check("national_id", &[("A000000000", "reject never_stored")]);
    assert_eq!(show(&opaque(&"x".repeat(ID_BYTES_MAX))), format!("key {}", "x".repeat(ID_BYTES_MAX)));
    assert_eq!(show(&opaque(&"x".repeat(ID_BYTES_MAX + 1))), "reject too_long");
    assert_eq!(show(&normalise("email", "a\0", "bob@shop.tw", Region::TW)), "reject bad_scope");
}

#[test]
fn masks() {
    for (kind, value, expected) in [
        ("phone", "+886928173654", "+886******654"),
        ("phone", "+85291234567", "+852*****567"),
        ("phone", "+16502530000", "+1*******000"),
        ("phone", "+8613800138000", "+86********000"),
        ("phone", "0928173654", "…"),
        ("email", "bob@shop.tw", "b***@shop.tw"),
        ("email", "陳美@shop.tw", "陳***@shop.tw"),
        ("email", "b@shop.tw", "***@shop.tw"),
        ("line", "U0123456789abcdef0123456789abcdef", "U01…ef"),
        ("member", "VIP-001", "V…01"),
        ("member", "00123", "…"),
        ("cookie", "", "…"),
    ] {
        assert_eq!(mask(kind, value), expected, "{kind} {value:?}");
    }
}

#[test]
fn debug_shows_no_value() {
    let shown = format!("{:?} {:?}", email("bob@shop.tw"), email("support@shop.tw"));
    assert_eq!(shown, "Key(11 bytes, marks 0x0) Attribute(15 bytes, role_address)");
}

#[test]
fn pattern_bits_are_their_places() {
    for (place, pattern) in PATTERNS.iter().enumerate() {
        assert_eq!(pattern.bit as usize, place, "{}", pattern.name);
        assert!(pattern.bit < 32 && !pattern.about.is_empty());
    }
}

#[test]
fn regions() {
    assert_eq!("tw".parse(), Ok(Region::TW));
    assert_eq!(" HK ".parse(), Ok(Region::HK));
    assert_eq!("JP".parse::<Region>().map(|r| r.to_string()).as_deref(), Ok("JP"));
    for text in ["", "T", "TWN", "ZZ", "T1", "台", "AQ"] {
        assert_eq!(text.parse::<Region>(), Err(RegionError), "{text:?}");
    }
    assert_eq!(Region::default(), Region::TW);
}
