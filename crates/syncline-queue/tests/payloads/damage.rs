//! Content that rots on disk costs its item alone, and a person sees it.

use syncline_core::port::{Buried, DeadReason, Standing};

use super::{watched::Watched, *};

const LATER_MS: u64 = 1_000_000_000;

fn body(n: u8) -> Vec<u8> {
    [b"the content of ", n.to_string().as_bytes()].concat().repeat(10)
}

async fn one_by_one(queue: &JournalQueueStorage, count: u8) {
    for n in 0..count {
        push(queue, &[item(n.to_string(), body(n))], 1).await;
    }
}

#[tokio::test]
async fn a_damaged_item_is_a_dead_letter_and_all_others_are_handed_out() {
    for at_once in [1, 5, 100] {
        let disk = Arc::new(Watched::default());
        let journal = journal(Arc::clone(&disk) as _, small());
        let queue = open(&journal, 0);
        one_by_one(&queue, 20).await;
        disk.damage(&body(7));
        let (mut ids, mut buried) = (Vec::new(), Vec::new());
        loop {
            let handed = queue.claim(most(at_once), at(2)).await.unwrap();
            buried.extend(handed.buried);
            let claimed = handed.items;
            if claimed.is_empty() {
                break;
            }
            ids.extend(claimed.iter().map(|claimed| claimed.id.clone()));
            settle(&queue, &claimed, done(), 2).await;
        }
        assert_eq!(ids, (0..20).filter(|n| *n != 7).map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!(buried, [Buried { id: "7".into(), reason: DeadReason::Corrupt }]);
        let letters = queue.dead(None, 10, at(3)).await.unwrap();
        assert_eq!((letters.len(), letters[0].dead, letters[0].item.id.as_str()), (1, Some(DeadReason::Corrupt), "7"));
        let error = &letters[0].item.errors[0];
        assert!(error.contains("cannot be read") && error.contains(".seg is damaged from byte"), "{error}");
        assert_eq!(queue.get("7", at(3)).await.unwrap().unwrap().standing, Standing::Dead);
        // Who redrives it is told the same again.
        assert_eq!(queue.redrive(&["7".into()], at(4)).await.unwrap(), [true]);
        assert_eq!(claim(&queue, 1, 5).await, []);
        assert_eq!(queue.dead(None, 10, at(6)).await.unwrap()[0].dead, Some(DeadReason::Corrupt));
    }
}

/// Looking at a live item that is damaged is an error that names it, never an item without content.
#[tokio::test]
async fn a_damaged_item_that_is_looked_at_is_an_error() {
    let disk = Arc::new(Watched::default());
    let journal = journal(Arc::clone(&disk) as _, small());
    let queue = open(&journal, 0);
    one_by_one(&queue, 3).await;
    disk.damage(&body(1));
    let error = queue.get("1", at(2)).await.unwrap_err();
    assert_eq!(error.kind(), syncline_core::ErrorKind::Corrupt);
    assert!(error.to_string().contains("the content of the item \"1\""), "{error}");
    assert_eq!(queue.get("0", at(2)).await.unwrap().unwrap().item.body, body(0));
    assert_eq!(queue.get("2", at(2)).await.unwrap().unwrap().item.body, body(2));
}

/// A damaged record would keep all that was written after it, for ever.
#[tokio::test]
async fn damage_that_is_met_by_a_move_is_a_dead_letter_too_and_holds_up_nothing() {
    let disk = Arc::new(Watched::default());
    let journal = journal(Arc::clone(&disk) as _, small());
    let queue = open(&journal, 0);
    // One is dead already, and was never read.
    push(&queue, &[NewItem { expires_at: Some(at(2).wall), ..item("0", body(0)) }], 1).await;
    push(&queue, &[item("1", body(1))], 1).await;
    push(&queue, &[item("2", body(2))], 1).await;
    assert_eq!(queue.reap(at(2)).await.unwrap().expired, 1);
    let later: Vec<_> = (3..6)
        .map(|n| NewItem { due: Some(at(LATER_MS).wall), ..item(n.to_string(), body(n)) })
        .collect();
    for one in &later {
        push(&queue, std::slice::from_ref(one), 1).await;
    }
    for n in [0, 1, 4] {
        disk.damage(&body(n));
    }
    churn(&queue, 100, 2).await;
    let letters = queue.dead(None, 10, at(3)).await.unwrap();
    let mut ids: Vec<_> = letters.iter().map(|letter| letter.item.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["0", "1", "4"]);
    for letter in &letters {
        assert_eq!(letter.dead, Some(DeadReason::Corrupt), "{letter:?}");
        assert!(letter.item.errors.last().unwrap().contains("cannot be read"), "{letter:?}");
    }
    for n in [2, 3, 5] {
        assert_eq!(queue.get(&n.to_string(), at(3)).await.unwrap().unwrap().item.body, body(n));
    }
    let space = journal.stats();
    assert!(space.bytes > 8 * 64 * 1_024 && space.disk_bytes <= 5 * 64 * 1_024, "{space:?}");
    drop(queue);
    journal.close().unwrap();
    let again = super::journal(Arc::clone(&disk) as _, small());
    let queue = open(&again, 0);
    assert_eq!(queue.dead(None, 10, at(4)).await.unwrap().len(), 3, "they are dead for good");
}
