//! `/settings` and its pages: everything by buttons. What is chosen is a wish; others make it effective.

use super::super::bot::Bot;
use super::super::render::{Key, KeyKind, Rendered};
use super::commands::apply;
use super::{Reader, asked};
use crate::domain::ask::{Ask, Page, Until, Wish};
use crate::domain::{Lang, Timestamp, User};
use crate::engine::EngineError;
use crate::voice::screens::{Screen, Wishes};

/// The quiet hours on offer.
const QUIET: [(u8, u8); 4] = [(20, 8), (21, 7), (22, 7), (19, 9)];
/// How many colleagues are offered as stand-ins.
const MOST_COLLEAGUES: usize = 12;

impl Bot {
    /// A page of the settings as they are.
    pub(super) fn settings(&self, reader: &Reader, page: Page) -> Result<Rendered, EngineError> {
        let store = self.engine.store();
        let wishes = store.preferences(&reader.user.id)?;
        let stand_in = wishes.stand_in.as_ref().or_else(|| self.people.stand_ins.get(&reader.user.id));
        let stand_in = stand_in.map(|user| store.user(user)).transpose()?.flatten().filter(|user| user.active);
        let ahead = |until: Option<Timestamp>| until.filter(|until| *until > reader.now);
        let shown = Wishes {
            page,
            formal: reader.manner.is_formal(),
            briefing: wishes.briefing.unwrap_or(self.habits.briefing),
            summary: wishes.summary.unwrap_or(self.habits.summary),
            weekly: self.weekly_of(reader)?,
            paused_until: ahead(wishes.paused_until),
            away_until: ahead(wishes.away_until),
            stand_in: stand_in.as_ref(),
            quiet: wishes.quiet,
        };
        let keyboard = match page {
            Page::Main => self.main_keys(reader, &shown),
            Page::Quiet => self.quiet_keys(reader, &shown),
            Page::Pause => {
                let lengths = [Until::Hour, Until::Tomorrow, Until::Monday];
                let off = shown.paused_until.map(|_| ("off", Wish::Pause(None)));
                self.lengths(reader, page, &lengths, Wish::Pause, off)
            }
            Page::Away => {
                let lengths = [Until::Tomorrow, Until::Monday, Until::Week, Until::TwoWeeks];
                let off = shown.away_until.map(|_| ("back_now", Wish::Away(None)));
                let mut keys = self.lengths(reader, page, &lengths, Wish::Away, off);
                keys.insert(keys.len() - 1, vec![self.key(reader, "stand_in", Ask::Settings(Page::StandIn))]);
                keys
            }
            Page::StandIn => self.colleague_keys(reader)?,
        };
        Ok(self.screen(reader, &Screen::Settings(shown), keyboard))
    }

    /// Does what a button of the settings means, and shows the page as it is now.
    pub(super) async fn set(&self, reader: &Reader, page: Page, wish: Wish) -> Result<Rendered, EngineError> {
        let until = match &wish {
            Wish::Pause(Some(until)) | Wish::Away(Some(until)) => Some(asked::end_of(reader, *until)),
            _ => None,
        };
        let (user, manner) = (reader.user.id.clone(), reader.manner);
        if let (Wish::Weekly, Some(wished)) = (&wish, self.weekly_of(reader)?) {
            let user = user.clone();
            self.engine.run(move |engine| engine.wish_weekly(&user, !wished)).await?;
        }
        let habits = self.habits;
        self.engine.run(move |engine| engine.wish(&user, |wishes| apply(&wish, wishes, habits, manner, until))).await?;
        // In the manner that was just wished for.
        let reader = self.reader(reader.user.clone(), reader.chat)?;
        self.settings(&reader, page)
    }

    /// Whether the reader's week begins with the figures; `None` when he or she leads no team.
    fn weekly_of(&self, reader: &Reader) -> Result<Option<bool>, EngineError> {
        if self.led_teams(reader).is_empty() {
            return Ok(None);
        }
        let wished = self.engine.store().weekly(&reader.user.id)?.wished;
        Ok(Some(wished.unwrap_or(self.habits.weekly)))
    }

