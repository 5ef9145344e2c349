//! Signals to a server and all its processes.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// Sends `signal` to the process `server` and to its children: each child of PostgreSQL has a process group of its own, so
/// that no signal to a group reaches them all.
pub(super) fn send(server: u32, signal: Signal) {
    // First the one that starts the others.
    let children = std::iter::once(server).chain(children(server)).collect::<Vec<_>>();
    for process in children {
        if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
            // One that has gone meanwhile needs no signal.
            kill_process(process, signal).ok();
        }
    }
}

fn children(of: u32) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let is_child = |process: &u32| {
        let status = fs::read_to_string(format!("/proc/{process}/stat"));
        status.is_ok_and(|status| parent(&status) == Some(of))
    };
    processes.flatten().filter_map(number).filter(is_child).collect()
}

/// The parent in a line of `/proc/<pid>/stat`: number, name in parentheses, state, parent.
fn parent(status: &str) -> Option<u32> {
    let (_, rest) = status.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_hide_the_parent() {
        assert_eq!(parent("7 (a) b (c)) S 42 7 7 0"), Some(42));
        assert_eq!(parent("nonsense"), None);
    }

    #[test]
    fn a_child_is_found_and_signalled() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        assert!(children(std::process::id()).contains(&child.id()));
        send(child.id(), Signal::KILL);
        assert!(!child.wait().unwrap().success());
    }
}
