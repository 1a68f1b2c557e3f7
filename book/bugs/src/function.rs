//! Finds a change in a source file, and the function around it. The file is formatted by rustfmt: a
//! function ends at a brace with the function's own indentation.

/// A source file with two forms of one function.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Forms<'text> {
    /// The lines of the file with the bug. They have the numbers of the right file's lines.
    wrong: Vec<String>,
    /// The lines as they are.
    right: Vec<&'text str>,
    /// The line of the brace that opens the function's body, from 0.
    opens: usize,
    /// The line of the brace that closes it.
    closes: usize,
}

impl<'text> Forms<'text> {
    /// Finds the only place with the lines `right`.
    ///
    /// # Errors
    /// There is no such place, or more than one; or it isn't in the body of one function.
    pub fn find(text: &'text str, right: &str, wrong: &str) -> Result<Self, String> {
        let count = text.matches(right).count();
        if count != 1 {
            return Err(format!("the right lines are there {count} times"));
        }
        let changed = text.replacen(right, wrong, 1);
        let (right, mut wrong): (Vec<_>, Vec<_>) = (
            text.lines().collect(),
            changed.lines().map(str::to_owned).collect(),
        );
        let (first, mut last) = keep_numbers(&right, &mut wrong)?;
        last = last.max(first + 1);
        let (opens, closes) =
            function(&right, first, last).ok_or("the lines are not in the body of one function")?;
        Ok(Forms {
            wrong,
            right,
            opens,
            closes,
        })
    }

    /// The line of the brace that opens the function's body, from 0.
    pub fn opens(&self) -> usize {
        self.opens
    }

    /// The body with the bug: an expression in a file in which each line has the number that it has in
    /// the whole file.
    pub fn wrong_body(&self) -> String {
        let mut lines = vec![""; self.opens];
        lines.push("{");
        lines.extend(
            self.wrong[self.opens + 1..=self.closes]
                .iter()
                .map(String::as_str),
        );
        lines.join("\n") + "\n"
    }

    /// The whole file with the bug.
    pub fn wrong_file(&self) -> String {
        self.wrong.join("\n") + "\n"
    }
}

/// Gives the changed lines as many lines as they had. Returns the changed lines: the first, and the
/// one after the last.
fn keep_numbers(right: &[&str], wrong: &mut Vec<String>) -> Result<(usize, usize), String> {
    let pairs = || right.iter().zip(wrong.iter());
    let first = pairs().take_while(|(right, wrong)| right == wrong).count();
    let most = right.len().min(wrong.len()) - first;
    let backwards = right.iter().rev().zip(wrong.iter().rev());
    let same = backwards
        .take(most)
        .take_while(|(right, wrong)| right == wrong);
    let same = same.count().min((right.len() - first).saturating_sub(1));
    let (last, wrong_last) = (right.len() - same, wrong.len() - same);
    let (count, wrong_count) = (last - first, wrong_last - first);
    if wrong_count < count {
        let blank = vec![String::new(); count - wrong_count];
        wrong.splice(wrong_last..wrong_last, blank);
    } else if wrong_count > count {
        let from = last - 1;
        let joined: Vec<String> = wrong.drain(from..wrong_last).collect();
        let is_comment = |line: &String| line.contains("//");
        if joined[..joined.len() - 1].iter().any(is_comment) {
            return Err("a comment would hide the lines after it".into());
        }
        wrong.insert(from, joined.join(" "));
    }
    Ok((first, last))
}

/// The innermost function around the lines from `first` to before `last`: its body's braces.
fn function(lines: &[&str], first: usize, last: usize) -> Option<(usize, usize)> {
    (0..first).rev().find_map(|head| {
        let indentation = &lines[head][..lines[head].len() - lines[head].trim_start().len()];
        if !is_head(lines[head]) {
            return None;
        }
        let brace = |line: &&str| line.strip_prefix(indentation) == Some("}");
        let closes = head + lines[head..].iter().position(brace)?;
        let opens = head + lines[head..].iter().position(|line| line.ends_with('{'))?;
        (opens < first && last <= closes).then_some((opens, closes))
    })
}

fn is_head(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("fn ") || (line.starts_with("pub") && line.contains(" fn "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
impl Server {
    /// Waits.
    pub fn wait(
        &self,
    ) -> u32 {
        let ready = self.select();
        if ready == 0 {
            return 1;
        }
        ready
    }

    fn select(&self) -> u32 {
        2
    }
}
";

    fn body(right: &str, wrong: &str) -> Result<String, String> {
        Ok(Forms::find(TEXT, right, wrong)?.wrong_body())
    }

    #[test]
    fn the_wrong_body_keeps_the_numbers_of_the_lines() {
        let lines = |right, wrong| -> Vec<String> {
            let body = body(right, wrong).unwrap();
            body.lines().skip(4).map(str::to_owned).collect()
        };
        let shorter = lines(
            "        if ready == 0 {\n            return 1;\n        }\n",
            "",
        );
        let expected = [
            "{",
            "        let ready = self.select();",
            "",
            "",
            "",
            "        ready",
            "    }",
        ];
        assert_eq!(shorter, expected);
        let longer = lines("return 1;", "log();\nreturn 2;");
        assert_eq!(longer[3], "            log(); return 2;");
        assert_eq!(longer[4..], ["        }", "        ready", "    }"]);
        let more = lines(
            "        ready\n    }",
            "        log();\n        ready\n    }",
        );
        assert_eq!(more[5..], ["        log();         ready", "    }"]);
    }

    #[test]
    fn lines_outside_one_function_are_refused() {
        for (right, wrong) in [
            ("/// Waits.", "/// Sleeps."),
            ("&self,\n    ) -> u32", "self,\n    ) -> u32"),
            ("ready\n    }\n\n    fn select", "1\n    }\n\n    fn poll"),
            ("ready", "set"),
            ("nothing", "something"),
            ("2\n", "3 // three\n+ 1\n"),
        ] {
            assert!(body(right, wrong).is_err(), "{right}");
        }
    }

    #[test]
    fn lines_around_the_change_may_reach_into_the_next_function() {
        let wrong = body("ready\n    }\n\n    fn select", "1\n    }\n\n    fn select").unwrap();
        assert!(wrong.ends_with("        1\n    }\n"), "{wrong}");
    }
}