    fn wish_key(&self, reader: &Reader, page: Page, label: &str, wish: Wish) -> Key {
        self.key(reader, label, Ask::Set(page, wish))
    }

    fn back(&self, reader: &Reader) -> Vec<Key> {
        vec![self.key(reader, "back", Ask::Settings(Page::Main))]
    }

    fn main_keys(&self, reader: &Reader, shown: &Wishes<'_>) -> Vec<Vec<Key>> {
        let wish = |label: &str, wish: Wish| self.wish_key(reader, Page::Main, label, wish);
        let mut manner = vec![wish("language", Wish::Language)];
        if reader.manner.lang() == Lang::Fr {
            manner.push(wish(if shown.formal { "informal" } else { "formal" }, Wish::Formality));
        }
        let briefing = if shown.briefing { "briefing_on" } else { "briefing_off" };
        let summary = if shown.summary { "summary_on" } else { "summary_off" };
        let page = |label: &str, page: Page| self.key(reader, label, Ask::Settings(page));
        let weekly = shown.weekly.map(|weekly| if weekly { "weekly_on" } else { "weekly_off" });
        let mut keys = vec![manner, vec![wish(briefing, Wish::Briefing), wish(summary, Wish::Summary)]];
        keys.extend(weekly.map(|weekly| vec![wish(weekly, Wish::Weekly)]));
        keys.push(vec![page("quiet", Page::Quiet), page("pause", Page::Pause)]);
        keys.push(vec![page("away", Page::Away), page("stand_in", Page::StandIn)]);
        keys
    }

    fn quiet_keys(&self, reader: &Reader, shown: &Wishes<'_>) -> Vec<Vec<Key>> {
        let hours = |(from, to): (u8, u8)| {
            let text = match reader.manner.lang() {
                Lang::Fr => format!("{from}h – {to}h"),
                Lang::En => format!("{from}:00 – {to}:00"),
            };
            Key { text, kind: KeyKind::Ask(Ask::Set(Page::Quiet, Wish::Quiet(Some((from, to))))) }
        };
        let mut keys: Vec<Vec<Key>> = QUIET.map(hours).chunks(2).map(<[Key]>::to_vec).collect();
        if shown.quiet.is_some() {
            keys.push(vec![self.wish_key(reader, Page::Quiet, "quiet_off", Wish::Quiet(None))]);
        }
        keys.push(self.back(reader));
        keys
    }

    fn lengths(
        &self,
        reader: &Reader,
        page: Page,
        lengths: &[Until],
        wish: impl Fn(Option<Until>) -> Wish,
        off: Option<(&str, Wish)>,
    ) -> Vec<Vec<Key>> {
        let key = |until: &Until| self.wish_key(reader, page, until.as_str(), wish(Some(*until)));
        let keys: Vec<Key> = lengths.iter().map(key).collect();
        let mut rows: Vec<Vec<Key>> = keys.chunks(2).map(<[Key]>::to_vec).collect();
        rows.extend(off.map(|(label, wish)| vec![self.wish_key(reader, page, label, wish)]));
        rows.push(self.back(reader));
        rows
    }

    /// Colleagues who can be told on Telegram.
    fn colleague_keys(&self, reader: &Reader) -> Result<Vec<Vec<Key>>, EngineError> {
        let store = self.engine.store();
        let mut colleagues: Vec<User> = Vec::new();
        for link in store.links()?.into_iter().filter(|link| link.user != reader.user.id && !link.unreachable) {
            colleagues.extend(store.user(&link.user)?.filter(|user| user.active));
        }
        colleagues.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        colleagues.dedup_by(|one, other| one.id == other.id);
        let key = |user: &User| Key {
            text: self.speaker.voice.user_label(user),
            kind: KeyKind::Ask(Ask::Set(Page::StandIn, Wish::StandIn(Some(user.id.clone())))),
        };
        let keys: Vec<Key> = colleagues.iter().take(MOST_COLLEAGUES).map(key).collect();
        let mut rows: Vec<Vec<Key>> = keys.chunks(2).map(<[Key]>::to_vec).collect();
        rows.push(vec![self.wish_key(reader, Page::StandIn, "as_configured", Wish::StandIn(None))]);
        rows.push(self.back(reader));
        Ok(rows)
    }
}
