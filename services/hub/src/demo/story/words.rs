//! The bundled words as lists.

/// A line of a file of texts: language and text.
pub type Said = (&'static str, &'static str);

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("../../../demo/", $name))
    };
}

/// All words.
pub struct Words {
    /// Chinese, Taiwan's spelling, Hong Kong's spelling.
    pub surnames: Vec<[&'static str; 3]>,
    /// Chinese and Latin.
    pub given: Vec<(&'static str, &'static str)>,
    /// Chinese and English.
    pub given_hk: Vec<(&'static str, &'static str)>,
    /// Number and price in TWD.
    pub products: Vec<(&'static str, i64)>,
    /// Number and name.
    pub stores: Vec<(&'static str, &'static str)>,
    /// For addresses.
    pub streets: Vec<&'static str>,
    /// What customers write in chats.
    pub messages: Vec<Said>,
    /// What the shop answers.
    pub answers: Vec<Said>,
    /// What stands under posts.
    pub comments: Vec<Said>,
    /// What is written into the contact form.
    pub forms: Vec<Said>,
    /// Language, subject, text.
    pub mails: Vec<[&'static str; 3]>,
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty())
}

fn said(text: &'static str) -> Vec<Said> {
    lines(text).filter_map(|line| line.split_once(' ')).collect()
}

fn three(line: &'static str, by: char) -> Option<[&'static str; 3]> {
    let mut parts = line.splitn(3, by);
    Some([parts.next()?, parts.next()?, parts.next()?])
}

impl Words {
    /// Reads the files in the binary.
    pub fn read() -> Self {
        let product = |line| three(line, ' ').and_then(|[sku, price, _]| Some((sku, price.parse().ok()?)));
        Self {
            surnames: lines(file!("surnames.txt")).filter_map(|line| three(line, ' ')).collect(),
            given: said(file!("given.txt")),
            given_hk: said(file!("given-hk.txt")),
            products: lines(file!("products.txt")).filter_map(product).collect(),
            stores: said(file!("stores.txt")),
            streets: lines(file!("streets.txt")).collect(),
            messages: said(file!("messages.txt")),
            answers: said(file!("answers.txt")),
            comments: said(file!("comments.txt")),
            forms: said(file!("forms.txt")),
            mails: lines(file!("mails.txt")).filter_map(|line| three(line, '\t')).collect(),
        }
    }

    /// Texts of a list in one language.
    pub fn of(list: &[Said], language: &str) -> Vec<&'static str> {
        list.iter().filter(|(l, _)| *l == language).map(|(_, text)| *text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Words, lines};

    #[test]
    fn every_line_of_every_file_is_read() {
        let words = Words::read();
        for (read, text) in [
            (words.surnames.len(), file!("surnames.txt")),
            (words.given.len(), file!("given.txt")),
            (words.given_hk.len(), file!("given-hk.txt")),
            (words.products.len(), file!("products.txt")),
            (words.stores.len(), file!("stores.txt")),
            (words.messages.len(), file!("messages.txt")),
            (words.answers.len(), file!("answers.txt")),
            (words.comments.len(), file!("comments.txt")),
            (words.forms.len(), file!("forms.txt")),
            (words.mails.len(), file!("mails.txt")),
        ] {
            assert_eq!(read, lines(text).count());
            assert!(read > 0);
        }
    }
}
