//! Whether it helps: the four figures, worked out from the mirror once a day, beside the writer. Of all leads, of each
//! team, of each owner, and of the teams that each manager leads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::evaluate::is_first_evaluation;
use super::sync::BACKFILL_BEGUN;
use super::told::People;
use super::{Engine, EngineError, Handle};
use crate::decide::measure;
use crate::domain::calendar::Calendar;
use crate::domain::{HOUR, Lead, TeamId, Timestamp, UserId};
use crate::insight::kpi::{Gathered, Report, Windows};
use crate::rules::Settings;
use crate::store::{Batch, Result, Store};

/// When M.A.X. was switched on is kept under this name.
pub(in crate::engine) const SWITCHED_ON: &str = "switched_on";

/// The day, by its number in everybody's calendar, on which the figures were last worked out.
const DAY_OF_FIGURES: &str = "kpi_day";

/// Whose leads are counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// All there are.
    All,
    /// Those of a team.
    Team(TeamId),
    /// Those of an owner.
    Rep(UserId),
    /// Those of all teams that this user leads.
    Led(UserId),
}

impl Whose {
    fn key(&self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::Team(team) => format!("team/{team}"),
            Self::Rep(user) => format!("rep/{user}"),
            Self::Led(user) => format!("led/{user}"),
        }
    }
}

/// The figures as they were last worked out; `None` before they were for the first time. Of whoever has no lead they are
/// empty.
///
/// # Errors
/// When the store cannot be read.
pub fn report(store: &Store, whose: &Whose) -> Result<Option<Report>> {
    let Some(all) = store.kpi::<Report>(&Whose::All.key())? else { return Ok(None) };
    let own = store.kpi(&whose.key())?;
    Ok(Some(own.unwrap_or_else(|| Gathered::default().conclude(all.windows))))
}

/// The figures of everybody, by the key of whose they are.
pub type Reports = BTreeMap<String, Report>;

/// What is next.
enum Next {
    /// They can be worked out with these rules, on a day of this number.
    Now { rules: Box<Settings>, windows: Windows, day: i32 },
    /// Not before.
    NotBefore(Timestamp),
    /// The CRM has not been read once yet.
    NotYet,
}

/// Works the figures out once a day, and at the start, since other people may lead by now; until `stop`.
pub async fn work(engine: Handle, people: Arc<People>, stop: CancellationToken) {
    let clock = engine.clock().clone();
    let mut is_start = true;
    loop {
        let mut changes = engine.changes();
        let Ok(next) = engine.run(move |engine| engine.next_figures(is_start)).await else { return };
        let until = match next {
            Next::Now { rules, windows, day } => match work_out(&engine, &people, rules, windows, &stop).await {
                Ok(Some(reports)) => match engine.run(move |engine| engine.keep_figures(&reports, day)).await {
                    Ok(()) => {
                        is_start = false;
                        continue;
                    }
                    Err(_) => return,
                },
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(%error, "whether M.A.X. helps could not be worked out; again in an hour");
                    clock.now().plus(HOUR)
                }
            },
            Next::NotBefore(at) => at,
            Next::NotYet => {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = changes.changed() => continue,
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(until) => {}
        }
    }
}

async fn work_out(
    engine: &Handle,
    people: &Arc<People>,
    rules: Box<Settings>,
    windows: Windows,
    stop: &CancellationToken,
) -> std::result::Result<Option<Reports>, EngineError> {
    let (store, people, stop) = (engine.store().clone(), people.clone(), stop.clone());
    let reading = move || reports(&store, &people, &rules, windows, &|| stop.is_cancelled());
    Ok(tokio::task::spawn_blocking(reading).await.map_err(|_| EngineError::Died)??)
}

