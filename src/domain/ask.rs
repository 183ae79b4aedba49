//! What a button below an answer asks for: another page, a lead's card, a setting. As [`super::button::Button`] it has
//! 64 bytes, so it says all it means in a few letters and an id.

use super::meaning::{Meaning, Tag};
use super::{AlertId, CallOutcome, LeadId, Timestamp, UserId};

/// Which alerts a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// All that are open.
    All,
    /// The urgent ones.
    Urgent,
    /// Leads that wait for an answer.
    ToAnswer,
    /// Leads to follow up.
    ToFollowUp,
    /// Those that were put off.
    Snoozed,
}

impl Filter {
    /// Every filter, in the order of the buttons.
    pub const ALL: [Self; 5] = [Self::All, Self::Urgent, Self::ToAnswer, Self::ToFollowUp, Self::Snoozed];

    /// The name of its wording.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Urgent => "urgent",
            Self::ToAnswer => "answer",
            Self::ToFollowUp => "follow",
            Self::Snoozed => "snoozed",
        }
    }
}

/// A length of time that somebody can choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Until {
    /// An hour from now.
    Hour,
    /// The beginning of the next working day.
    Tomorrow,
    /// The beginning of Monday's working hours.
    Monday,
    /// A week from now, in the morning.
    Week,
    /// Two weeks from now, in the morning.
    TwoWeeks,
}

impl Until {
    /// Every choice.
    pub const ALL: [Self; 5] = [Self::Hour, Self::Tomorrow, Self::Monday, Self::Week, Self::TwoWeeks];

    /// The name of its wording.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Tomorrow => "tomorrow",
            Self::Monday => "monday",
            Self::Week => "week",
            Self::TwoWeeks => "fortnight",
        }
    }
}

/// A page of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Page {
    /// All of them.
    Main,
    /// When nothing comes.
    Quiet,
    /// A pause.
    Pause,
    /// Being away.
    Away,
    /// Who stands in.
    StandIn,
}

impl Page {
    /// Every page.
    pub const ALL: [Self; 5] = [Self::Main, Self::Quiet, Self::Pause, Self::Away, Self::StandIn];

    /// The name of its wording.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Quiet => "quiet",
            Self::Pause => "pause",
            Self::Away => "away",
            Self::StandIn => "standin",
        }
    }
}

/// A change of what somebody wishes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wish {
    /// The other language.
    Language,
    /// "Tu" instead of "vous", or the other way round.
    Formality,
    /// The morning's briefing: on or off.
    Briefing,
    /// The evening's summary: on or off.
    Summary,
    /// Nothing between these hours of the day; none: at any time.
    Quiet(Option<(u8, u8)>),
    /// Nothing but hot leads for so long; none: the pause is over.
    Pause(Option<Until>),
    /// Away for so long; none: back.
    Away(Option<Until>),
    /// Who stands in; none: as configured.
    StandIn(Option<UserId>),
    /// The figures with which a manager's week begins: on or off.
    Weekly,
}

/// One button's meaning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// A page (from 0) of a list of alerts.
    Alerts(Filter, u16),
    /// A lead's card.
    Lead(LeadId),
    /// Take back what was done about an alert.
    Undo(AlertId),
    /// This alert is dealt with.
    Done(AlertId),
    /// This alert can wait until an instant (exclusive).
    Later(AlertId, Timestamp),
    /// A call with this lead at an instant; when it is not said: when?
    Call(LeadId, Option<Timestamp>),
    /// A page of the settings.
    Settings(Page),
    /// A change of settings, made on a page.
    Set(Page, Wish),
    /// The figures: of the team instead of one's own.
    Stats(bool),
    /// How the planned call went that the message speaks of.
    CallWent(CallOutcome),
    /// That call takes place at another instant; when it is not said: when?
    CallMoves(Option<Timestamp>),
    /// How a message of this lead was read; when it is not said which, the last one.
    Reading(LeadId, Option<Tag>),
    /// What this message means.
    Means(LeadId, Tag, Meaning),
}

