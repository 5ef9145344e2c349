//! Running other programs: shown before they run, without standard input, from the root of the repository.

use std::{
    env,
    ffi::OsStr,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
};

use crate::error::Result;

/// Where programs are installed that are not on the path of every user.
const SYSTEM_DIRS: [&str; 3] = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

/// The root of the repository.
pub fn root() -> PathBuf {
    let here =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or(here.clone(), Path::to_path_buf)
}

/// Where cargo builds: `CARGO_TARGET_DIR`, else `target`.
pub fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// `program`, to be run at the root.
pub fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// The cargo that runs us.
pub fn cargo() -> Command {
    program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Whether cargo has the command `name`, such as `nextest`.
pub fn has_cargo(name: &str) -> bool {
    find(&format!("cargo-{name}")).is_some()
}

/// The first program called `name` on the path or among the system's directories.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = env::split_paths(&path).chain(SYSTEM_DIRS.iter().map(PathBuf::from));
    dirs.map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Runs to the end; its output goes to the terminal.
///
/// # Errors
///
/// When it cannot be started or does not end with success.
pub fn run(command: &mut Command) -> Result {
    show(command);
    let status = command.status().map_err(|error| format!("cannot start {}: {error}", line(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{status}: {}", line(command)).into())
    }
}

/// Runs to the end and gives what it wrote to standard output.
///
/// # Errors
///
/// When it cannot be started or does not end with success; what it wrote to standard error is in the text.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|error| format!("cannot start {}: {error}", line(command)))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}\n{}", output.status, line(command), said.trim_end()).into())
}

/// What a program printed, and whether it ended well.
#[derive(Debug)]
pub struct Watched {
    /// Whether the exit status was 0.
    pub ok: bool,
    /// Both outputs, line by line as they came.
    pub text: String,
}

/// Runs to the end; its output goes to the terminal and to the caller.
///
/// # Errors
///
/// When it cannot be started, or its output not be read. A bad exit status is no error here.
pub fn watch(command: &mut Command) -> Result<Watched> {
    show(command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", line(command)))?;
    let text = Mutex::new(String::new());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| -> Result {
        let out = scope.spawn(|| copy_lines(out, io::stdout(), &text));
        let err = scope.spawn(|| copy_lines(err, io::stderr(), &text));
        for side in [out, err] {
            side.join().map_err(|_| "a reader of the program's output panicked")??;
        }
        Ok(())
    })?;
    let ok = child.wait()?.success();
    Ok(Watched { ok, text: text.into_inner().unwrap_or_else(PoisonError::into_inner) })
}

fn copy_lines(from: Option<impl Read>, mut to: impl Write, text: &Mutex<String>) -> io::Result<()> {
    let Some(from) = from else { return Ok(()) };
    let mut from = BufReader::new(from);
    let mut bytes = Vec::new();
    while from.read_until(b'\n', &mut bytes)? > 0 {
        to.write_all(&bytes)?;
        text.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_str(&String::from_utf8_lossy(&bytes));
        bytes.clear();
    }
    to.flush()
}

/// On standard error, so that standard output stays what the command measured.
fn show(command: &Command) {
    eprintln!("$ {}", line(command));
}

/// The command as one would type it; cargo without its path.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_status_is_an_error_with_the_command_and_its_words() {
        let error = capture(program("sh").args(["-c", "echo broken >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("sh -c") && error.contains("broken"), "{error}");
    }

    #[test]
    fn watching_keeps_both_outputs() {
        let watched = watch(program("sh").args(["-c", "echo one; echo two >&2; exit 1"])).unwrap();
        assert!(!watched.ok);
        assert!(watched.text.contains("one\n") && watched.text.contains("two\n"), "{}", watched.text);
    }

    #[test]
    fn a_program_that_is_missing_is_not_found() {
        assert!(find("sh").is_some());
        assert_eq!(find("no-such-program-here"), None);
    }
}
