//! `sim`: the journal, and the queue on it, on the simulated disk, crashed at every operation of many histories.

use std::{path::Path, process::Stdio, thread};

use serde_json::Value;

use crate::{
    cmd,
    crash::{dice, score::figure},
    error::Result,
    measure::Measure,
    report::Stopwatch,
    torture::{self, Build},
};

/// What is simulated.
#[derive(Debug)]
struct Room {
    /// The command of the binary.
    command: &'static str,
    /// What its figures are led by.
    figures: &'static str,
    /// Disk images of the short run, which every change must pass.
    short_images: u64,
    /// Histories of the short run whose answers and openings alone are judged: what is answered wrongly, or stands wrongly at
    /// the next opening, comes up in few histories and needs none of their images.
    short_histories: u64,
    /// Disk images of the long run, before a release.
    long_images: u64,
    /// Histories without images of the long run.
    long_histories: u64,
}

const ROOMS: [Room; 2] = [
    Room {
        command: "sim",
        figures: "sim",
        short_images: 500_000,
        short_histories: 40_000,
        long_images: 20_000_000,
        long_histories: 1_600_000,
    },
    // Each image starts the threads of a journal and takes four times as long.
    Room {
        command: "queue-sim",
        figures: "sim.queue",
        short_images: 500_000,
        short_histories: 10_000,
        long_images: 20_000_000,
        long_histories: 400_000,
    },
];
/// Images of the history that two processes must tell alike.
const TRACE_IMAGES: u64 = 20_000;

/// Crashes the journal and the queue on a simulated disk and checks every image that could remain.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Args {
    /// Twenty million images of each instead of half a million, and forty times the histories without
    #[arg(long)]
    pub long: bool,
    /// Replays a run; a fresh one is drawn and printed when left out
    #[arg(long)]
    pub seed: Option<u64>,
    /// One object a figure, for machines
    #[arg(long)]
    pub json: bool,
}

/// Runs the simulation, then the planted bugs, then one seed in two processes.
///
/// # Errors
///
/// When an invariant is violated, a planted bug is not caught, or one seed tells two histories.
pub fn run(args: Args, build: Build) -> Result {
    let binary = torture::build(build)?;
    let seed = args.seed.unwrap_or_else(dice::fresh_seed);
    let long = if args.long { " --long" } else { "" };
    eprintln!("sim: seed {seed}; replay with 'cargo xtask sim --seed {seed}{long}'");
    ROOMS.iter().try_for_each(|room| simulate_room(&binary, room, args, seed))
}

fn simulate_room(binary: &Path, room: &Room, args: Args, seed: u64) -> Result {
    let (images, histories) = if args.long {
        (room.long_images, room.long_histories)
    } else {
        (room.short_images, room.short_histories)
    };
    let measures = |figures: &Figures, seconds| figures.of_images(room.figures, images, seconds).to_vec();
    shared(binary, [room.command, "--images"], images, args, seed, measures)?;
    let measures = |figures: &Figures, _| figures.of_histories(room.figures, histories).to_vec();
    shared(binary, [room.command, "--histories"], histories, args, seed, measures)?;
    let planted = [room.command, "--planted-all", "--seed", &seed.to_string()];
    cmd::run(torture::command(binary).args(planted).args(args.json.then_some("--json")))?;
    same_history(binary, room, seed)
}

/// A run of so much, shared among the processors: one seed, one process, one history.
fn shared(
    binary: &Path,
    what: [&str; 2],
    wanted: u64,
    args: Args,
    seed: u64,
    measures: impl Fn(&Figures, f64) -> Vec<Measure>,
) -> Result {
    let processes = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let share = wanted.div_ceil(processes);
    let watch = Stopwatch::start();
    let ended: Vec<Result<String>> = thread::scope(|scope| {
        let one = |number: u64| scope.spawn(move || simulate(binary, what, share, seed.wrapping_add(number)));
        let running: Vec<_> = (0..processes).map(one).collect();
        let join = |run: thread::ScopedJoinHandle<'_, Result<String>>| match run.join() {
            Ok(ended) => ended,
            Err(_) => Err("the watcher of a run panicked".into()),
        };
        running.into_iter().map(join).collect()
    });
    let mut figures = Figures::default();
    for text in ended {
        figures.add(&text?);
    }
    for measure in measures(&figures, watch.seconds()) {
        measure.print(args.json);
    }
    if figures.violations == 0 {
        Ok(())
    } else {
        Err("a promise was broken; the line above replays it".into())
    }
}

