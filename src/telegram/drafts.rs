//! Preparing a message: what the buttons below a draft do, and how what a rep writes becomes its text.

use teloxide::types::Message as Incoming;

use super::bot::Bot;
use super::render::too_late;
use super::taps::{Answer, Tap};
use crate::domain::draft::{DraftTap, Prepared, Stage};
use crate::domain::effect::Occasion;
use crate::domain::{
    ActivityId, ActivityStatus, Alert, Channel, ChatId, Direction, MINUTE, Seconds, Timestamp, UserId,
};
use crate::engine::EngineError;
use crate::engine::briefing::{Briefing, Speaker};
use crate::engine::drafts::{awaiting_text, current};
use crate::engine::log::Report;
use crate::insight::advice;
use crate::store::Store;
use crate::voice::{Content, Notice, Style, Toast};

/// How long the next thing a rep writes is taken for the text, in seconds.
const PATIENCE: Seconds = 30 * MINUTE;

/// What there is to say to a lead.
pub(super) enum Beginning {
    /// Nothing: it is not to be contacted.
    Refused,
    /// Nothing: there is no way to reach it.
    NoChannel,
    /// This, in no message yet.
    Prepared(Prepared),
}

/// Prepares a message for an alert's lead, on the channel and in the style that fit it best. `user` signs it.
pub(super) fn begin(
    speaker: &Speaker,
    briefing: &Briefing,
    place: (ChatId, i32),
    user: &UserId,
    now: Timestamp,
) -> Beginning {
    let channel = advice::draft_channel(&briefing.alert, &briefing.lead, briefing.preferred());
    let Some(channel) = channel else { return Beginning::Refused };
    if channel == Channel::Manual {
        return Beginning::NoChannel;
    }
    let style = Style::of(&briefing.alert);
    let mut prepared = Prepared {
        chat: place.0,
        message_id: place.1,
        alert: briefing.alert.id.clone(),
        lead: briefing.lead.id.clone(),
        user: user.clone(),
        channel,
        tone: style.tone,
        wording: style.wording,
        subject: None,
        text: String::new(),
        is_own: false,
        stage: Stage::Ready,
        at: now,
        attempts: 0,
        shown: 0,
    };
    word(speaker, briefing, &mut prepared, now);
    Beginning::Prepared(prepared)
}

/// Gives a prepared message its words, by channel, tone and wording; what the rep wrote stays, and gets a subject where
/// it needs one.
fn word(speaker: &Speaker, briefing: &Briefing, prepared: &mut Prepared, now: Timestamp) {
    let context = briefing.context(speaker, speaker.manner(), Content::Full, Occasion::Opened, now);
    let style = Style { tone: prepared.tone, wording: prepared.wording };
    let Some(draft) = speaker.voice.draft_as(&context, prepared.channel, style) else { return };
    prepared.subject = draft.subject;
    if !prepared.is_own {
        prepared.text = draft.text;
    }
}

/// All about the alert of a prepared message, as whoever prepares it sees it.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn briefing(
    store: &Store,
    speaker: &Speaker,
    alert: Alert,
    user: &UserId,
    now: Timestamp,
) -> Result<Option<Briefing>, EngineError> {
    let Some(mut briefing) = Briefing::load(store, speaker, alert, now)? else { return Ok(None) };
    if let Some(user) = store.user(user)? {
        briefing.owner = Some(user);
    }
    Ok(Some(briefing))
}

impl Bot {
    /// What a button below a draft does, once it is known that the user may tap it.
    pub(super) async fn drafting(&self, tap: &Tap, alert: &Alert, wish: DraftTap) -> Result<Answer, EngineError> {
        let (store, now) = (self.engine.store(), self.engine.clock().now());
        let stale = || Ok(Answer::dialog(self.toast(tap.manner, Toast::Stale)));
        let Some(briefing) = briefing(store, &self.speaker, alert.clone(), &tap.user.id, now)? else { return stale() };
        let Some(prepared) = self.prepared_at(tap, &briefing, now).await? else { return stale() };
        if let Some(word) = too_late(&self.speaker.voice, tap.manner, alert).filter(|_| prepared.is_open()) {
            self.change(&prepared, |prepared| prepared.shown = 0).await?;
            return Ok(Answer::word(word));
        }
        if !prepared.is_open() {
            // Tapped twice, or on an old picture of the message.
            self.change(&prepared, |prepared| prepared.shown = 0).await?;
            return Ok(Answer::seen());
        }
        match wish {
            DraftTap::Edit => {
                let (chat, id, until) = (prepared.chat, prepared.message_id, now.plus(PATIENCE));
                self.engine.run(move |engine| engine.await_text(chat, id, until)).await?;
                Ok(Answer::word(self.toast(tap.manner, Toast::DraftText)))
            }
            DraftTap::Sent => self.draft_sent(tap, alert, &briefing, prepared, now).await,
            DraftTap::Tone(tone) => {
                self.reword(&briefing, prepared, now, |prepared| (prepared.tone, prepared.is_own) = (tone, false)).await
            }
            DraftTap::Channel(channel) if briefing.lead.channel_open(channel) => {
                self.reword(&briefing, prepared, now, |prepared| prepared.channel = channel).await
            }
            DraftTap::Channel(_) => Ok(Answer::dialog(self.toast(tap.manner, Toast::Stale))),
            DraftTap::Other => {
                self.reword(&briefing, prepared, now, |prepared| {
                    // From one's own words back to the ones that were there.
                    prepared.wording = prepared.wording.wrapping_add(u32::from(!prepared.is_own));
                    prepared.is_own = false;
                })
                .await
            }
            DraftTap::Back | DraftTap::Mail | DraftTap::SendNow => {
                self.change(&prepared, |prepared| prepared.stage = Stage::Ready).await?;
                Ok(Answer::seen())
            }
        }
    }

