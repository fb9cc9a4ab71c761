//! The default blocklist: values that thousands of customers "share" because a clerk, a form or a program
//! filled them in. A match marks a key; the policy decides which marks block.

use super::text::clean;

/// One named pattern of the default blocklist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Bit number in the marks of a key, 0 to 31. It never changes its meaning.
    pub bit: u32,
    /// Name in policy files and explanations.
    pub name: &'static str,
    /// What it matches, in one sentence.
    pub about: &'static str,
}

impl Pattern {
    /// The mark of this pattern.
    #[must_use]
    pub const fn mark(&self) -> u32 {
        1 << self.bit
    }
}

const fn pattern(bit: u32, name: &'static str, about: &'static str) -> Pattern {
    Pattern { bit, name, about }
}

const BLANK_WORD: Pattern =
    pattern(0, "blank-word", "null, none, n/a, undefined, guest, -1 and the like, also in quotes");
const BLANK_WORD_ZH: Pattern =
    pattern(1, "blank-word-zh", "無, 沒有, 不詳, 未提供 and the like, also in quotes");
const TEST_WORD: Pattern = pattern(2, "test-word", "test, 測試, also in quotes");
const ZEROS: Pattern = pattern(3, "zeros", "nothing but zeros and dashes");
const PLACEHOLDER_PHONE: Pattern = pattern(
    4,
    "placeholder-phone",
    "0912345678, 0987654321, 0900000000: what a clerk types when there is none",
);
const REPEATED_DIGITS: Pattern = pattern(5, "repeated-digits", "a phone that ends in 7 or more equal digits");
const TEST_MAIL: Pattern = pattern(6, "test-mail", "test@test.com, a@a.com, none@none.com and the like");
const NO_REPLY: Pattern = pattern(7, "no-reply", "senders that nobody reads: noreply@, do-not-reply@");
const EXAMPLE_MAIL: Pattern =
    pattern(8, "example-mail", "form placeholders at example.*: user@example.com, you@example.com");
const DUMMY_LINE: Pattern =
    pattern(9, "dummy-line", "the user id that LINE's console sends when it tests a webhook");

/// The default blocklist, by bit. Addresses at `example.*` are blocked only with a placeholder as local part:
/// those domains also serve documentation and demonstrations, where every address is a customer.
pub const PATTERNS: &[Pattern] = &[
    BLANK_WORD,
    BLANK_WORD_ZH,
    TEST_WORD,
    ZEROS,
    PLACEHOLDER_PHONE,
    REPEATED_DIGITS,
    TEST_MAIL,
    NO_REPLY,
    EXAMPLE_MAIL,
    DUMMY_LINE,
];

const BLANK_WORDS: [&str; 17] = [
    "-1",
    "null",
    "none",
    "n/a",
    "n.a.",
    "na",
    "nil",
    "undefined",
    "unknown",
    "anonymous",
    "guest",
    "id",
    "email",
    "true",
    "false",
    "nan",
    "[object object]",
];
const BLANK_WORDS_ZH: [&str; 10] =
    ["無", "无", "沒有", "没有", "不詳", "不详", "未提供", "未填", "未知", "無資料"];
const TEST_WORDS: [&str; 3] = ["test", "測試", "测试"];
const QUOTES: [char; 14] = ['"', '\'', '`', '“', '”', '‘', '’', '「', '」', '『', '』', '＂', '＇', '´'];
/// No word of the lists is longer, quotes included: a longer value is not looked at.
const WORD_BYTES_MAX: usize = 64;

/// Marks of a value of any kind: the words and zeros that stand for "no value".
pub(super) fn word_marks(value: &str) -> u32 {
    if value.len() > WORD_BYTES_MAX {
        return 0;
    }
    let cleaned = clean(value);
    let word = cleaned.trim_matches(|c: char| c.is_whitespace() || QUOTES.contains(&c)).to_lowercase();
    let mut marks = 0;
    if word.is_empty() || BLANK_WORDS.contains(&word.as_str()) {
        marks |= BLANK_WORD.mark();
    }
    if BLANK_WORDS_ZH.contains(&word.as_str()) {
        marks |= BLANK_WORD_ZH.mark();
    }
    if TEST_WORDS.contains(&word.as_str()) {
        marks |= TEST_WORD.mark();
    }
    if !word.is_empty() && word.bytes().all(|b| matches!(b, b'0' | b'-')) {
        marks |= ZEROS.mark();
    }
    marks
}

const PLACEHOLDER_PHONES: [&str; 3] = ["+886912345678", "+886987654321", "+886900000000"];
/// So many equal digits at the end are typed by holding a key down.
const EQUAL_DIGITS_MIN: usize = 7;

/// Marks of a phone in E.164.
pub(super) fn phone_marks(e164: &str) -> u32 {
    let mut marks = 0;
    if PLACEHOLDER_PHONES.contains(&e164) {
        marks |= PLACEHOLDER_PHONE.mark();
    }
    let last = e164.bytes().last();
    if e164.bytes().rev().take_while(|b| Some(*b) == last).count() >= EQUAL_DIGITS_MIN {
        marks |= REPEATED_DIGITS.mark();
    }
    marks
}

/// Local parts that mean "no address" at any domain.
const NO_ADDRESS: [&str; 9] =
    ["test", "testing", "none", "null", "undefined", "anonymous", "noemail", "nomail", "unknown"];
/// Local parts that mean "no address" when the domain repeats them: abc@abc.com.
const FILLERS: [&str; 8] = ["abc", "asd", "asdf", "qwe", "qwer", "123", "1234", "no"];
/// Local parts that web forms show greyed out.
const PLACEHOLDER_LOCALS: [&str; 13] = [
    "example",
    "user",
    "username",
    "you",
    "me",
    "name",
    "yourname",
    "your.name",
    "email",
    "mail",
    "someone",
    "somebody",
    "nobody",
];

/// Marks of a normalised address, given as its two parts.
pub(super) fn email_marks(local: &str, domain: &str) -> u32 {
    let mut marks = 0;
    let base = local.split('+').next().unwrap_or(local);
    let label = domain.split('.').next().unwrap_or(domain);
    let repeated = base.chars().all(|c| base.starts_with(c));
    if NO_ADDRESS.contains(&base) || (base == label && (repeated || FILLERS.contains(&base))) {
        marks |= TEST_MAIL.mark();
    }
    let letters: String = base.chars().filter(|c| !matches!(c, '.' | '-' | '_')).collect();
    if letters.contains("noreply") || letters.contains("donotreply") {
        marks |= NO_REPLY.mark();
    }
    if is_example(domain) && PLACEHOLDER_LOCALS.contains(&base) {
        marks |= EXAMPLE_MAIL.mark();
    }
    marks
}

/// `example.com`, `example.com.tw`, `shop.example`: reserved for documentation, or named like it.
fn is_example(domain: &str) -> bool {
    domain.starts_with("example.") || domain.ends_with(".example")
}

/// The last is what LINE sends for "verify"; the others are seen in tests of client programs.
const DUMMY_LINE_IDS: [&str; 3] = [
    "U00000000000000000000000000000000",
    "Uffffffffffffffffffffffffffffffff",
    "Udeadbeefdeadbeefdeadbeefdeadbeef",
];

/// Marks of a LINE user id.
pub(super) fn line_marks(user: &str) -> u32 {
    if DUMMY_LINE_IDS.contains(&user) { DUMMY_LINE.mark() } else { 0 }
}
