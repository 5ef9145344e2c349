//! `setup`: installs the Debian packages whose programs the tests run, when they are missing.

use std::{fs, io, os::unix::fs::PermissionsExt, path::PathBuf};

use crate::{cmd, error::Result};

/// What Debian asks before a package starts its server; our answer is "no".
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// "Action not allowed", to `invoke-rc.d`.
const POLICY_TEXT: &str = "#!/bin/sh\nexit 101\n";

/// One program that is run, never linked.
#[derive(Debug)]
pub struct Need {
    /// Searched on the path.
    pub program: &'static str,
    /// The Debian package that brings it.
    pub package: &'static str,
    /// What is not proven without it.
    pub why: &'static str,
    /// The command that runs it.
    pub command: &'static str,
}

/// Every program that tests run beside cargo and git. A room that starts a server adds its line here; `powercut` unpacks its
/// own under the target directory, because installing an emulator may remove what a machine has.
pub const NEEDS: &[Need] = &[
    Need {
        program: "strace",
        package: "strace",
        why: "kills a process at a chosen system call and makes one fail",
        command: "crash",
    },
    Need {
        program: "postgres",
        package: "postgresql",
        why: "is the server that tests start, kill and start again",
        command: "test",
    },
];

/// Where Debian keeps the programs of PostgreSQL, a directory a version; they are on no path.
const POSTGRES: &str = "/usr/lib/postgresql";

/// Installs what the tests need and is missing.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Args {
    /// Only say what is missing
    #[arg(long)]
    pub dry_run: bool,
}

/// Installs the missing packages and says what it did.
///
/// # Errors
///
/// When something is missing that cannot be installed here: not root, no apt, or apt failed.
pub fn run(args: Args) -> Result {
    let missing = missing(NEEDS, |program| cmd::find(program).is_some() || is_beside(POSTGRES, program));
    if missing.is_empty() {
        println!("setup: every program is installed");
        return Ok(());
    }
    for need in &missing {
        println!("setup: {} is missing: it {} ({})", need.program, need.why, need.command);
    }
    if args.dry_run {
        return Ok(());
    }
    install(&missing)
}

fn missing(needs: &[Need], installed: impl Fn(&str) -> bool) -> Vec<&Need> {
    needs.iter().filter(|need| !installed(need.program)).collect()
}

/// Whether a version under `root` has the program.
fn is_beside(root: &str, program: &str) -> bool {
    let versions = fs::read_dir(root).into_iter().flatten().flatten();
    versions
        .map(|version| version.path().join("bin").join(program))
        .any(|path| path.is_file())
}

fn install(needs: &[&Need]) -> Result {
    let packages: Vec<_> = needs.iter().map(|need| need.package).collect();
    let list = packages.join(" ");
    if cmd::find("apt-get").is_none() {
        return Err(format!("no apt-get here: install what Debian calls {list}, by hand").into());
    }
    if cmd::capture(cmd::program("id").arg("-u"))?.trim() != "0" {
        return Err(format!("only root can install {list}: run 'sudo apt-get install {list}', or this as root").into());
    }
    let _policy = Policy::deny_autostart()?;
    let apt = |arguments: &[&str]| {
        let mut command = cmd::program("apt-get");
        cmd::run(command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    apt(&["update", "-q"])?;
    apt(&[&["install", "-y", "-q", "--no-install-recommends"], packages.as_slice()].concat())?;
    println!("setup: installed {list}");
    Ok(())
}

/// While it lives, packages that bring a server do not start it. A policy that the machine has already is left alone.
#[derive(Debug)]
struct Policy {
    ours: Option<PathBuf>,
}

impl Policy {
    fn deny_autostart() -> Result<Self> {
        let path = PathBuf::from(POLICY);
        if path.exists() {
            return Ok(Self { ours: None });
        }
        let fail = |error: io::Error| format!("cannot write {POLICY}: {error}");
        fs::write(&path, POLICY_TEXT).map_err(fail)?;
        let policy = Self { ours: Some(path) };
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)).map_err(fail)?;
        Ok(policy)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let Some(path) = &self.ours else { return };
        if let Err(error) = fs::remove_file(path) {
            eprintln!("setup: {} stays behind: {error}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_installed() {
        let names = |installed: &[&str]| -> Vec<&str> {
            missing(NEEDS, |program| installed.contains(&program))
                .iter()
                .map(|need| need.program)
                .collect()
        };
        assert_eq!(names(&[]), ["strace", "postgres"]);
        assert_eq!(names(&["strace"]), ["postgres"]);
        assert_eq!(names(&["strace", "postgres"]), [""; 0]);
    }

    #[test]
    fn a_program_in_the_directory_of_a_version_is_installed() {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("15/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("postgres"), "").unwrap();
        let root = root.path().to_str().unwrap();
        assert!(is_beside(root, "postgres") && !is_beside(root, "initdb") && !is_beside("/nowhere", "postgres"));
    }

    #[test]
    fn every_need_has_its_reason() {
        for need in NEEDS {
            assert!(!need.why.is_empty() && !need.command.is_empty() && !need.package.is_empty(), "{need:?}");
        }
    }
}
