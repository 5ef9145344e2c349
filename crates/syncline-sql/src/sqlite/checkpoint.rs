//! Moving finished transactions from the WAL into the file: when, and how hard to try.

use std::time::Duration;

use rusqlite::Connection;
use syncline_core::Result;

use super::error::failed;

/// Pages in the WAL, and those of them that are in the file already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wal {
    pub(crate) pages: u64,
    pub(crate) moved: u64,
}

/// What to do about the WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Leave,
    /// Move what no reader holds back, waiting for nobody.
    Move,
    /// Wait a moment for readers, so that the WAL can begin anew.
    Restart,
}

/// Decides when to move pages, and remembers how large the WAL may grow meanwhile.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    pages: u64,
    /// Pages of WAL at which readers are waited for.
    restart_at: u64,
}

/// How many times its normal size the WAL may have before readers are waited for.
const PATIENCE: u64 = 4;
/// Longest wait for readers: they are short, but for a backup, which is not waited for.
const READERS_WAIT: Duration = Duration::from_millis(100);

impl Checkpoints {
    /// Pages move once `pages` of them wait.
    pub(crate) fn new(pages: u64) -> Self {
        let pages = pages.max(1);
        Self { pages, restart_at: pages.saturating_mul(PATIENCE) }
    }

    /// Moves pages when enough wait. `busy_timeout` is what the connection has otherwise.
    pub(crate) fn run(&mut self, connection: &Connection, busy_timeout: Duration) -> Result<()> {
        match self.decide(wal(connection, "NOOP")?) {
            Decision::Leave => Ok(()),
            Decision::Move => wal(connection, "PASSIVE").map(drop),
            Decision::Restart => {
                let bounded = |wait| connection.busy_timeout(wait).map_err(failed("a wait cannot be bounded"));
                bounded(READERS_WAIT)?;
                let after = wal(connection, "RESTART");
                bounded(busy_timeout)?;
                self.learn(after?);
                Ok(())
            }
        }
    }

    fn decide(&self, wal: Wal) -> Decision {
        if wal.pages >= self.restart_at {
            Decision::Restart
        } else if wal.pages.saturating_sub(wal.moved) >= self.pages {
            Decision::Move
        } else {
            Decision::Leave
        }
    }

    /// A reader that was waited for in vain is waited for again only when the WAL has grown by as much once more.
    fn learn(&mut self, after: Wal) {
        let step = self.pages.saturating_mul(PATIENCE);
        self.restart_at = if after.moved < after.pages { after.pages.saturating_add(step) } else { step };
    }
}

/// Moves every page and empties the WAL: for the end.
pub(crate) fn finish(connection: &Connection) -> Result<()> {
    wal(connection, "TRUNCATE").map(drop)
}

fn wal(connection: &Connection, mode: &str) -> Result<Wal> {
    let read = |row: &rusqlite::Row<'_>| {
        // -1 stands for no WAL.
        let number = |column| row.get::<_, i64>(column).map(|pages| u64::try_from(pages).unwrap_or(0));
        Ok(Wal { pages: number(1)?, moved: number(2)? })
    };
    connection
        .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))
        .and_then(|mut statement| statement.query_row([], read))
        .map_err(failed("finished transactions cannot be moved into the file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn pages(pages: u64, moved: u64) -> Wal {
        Wal { pages, moved }
    }

    #[test]
    fn pages_move_when_enough_wait() {
        let checkpoints = Checkpoints::new(100);
        let decisions = [pages(99, 0), pages(100, 0), pages(150, 100), pages(399, 399), pages(400, 400)];
        let expected = [Decision::Leave, Decision::Move, Decision::Leave, Decision::Leave, Decision::Restart];
        assert_eq!(decisions.map(|wal| checkpoints.decide(wal)), expected);
    }

    #[test]
    fn a_reader_that_stays_is_not_waited_for_again_at_once() {
        let mut checkpoints = Checkpoints::new(100);
        checkpoints.learn(pages(400, 250));
        assert_eq!(checkpoints.decide(pages(410, 400)), Decision::Leave);
        assert_eq!(checkpoints.decide(pages(800, 400)), Decision::Restart);
        checkpoints.learn(pages(0, 0));
        assert_eq!(checkpoints.decide(pages(400, 400)), Decision::Restart);
    }

    #[test]
    fn the_sqlite_that_is_compiled_in_tells_the_size_of_its_wal() {
        let dir = tempfile::tempdir().unwrap();
        let connection = Connection::open(dir.path().join("x.db")).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t (x)")
            .unwrap();
        let before = wal(&connection, "NOOP").unwrap();
        assert!(before.pages > 0 && before.moved == 0, "{before:?}");
        Checkpoints::new(1).run(&connection, Duration::ZERO).unwrap();
        let after = wal(&connection, "NOOP").unwrap();
        assert_eq!(after.moved, after.pages);
        finish(&connection).unwrap();
        assert_eq!(wal(&connection, "NOOP").unwrap(), pages(0, 0));
    }
}
