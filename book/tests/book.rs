//! Checks the book: each check is a test of its own.

mod support;

use std::sync::LazyLock;

use book::check::{CHECKS, Site};
use book::problem;

/// Built once for all tests.
static SITE: LazyLock<Site> = LazyLock::new(|| Site::build(support::workspace().unwrap()).unwrap());

fn passes(name: &str) {
    let (_, check) = CHECKS.iter().find(|(of, _)| *of == name).unwrap();
    let problems = check(&SITE);
    assert!(problems.is_empty(), "\n{}", problem::list(&problems));
}

macro_rules! checks {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                passes($name);
            }
        )*

        #[test]
        fn every_check_is_a_test() {
            let names: Vec<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, [$($name),*]);
        }
    };
}

checks! {
    every_directive_renders: "directives",
    no_directive_is_left_unexpanded: "raw directives",
    no_code_is_typed_by_hand: "typed code",
    concept_pages_have_the_same_parts: "parts of pages",
    no_pane_of_a_concept_page_is_long: "long panes",
    ids_are_unique_on_a_page: "duplicate ids",
    every_link_and_fragment_has_a_target: "links",
    no_page_fetches_from_another_host: "requests",
    every_concept_is_tagged_in_all_styles: "tags",
    every_concept_has_its_page: "concept pages",
    the_concept_table_in_the_readme_is_up_to_date: "concept table",
    concepts_and_reading_follow_the_sidebar: "order",
    every_sketch_is_short_and_shown: "sketches",
}
