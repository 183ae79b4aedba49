//! Fetching pages: everything by id (backfill and sweep), what changed (poll), single records again (a webhook's
//! hint), and the bodies of mails that concern a lead. The loops around these functions live in `engine`.

use super::client::{Client, ListQuery, Page, Where};
use super::error::{Call, Error, ErrorKind};
use super::mapping::Mapping;
use super::observe::preview;
use super::record::Record;
use crate::domain::{Seconds, Timestamp};

/// How many records are asked for by id at once; their ids must fit into an address.
const IDS_PER_REQUEST: usize = 100;
/// EspoCRM cuts listed texts to so many characters.
const LISTED_TEXT_CHARS: usize = 10_000;

/// Seconds by which a poll looks back: `modifiedAt` is set before the commit, and a commit may take that long.
pub const POLL_OVERLAP: Seconds = 60;

/// Where a poll stands: the first page asks for everything modified at or after `since`; the next ones go on
/// after the last row seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollCursor {
    /// From when on, inclusive: the CRM's time of the last complete poll minus [`POLL_OVERLAP`].
    pub since: Timestamp,
    /// The last row of the page before: its `modifiedAt` and its id as given. EspoCRM compares ids without regard
    /// to case, so it must be that row's, never a maximum.
    pub page: Option<(Timestamp, String)>,
}

impl PollCursor {
    /// A poll from its first page on.
    pub fn since(since: Timestamp) -> Self {
        Self { since, page: None }
    }
}

/// Records of one entity type asked for by id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refreshed {
    /// Those the CRM showed.
    pub records: Vec<Record>,
    /// The ids it did not show: deleted, or not visible to us.
    pub missing: Vec<String>,
}

/// The rows whose id comes after `after_id`, by id, with all columns that observations are made of: a backfill
/// when nothing is known, a sweep when it is compared with what is known. Goes on after [`Page::next_after`].
pub async fn page_by_id(
    client: &Client,
    mapping: &Mapping,
    entity: &str,
    after_id: Option<&str>,
) -> Result<Page, Error> {
    let conditions = after_id.map(|id| Where::GreaterThan("id", id.to_owned())).into_iter().collect();
    let select = mapping.columns(entity);
    let query = ListQuery { entity, conditions, select: &select, order_by: "id", max_size: client.page_size() };
    let page = client.list(&query).await?;
    understood(mapping, entity, &page.records)?;
    Ok(page)
}

/// Refuses records that lack what it takes to understand them: taken for what they then seem to be, they would wipe out
/// what they meant before.
fn understood(mapping: &Mapping, entity: &str, records: &[Record]) -> Result<(), Error> {
    let Some((field, named_by)) = records.iter().find_map(|record| mapping.lacking(entity, record)) else {
        return Ok(());
    };
    let call = Call { method: "GET", path: entity.to_owned() };
    Err(Error { call, kind: ErrorKind::NoSuchField { entity: entity.to_owned(), field, named_by } })
}

/// The rows modified since the cursor, oldest modification first, and where the next page begins (`None` after the
/// last one). Sees neither deletions nor restores nor relinks.
pub async fn poll_page(
    client: &Client,
    mapping: &Mapping,
    entity: &str,
    cursor: &PollCursor,
) -> Result<(Page, Option<PollCursor>), Error> {
    let condition = match &cursor.page {
        None => Where::AtLeast("modifiedAt", cursor.since.to_espo()),
        Some((at, id)) => Where::Any(vec![
            Where::After("modifiedAt", *at),
            Where::All(vec![Where::Equals("modifiedAt", at.to_espo()), Where::GreaterThan("id", id.clone())]),
        ]),
    };
    let select = mapping.columns(entity);
    let query = ListQuery {
        entity,
        conditions: vec![condition],
        select: &select,
        order_by: "modifiedAt",
        max_size: client.page_size(),
    };
    let page = client.list(&query).await?;
    understood(mapping, entity, &page.records)?;
    let next = match page.records.last() {
        Some(record) if !page.last => {
            let position = record.instant("modifiedAt").zip(record.id().map(str::to_owned));
            let what = || "rows without id or modifiedAt, by which they were to be ordered".to_owned();
            Some(position.ok_or_else(|| client.not_as_expected(entity, what()))?)
        }
        Some(_) | None => None,
    };
    Ok((page, next.map(|position| PollCursor { since: cursor.since, page: Some(position) })))
}

/// Records again by their ids, as lists (a single read costs the CRM an entry in its action history).
pub async fn refresh(client: &Client, mapping: &Mapping, entity: &str, ids: &[String]) -> Result<Refreshed, Error> {
    let select = mapping.columns(entity);
    let mut refreshed = Refreshed::default();
    for ids in ids.chunks(per_request(client)) {
        let records = by_ids(client, entity, ids, &select).await?;
        understood(mapping, entity, &records)?;
        let shown = |id: &&String| records.iter().any(|record| record.id() == Some(id.as_str()));
        refreshed.missing.extend(ids.iter().filter(|id| !shown(id)).cloned());
        refreshed.records.extend(records);
    }
    Ok(refreshed)
}

