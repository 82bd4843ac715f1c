//! `pgtailor man`: the manual page.

use clap::CommandFactory as _;

use crate::Verdict;
use crate::arguments::Arguments;
use crate::output::text;

/// Prints the page of the program, and one section for each command.
pub fn run() -> anyhow::Result<Verdict> {
    let mut command = Arguments::command();
    command.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let man = clap_mangen::Man::new(subcommand.clone());
        let name = subcommand.get_name().to_uppercase();
        page.extend(format!(".SH \"PGTAILOR {name}\"\n").into_bytes());
        let mut section = Vec::new();
        man.render_synopsis_section(&mut section)?;
        man.render_description_section(&mut section)?;
        man.render_options_section(&mut section)?;
        page.extend(String::from_utf8(section)?.replace(".SH ", ".SS ").into_bytes());
    }
    text(&String::from_utf8(page)?)?;
    Ok(Verdict::Done)
}
