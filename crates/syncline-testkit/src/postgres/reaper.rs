//! Who ends a server whose owner was killed.

use std::{
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

/// Waits until nobody holds the other end of its input, which the system closes however the owner ended. Then it kills the
/// server, unless its number is somebody else's by now, and removes the directory, in which a last process may still write.
const SCRIPT: &str = r#"
read -r _
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$1/data" ]; then kill -9 "$pid"; fi
tries=0
while ! rm -rf "$1" 2>/dev/null && [ "$tries" -lt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
"#;

/// A process that outlives its owner, to clean up after it.
#[derive(Debug)]
pub(super) struct Reaper {
    process: Child,
}

impl Reaper {
    /// Watches over `dir`, in which a server keeps its files under `data`.
    pub(super) fn start(dir: &Path) -> io::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "reaper"]).arg(dir);
        // A group of its own: what kills the test and its group leaves it alone.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { process: command.spawn()? })
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        // Closes its input, too.
        self.process.wait().ok();
    }
}