/// Goes through all leads once. `None` when it was told to stop. Blocks on the disk.
///
/// # Errors
/// When the store cannot be read.
pub fn reports(
    store: &Store,
    people: &People,
    rules: &Settings,
    windows: Windows,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Option<Reports>> {
    let mut gathered = BTreeMap::from([(Whose::All, Gathered::default())]);
    let mut calendars: BTreeMap<Option<UserId>, Arc<Calendar>> = BTreeMap::new();
    for lead in store.leads() {
        if is_stopped() {
            return Ok(None);
        }
        let lead = lead?;
        if lead.deleted {
            continue;
        }
        let calendar = match calendars.get(&lead.owner) {
            Some(calendar) => calendar.clone(),
            None => {
                let calendar = people.calendars.of_owner(store, lead.owner.as_ref())?;
                calendars.insert(lead.owner.clone(), calendar.clone());
                calendar
            }
        };
        let sample = measure(&lead, &store.activities(&lead.id)?, rules, &calendar, &windows);
        if sample.iter().all(crate::insight::kpi::Sample::is_empty) {
            continue;
        }
        for whose in concerned(&lead, people) {
            gathered.entry(whose).or_default().add(&sample);
        }
    }
    let mut reports = Reports::new();
    for (whose, gathered) in gathered {
        if is_stopped() {
            return Ok(None);
        }
        reports.insert(whose.key(), gathered.conclude(windows));
    }
    Ok(Some(reports))
}

/// Everybody whose figures a lead counts in.
fn concerned(lead: &Lead, people: &People) -> BTreeSet<Whose> {
    let mut concerned = BTreeSet::from([Whose::All]);
    concerned.extend(lead.owner.clone().map(Whose::Rep));
    for team in &lead.teams {
        concerned.insert(Whose::Team(team.clone()));
        let managers = people.managers.get(team).into_iter().flatten();
        concerned.extend(managers.cloned().map(Whose::Led));
    }
    concerned
}

impl Engine {
    fn next_figures(&mut self, anew: bool) -> Result<Next> {
        if !self.is_backfilled()? || is_first_evaluation(&self.store)? {
            return Ok(Next::NotYet);
        }
        let (now, calendar) = (self.now(), self.policy.calendars.everybody().clone());
        // A clock that was set back is believed.
        if !anew && self.has_todays_figures()? {
            return Ok(Next::NotBefore(calendar.next_date(now)));
        }
        let windows = Windows::of(self.switched_on()?, now);
        let (rules, day) = (Box::new(self.policy.rules.clone()), calendar.number_of_day(now));
        Ok(Next::Now { rules, windows, day })
    }

    /// Whether the figures are those of today.
    pub(super) fn has_todays_figures(&self) -> Result<bool> {
        let today = self.policy.calendars.everybody().number_of_day(self.now());
        Ok(self.store.cursor(DAY_OF_FIGURES)? == Some(today))
    }

    /// When M.A.X. was switched on. A store from before that was noted tells when M.A.X. first did anything.
    fn switched_on(&mut self) -> Result<Timestamp> {
        if let Some(at) = self.store.cursor(SWITCHED_ON)? {
            return Ok(at);
        }
        let begun: Option<Timestamp> = self.store.cursor(BACKFILL_BEGUN)?;
        let linked = self.store.links()?.into_iter().map(|link| link.linked_at);
        let at = linked.chain(begun).chain(self.store.first_step()?).min().unwrap_or(self.now());
        let mut batch = Batch::default();
        batch.put_cursor(SWITCHED_ON, &at);
        self.store.apply(batch)?;
        Ok(at)
    }

    fn keep_figures(&mut self, reports: &Reports, day: i32) -> Result<()> {
        let mut batch = Batch::default();
        batch.put_cursor(DAY_OF_FIGURES, &day);
        for gone in self.store.kpis()?.iter().filter(|whose| !reports.contains_key(*whose)) {
            batch.remove_kpi(gone);
        }
        reports.iter().for_each(|(whose, report)| batch.put_kpi(whose, report));
        self.store.apply(batch)
    }
}
