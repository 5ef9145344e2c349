//! Wakes: telling others that something changed, and hearing it from them.
//!
//! A notice is never relied on: it is lost with a connection. Everybody looks again after `poll` at the latest, which is also
//! when a lost connection is made again.

use std::{sync::Arc, time::Duration};

use sqlx::{PgPool, postgres::PgListener};
use syncline_core::{
    port::{BoxFuture, Clock},
    rt::{self, Task},
};
use tokio::sync::{Notify, watch};

/// Where notices of all queues are told; the notice names its queue.
const CHANNEL: &str = "syncline_queue";
/// Tells that something changed in a queue, which those who listen hear when the transaction is committed.
pub(super) const NOTICE: &str = "select pg_notify('syncline_queue', $1)";

/// Both ways, each a task that ends with its owner.
#[derive(Debug)]
pub(super) struct Wake {
    news: Arc<Notify>,
    changes: watch::Sender<u64>,
    _tasks: [Task<()>; 2],
}

impl Wake {
    pub(super) fn start(pool: &PgPool, ear: PgListener, queue: &str, clock: &Arc<dyn Clock>, poll: Duration) -> Self {
        let (changes, _) = watch::channel(0);
        let news = Arc::new(Notify::new());
        let listener = Listener { pool: pool.clone(), queue: queue.to_owned(), changes: changes.clone() };
        let tasks = [
            rt::spawn("queue-listen", listen(listener, ear, Arc::clone(clock), poll)),
            rt::spawn("queue-notify", tell(pool.clone(), queue.to_owned(), Arc::clone(&news))),
        ];
        Self { news, changes, _tasks: tasks }
    }

    /// Lets others know, soon. What happens before they are told is told with it.
    pub(super) fn tell(&self) {
        self.news.notify_one();
    }

    /// Resolves once something changed after this call.
    pub(super) fn changed(&self) -> BoxFuture<'static, ()> {
        let mut changes = self.changes.subscribe();
        Box::pin(async move {
            if changes.changed().await.is_err() {
                // Nobody listens any more: the storage is gone, and its other calls say so.
                std::future::pending().await
            }
        })
    }
}

async fn tell(pool: PgPool, queue: String, news: Arc<Notify>) {
    loop {
        news.notified().await;
        if let Err(error) = sqlx::query(NOTICE).bind(&queue).execute(&pool).await {
            tracing::debug!(target: "syncline::sql", %error, "others were not told of a change, they look by themselves");
        }
    }
}

struct Listener {
    pool: PgPool,
    queue: String,
    changes: watch::Sender<u64>,
}

/// A connection that listens.
pub(super) async fn connect(pool: &PgPool) -> sqlx::Result<PgListener> {
    let mut ear = PgListener::connect_with(pool).await?;
    // One that was made again by itself would not say that notices were lost.
    ear.eager_reconnect(false);
    ear.listen(CHANNEL).await?;
    Ok(ear)
}

async fn listen(listener: Listener, ear: PgListener, clock: Arc<dyn Clock>, poll: Duration) {
    let mut ear = Some(ear);
    loop {
        let end = clock.sleep_until(clock.now() + poll);
        let error = listener.hear(ear.take(), &*clock, poll).await;
        tracing::debug!(target: "syncline::sql", %error, "notices of changes are not heard for a while");
        // Whatever ended it, everybody looks at the next poll, and the connection is made again.
        end.await;
        listener.note();
    }
}

impl Listener {
    /// Hears notices, with this ear or a new one, until the connection fails.
    async fn hear(&self, ear: Option<PgListener>, clock: &dyn Clock, poll: Duration) -> sqlx::Error {
        let mut ear = match ear {
            Some(ear) => ear,
            None => match connect(&self.pool).await {
                Ok(ear) => {
                    // What was told before it listened was heard by nobody.
                    self.note();
                    ear
                }
                Err(error) => return error,
            },
        };
        let mut look = clock.sleep_until(clock.now() + poll);
        loop {
            tokio::select! {
                heard = ear.try_recv() => match heard {
                    Ok(Some(notice)) if notice.payload() == self.queue => self.note(),
                    Ok(Some(_)) => {}
                    Ok(None) => return sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()),
                    Err(error) => return error,
                },
                () = &mut look => {
                    self.note();
                    look = clock.sleep_until(clock.now() + poll);
                }
            }
        }
    }

    fn note(&self) {
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }
}
