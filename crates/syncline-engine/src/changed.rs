//! Submitting only what differs from what is there: an import that runs twice writes once.

use std::{collections::HashMap, sync::Arc};

use syncline_core::{ContentHash, ContentType, Error, ErrorKind, Key, Result, WallTime, limits, port::Head};

use crate::{Receipt, SyncItem, read::unanswered, spine::Spine};

/// What became of an item that was submitted only if it had changed.
#[derive(Debug)]
pub enum Submitted {
    /// It differs from what was there, and was written.
    Accepted(Receipt),
    /// Content, type and expiry are what stands there already; nothing was written.
    Unchanged,
}

/// What makes two items the same, beside their key.
type Face = (ContentHash, ContentType, Option<WallTime>);

/// What stands under a key: `None` is nothing.
type Standing = HashMap<Key, Option<Face>>;

impl Spine {
    /// Results stand in the order of the items. An item is compared with the one of its key before it in `items`, else with
    /// what is pending, else with the archive: pending first, for what leaves there meanwhile is found in the archive.
    pub(crate) async fn submit_changed(self: &Arc<Self>, items: Vec<SyncItem>) -> Vec<Result<Submitted>> {
        let standing = match self.standing(&items).await {
            Ok(standing) => standing,
            Err(error) => return items.iter().map(|_| Err(error.share())).collect(),
        };
        let differs = choose(&items, standing);
        let mut different = Vec::new();
        for (item, _) in items.into_iter().zip(&differs).filter(|(_, differs)| **differs) {
            different.push(item);
        }
        let mut receipts = self.submit_many(different).await.into_iter();
        let missing = || Err(Error::new(ErrorKind::Unknown, "the write was handed over and not answered"));
        let mut take = || receipts.next().unwrap_or_else(missing).map(Submitted::Accepted);
        differs
            .into_iter()
            .map(|differs| if differs { take() } else { Ok(Submitted::Unchanged) })
            .collect()
    }

    async fn standing(&self, items: &[SyncItem]) -> Result<Standing> {
        self.check_open()?;
        let mut standing = Standing::new();
        let mut unknown = Vec::new();
        for key in items.iter().filter_map(|item| item.key().ok()) {
            match self.pending_item(&key) {
                Some(item) => drop(standing.insert(key, item.as_ref().map(face))),
                None => unknown.push(key),
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        for keys in unknown.chunks(limits::ARCHIVE_BATCH_MAX) {
            self.ask_heads(keys, &mut standing).await?;
        }
        Ok(standing)
    }

    async fn ask_heads(&self, keys: &[Key], standing: &mut Standing) -> Result<()> {
        let Some(archive) = &self.archive else { return Ok(()) };
        let answer = self.call(ErrorKind::Unavailable, archive.heads(keys)).await;
        let first = keys.first().map_or("", Key::as_str);
        let heads = answer.map_err(|error| unanswered(error, first))?;
        let now = self.clock.wall();
        for (key, head) in keys.iter().zip(heads) {
            if let Some(head) = &head {
                self.observe(head.version)?;
            }
            standing.insert(key.clone(), head.and_then(|head| face_of(head, now)));
        }
        Ok(())
    }
}

/// Which items differ from what stands under their key, each write counted for those after it.
fn choose(items: &[SyncItem], mut standing: Standing) -> Vec<bool> {
    let mut differs = |item: &SyncItem| {
        // What is no key is refused where it is submitted.
        let Ok(key) = item.key() else { return true };
        let is_same = standing.get(&key).is_some_and(|there| *there == Some(face(item)));
        if !is_same {
            standing.insert(key, Some(face(item)));
        }
        !is_same
    };
    items.iter().map(&mut differs).collect()
}

fn face(item: &SyncItem) -> Face {
    (item.hash(), item.content_type(), item.expires_at())
}

fn face_of(head: Head, now: WallTime) -> Option<Face> {
    let (hash, content_type) = head.content?;
    let is_there = head.expires_at.is_none_or(|at| at > now);
    is_there.then_some((hash, content_type, head.expires_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, content: &str) -> SyncItem {
        SyncItem::binary(id, content.to_owned())
    }

    /// The defect: of `[a = 2, a = 1]` over an archived `a = 1` the second was dropped as unchanged, and `a` stayed 2.
    #[test]
    fn an_item_is_compared_with_the_one_before_it() {
        let archived = Standing::from([(Key::new("a").unwrap(), Some(face(&item("a", "1"))))]);
        let items = [item("a", "2"), item("a", "1"), item("a", "1"), item("b", "1")];
        assert_eq!(choose(&items, archived), [true, true, false, true]);
    }

    #[test]
    fn another_type_or_expiry_is_a_change() {
        let key = Key::new("a").unwrap();
        let standing = || Standing::from([(key.clone(), Some(face(&item("a", "1"))))]);
        let json = SyncItem::from_json("a", "1").unwrap();
        let expiring = item("a", "1").with_expires_at(WallTime::from_millis(5));
        assert_eq!(choose(&[json], standing()), [true]);
        assert_eq!(choose(&[expiring], standing()), [true]);
        assert_eq!(choose(&[item("a", "1")], standing()), [false]);
    }
}
