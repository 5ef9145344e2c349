//! The guest: one boot of it, from power on to the moment when the power goes.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{ChildStdout, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use super::{initramfs::Archive, tools::Tools};
use crate::{cmd, error::Result};

/// The guest's script.
const SCRIPT: &str = include_str!("guest.sh");
/// Sparse, so that the size is a bound and no cost.
const DISK_BYTES: u64 = 4 << 30;
/// A boot takes seconds; a machine that says nothing for so long is broken.
const SILENCE_MAX: Duration = Duration::from_secs(180);
/// Lines on their way from the guest to us.
const LINES_MAX: usize = 1_024;

/// A machine that can be switched on again and again; its disk stays.
#[derive(Debug)]
pub struct Machine {
    tools: Tools,
    kernel: PathBuf,
    /// The part of the first file system that never changes.
    base: Vec<u8>,
    dir: PathBuf,
}

/// What one boot said.
#[derive(Debug, Default)]
pub struct Boot {
    /// All whole lines that came through the port before the power went.
    pub lines: Vec<String>,
}

impl Machine {
    /// A machine with an empty disk, whose files are in `dir`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn new(tools: Tools, binary: &Path, dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let disk = disk_in(dir);
        File::create(&disk)?.set_len(DISK_BYTES)?;
        cmd::capture(cmd::program("mkfs.ext4").args(["-q", "-F"]).arg(&disk))?;
        let kernel = tools.kernel()?;
        let base = base(&tools, &fs::read(binary)?)?;
        Ok(Self { tools, kernel, base, dir: dir.to_path_buf() })
    }

    /// Switches it on with these `settings` for its script, and off `after` a moment that begins with the first
    /// acknowledgement; without one it goes on until it is done.
    ///
    /// # Errors
    ///
    /// When it does not start, or falls silent.
    pub fn boot(&self, settings: &[(&str, String)], history: &str, after: Option<Duration>) -> Result<Boot> {
        fs::write(self.dir.join("initrd.img"), self.initrd(history))?;
        let mut child = self
            .command(settings)
            .spawn()
            .map_err(|error| format!("the emulator does not start: {error}"))?;
        let Some(output) = child.stdout.take() else { return Err("the emulator has no output".into()) };
        let (sender, lines) = sync_channel(LINES_MAX);
        thread::scope(|scope| {
            let reader = scope.spawn(move || forward(output, &sender));
            let mut boot = Boot::default();
            let watched = watch(&lines, after, &mut boot);
            // The power goes. What the guest wrote to its disk is there; what it kept in memory is not.
            child.kill()?;
            child.wait()?;
            boot.lines.extend(lines.iter());
            reader.join().map_err(|_| "the reader of the guest's port panicked")??;
            watched.map_err(|reason| format!("{reason}; its console is {}", self.console().display()))?;
            Ok(boot)
        })
    }

    /// Deletes its disk, which nobody needs once all was well.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn remove(self) -> Result {
        Ok(fs::remove_file(self.disk())?)
    }

    fn disk(&self) -> PathBuf {
        disk_in(&self.dir)
    }

    fn initrd(&self, history: &str) -> Vec<u8> {
        let mut archive = Archive::default();
        archive.file("history", history.as_bytes());
        [self.base.as_slice(), &archive.finish()].concat()
    }

    fn command(&self, settings: &[(&str, String)]) -> std::process::Command {
        let settings: String = settings.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        let disk = format!("file={},if=virtio,format=raw,cache=none", self.disk().display());
        let mut command = self.tools.emulator();
        command.args(["-accel", "tcg", "-cpu", "max", "-m", "256", "-display", "none", "-nodefaults", "-no-reboot"]);
        command.arg("-kernel").arg(&self.kernel).arg("-initrd").arg(self.dir.join("initrd.img"));
        command.args(["-append", &format!("console=ttyS0 quiet panic=-1 random.trust_cpu=on{settings}")]);
        command.args(["-drive", &disk]);
        command.args(["-serial", &format!("file:{}", self.console().display())]);
        // The port of acknowledgements: much faster than a serial line, so that cuts meet a busy writer.
        command.args(["-chardev", "file,id=port,path=/proc/self/fd/1", "-device", "virtio-serial-pci"]);
        command.args(["-device", "virtserialport,chardev=port,name=torture"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        command
    }

    fn console(&self) -> PathBuf {
        self.dir.join("console.txt")
    }
}

fn disk_in(dir: &Path) -> PathBuf {
    dir.join("disk.img")
}

/// Busybox, the modules, the binary and the script.
fn base(tools: &Tools, binary: &[u8]) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    for dir in ["bin", "dev", "proc", "disk", "modules"] {
        archive.dir(dir);
    }
    archive.file("bin/busybox", &tools.user_land()?);
    archive.file("bin/torture", binary);
    archive.file("init", SCRIPT.as_bytes());
    let modules = tools.modules()?;
    let order: Vec<_> = modules.iter().map(|(name, _)| name.as_str()).collect();
    archive.file("modules/order", order.join("\n").as_bytes());
    for (name, content) in &modules {
        archive.file(&format!("modules/{name}.ko"), content);
    }
    Ok(archive.finish())
}

/// Passes on the whole lines that come through the port; a last one without its end is none.
fn forward(output: ChildStdout, lines: &SyncSender<String>) -> std::io::Result<()> {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 && line.pop() == Some(b'\n') {
        if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
            break;
        }
        line.clear();
    }
    Ok(())
}

/// Collects lines until the power is to go: `after` a moment from the first acknowledgement, or at the end.
fn watch(lines: &Receiver<String>, after: Option<Duration>, boot: &mut Boot) -> std::result::Result<(), String> {
    let deadline = loop {
        match lines.recv_timeout(SILENCE_MAX) {
            Ok(line) => {
                let acknowledged = line.starts_with("A ");
                boot.lines.push(line);
                if let Some(after) = after.filter(|_| acknowledged) {
                    break now() + after;
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => return Err("the guest says nothing".to_owned()),
        }
    };
    while let Some(left) = deadline.checked_duration_since(now()) {
        match lines.recv_timeout(left) {
            Ok(line) => boot.lines.push(line),
            Err(_) => break,
        }
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the moment of a power cut is in the time of the machine that emulates it"
)]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_power_goes_a_moment_after_the_first_acknowledgement() {
        let (sender, lines) = sync_channel(8);
        for line in ["R 0 4 8", "A 0 0", "A 0 1"] {
            sender.send(line.to_owned()).unwrap();
        }
        let mut boot = Boot::default();
        watch(&lines, Some(Duration::from_millis(50)), &mut boot).unwrap();
        assert_eq!(boot.lines, ["R 0 4 8", "A 0 0", "A 0 1"]);
    }

    #[test]
    fn a_guest_that_ends_is_watched_to_its_end() {
        let (sender, lines) = sync_channel(8);
        sender.send("! done".to_owned()).unwrap();
        drop(sender);
        let mut boot = Boot::default();
        watch(&lines, None, &mut boot).unwrap();
        assert_eq!(boot.lines, ["! done"]);
    }
}
