//! Query strings: `a=b&c=d` with percent-encoding.

/// The decoded value of the first parameter of this name.
#[must_use]
pub fn value(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.into_iter().find(|(key, _)| decoded(key) == name).map(|(_, value)| decoded(value))
}

fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let hex = |byte: &u8| char::from(*byte).to_digit(16);
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                if let (Some(high), Some(low)) = (hex(high), hex(low)) {
                    out.push((high << 4 | low) as u8);
                    rest = after;
                } else {
                    out.push(b'%');
                }
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn parameters_are_decoded() {
        let query = "hub.mode=subscribe&hub%2Everify_token=a%20b+c&x&hub.challenge=%E4%BD%A0%zz%";
        assert_eq!(value(query, "hub.mode").as_deref(), Some("subscribe"));
        assert_eq!(value(query, "hub.verify_token").as_deref(), Some("a b c"));
        assert_eq!(value(query, "x").as_deref(), Some(""));
        assert_eq!(value(query, "hub.challenge").as_deref(), Some("你%zz%"));
        assert_eq!(value(query, "y"), None);
    }
}
