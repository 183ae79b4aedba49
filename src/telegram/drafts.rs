//! Preparing a message: what the buttons below a draft do, and how what a rep writes becomes its text.

use teloxide::types::Message as Incoming;

use super::bot::Bot;
use super::render::too_late;
use super::taps::{Answer, Tap};
use crate::domain::deed::{Deed, DeedKind, Mail};
use crate::domain::draft::{DraftTap, Prepared, Stage};
use crate::domain::effect::Occasion;
use crate::domain::{
    ActivityId, ActivityStatus, Alert, Channel, ChatId, DeedId, Direction, Evidence, MINUTE, Seconds, Timestamp, UserId,
};
use crate::engine::briefing::{Briefing, Speaker};
use crate::engine::deeds::Did;
use crate::engine::drafts::{awaiting_text, current};
use crate::engine::log::Report;
use crate::engine::{Engine, EngineError};
use crate::insight::advice;
use crate::insight::exchange::answer_subject;
use crate::store::Store;
use crate::voice::{Content, Notice, Route, Style, Toast};

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
    let answers = briefing.last_mail.as_ref().and_then(|mail| answer_subject(&mail.subject));
    prepared.subject = draft.subject.map(|subject| answers.unwrap_or(subject));
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

/// By which addresses a mail goes; no sender when the CRM sends none, or nobody would get the answer.
pub(super) fn route<'a>(speaker: &'a Speaker, briefing: &'a Briefing) -> Route<'a> {
    let reply_to = briefing.owner.as_ref().and_then(|user| user.emails.first()).map_or("", String::as_str);
    Route { from: if reply_to.is_empty() { "" } else { &speaker.mail_from }, reply_to }
}

