//! All records whose ids begin alike, page by page.

use super::context::Context;
use crate::{
    exit::Result,
    store::{Item, Scan, Session},
};

/// Most items of one page.
const PAGE_COUNT: usize = 1_000;

/// Shows `page` every page of the records that begin with `prefix`, at most `limit` records in all.
pub(super) async fn each(
    context: &Context,
    session: &mut Session,
    prefix: &str,
    limit: Option<usize>,
    mut page: impl FnMut(&[Item]) -> Result<()>,
) -> Result<()> {
    let mut left = limit.unwrap_or(usize::MAX);
    let mut scan = Scan { prefix: prefix.to_owned(), after: None, limit: PAGE_COUNT };
    while left > 0 {
        scan.limit = left.min(PAGE_COUNT);
        let found = session.ask(async |store| store.scan(&scan).await).await;
        let found = found.map_err(|error| context.failure(&error))?;
        page(&found.items)?;
        left = left.saturating_sub(found.items.len());
        match found.items.last() {
            Some(last) if found.more => scan.after = Some(last.about.id.clone()),
            _ => break,
        }
    }
    Ok(())
}