/// The texts of records whose texts are fetched later (mails), as previews: by id, empty when a record has none.
/// What the CRM does not show any more is left out.
pub async fn bodies(
    client: &Client,
    mapping: &Mapping,
    entity: &str,
    ids: &[String],
) -> Result<Vec<(String, String)>, Error> {
    let fields = mapping.later_text_fields(entity);
    let select: Vec<String> = std::iter::once("id".to_owned()).chain(fields.iter().cloned()).collect();
    let mut texts = Vec::with_capacity(ids.len());
    for ids in ids.chunks(per_request(client)) {
        for record in by_ids(client, entity, ids, &select).await? {
            let Some(id) = record.id().map(str::to_owned) else { continue };
            let mut text = first_words(&record, &fields);
            if text.is_empty() && is_cut(&record, &fields) {
                // All that was listed is the head of a long HTML mail: only a single read shows what follows.
                text = match client.get(entity, &id).await {
                    Ok(whole) => first_words(&whole, &fields),
                    Err(Error { kind: ErrorKind::NotFound, .. }) => String::new(),
                    Err(error) => return Err(error),
                };
            }
            texts.push((id, text));
        }
    }
    Ok(texts)
}

/// All mails from or to an address, by id.
pub async fn mails_of(client: &Client, mapping: &Mapping, address: &str) -> Result<Vec<Record>, Error> {
    let select = mapping.columns("Email");
    let mut records = Vec::new();
    for attribute in ["from", "to"] {
        let mut after: Option<String> = None;
        loop {
            let mut conditions = vec![Where::Equals(attribute, address.to_owned())];
            conditions.extend(after.take().map(|id| Where::GreaterThan("id", id)));
            let max_size = client.page_size();
            let query = ListQuery { entity: "Email", conditions, select: &select, order_by: "id", max_size };
            let page = client.list(&query).await?;
            after = page.next_after();
            records.extend(page.records);
            if after.is_none() {
                break;
            }
        }
    }
    Ok(records)
}

/// All records of an entity type that name one of these leads, as the CRM has them now, by id. EspoCRM refuses the whole
/// question when one of the leads is gone, or hidden from us.
pub async fn of_leads(
    client: &Client,
    mapping: &Mapping,
    entity: &str,
    leads: &[String],
) -> Result<Vec<Record>, Error> {
    let links = mapping.lead_links(entity).into_iter();
    let named: Vec<Where> = links
        .map(|link| match link.strip_suffix("Ids") {
            Some(link) => Where::LinkedWith(link.to_owned(), leads.to_vec()),
            None => Where::In(link.to_owned().into(), leads.to_vec()),
        })
        .collect();
    let select = mapping.columns(entity);
    let (mut records, mut after) = (Vec::new(), None::<String>);
    while !named.is_empty() && !leads.is_empty() {
        let mut conditions = vec![Where::Any(named.clone())];
        conditions.extend(after.take().map(|id| Where::GreaterThan("id", id)));
        let query = ListQuery { entity, conditions, select: &select, order_by: "id", max_size: client.page_size() };
        let page = client.list(&query).await?;
        understood(mapping, entity, &page.records)?;
        after = page.next_after();
        records.extend(page.records);
        if after.is_none() {
            break;
        }
    }
    Ok(records)
}

/// Whether a record that no list shows has been deleted. One that is there and hidden from us is told apart by a single
/// read alone: that is refused, and not unknown.
pub async fn is_deleted(client: &Client, entity: &str, id: &str) -> Result<bool, Error> {
    match client.get(entity, id).await {
        Ok(record) => Ok(record.flag("deleted")),
        Err(Error { kind: ErrorKind::NotFound, .. }) => Ok(true),
        Err(Error { kind: ErrorKind::Forbidden { .. }, .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the CRM shows us this lead.
pub async fn lead_exists(client: &Client, id: &str) -> Result<bool, Error> {
    let found = by_ids(client, "Lead", &[id.to_owned()], &["id".to_owned()]).await?;
    Ok(found.iter().any(|record| record.id() == Some(id)))
}

async fn by_ids(client: &Client, entity: &str, ids: &[String], select: &[String]) -> Result<Vec<Record>, Error> {
    let max_size = u32::try_from(ids.len()).unwrap_or(u32::MAX);
    let conditions = vec![Where::In("id".into(), ids.to_vec())];
    Ok(client.list(&ListQuery { entity, conditions, select, order_by: "id", max_size }).await?.records)
}

fn per_request(client: &Client) -> usize {
    usize::try_from(client.page_size()).unwrap_or(usize::MAX).min(IDS_PER_REQUEST)
}

fn first_words(record: &Record, fields: &[String]) -> String {
    let texts = fields.iter().filter_map(|field| record.text(field)).map(preview);
    texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
}

fn is_cut(record: &Record, fields: &[String]) -> bool {
    // The cut end may have been white space.
    let nearly_all = LISTED_TEXT_CHARS * 9 / 10;
    fields.iter().filter_map(|field| record.text(field)).any(|text| text.chars().count() >= nearly_all)
}
