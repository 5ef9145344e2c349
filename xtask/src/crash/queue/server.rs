//! A server that is killed under those who work on it.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Stdio},
    time::Duration,
};

use crate::{error::Result, torture};

/// `torture queue-server`, which has the server and ends with it.
#[derive(Debug)]
pub struct Server {
    process: Child,
    /// Closed, it ends; taken when it is to.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    url: String,
}

impl Server {
    /// Starts a server of its own.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn start(binary: &Path) -> Result<Self> {
        let mut command = torture::command(binary);
        let mut process = command.arg("queue-server").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (commands, answers) = (process.stdin.take(), process.stdout.take());
        let answers = answers.map(BufReader::new).ok_or("the server has no output")?;
        let mut server = Self { process, commands, answers, url: String::new() };
        server.url = server.ask("database")?;
        Ok(server)
    }

    /// The URL of its one database: to start after a kill it syncs every file of all that it has.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills it `after` a moment; it has started again when this returns.
    ///
    /// # Errors
    ///
    /// When it does not come back.
    pub fn kill(&mut self, after: Duration) -> Result<()> {
        self.ask(&format!("kill {}", after.as_micros())).map(drop)
    }

    /// Ends what processes that were killed had begun: nothing changes any more.
    ///
    /// # Errors
    ///
    /// When it cannot.
    pub fn disconnect(&mut self) -> Result<()> {
        self.ask("disconnect").map(drop)
    }

    fn ask(&mut self, command: &str) -> Result<String> {
        let commands = self.commands.as_mut().ok_or("the server has no input")?;
        writeln!(commands, "{command}")?;
        commands.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        match answer.trim_end() {
            "" => Err(format!("the server did not answer {command:?}").into()),
            answer => Ok(answer.to_owned()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with its input; how it ended is nothing that could be lost.
        self.commands.take();
        self.process.wait().ok();
    }
}
