//! A small tree of one XML document. No document types, no entities but the five of XML itself and characters by number,
//! and limits on everything: a document of the platform is flat and has at most some thousand elements.

use quick_xml::{Reader, events::Event};

/// Elements of a document: 9,999 items of ten fields.
const ELEMENTS_MAX: usize = 120_000;
/// Elements inside each other; the platform's have five.
const DEPTH_MAX: usize = 12;
/// Bytes of one element's text; the longest field of the platform has some hundred characters.
const TEXT_MAX: usize = 4_096;

/// An element.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Without its prefix.
    pub(super) name: String,
    /// Its own text, without white space around it.
    pub(super) text: String,
    /// What stands in it.
    pub(super) inside: Vec<Element>,
}

impl Element {
    /// The first element of this name inside.
    pub(super) fn find(&self, name: &str) -> Option<&Self> {
        self.inside.iter().find(|e| e.name == name)
    }

    /// The text at this path; empty if there is none.
    pub(super) fn at(&self, path: &[&str]) -> &str {
        let mut here = self;
        for name in path {
            match here.find(name) {
                Some(inside) => here = inside,
                None => return "",
            }
        }
        &here.text
    }
}

/// Reads a document. The error says what is wrong, without a value.
pub(super) fn read(bytes: &[u8]) -> Result<Element, &'static str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut elements = 0;
    loop {
        match reader.read_event().map_err(|_| "is not well-formed XML")? {
            Event::Start(start) => {
                elements += 1;
                if open.len() == DEPTH_MAX || elements > ELEMENTS_MAX {
                    return Err("has more elements than any document of the platform");
                }
                open.push(Element { name: start.local_name().as_ref().to_owned(), ..Element::default() });
            }
            Event::Empty(empty) => {
                elements += 1;
                let name = empty.local_name().as_ref().to_owned();
                match open.last_mut() {
                    Some(parent) if elements <= ELEMENTS_MAX => {
                        parent.inside.push(Element { name, ..Element::default() });
                    }
                    _ => return Err("has more elements than any document of the platform"),
                }
            }
            Event::End(_) => {
                let mut done = open.pop().ok_or("is not well-formed XML")?;
                done.text = done.text.trim().to_owned();
                match open.last_mut() {
                    Some(parent) => parent.inside.push(done),
                    None => return end(&mut reader, done),
                }
            }
            Event::Text(text) => add(&mut open, &text)?,
            Event::CData(text) => add(&mut open, &text)?,
            Event::GeneralRef(name) => add(&mut open, &character(&name)?)?,
            Event::DocType(_) => return Err("has a document type, which no document of the platform has"),
            Event::Eof => return Err("ends before its last element"),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// Nothing but space and comments may come after the document's element.
fn end(reader: &mut Reader<&[u8]>, root: Element) -> Result<Element, &'static str> {
    loop {
        match reader.read_event().map_err(|_| "is not well-formed XML")? {
            Event::Eof => return Ok(root),
            Event::Text(text) if text.trim().is_empty() => {}
            Event::Comment(_) | Event::PI(_) => {}
            _ => return Err("has more than one document"),
        }
    }
}

fn add(open: &mut [Element], text: &str) -> Result<(), &'static str> {
    match open.last_mut() {
        None if text.trim().is_empty() => Ok(()),
        None => Err("has text outside of its element"),
        Some(element) if element.text.len() + text.len() > TEXT_MAX => Err("has a text that is too long"),
        Some(element) => {
            element.text.push_str(text);
            Ok(())
        }
    }
}

/// The text of `&name;`. Entities that a document could define are refused: they may hold one another without end.
fn character(name: &str) -> Result<String, &'static str> {
    let number = match name {
        "amp" => return Ok("&".to_owned()),
        "lt" => return Ok("<".to_owned()),
        "gt" => return Ok(">".to_owned()),
        "quot" => return Ok("\"".to_owned()),
        "apos" => return Ok("'".to_owned()),
        name => match name.strip_prefix("#x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => name.strip_prefix('#').and_then(|digits| digits.parse().ok()),
        },
    };
    let found = number.and_then(char::from_u32).map(String::from);
    found.ok_or("has an entity that is not one of XML's own")
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_document_is_read_and_hostile_ones_are_refused() {
        let root = read(
            "<?xml version=\"1.0\"?><a:R xmlns:a='x'><B> 1 &amp; &#x9673;<![CDATA[<2>]]></B><C/></a:R> "
                .as_bytes(),
        );
        let root = root.expect("a document");
        assert_eq!((root.name.as_str(), root.at(&["B"]), root.at(&["C", "D"])), ("R", "1 & 陳<2>", ""));
        let deep = "<a>".repeat(20);
        let long = format!("<a>{}</a>", "x".repeat(5_000));
        let wide = format!("<a>{}</a>", "<b/>".repeat(130_000));
        for (text, problem) in [
            ("", "ends before"),
            ("<a><b></a>", "well-formed"),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document type"),
            ("<a>&b;</a>", "entity"),
            ("<a/>", "more elements"),
            ("<a></a><b></b>", "more than one"),
            ("x<a></a>", "outside"),
            (&deep, "more elements"),
            (&long, "too long"),
            (&wide, "more elements"),
        ] {
            let found = read(text.as_bytes()).expect_err("refused");
            assert!(found.contains(problem), "{found}: {}", text.chars().take(60).collect::<String>());
        }
        assert!(read(b"<a>\xff</a>").is_err());
    }
}
