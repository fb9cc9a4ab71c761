//! How far two short texts are apart: edits and shared pairs of letters.

use smallvec::SmallVec;

/// Most letters between common ends whose edits are counted; more are taken for another text.
const LETTERS_MAX: usize = 40;

/// Number of edits (a letter inserted, left out, replaced, or two neighbours swapped) from `a` to `b`, if it is at most
/// `limit`. This is the restricted Damerau-Levenshtein distance: no letter is edited twice.
pub(super) fn edits<T: PartialEq>(a: &[T], b: &[T], limit: usize) -> Option<usize> {
    let (a, b) = without_common_ends(a, b);
    if a.is_empty() && b.is_empty() {
        return Some(0);
    }
    if a.len().abs_diff(b.len()) > limit || a.len() > LETTERS_MAX || b.len() > LETTERS_MAX {
        return None;
    }
    if limit == 1 {
        // The usual question, asked of most pairs: what differs is one letter, or two that changed places.
        let swapped = matches!((a, b), ([w, x], [y, z]) if w == z && x == y);
        return (swapped || a.len().max(b.len()) == 1).then_some(1);
    }
    let mut before: SmallVec<[usize; LETTERS_MAX]> = SmallVec::new();
    let mut last: SmallVec<[usize; LETTERS_MAX]> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row: SmallVec<[usize; LETTERS_MAX]> = SmallVec::new();
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        if row.iter().min().is_none_or(|least| *least > limit) {
            return None;
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|found| *found <= limit)
}

/// Both without what they begin and end with alike.
fn without_common_ends<'a, T: PartialEq>(a: &'a [T], b: &'a [T]) -> (&'a [T], &'a [T]) {
    let start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[start..], &b[start..]);
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    (&a[..a.len() - end], &b[..b.len() - end])
}

/// Number of values that two sorted lists share, each as often as it is in both.
pub(super) fn shared<T: Ord>(a: &[T], b: &[T]) -> usize {
    let (mut i, mut j, mut count) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, count) = (i + 1, j + 1, count + 1),
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::{edits, shared};
    use proptest::prelude::*;

    fn of(a: &str, b: &str, limit: usize) -> Option<usize> {
        edits(a.as_bytes(), b.as_bytes(), limit)
    }

    #[test]
    fn edits_are_counted_up_to_the_limit() {
        for (a, b, want) in [
            ("mason", "masno", 1),
            ("green", "gredn", 1),
            ("haryley", "harley", 1),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("ca", "abc", 3),
        ] {
            assert_eq!(of(a, b, 9), Some(want), "{a} {b}");
            assert_eq!(of(a, b, want), Some(want), "{a} {b}");
            assert_eq!(of(a, b, want - 1), None, "{a} {b}");
        }
        let (long, longer, other) = ("x".repeat(5_000), "x".repeat(5_001), "y".repeat(5_000));
        assert_eq!((of(&long, &long, 9), of(&long, &longer, 9)), (Some(0), Some(1)));
        assert_eq!(of(&long, &other, 9_999), None, "too long to be counted");
    }

    #[test]
    fn shared_values_are_counted() {
        assert_eq!(shared(&[1, 2, 2, 5], &[2, 2, 2, 5, 7]), 3);
        assert_eq!(shared::<u8>(&[], &[]), 0);
    }

    /// The definition, in as many steps as it takes.
    fn plain(a: &[u8], b: &[u8]) -> usize {
        let ([x, rest_a @ ..], [y, rest_b @ ..]) = (a, b) else { return a.len() + b.len() };
        let replaced = plain(rest_a, rest_b) + usize::from(x != y);
        let mut least = replaced.min(plain(rest_a, b) + 1).min(plain(a, rest_b) + 1);
        if let ([_, q, rest_a @ ..], [_, r, rest_b @ ..]) = (a, b)
            && (x, q) == (r, y)
        {
            least = least.min(plain(rest_a, rest_b) + 1);
        }
        least
    }

    proptest! {
        #[test]
        fn edits_are_those_of_the_definition(a in "[abc]{0,6}", b in "[abc]{0,6}", limit in 0_usize..5) {
            let want = plain(a.as_bytes(), b.as_bytes());
            prop_assert_eq!(of(&a, &b, limit), (want <= limit).then_some(want));
        }

        #[test]
        fn edits_do_not_depend_on_the_side(a in "[abc]{0,8}", b in "[abc]{0,8}", limit in 0_usize..9) {
            prop_assert_eq!(of(&a, &b, limit), of(&b, &a, limit));
            prop_assert_eq!(of(&a, &b, limit) == Some(0), a == b);
        }
    }
}