impl Ask {
    /// As `callback_data`: `2:<what>:<more>`, at most 64 bytes for ids of 17 bytes.
    pub fn to_data(&self) -> String {
        match self {
            Self::Alerts(filter, page) => format!("2:al:{}:{page}", filter.as_str()),
            Self::Lead(lead) => format!("2:ld:{lead}"),
            Self::Undo(alert) => format!("2:un:{alert}"),
            Self::Done(alert) => format!("2:do:{alert}"),
            Self::Later(alert, until) => format!("2:la:{}:{alert}", until.0),
            Self::Call(lead, None) => format!("2:ca::{lead}"),
            Self::Call(lead, Some(at)) => format!("2:ca:{}:{lead}", at.0),
            Self::Settings(page) => format!("2:se:{}", page.as_str()),
            Self::Set(page, wish) => format!("2:wi:{}:{}", page.as_str(), wish.code()),
            Self::Stats(team) => format!("2:st:{}", if *team { "team" } else { "me" }),
            Self::CallWent(outcome) => format!("2:cw:{}", outcome.as_str()),
            Self::CallMoves(at) => format!("2:cm:{}", at.map(|at| at.0.to_string()).unwrap_or_default()),
            Self::Reading(lead, tag) => format!("2:rd:{}:{lead}", tag.as_ref().map_or("", |tag| tag.0.as_str())),
            Self::Means(lead, tag, means) => format!("2:mn:{}{}:{lead}", means.code(), tag.0),
        }
    }

    /// The inverse of [`Ask::to_data`]; `None` for what this version did not write.
    pub fn parse(data: &str) -> Option<Self> {
        let (action, rest) = data.strip_prefix("2:")?.split_once(':')?;
        let two = || rest.split_once(':');
        let alert = |id: &str| (!id.is_empty()).then(|| AlertId::from(id));
        let lead = |id: &str| (!id.is_empty()).then(|| LeadId::from(id));
        let instant = |text: &str| text.parse().ok().map(Timestamp);
        Some(match action {
            "al" => {
                let (filter, page) = two()?;
                let filter = Filter::ALL.into_iter().find(|known| known.as_str() == filter)?;
                Self::Alerts(filter, page.parse().ok()?)
            }
            "ld" => Self::Lead(lead(rest)?),
            "un" => Self::Undo(alert(rest)?),
            "do" => Self::Done(alert(rest)?),
            "la" => Self::Later(alert(two()?.1)?, instant(two()?.0)?),
            "ca" => match two()? {
                ("", id) => Self::Call(lead(id)?, None),
                (at, id) => Self::Call(lead(id)?, Some(instant(at)?)),
            },
            "se" => Self::Settings(page(rest)?),
            "wi" => Self::Set(page(two()?.0)?, Wish::parse(two()?.1)?),
            "st" => match rest {
                "team" => Self::Stats(true),
                "me" => Self::Stats(false),
                _ => return None,
            },
            "cw" => Self::CallWent(CallOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == rest)?),
            "cm" if rest.is_empty() => Self::CallMoves(None),
            "cm" => Self::CallMoves(Some(instant(rest)?)),
            "rd" => match two()? {
                ("", id) => Self::Reading(lead(id)?, None),
                (tag, id) => Self::Reading(lead(id)?, Some(Tag(tag.to_owned()))),
            },
            "mn" => {
                let (means, tag) = two()?.0.split_at_checked(1)?;
                let means = Meaning::ALL.into_iter().find(|known| known.code() == means)?;
                Self::Means(lead(two()?.1)?, Tag(tag.to_owned()), means)
            }
            _ => return None,
        })
    }
}

fn page(text: &str) -> Option<Page> {
    Page::ALL.into_iter().find(|page| page.as_str() == text)
}

impl Wish {
    fn code(&self) -> String {
        let until = |until: &Option<Until>| until.map_or("off", Until::as_str).to_owned();
        match self {
            Self::Language => "lang".to_owned(),
            Self::Formality => "formal".to_owned(),
            Self::Briefing => "briefing".to_owned(),
            Self::Summary => "summary".to_owned(),
            Self::Quiet(None) => "quiet-off".to_owned(),
            Self::Quiet(Some((from, to))) => format!("quiet-{from}-{to}"),
            Self::Pause(length) => format!("pause-{}", until(length)),
            Self::Away(length) => format!("away-{}", until(length)),
            Self::Weekly => "weekly".to_owned(),
            Self::StandIn(None) => "by-".to_owned(),
            Self::StandIn(Some(user)) => format!("by-{user}"),
        }
    }

