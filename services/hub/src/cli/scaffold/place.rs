//! A place in a JSON value, and how it is written: as a JSON pointer, as an expression, in words.

use serde_json::Value;

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A field of an object.
    Field(String),
    /// An element of a list.
    Index(usize),
}

/// Words that an expression cannot have as bare names of fields.
const RESERVED: [&str; 22] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "package",
    "namespace",
    "null",
    "return",
    "true",
    "var",
    "void",
    "while",
    "item",
];

/// Steps from the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(pub Vec<Step>);

impl Place {
    /// The place one step further.
    #[must_use]
    pub fn then(&self, step: Step) -> Self {
        Self([self.0.as_slice(), &[step]].concat())
    }

    /// As a JSON pointer, such as `/ticket/id`.
    #[must_use]
    pub fn pointer(&self) -> String {
        let step = |step: &Step| match step {
            Step::Field(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => format!("/{index}"),
        };
        self.0.iter().map(step).collect()
    }

    /// As an expression that must find it: `payload.ticket.id`.
    #[must_use]
    pub fn expression(&self, root: &str) -> String {
        self.0.iter().fold(root.to_owned(), |out, step| match step {
            Step::Field(name) if is_bare(name) => format!("{out}.{name}"),
            Step::Field(name) => format!("{out}[{}]", quoted(name)),
            Step::Index(index) => format!("{out}[{index}]"),
        })
    }

    /// As an expression that may find nothing: `payload.ticket.?requester.?email`.
    #[must_use]
    pub fn optional(&self, root: &str) -> String {
        // The first step of several is the payload's own frame: without it nothing fits anyway.
        let sure = usize::from(self.0.len() > 1);
        self.0.iter().enumerate().fold(root.to_owned(), |out, (at, step)| match step {
            Step::Field(name) if is_bare(name) && at >= sure => format!("{out}.?{name}"),
            Step::Field(name) if is_bare(name) => format!("{out}.{name}"),
            Step::Field(name) if at >= sure => format!("{out}[?{}]", quoted(name)),
            Step::Field(name) => format!("{out}[{}]", quoted(name)),
            Step::Index(index) if at >= sure => format!("{out}[?{index}]"),
            Step::Index(index) => format!("{out}[{index}]"),
        })
    }

    /// The last field's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.field_before(0)
    }

    /// The name of the object that holds it.
    #[must_use]
    pub fn holder(&self) -> &str {
        self.field_before(1)
    }

    fn field_before(&self, steps: usize) -> &str {
        let fields = self.0.iter().rev().filter_map(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            Step::Index(_) => None,
        });
        fields.skip(steps).map(Some).next().flatten().unwrap_or_default()
    }

    /// The place of the object or list that holds it.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(self.0.split_last().map(|(_, front)| front.to_vec()).unwrap_or_default())
    }

    /// Every field's words on the way.
    pub fn all_words(&self) -> impl Iterator<Item = String> {
        self.0.iter().flat_map(|step| match step {
            Step::Field(name) => words(name),
            Step::Index(_) => Vec::new(),
        })
    }
}

/// `createdAt`, `created_at` and `Created-At` as `created`, `at`.
#[must_use]
pub fn words(name: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut before_is_small = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before_is_small) {
            out.push(String::new());
        }
        before_is_small = c.is_lowercase() || c.is_numeric();
        if let (true, Some(word)) = (c.is_alphanumeric(), out.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    out.retain(|word| !word.is_empty());
    out
}

/// A text as a literal of expressions.
#[must_use]
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn is_bare(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !RESERVED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::{Place, Step, words};

    #[test]
    fn names_fall_into_words() {
        for (name, want) in [
            ("createdAt", vec!["created", "at"]),
            ("Created-At", vec!["created", "at"]),
            ("user_id", vec!["user", "id"]),
            ("ID", vec!["id"]),
            ("line2", vec!["line2"]),
            ("手機", vec!["手機"]),
            ("__", vec![]),
        ] {
            assert_eq!(words(name), want, "{name}");
        }
    }

    #[test]
    fn places_are_written_in_three_ways() {
        let field = |name: &str| Step::Field(name.to_owned());
        let place = Place(vec![field("a"), Step::Index(0), field("your-name"), field("in")]);
        assert_eq!(place.pointer(), "/a/0/your-name/in");
        assert_eq!(place.expression("payload"), r#"payload.a[0]["your-name"]["in"]"#);
        assert_eq!(place.optional("payload"), r#"payload.a[?0][?"your-name"][?"in"]"#);
        assert_eq!(Place(vec![field("mail")]).optional("item"), "item.?mail");
        assert_eq!((place.name(), place.holder()), ("in", "your-name"));
        assert_eq!(place.parent().pointer(), "/a/0/your-name");
    }
}
