//! `powercut`: the machine under a writer loses its power, again and again, and what it had acknowledged must be there.
//!
//! The machine is emulated. Killing the emulator loses what the guest had in memory, its page cache with it; what the
//! guest flushed to its disk survives. So it sees a sync that is missing or in the wrong place, which `crash` cannot.

mod initramfs;
mod machine;
mod story;
mod tools;

use std::path::{Path, PathBuf};

use crate::{
    cmd,
    crash::{
        dice::{self, Dice},
        score::figure,
    },
    error::Result,
    measure::Measure,
};
use machine::Machine;
pub use story::Room;
use tools::Tools;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Cuts the power of an emulated machine under a writer, and checks what stands when it is back.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Args {
    /// Only this
    pub room: Option<Room>,
    /// Times the power goes, of each room
    #[arg(long, default_value_t = 30)]
    pub cuts: u64,
    /// Times it goes at most until a writer that never syncs has lost data
    #[arg(long, default_value_t = 5)]
    pub control_cuts: u64,
    /// Replays the choices of an earlier run; the moment of a cut depends on the machine all the same
    #[arg(long)]
    pub seed: Option<u64>,
    /// Figures as objects for machines
    #[arg(long)]
    pub json: bool,
}

/// Cuts, then lets the planted bug lose data, then prints the figures.
///
/// # Errors
///
/// When a promise was broken, when the planted bug lost nothing, or when the machine could not be run.
pub fn run(args: Args) -> Result {
    let dir = cmd::target_dir().join("powercut");
    let tools = match Tools::ensure(&dir.join("tools")) {
        Ok(tools) => tools,
        Err(reason) => {
            println!("SKIPPED powercut: {reason}");
            return Ok(());
        }
    };
    let binary = build(&dir.join("build"))?;
    let seed = args.seed.unwrap_or_else(dice::fresh_seed);
    eprintln!("powercut: seed {seed}, below {}", dir.display());
    let mut dice = Dice::new(seed);
    for room in Room::ALL.into_iter().filter(|room| args.room.is_none_or(|only| only == *room)) {
        let machine = Machine::new(tools.clone(), &binary, &dir)?;
        let told = cut(&machine, room, args, &mut dice)?;
        told.map_err(|broken| format!("{broken}: seed {seed}, the disk is in {}", dir.display()))?;
        machine.remove()?;
    }
    Ok(())
}

/// Cuts under one room, then lets its planted bug lose data; prints the figures, and says what is wrong.
fn cut(machine: &Machine, room: Room, args: Args, dice: &mut Dice) -> Result<std::result::Result<(), String>> {
    let told = story::cut(machine, room, args.cuts, None, dice)?;
    let bug = room.control();
    eprintln!("powercut: now the control ({bug}), which has to lose data");
    let control = story::cut(machine, room, args.control_cuts, Some(bug), dice)?;

    let name = |what: &str| format!("{}.{what}", room.figures());
    let mut measures = vec![Measure::plain(name("cuts"), figure(told.cuts))];
    measures.extend(told.score.promises(room.figures()));
    measures.push(Measure::plain(name("control_cuts"), figure(control.cuts)));
    measures.push(Measure::at_least(name("control_lost"), figure(control.score.lost()), 1.0));
    measures.iter().for_each(|measure| measure.print(args.json));
    Ok(if !told.score.holds() {
        Err("a promise was broken".to_owned())
    } else if control.score.lost() == 0 {
        Err(format!("harness blind: {bug} lost nothing in {} cuts", control.cuts))
    } else {
        Ok(())
    })
}

/// The binary as the guest needs it: without any library.
fn build(dir: &Path) -> Result<PathBuf> {
    let mut command = cmd::cargo();
    command
        .args(["build", "--release", "--package", "syncline-torture", "--target", TARGET, "--target-dir"])
        .arg(dir);
    command.env("RUSTFLAGS", "-C target-feature=+crt-static");
    // Speed is nothing here, where a machine is emulated; the time to build it is.
    command
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    cmd::run(&mut command)?;
    Ok(dir.join(TARGET).join("release/torture"))
}
