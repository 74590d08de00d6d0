//! Choosing programs by their paths.

use std::path::Path;
use std::str::FromStr;

/// A part of a path, or a pattern with `*` (anything) and `?` (any character) for a whole path or a whole file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pattern: Vec<char>,
    glob: bool,
}

impl FromStr for Filter {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Filter, Self::Err> {
        Ok(Filter { pattern: text.chars().collect(), glob: text.contains(['*', '?']) })
    }
}

impl Filter {
    /// Whether the path is chosen.
    pub fn matches(&self, path: &Path) -> bool {
        let text = path.to_string_lossy();
        if !self.glob {
            return text.contains(&self.pattern.iter().collect::<String>());
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        glob(&self.pattern, &text) || glob(&self.pattern, &name)
    }
}

/// Goes on at the last `*` when nothing else fits: no recursion, and never more steps than the product of both lengths.
fn glob(pattern: &[char], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut from) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some('*') => {
                retry = Some((at, from));
                at += 1;
            }
            Some('?') => (at, from) = (at + 1, from + 1),
            Some(c) if *c == text[from] => (at, from) = (at + 1, from + 1),
            _ => match &mut retry {
                Some((star, taken)) => {
                    *taken += 1;
                    (at, from) = (*star + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(filter: &str, path: &str) -> bool {
        filter.parse::<Filter>().unwrap().matches(Path::new(path))
    }

    #[test]
    fn without_wildcards_any_part_is_enough() {
        assert!(matches("ui-p", "isa/rv64ui-p-add"));
        assert!(matches("", "x"));
        assert!(!matches("ui-v", "isa/rv64ui-p-add"));
    }

    #[test]
    fn patterns_are_for_the_whole_name_or_path() {
        assert!(matches("rv64u?-p-*", "isa/rv64ui-p-add"));
        assert!(matches("isa/*add", "isa/rv64ui-p-add"));
        assert!(matches("*-p-*d*", "isa/rv64ui-p-add"));
        assert!(!matches("rv64u?-p", "isa/rv64ui-p-add"));
        assert!(!matches("*-v-*", "isa/rv64ui-p-add"));
        assert!(matches("**", "x") && !matches("?", "xy"));
    }
}
