//! What the faulty archive does when told to.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
};

use syncline_core::{
    Body, ErrorKind, Key, Record, Version,
    memory::MemoryArchive,
    port::{Archive as _, Outcome},
};
use syncline_testkit::{ArchiveCall, Failure, FaultyArchive};

fn archive() -> FaultyArchive {
    FaultyArchive::new(Arc::new(MemoryArchive::new()))
}

fn row(name: &str) -> Record {
    Record {
        key: Key::new(name).unwrap(),
        version: Version::ZERO,
        body: Body::Deleted,
        expires_at: None,
    }
}

#[tokio::test]
async fn a_lost_reply_is_an_error_of_a_batch_that_stands() {
    let archive = archive();
    archive.fail_next(ArchiveCall::Apply, 1, Failure::LoseReply(ErrorKind::Unknown));
    assert_eq!(archive.apply(&[row("a")]).await.unwrap_err().kind(), ErrorKind::Unknown);
    assert_eq!(archive.get(&[row("a").key]).await.unwrap(), [Some(row("a"))]);
}

#[tokio::test]
async fn a_refused_batch_does_not_stand() {
    let archive = archive();
    archive.fail(Failure::Refuse(ErrorKind::Unavailable));
    assert_eq!(archive.apply(&[row("a")]).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(archive.stats().await.is_err());
    archive.heal();
    assert_eq!(archive.get(&[row("a").key]).await.unwrap(), [None]);
}

#[tokio::test]
async fn one_bad_row_fails_its_batch_alone() {
    let archive = archive();
    archive.refuse(row("bad").key);
    assert_eq!(archive.apply(&[row("good"), row("bad")]).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(archive.apply(&[row("good")]).await.unwrap(), [Outcome::Written]);
}

#[test]
fn a_call_hangs_until_healed() {
    let archive = archive();
    archive.fail(Failure::Hang);
    let mut cx = Context::from_waker(Waker::noop());
    let batch = [row("a")];
    let mut call = pin!(archive.apply(&batch));
    assert!(call.as_mut().poll(&mut cx).is_pending());
    assert_eq!((archive.hanging(), archive.calls(ArchiveCall::Apply)), (1, 1));
    archive.heal();
    assert!(call.as_mut().poll(&mut cx).is_ready());
    assert_eq!(archive.hanging(), 0);
}

#[test]
fn a_caller_that_gives_up_hangs_no_longer() {
    let archive = archive();
    archive.fail(Failure::Hang);
    let mut call = Box::pin(archive.stats());
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(call);
    assert_eq!(archive.hanging(), 0);
}
