//! A script with its text: the comment and the place of each step.

use super::lexer::Tokens;
use super::parser::{Parsed, Parser};
use super::place::Place;
use super::{ParseError, Script, Step};

/// A script, and what its text says about each step.
#[derive(Debug)]
pub struct TypedScript {
    /// The script.
    pub script: Script,
    /// The comment of each step: the one on the line on which the step begins. Of several steps on one line,
    /// the last one has it.
    pub comments: Vec<Option<String>>,
    /// Where each step begins. The steps of a `together` follow it.
    places: Vec<Place>,
}

impl TypedScript {
    /// Parses a script.
    ///
    /// # Errors
    /// The text isn't a script.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let Tokens {
            tokens,
            mut comments,
        } = Tokens::new(text)?;
        let Parsed { steps, places } = Parser::new(tokens).script()?;
        let lines = steps.iter().rev().map(|(line, _)| line);
        let mut of_steps: Vec<_> = lines.map(|line| comments.remove(line)).collect();
        of_steps.reverse();
        let steps = steps.into_iter().map(|(_, step)| step).collect();
        Ok(TypedScript {
            script: Script { steps },
            comments: of_steps,
            places,
        })
    }

    /// Looks for a step that can't be run. `reason` gets each step, and after a `together` those in it, and
    /// says why.
    ///
    /// # Errors
    /// The first reason, with the place of the step.
    pub fn check(&self, mut reason: impl FnMut(&Step) -> Option<String>) -> Result<(), ParseError> {
        let steps = self.script.steps.iter().flat_map(|step| {
            let together = match step {
                Step::Together(steps) => steps.as_slice(),
                _ => &[],
            };
            std::iter::once(step).chain(together)
        });
        let mut placed = steps.zip(&self.places);
        placed.try_for_each(|(step, place)| match reason(step) {
            None => Ok(()),
            Some(reason) => Err(place.error(reason)),
        })
    }
}