/// The lead's mail that is to be answered, by its id in the CRM.
fn answered_mail(alert: &Alert) -> Option<String> {
    let inbound = match &alert.evidence {
        Evidence::HotLead { inbound, .. } => inbound,
        Evidence::AwaitingReply { last, .. } => last,
        Evidence::NoContact { .. }
        | Evidence::Stale { .. }
        | Evidence::NoFollowup { .. }
        | Evidence::NoReply { .. }
        | Evidence::PreferredChannel { .. } => return None,
    };
    inbound.activity_id.as_str().strip_prefix("Email:").map(str::to_owned)
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
            // An old picture of the message: what the rep wrote is not thrown away for other words.
            DraftTap::Tone(_) | DraftTap::Other if prepared.is_own => {
                self.change(&prepared, |prepared| prepared.shown = 0).await?;
                Ok(Answer::seen())
            }
            DraftTap::Edit => {
                let (chat, id, until) = (prepared.chat, prepared.message_id, now.plus(PATIENCE));
                self.engine.run(move |engine| engine.await_text(chat, id, until)).await?;
                Ok(Answer::word(self.toast(tap.manner, Toast::DraftText)))
            }
            DraftTap::Sent => self.draft_sent(tap, alert, &briefing, prepared, now).await,
            DraftTap::Tone(tone) => self.reword(&briefing, prepared, now, |prepared| prepared.tone = tone).await,
            DraftTap::Channel(channel) if briefing.lead.channel_open(channel) => {
                self.reword(&briefing, prepared, now, |prepared| prepared.channel = channel).await
            }
            DraftTap::Channel(_) => Ok(Answer::dialog(self.toast(tap.manner, Toast::Stale))),
            DraftTap::Other => self.other_words(&briefing, prepared, now).await,
            DraftTap::Back => {
                self.change(&prepared, |prepared| prepared.stage = Stage::Ready).await?;
                Ok(Answer::seen())
            }
            DraftTap::Mail | DraftTap::SendNow => {
                let Some(mail) = self.mail(&briefing, &prepared) else { return stale() };
                if wish == DraftTap::Mail {
                    self.change(&prepared, |prepared| prepared.stage = Stage::Confirming).await?;
                    return Ok(Answer::seen());
                }
                if prepared.stage != Stage::Confirming {
                    self.change(&prepared, |prepared| prepared.shown = 0).await?;
                    return Ok(Answer::seen());
                }
                self.send_mail(tap, &prepared, mail, now).await
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

    /// What a language model suggested, if it did; else the next of our own wordings, and the model is asked for the one
    /// after it.
    async fn other_words(
        &self,
        briefing: &Briefing,
        prepared: Prepared,
        now: Timestamp,
    ) -> Result<Answer, EngineError> {
        let Some(text) = self.suggestions.take(&prepared) else {
            if self.suggestions.may_want(&prepared) {
                let activities = self.engine.store().activities(&briefing.lead.id)?;
                let writer = briefing.owner.as_ref().map_or("", |user| user.name.as_str());
                self.suggestions.want(&prepared, &briefing.lead, &activities, writer, now);
            }
            let next = |prepared: &mut Prepared| prepared.wording = prepared.wording.wrapping_add(1);
            return self.reword(briefing, prepared, now, next).await;
        };
        self.change(&prepared, |kept| (kept.text, kept.stage) = (text, Stage::Ready)).await?;
        Ok(Answer::seen())
    }

    /// A prepared message as a mail; `None` when it cannot be one.
    fn mail(&self, briefing: &Briefing, prepared: &Prepared) -> Option<Mail> {
        let route = route(&self.speaker, briefing);
        let can_go = prepared.channel == Channel::Email && !route.from.is_empty();
        let to = briefing.lead.email.clone().filter(|_| can_go && briefing.lead.channel_open(Channel::Email))?;
        Some(Mail {
            to,
            from: route.from.to_owned(),
            reply_to: route.reply_to.to_owned(),
            subject: prepared.subject.clone().unwrap_or_default(),
            text: prepared.text.clone(),
            answers: briefing.last_mail.as_ref().map(|mail| mail.crm_id.clone()).or(answered_mail(&briefing.alert)),
            chat: prepared.chat,
            message_id: prepared.message_id,
            attempt: prepared.attempts,
        })
    }

    /// Gives a mail to the CRM to send. Delivered again, the tap is the same deed.
    async fn send_mail(
        &self,
        tap: &Tap,
        prepared: &Prepared,
        mail: Mail,
        now: Timestamp,
    ) -> Result<Answer, EngineError> {
        let parts = ["mail", &mail.chat.to_string(), &mail.message_id.to_string(), &mail.attempt.to_string()];
        let deed = Deed {
            id: DeedId::of(&parts),
            lead: prepared.lead.clone(),
            alert: Some(prepared.alert.clone()),
            by: tap.user.id.clone(),
            at: now,
            kind: DeedKind::SendMail(mail),
        };
        let (actor, chat, message_id) = (tap.actor(), prepared.chat, prepared.message_id);
        // In one job: the CRM may refuse it at once, and the next try has to be another mail.
        let send = move |engine: &mut Engine| {
            let did = engine.do_deed(deed, &actor)?;
            if did != Did::NoLead {
                engine.change_prepared(chat, message_id, |prepared| {
                    if prepared.stage == Stage::Confirming {
                        (prepared.stage, prepared.attempts) = (Stage::OnItsWay, prepared.attempts + 1);
                    }
                })?;
            }
            Ok(did)
        };
        Ok(match self.engine.run(send).await? {
            Did::NoLead => Answer::dialog(self.toast(tap.manner, Toast::Stale)),
            Did::Done | Did::Known => Answer::seen(),
        })
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
        let channel = prepared.channel;
        // What became of the draft is written first: after a crash the tap comes again, and notes the same once.
        self.engine.run(move |engine| engine.log(vec![report], false)).await?;
        self.change(&prepared, move |prepared| prepared.stage = Stage::Noted(now)).await?;
        Ok(Answer::word(self.toast(tap.manner, Toast::Sent(&briefing.lead, channel))))
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