    fn parse(code: &str) -> Option<Self> {
        let until = |text: &str| -> Option<Option<Until>> {
            match text {
                "off" => Some(None),
                text => Until::ALL.into_iter().find(|known| known.as_str() == text).map(Some),
            }
        };
        Some(match code.split_once('-') {
            None => match code {
                "lang" => Self::Language,
                "formal" => Self::Formality,
                "briefing" => Self::Briefing,
                "summary" => Self::Summary,
                "weekly" => Self::Weekly,
                _ => return None,
            },
            Some(("quiet", "off")) => Self::Quiet(None),
            Some(("quiet", hours)) => {
                let (from, to) = hours.split_once('-')?;
                let hour = |text: &str| text.parse().ok().filter(|hour: &u8| *hour < 24);
                Self::Quiet(Some((hour(from)?, hour(to)?)))
            }
            Some(("pause", length)) => Self::Pause(until(length)?),
            Some(("away", length)) => Self::Away(until(length)?),
            Some(("by", "")) => Self::StandIn(None),
            Some(("by", user)) => Self::StandIn(Some(UserId::from(user))),
            Some(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ActivityId;

    #[test]
    fn every_ask_fits_and_comes_back() {
        let (alert, lead) = (AlertId::from("a0123456789abcdef"), LeadId::from("691b2816e43817b92"));
        let mut asks = vec![
            Ask::Alerts(Filter::All, 999),
            Ask::Lead(lead.clone()),
            Ask::Undo(alert.clone()),
            Ask::Done(alert.clone()),
            Ask::Later(alert, Timestamp(1_773_324_000)),
            Ask::Call(lead.clone(), None),
            Ask::Call(lead, Some(Timestamp(1_773_324_000))),
            Ask::Stats(true),
            Ask::Stats(false),
            Ask::CallMoves(None),
            Ask::CallMoves(Some(Timestamp(1_773_324_000))),
        ];
        let (long, tag) = (LeadId::from("a6b2f1f0-5a51-4e0c-8b9e-0123456789ab"), Tag::of(&ActivityId::from("Email:1")));
        asks.extend([None, Some(tag.clone())].map(|tag| Ask::Reading(long.clone(), tag)));
        asks.extend(Meaning::ALL.map(|means| Ask::Means(long.clone(), tag.clone(), means)));
        asks.extend(CallOutcome::ALL.map(Ask::CallWent));
        let mut wishes = vec![Wish::Language, Wish::Formality, Wish::Briefing, Wish::Summary, Wish::Weekly];
        wishes.push(Wish::Quiet(None));
        wishes.extend([Wish::Quiet(Some((22, 7))), Wish::Pause(None), Wish::Away(None), Wish::StandIn(None)]);
        wishes.extend(Until::ALL.into_iter().flat_map(|until| [Wish::Pause(Some(until)), Wish::Away(Some(until))]));
        wishes.push(Wish::StandIn(Some(UserId::from("6b031c715304145b1"))));
        asks.extend(Page::ALL.map(Ask::Settings));
        asks.extend(wishes.into_iter().map(|wish| Ask::Set(Page::StandIn, wish)));
        asks.extend(Filter::ALL.map(|filter| Ask::Alerts(filter, 0)));
        for ask in asks {
            assert!(ask.to_data().len() <= 64, "{ask:?}");
            assert_eq!(Ask::parse(&ask.to_data()), Some(ask));
        }
    }

    #[test]
    fn foreign_data_asks_for_nothing() {
        for data in [
            "",
            "2",
            "2:ld",
            "2:ld:",
            "1:done:a1",
            "2:al:all",
            "2:al:none:1",
            "2:al:all:-1",
            "2:wi:main:quiet-25-7",
            "2:xx:1",
            "2:rd::",
            "2:mn::l1",
            "2:mn:é:l1",
            "2:mn:zabcd:l1",
        ] {
            assert_eq!(Ask::parse(data), None, "{data}");
        }
    }
}
