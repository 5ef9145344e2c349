//! Signals to a server and all its processes.

use std::{fs, path::Path};

use rustix::process::{Pid, Signal, kill_process};

/// Sends `signal` to the process `server` and to all others that work in its `directory`: each child of PostgreSQL has a
/// process group of its own, so that no signal to a group reaches them all.
pub(super) fn send(server: u32, directory: &Path, signal: Signal) {
    // First the one that starts the others.
    send_to(server, signal);
    for process in working_in(directory) {
        send_to(process, signal);
    }
}

/// Kills the process `server` and all others that work in its `directory`; none of them is left when this returns.
///
/// One that the server had just started may not be in a list that was made before. Left alone, it would wait for a lock that
/// one of the killed has for ever, and with it the memory that keeps the next server from starting.
pub(super) fn kill(server: u32, directory: &Path) {
    send_to(server, Signal::KILL);
    loop {
        let left = working_in(directory);
        if left.is_empty() {
            break;
        }
        left.into_iter().for_each(|process| send_to(process, Signal::KILL));
        std::thread::yield_now();
    }
}

fn send_to(process: u32, signal: Signal) {
    if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // One that has gone meanwhile needs no signal.
        kill_process(process, signal).ok();
    }
}

/// Processes whose working directory it is. One that is dead works nowhere, though its number may be there still.
fn working_in(directory: &Path) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let is_there = |process: &u32| fs::read_link(format!("/proc/{process}/cwd")).is_ok_and(|cwd| cwd == directory);
    processes.flatten().filter_map(number).filter(is_there).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What went wrong: a process that was started while the server's children were being listed survived the kill.
    #[test]
    fn nobody_who_works_in_the_directory_survives() {
        let dir = tempfile::tempdir().unwrap();
        let directory = fs::canonicalize(dir.path()).unwrap();
        let start = || Command::new("sleep").arg("600").current_dir(&directory).spawn().unwrap();
        let (mut server, mut stranger_to_it) = (start(), start());
        assert_eq!(working_in(&directory).len(), 2);
        kill(server.id(), &directory);
        assert!(working_in(&directory).is_empty());
        assert!(!server.wait().unwrap().success() && !stranger_to_it.wait().unwrap().success());
    }
}