/// One process; what it says of a violation goes to the terminal. Its figures tell how it ended.
fn simulate(binary: &Path, what: [&str; 2], share: u64, seed: u64) -> Result<String> {
    let mut command = torture::command(binary);
    command.args(what).args([&share.to_string(), "--seed", &seed.to_string(), "--json"]);
    let output = command.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // A run that broke no promise and still failed did not run to its end.
    if output.status.success() || Figures::of(&text).violations > 0 {
        return Ok(text);
    }
    Err(format!("{}: the simulation with seed {seed} did not end", output.status).into())
}

/// What several processes counted.
#[derive(Debug, Default, PartialEq)]
struct Figures {
    histories: u64,
    images: u64,
    violations: u64,
}

impl Figures {
    fn of(text: &str) -> Self {
        let mut figures = Self::default();
        figures.add(text);
        figures
    }

    /// Adds the figures that one process printed.
    fn add(&mut self, text: &str) {
        for object in objects(text) {
            let name = object.get("name").and_then(Value::as_str).unwrap_or_default();
            let sum = match name.rsplit('.').next() {
                Some("histories") => &mut self.histories,
                Some("images") => &mut self.images,
                Some("violations") => &mut self.violations,
                _ => continue,
            };
            // A count, printed as a float.
            let value = object.get("value").and_then(Value::as_f64).unwrap_or_default() as u64;
            *sum += value;
        }
    }

    fn of_histories(&self, room: &str, wanted: u64) -> [Measure; 2] {
        let name = |what: &str| format!("{room}.answers.{what}");
        [
            Measure::at_least(name("histories"), figure(self.histories), figure(wanted)),
            Measure::exactly(name("violations"), figure(self.violations), 0.0),
        ]
    }

    fn of_images(&self, room: &str, wanted: u64, seconds: f64) -> [Measure; 4] {
        let (images, name) = (figure(self.images), |what: &str| format!("{room}.{what}"));
        [
            Measure::plain(name("histories"), figure(self.histories)),
            Measure::at_least(name("images"), images, figure(wanted)),
            Measure::plain(name("images_per_second"), (images / seconds.max(f64::MIN_POSITIVE)).round()),
            Measure::exactly(name("violations"), figure(self.violations), 0.0),
        ]
    }
}

/// Two processes with one seed must tell one history, or no seed replays anything.
fn same_history(binary: &Path, room: &Room, seed: u64) -> Result {
    let trace = || -> Result<String> {
        let mut command = torture::command(binary);
        command.args([room.command, "--images", &TRACE_IMAGES.to_string(), "--seed", &seed.to_string(), "--json"]);
        trace_hash(&cmd::capture(&mut command)?).ok_or_else(|| "the run printed no trace hash".into())
    };
    let (first, second) = (trace()?, trace()?);
    if first != second {
        return Err(format!("seed {seed} told two histories: trace {first} and {second}").into());
    }
    eprintln!("{}: seed {seed} told one history in two processes: trace {first}", room.figures);
    Ok(())
}

/// The value of the field `trace` in one of the printed objects.
fn trace_hash(text: &str) -> Option<String> {
    objects(text).filter_map(|object| object.get("trace")?.as_str().map(str::to_owned)).next()
}

fn objects(text: &str) -> impl Iterator<Item = Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_hash_is_found_among_figures() {
        let text = "seed 7\n{\"name\":\"sim.violations\",\"value\":0}\n{\"trace\":\"00ff\"}\n";
        assert_eq!(trace_hash(text).as_deref(), Some("00ff"));
        assert_eq!(trace_hash("{\"name\":\"sim.images\",\"value\":3}"), None);
    }

    #[test]
    fn processes_are_summed() {
        let one = "{\"name\":\"sim.histories\",\"value\":2.0}\n{\"name\":\"sim.images\",\"value\":30.0}\n";
        let two = "noise\n{\"name\":\"sim.images\",\"value\":12}\n{\"name\":\"sim.violations\",\"value\":1.0}\n";
        let mut figures = Figures::of(one);
        figures.add(two);
        assert_eq!(figures, Figures { histories: 2, images: 42, violations: 1 });
        let lines = figures.of_images("sim", 40, 2.0).map(|measure| measure.json());
        assert!(lines[1].contains("\"held\":true") && lines[3].contains("\"held\":false"), "{lines:?}");
    }
}