    /// The prepared message that a tap is on; one that was lost in a crash is taken up again.
    async fn prepared_at(
        &self,
        tap: &Tap,
        briefing: &Briefing,
        now: Timestamp,
    ) -> Result<Option<Prepared>, EngineError> {
        let (chat, id) = (tap.place.chat, tap.place.message_id);
        match self.engine.store().prepared(chat, id)? {
            Some(prepared) => {
                Ok(Some(prepared).filter(|prepared| !prepared.is_over(now) && prepared.alert == briefing.alert.id))
            }
            None => match begin(&self.speaker, briefing, (chat, id), &tap.user.id, now) {
                Beginning::Prepared(prepared) => {
                    let kept = prepared.clone();
                    self.engine.run(move |engine| engine.adopt_prepared(&kept)).await?;
                    Ok(Some(prepared))
                }
                Beginning::Refused | Beginning::NoChannel => Ok(None),
            },
        }
    }

    async fn reword(
        &self,
        briefing: &Briefing,
        mut prepared: Prepared,
        now: Timestamp,
        change: impl FnOnce(&mut Prepared),
    ) -> Result<Answer, EngineError> {
        change(&mut prepared);
        word(&self.speaker, briefing, &mut prepared, now);
        let Prepared { channel, tone, wording, subject, text, is_own, .. } = prepared.clone();
        self.change(&prepared, move |kept| {
            (kept.channel, kept.tone, kept.wording) = (channel, tone, wording);
            (kept.subject, kept.text, kept.is_own) = (subject, text, is_own);
            kept.stage = Stage::Ready;
        })
        .await?;
        Ok(Answer::seen())
    }

    async fn change(
        &self,
        prepared: &Prepared,
        change: impl FnOnce(&mut Prepared) + Send + 'static,
    ) -> Result<(), EngineError> {
        let (chat, id) = (prepared.chat, prepared.message_id);
        self.engine.run(move |engine| engine.change_prepared(chat, id, change)).await?;
        Ok(())
    }

    /// The rep sent it by hand: that very text is noted, once per opening of the alert.
    async fn draft_sent(
        &self,
        tap: &Tap,
        alert: &Alert,
        briefing: &Briefing,
        prepared: Prepared,
        now: Timestamp,
    ) -> Result<Answer, EngineError> {
        let report = Report {
            id: Some(ActivityId(format!("sent-{}-{}", alert.id, alert.openings))),
            lead: alert.lead_id.clone(),
            channel: prepared.channel,
            direction: Direction::Out,
            status: ActivityStatus::Sent,
            text: prepared.text.clone(),
            timestamp: None,
            by: Some(tap.user.id.clone()),
        };
        // What became of the draft is written first: after a crash the tap comes again, and notes the same once.
        self.engine.run(move |engine| engine.log(vec![report], false)).await?;
        self.change(&prepared, move |prepared| prepared.stage = Stage::Noted(now)).await?;
        Ok(Answer::word(self.toast(tap.manner, Toast::Sent(&briefing.lead))))
    }

    /// Takes what a rep wrote for the text of a draft: an answer to its message, or what was asked for. Says whether it
    /// was one.
    pub(super) async fn take_draft_text(&self, message: &Incoming, text: &str) -> Result<bool, EngineError> {
        let (store, now, chat) = (self.engine.store(), self.engine.clock().now(), ChatId(message.chat.id.0));
        let answered = message.reply_to_message().map(|original| original.id.0);
        let prepared = match answered {
            Some(id) => current(store, chat, id, now)?,
            None => awaiting_text(store, chat, now)?,
        };
        let Some(prepared) = prepared.filter(|prepared| prepared.is_open() && !text.starts_with('/')) else {
            return Ok(false);
        };
        if text.encode_utf16().count() > Prepared::UNITS {
            self.reply(chat, Notice::DraftTooLong).await;
            return Ok(true);
        }
        let text = text.trim().to_owned();
        self.change(&prepared, move |prepared| {
            (prepared.text, prepared.is_own, prepared.stage) = (text, true, Stage::Ready);
        })
        .await?;
        Ok(true)
    }
}
