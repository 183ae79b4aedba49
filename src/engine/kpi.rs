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
use crate::domain::calendar::Shifts;
use crate::domain::{DAY, HOUR, Seconds, TeamId, Timestamp, UserId};
use crate::insight::kpi::{Gathered, Report, Sample, Windows};
use crate::rules::Settings;
use crate::store::{Batch, Result, Store};

/// When M.A.X. was switched on is kept under this name.
pub(in crate::engine) const SWITCHED_ON: &str = "switched_on";

/// The day, by its number in everybody's calendar, on which the figures were last worked out.
const DAY_OF_FIGURES: &str = "kpi_day";

/// Working hours are worked out so much further than what is counted: target times that end there are asked for.
const LOOK_AHEAD: Seconds = 40 * DAY;

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
    let mut everybody = Everybody::default();
    let mut hours: BTreeMap<Option<UserId>, Arc<Shifts>> = BTreeMap::new();
    for traced in store.traced_leads() {
        if is_stopped() {
            return Ok(None);
        }
        let (lead, activities) = traced?;
        if lead.deleted {
            continue;
        }
        let shifts = match hours.get(&lead.owner) {
            Some(shifts) => shifts,
            None => {
                let calendar = people.calendars.of_owner(store, lead.owner.as_ref())?;
                // Most people share one.
                let shared = hours.values().find(|shifts| shifts.are_of(&calendar)).cloned();
                let to = windows.after.to.plus(LOOK_AHEAD);
                let shifts = shared.unwrap_or_else(|| Arc::new(Shifts::of(calendar, windows.before.from, to)));
                hours.entry(lead.owner.clone()).or_insert(shifts)
            }
        };
        let sample = measure(&lead, &activities, rules, shifts, &windows);
        if !sample.iter().all(Sample::is_empty) {
            everybody.add(lead.owner, lead.teams, &sample, people);
        }
    }
    let mut reports = Reports::from([(Whose::All.key(), Gathered::default().conclude(windows))]);
    for (whose, gathered) in everybody.gathered {
        if is_stopped() {
            return Ok(None);
        }
        reports.insert(whose.key(), gathered.conclude(windows));
    }
    Ok(Some(reports))
}

/// What has been gathered of everybody.
#[derive(Default)]
struct Everybody {
    gathered: Vec<(Whose, Gathered)>,
    /// The places in it that leads of an owner and teams count in.
    places: BTreeMap<(Option<UserId>, Vec<TeamId>), Vec<usize>>,
}

impl Everybody {
    /// Takes in one lead.
    fn add(&mut self, owner: Option<UserId>, teams: Vec<TeamId>, sample: &[Sample; 2], people: &People) {
        let Self { gathered, places } = self;
        let places = places.entry((owner, teams)).or_insert_with_key(|(owner, teams)| {
            let place_of = |whose: Whose| {
                let place = gathered.iter().position(|(known, _)| *known == whose);
                place.unwrap_or_else(|| {
                    gathered.push((whose, Gathered::default()));
                    gathered.len() - 1
                })
            };
            concerned(owner.as_ref(), teams, people).into_iter().map(place_of).collect()
        });
        for place in places {
            gathered[*place].1.add(sample);
        }
    }
}

/// Everybody whose figures leads of an owner and teams count in.
fn concerned(owner: Option<&UserId>, teams: &[TeamId], people: &People) -> BTreeSet<Whose> {
    let mut concerned = BTreeSet::from([Whose::All]);
    concerned.extend(owner.cloned().map(Whose::Rep));
    for team in teams {
        concerned.insert(Whose::Team(team.clone()));
        let managers = people.managers.get(team).into_iter().flatten();
        concerned.extend(managers.cloned().map(Whose::Led));
    }
    concerned
}

impl Engine {
    fn next_figures(&mut self, anew: bool) -> Result<Next> {
        if !self.is_backfilled() || is_first_evaluation(&self.store)? {
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
