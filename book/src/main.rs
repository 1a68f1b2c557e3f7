//! `book record [NAME…]`: records the traces and the stacks that the pages show.

use std::path::Path;
use std::{env, io};

use book::record;

fn main() -> io::Result<()> {
    let names: Vec<String> = env::args().skip(2).collect();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    for name in record::names().filter(|name| names.is_empty() || names.iter().any(|n| n == name)) {
        record::scenario(name)?.write(&data.join(format!("traces/{name}.json")))?;
        println!("recorded {name}");
    }
    if names.is_empty() || names.iter().any(|name| name == "stacks") {
        record::stacks()?.write(&data.join("stacks.json"))?;
    }
    Ok(())
}
