//! The difference between two versions of a file, as `diff -u` writes it.
//!
//! In: two texts. Out: lines that `patch` understands as long as nothing had to be escaped: characters that could hide or
//! reorder text are shown as escapes. It never reads a file.

use std::path::Path;

use super::visible;

/// Lines around a difference that are shown with it.
const AROUND: usize = 3;
/// Lines times lines up to which the shortest difference is sought; beyond, what differs is one stretch.
const MOST: usize = 4_000_000;

/// What happens to a line: its numbers in the old and the new text, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Same(usize, usize),
    Gone(usize, usize),
    Come(usize, usize),
}

impl Line {
    const fn places(self) -> (usize, usize) {
        match self {
            Self::Same(old, new) | Self::Gone(old, new) | Self::Come(old, new) => (old, new),
        }
    }
}

/// The difference; empty where there is none.
pub(super) fn difference(path: &Path, old: Option<&str>, new: &str) -> String {
    let (old_lines, new_lines): (Vec<&str>, Vec<&str>) = (old.unwrap_or("").lines().collect(), new.lines().collect());
    let lines = lines(&old_lines, &new_lines);
    let shown = path.display().to_string();
    let from = if old.is_none() { "/dev/null" } else { shown.as_str() };
    let mut text = vec![format!("--- {from}"), format!("+++ {shown}")];
    let hunks = hunks(&lines);
    if hunks.is_empty() {
        return String::new();
    }
    for hunk in hunks {
        let hunk = lines.get(hunk).unwrap_or_default();
        let (old_start, new_start) = hunk.first().map_or((0, 0), |line| line.places());
        let count = |skip: fn(&Line) -> bool| hunk.iter().filter(|line| !skip(line)).count();
        let gone = count(|line| matches!(line, Line::Come(..)));
        let come = count(|line| matches!(line, Line::Gone(..)));
        // The number of an empty stretch is that of the line before it.
        let start = |at: usize, count: usize| at + usize::from(count > 0);
        text.push(format!("@@ -{},{gone} +{},{come} @@", start(old_start, gone), start(new_start, come)));
        text.extend(hunk.iter().map(|line| match line {
            Line::Same(at, _) => format!(" {}", old_lines.get(*at).unwrap_or(&"")),
            Line::Gone(at, _) => format!("-{}", old_lines.get(*at).unwrap_or(&"")),
            Line::Come(_, at) => format!("+{}", new_lines.get(*at).unwrap_or(&"")),
        }));
    }
    text.iter().map(|line| format!("{}\n", visible(line))).collect()
}

/// Stretches of lines in which something differs, with what stands around.
fn hunks(lines: &[Line]) -> Vec<std::ops::Range<usize>> {
    let mut hunks: Vec<std::ops::Range<usize>> = Vec::new();
    for (at, _) in lines.iter().enumerate().filter(|(_, line)| !matches!(line, Line::Same(..))) {
        let (start, end) = (at.saturating_sub(AROUND), (at + AROUND + 1).min(lines.len()));
        match hunks.last_mut() {
            Some(last) if last.end >= start => last.end = end,
            _ => hunks.push(start..end),
        }
    }
    hunks
}

fn lines(old: &[&str], new: &[&str]) -> Vec<Line> {
    let before = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - before;
    let after = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let (old_end, new_end) = (old.len() - after, new.len() - after);
    let mut lines: Vec<Line> = (0..before).map(|at| Line::Same(at, at)).collect();
    let middle = (old.get(before..old_end).unwrap_or_default(), new.get(before..new_end).unwrap_or_default());
    lines.extend(shortest(middle.0, middle.1).into_iter().map(|line| match line {
        Line::Same(a, b) => Line::Same(a + before, b + before),
        Line::Gone(a, b) => Line::Gone(a + before, b + before),
        Line::Come(a, b) => Line::Come(a + before, b + before),
    }));
    lines.extend((0..after).map(|at| Line::Same(old_end + at, new_end + at)));
    lines
}

/// By the longest list of lines that both have in one order.
fn shortest(old: &[&str], new: &[&str]) -> Vec<Line> {
    if old.len().saturating_mul(new.len()) > MOST {
        let gone = (0..old.len()).map(|at| Line::Gone(at, 0));
        return gone.chain((0..new.len()).map(|at| Line::Come(old.len(), at))).collect();
    }
    // `common[a][b]` is how long that list is for what comes from `a` and `b` on.
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    let at = |common: &[Vec<u32>], a: usize, b: usize| common.get(a).and_then(|row| row.get(b)).copied().unwrap_or(0);
    for a in (0..old.len()).rev() {
        for b in (0..new.len()).rev() {
            let best = if old.get(a) == new.get(b) {
                at(&common, a + 1, b + 1) + 1
            } else {
                at(&common, a + 1, b).max(at(&common, a, b + 1))
            };
            if let Some(cell) = common.get_mut(a).and_then(|row| row.get_mut(b)) {
                *cell = best;
            }
        }
    }
    let (mut a, mut b, mut lines) = (0, 0, Vec::new());
    while a < old.len() || b < new.len() {
        if a < old.len() && b < new.len() && old.get(a) == new.get(b) {
            lines.push(Line::Same(a, b));
            (a, b) = (a + 1, b + 1);
        } else if a < old.len() && (b == new.len() || at(&common, a + 1, b) >= at(&common, a, b + 1)) {
            lines.push(Line::Gone(a, b));
            a += 1;
        } else {
            lines.push(Line::Come(a, b));
            b += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(old: &str, new: &str) -> String {
        difference(Path::new("x"), Some(old), new)
    }

    #[test]
    fn a_difference_is_one_that_patch_understands() {
        let old = "a\nb\nc\nd\ne\nf\n";
        let head = "--- x\n+++ x\n";
        assert_eq!(of(old, old), "");
        assert_eq!(
            of(old, "a\nb\nc\nd\nnew\u{202e}\ne\nf\n"),
            format!("{head}@@ -2,5 +2,6 @@\n b\n c\n d\n+new\\u{{202e}}\n e\n f\n")
        );
        assert_eq!(of("a\na\n", "a\na\na\n"), format!("{head}@@ -1,2 +1,3 @@\n a\n a\n+a\n"));
        assert_eq!(difference(Path::new("x"), None, "a\n"), "--- /dev/null\n+++ x\n@@ -0,0 +1,1 @@\n+a\n");
    }

    #[test]
    fn differences_that_are_far_apart_stand_apart() {
        let old: Vec<String> = (0..40).map(|line| line.to_string()).collect();
        let mut new = old.clone();
        new[5] = "five".to_owned();
        new.remove(30);
        let text = of(&old.join("\n"), &new.join("\n"));
        assert_eq!(text.matches("@@ -").count(), 2);
        assert_eq!(text.lines().filter(|line| line.starts_with('-')).collect::<Vec<_>>(), ["--- x", "-5", "-30"]);
        assert!(text.contains("@@ -28,7 +28,6 @@"), "{text}");
    }
}
