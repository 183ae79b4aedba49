//! What to do about an alert: the two suggestions, the actions on offer, and whether WhatsApp can be opened.
//! Closed channels and leads that are not to be contacted are neither suggested nor offered.

use serde::Serialize;

use super::reading;
use crate::domain::alert::Cited;
use crate::domain::{Alert, AlertId, AlertType, Anchor, Channel, Evidence, Lead, LeadId};

/// One thing a rep could do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suggestion {
    /// Make first contact there.
    First(Channel),
    /// A gentle reminder there.
    GentleReminder(Channel),
    /// Another way to reach the lead, when the last one brought nothing.
    ChangeAngle(Channel),
    /// Pick up the conversation there.
    FollowUp(Channel),
    /// Simply call.
    CallDirectly,
    /// Answer there, now.
    AnswerNow(Channel),
    /// Book a call for tomorrow.
    CallTomorrow,
    /// One last try there, with a special offer.
    LastTry(Channel),
    /// Archive the lead.
    Archive,
    /// Keep to the channel that works.
    StickTo(Channel),
    /// Find a telephone number or an address first.
    FindContactData,
    /// The record says not to contact the lead, or not there: look before you write.
    CheckConsent,
    /// Nothing more than to settle the alert.
    MarkHandled,
}

impl Suggestion {
    /// The key of its wordings in the voice's labels.
    pub fn key(self) -> String {
        match self {
            Self::First(channel) => format!("first_{}", channel.as_str()),
            Self::GentleReminder(channel) => format!("gentle_{}", channel.as_str()),
            Self::ChangeAngle(channel) => format!("change_angle_{}", channel.as_str()),
            Self::FollowUp(channel) => format!("follow_up_{}", channel.as_str()),
            Self::CallDirectly => "call_directly".to_owned(),
            Self::AnswerNow(channel) => format!("answer_now_{}", channel.as_str()),
            Self::CallTomorrow => "call_tomorrow".to_owned(),
            Self::LastTry(channel) => format!("last_try_{}", channel.as_str()),
            Self::Archive => "archive".to_owned(),
            Self::StickTo(channel) => format!("stick_to_{}", channel.as_str()),
            Self::FindContactData => "find_contact_data".to_owned(),
            Self::CheckConsent => "check_consent".to_owned(),
            Self::MarkHandled => "mark_handled".to_owned(),
        }
    }

    /// The channel it would use; none when it uses none.
    pub fn channel(self) -> Option<Channel> {
        match self {
            Self::First(channel)
            | Self::GentleReminder(channel)
            | Self::ChangeAngle(channel)
            | Self::FollowUp(channel)
            | Self::AnswerNow(channel)
            | Self::LastTry(channel)
            | Self::StickTo(channel) => Some(channel),
            Self::CallDirectly | Self::CallTomorrow => Some(Channel::Call),
            Self::Archive | Self::FindContactData | Self::CheckConsent | Self::MarkHandled => None,
        }
    }
}

/// The two things to suggest about an alert, the better one first. `preferred` is the lead's preferred channel,
/// if known; it is followed where it is open, else the contact data decides. Never a closed channel.
pub fn suggestions(alert: &Alert, lead: &Lead, preferred: Option<Channel>) -> [Suggestion; 2] {
    if lead.is_do_not_contact() {
        return [Suggestion::CheckConsent, Suggestion::MarkHandled];
    }
    let channels = open_channels(lead, [preferred]);
    match alert.alert_type {
        AlertType::HotLead24h | AlertType::AwaitingReply24h => {
            let by_phone = wants_a_call(&alert.evidence).then_some(Channel::Call);
            answer(&open_channels(lead, [by_phone, preferred, wrote_on(&alert.evidence)]))
        }
        AlertType::NoContact7d => {
            first_and_second(&channels, Suggestion::First, [Suggestion::FindContactData, Suggestion::Archive])
        }
        AlertType::NoFollowup7d => match channels.as_slice() {
            [first, rest @ ..] if rest.contains(&Channel::Call) => {
                [Suggestion::FollowUp(*first), Suggestion::CallDirectly]
            }
            _ => first_and_second(
                &channels,
                Suggestion::FollowUp,
                [Suggestion::FindContactData, Suggestion::MarkHandled],
            ),
        },
        AlertType::NoReply3d => match channels.as_slice() {
            [] => [Suggestion::FindContactData, Suggestion::MarkHandled],
            [only] => [Suggestion::GentleReminder(*only), Suggestion::FindContactData],
            [first, rest @ ..] => {
                let other = if rest.contains(&Channel::Call) { Channel::Call } else { rest[0] };
                [Suggestion::GentleReminder(*first), Suggestion::ChangeAngle(other)]
            }
        },
        AlertType::StaleLead30d => match channels.first() {
            Some(first) => [Suggestion::LastTry(*first), Suggestion::Archive],
            None => [Suggestion::Archive, Suggestion::FindContactData],
        },
        AlertType::PreferredChannel => match alert.anchor {
            Anchor::Channel(best) if lead.channel_open(best) => [Suggestion::StickTo(best), Suggestion::MarkHandled],
            Anchor::Channel(_) | Anchor::At(_) => [Suggestion::CheckConsent, Suggestion::MarkHandled],
        },
    }
}

fn answer(channels: &[Channel]) -> [Suggestion; 2] {
    match channels {
        [] => [Suggestion::AnswerNow(Channel::Manual), Suggestion::FindContactData],
        [first, rest @ ..] if *first == Channel::Call || rest.contains(&Channel::Call) => {
            [Suggestion::AnswerNow(*first), Suggestion::CallTomorrow]
        }
        [first, second, ..] => [Suggestion::AnswerNow(*first), Suggestion::AnswerNow(*second)],
        [only] => [Suggestion::AnswerNow(*only), Suggestion::FindContactData],
    }
}

fn first_and_second(
    channels: &[Channel],
    suggest: impl Fn(Channel) -> Suggestion,
    otherwise: [Suggestion; 2],
) -> [Suggestion; 2] {
    match channels {
        [] => otherwise,
        [only] => [suggest(*only), Suggestion::FindContactData],
        [first, second, ..] => [suggest(*first), suggest(*second)],
    }
}

/// The channels that are open, the wished ones first, then WhatsApp, e-mail, telephone.
fn open_channels<const N: usize>(lead: &Lead, wished: [Option<Channel>; N]) -> Vec<Channel> {
    let usual = [Channel::Whatsapp, Channel::Email, Channel::Call];
    let mut channels = Vec::with_capacity(usual.len());
    for channel in wished.into_iter().flatten().chain(usual) {
        if usual.contains(&channel) && lead.channel_open(channel) && !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    channels
}

/// Whether the lead called, or asks to be called: a call is the answer then, whatever channel works best otherwise.
fn wants_a_call(evidence: &Evidence) -> bool {
    last_word(evidence).is_some_and(|said| said.channel == Channel::Call || reading::asks_for_a_call(&said.preview))
}

fn wrote_on(evidence: &Evidence) -> Option<Channel> {
    last_word(evidence).map(|said| said.channel)
}

/// What the lead said last, of what waits for an answer.
fn last_word(evidence: &Evidence) -> Option<&Cited> {
    match evidence {
        Evidence::HotLead { inbound, .. } => Some(inbound),
        Evidence::AwaitingReply { last, .. } => Some(last),
        Evidence::NoContact { .. }
        | Evidence::Stale { .. }
        | Evidence::NoFollowup { .. }
        | Evidence::NoReply { .. }
        | Evidence::PreferredChannel { .. } => None,
    }
}

/// The channel a prepared message is written for: the first suggested one, else the first open one, else none
/// in particular ([`Channel::Manual`]). `None` when the lead is not to be contacted.
pub fn draft_channel(alert: &Alert, lead: &Lead, preferred: Option<Channel>) -> Option<Channel> {
    if lead.is_do_not_contact() {
        return None;
    }
    let suggested = suggestions(alert, lead, preferred).into_iter().find_map(Suggestion::channel);
    suggested.or_else(|| open_channels(lead, [preferred]).first().copied()).or(Some(Channel::Manual))
}

/// Whether the rep may write to the lead on WhatsApp.
pub fn whatsapp_open(lead: &Lead) -> bool {
    lead.channel_open(Channel::Whatsapp) && !lead.is_do_not_contact()
}

/// How national numbers of a country are read.
struct Numbering {
    country: &'static str,
    code: &'static str,
    /// What precedes a national number when dialled within the country; not part of it abroad.
    trunk: &'static str,
    /// Fewest and most digits of a national number without the trunk prefix.
    digits: (usize, usize),
}

const fn plan(country: &'static str, code: &'static str, trunk: &'static str, digits: (usize, usize)) -> Numbering {
    Numbering { country, code, trunk, digits }
}

const NUMBERING: [Numbering; 27] = [
    plan("FR", "33", "0", (9, 9)),
    plan("BE", "32", "0", (8, 9)),
    plan("CH", "41", "0", (9, 9)),
    plan("LU", "352", "", (6, 9)),
    plan("MC", "377", "", (8, 9)),
    plan("CA", "1", "1", (10, 10)),
    plan("US", "1", "1", (10, 10)),
    plan("GB", "44", "0", (9, 10)),
    plan("IE", "353", "0", (7, 9)),
    plan("DE", "49", "0", (7, 11)),
    plan("AT", "43", "0", (7, 13)),
    plan("NL", "31", "0", (9, 9)),
    plan("ES", "34", "", (9, 9)),
    plan("PT", "351", "", (9, 9)),
    plan("IT", "39", "", (8, 11)),
    plan("MA", "212", "0", (9, 9)),
    plan("DZ", "213", "0", (8, 9)),
    plan("TN", "216", "", (8, 8)),
    plan("SN", "221", "", (9, 9)),
    plan("CI", "225", "", (10, 10)),
    plan("CM", "237", "", (9, 9)),
    plan("RE", "262", "0", (9, 9)),
    plan("YT", "262", "0", (9, 9)),
    plan("GP", "590", "0", (9, 9)),
    plan("GF", "594", "0", (9, 9)),
    plan("MQ", "596", "0", (9, 9)),
    plan("LB", "961", "0", (7, 8)),
];

fn numbering(country: &str) -> Option<&'static Numbering> {
    NUMBERING.iter().find(|plan| plan.country.eq_ignore_ascii_case(country))
}

/// Whether national telephone numbers of this country (ISO 3166 alpha-2, such as `FR`) can be read.
pub fn knows_country(country: &str) -> bool {
    numbering(country).is_some()
}

/// A telephone number as `wa.me` wants it: country code and number, digits only. An international number (`+`
/// or `00`) is taken as it is, a national one is read as one of `default_country`. `None` when it is neither.
pub fn whatsapp_number(phone: &str, default_country: Option<&str>) -> Option<String> {
    let phone = phone.trim();
    let phone = phone.strip_prefix("tel:").unwrap_or(phone).replace("(0)", "");
    let separator = |c: char| c.is_whitespace() || matches!(c, '.' | '-' | '/' | '(' | ')' | '\u{2011}' | '\u{2013}');
    let compact: String = phone.chars().filter(|c| !separator(*c)).collect();
    let digits = compact.strip_prefix('+').unwrap_or(&compact);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if compact.starts_with('+') {
        return international(digits);
    }
    match digits.strip_prefix("00") {
        Some(digits) => international(digits),
        None => national(digits, numbering(default_country?)?),
    }
}

fn international(digits: &str) -> Option<String> {
    let with_trunk = NUMBERING.iter().find_map(|plan| {
        let rest = digits.strip_prefix(plan.code)?;
        (plan.trunk == "0").then(|| rest.strip_prefix('0')).flatten().map(|rest| format!("{}{rest}", plan.code))
    });
    let number = with_trunk.unwrap_or_else(|| digits.to_owned());
    ((8..=15).contains(&number.len()) && !number.starts_with('0')).then_some(number)
}

fn national(digits: &str, plan: &Numbering) -> Option<String> {
    let fits = |number: &str| (plan.digits.0..=plan.digits.1).contains(&number.len());
    let trunk = Some(plan.trunk).filter(|trunk| !trunk.is_empty());
    let without_trunk = trunk.and_then(|trunk| digits.strip_prefix(trunk));
    let candidates = [without_trunk, Some(digits), digits.strip_prefix(plan.code)];
    let number = candidates.into_iter().flatten().find(|number| fits(number))?;
    Some(format!("{}{number}", plan.code))
}

/// The lead's number for `wa.me`, when it has a usable one and may be written to there.
pub fn whatsapp_of(lead: &Lead, default_country: Option<&str>) -> Option<String> {
    lead.phone.as_deref().filter(|_| whatsapp_open(lead)).and_then(|phone| whatsapp_number(phone, default_country))
}

/// How long a link may be, in bytes: Telegram and browsers take more, but not all take much more.
const LINK_BYTES: usize = 2_000;

/// A link that opens WhatsApp with the draft filled in. `number` is digits only; a draft that would make the
/// link longer than 2,000 bytes is cut.
pub fn wa_link(number: &str, draft: &str) -> String {
    let mut link = format!("https://wa.me/{number}");
    if draft.is_empty() {
        return link;
    }
    link.push_str("?text=");
    let mut buffer = [0; 4];
    for character in draft.chars() {
        let bytes = character.encode_utf8(&mut buffer).as_bytes();
        let piece: String = bytes.iter().map(|byte| percent_encoded(*byte)).collect();
        if link.len() + piece.len() > LINK_BYTES {
            break;
        }
        link.push_str(&piece);
    }
    link
}

/// The same with the whole draft; without it when it does not fit, so that nobody sends half of it.
pub fn wa_link_whole(number: &str, draft: &str) -> String {
    let length: usize = draft.bytes().map(|byte| percent_encoded(byte).len()).sum();
    let fits = format!("https://wa.me/{number}?text=").len() + length <= LINK_BYTES;
    wa_link(number, if fits { draft } else { "" })
}

fn percent_encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

/// What can be done about an alert with one tap, in the API's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CtaAction {
    /// Open WhatsApp with a draft.
    #[serde(rename = "openWhatsApp")]
    OpenWhatsApp,
    /// Prepare a message.
    DraftMessage,
    /// Plan a call.
    ScheduleCall,
    /// Mark as handled.
    ResolveAlert,
    /// Silence for a while.
    SnoozeAlert,
    /// Archive the lead.
    ArchiveLead,
    /// Open the lead in the CRM.
    OpenInCrm,
}

impl CtaAction {
    /// Every action, in the order in which they are offered.
    pub const ALL: [Self; 7] = [
        Self::OpenWhatsApp,
        Self::DraftMessage,
        Self::ScheduleCall,
        Self::ResolveAlert,
        Self::SnoozeAlert,
        Self::ArchiveLead,
        Self::OpenInCrm,
    ];

    /// The name in JSON, and the key of its label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenWhatsApp => "openWhatsApp",
            Self::DraftMessage => "draftMessage",
            Self::ScheduleCall => "scheduleCall",
            Self::ResolveAlert => "resolveAlert",
            Self::SnoozeAlert => "snoozeAlert",
            Self::ArchiveLead => "archiveLead",
            Self::OpenInCrm => "openInCrm",
        }
    }
}

/// What an action needs to be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CtaParams {
    /// Whose lead it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_id: Option<LeadId>,
    /// The alert it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_id: Option<AlertId>,
    /// What to open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// One offered action with what it needs; its label is for `voice` to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cta {
    /// What.
    pub action: CtaAction,
    /// With what.
    pub params: CtaParams,
}

/// The actions on offer for an alert. `whatsapp` is a ready link (see [`wa_link`]), `crm_link` the lead's
/// address in the CRM. An alert that is no longer open offers to look at the lead, and nothing else.
pub fn cta(alert: &Alert, lead: &Lead, whatsapp: Option<String>, crm_link: Option<&str>) -> Vec<Cta> {
    let offered = |action: CtaAction| match action {
        CtaAction::OpenWhatsApp => alert.state.is_open() && whatsapp_open(lead) && whatsapp.is_some(),
        CtaAction::DraftMessage => alert.state.is_open() && !lead.is_do_not_contact(),
        CtaAction::ScheduleCall => {
            alert.state.is_open() && !lead.is_do_not_contact() && lead.channel_open(Channel::Call)
        }
        CtaAction::ResolveAlert | CtaAction::SnoozeAlert => alert.state.is_open(),
        CtaAction::ArchiveLead => alert.state.is_open() && alert.alert_type == AlertType::StaleLead30d,
        CtaAction::OpenInCrm => crm_link.is_some(),
    };
    let params = |action: CtaAction| match action {
        CtaAction::OpenWhatsApp => CtaParams { url: whatsapp.clone(), ..of_both(alert) },
        CtaAction::OpenInCrm => CtaParams { url: crm_link.map(str::to_owned), ..of_both(alert) },
        CtaAction::DraftMessage
        | CtaAction::ScheduleCall
        | CtaAction::ResolveAlert
        | CtaAction::SnoozeAlert
        | CtaAction::ArchiveLead => of_both(alert),
    };
    let actions = CtaAction::ALL.into_iter().filter(|action| offered(*action));
    actions.map(|action| Cta { action, params: params(action) }).collect()
}

fn of_both(alert: &Alert) -> CtaParams {
    CtaParams { lead_id: Some(alert.lead_id.clone()), alert_id: Some(alert.id.clone()), url: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_whatsapp_wants_them() {
        for (phone, country, expected) in [
            ("+33612345678", None, Some("33612345678")),
            ("+33 (0)6 12 34 56 78", None, Some("33612345678")),
            ("+330612345678", None, Some("33612345678")),
            ("0033 6 12 34 56 78", None, Some("33612345678")),
            ("06.12.34.56.78", Some("FR"), Some("33612345678")),
            ("06 12 34 56 78", Some("fr"), Some("33612345678")),
            ("612345678", Some("FR"), Some("33612345678")),
            ("33612345678", Some("FR"), Some("33612345678")),
            ("tel:+1-514-555-0199", None, Some("15145550199")),
            ("1 514 555 0199", Some("CA"), Some("15145550199")),
            ("340 1234567", Some("IT"), Some("393401234567")),
            ("+39 06 1234567", None, Some("39061234567")),
            ("0612345678", None, None),
            ("0612345678", Some("XX"), None),
            ("12345", Some("FR"), None),
            ("+33 6 12 poste 4", Some("FR"), None),
            ("+", Some("FR"), None),
            ("", Some("FR"), None),
            ("+1234567890123456", None, None),
        ] {
            assert_eq!(whatsapp_number(phone, country).as_deref(), expected, "{phone} {country:?}");
        }
    }

    #[test]
    fn links_are_encoded_and_bounded() {
        assert_eq!(
            wa_link("33612345678", "Bonjour Zoé & co ?\n100 %"),
            "https://wa.me/33612345678?text=Bonjour%20Zo%C3%A9%20%26%20co%20%3F%0A100%20%25"
        );
        assert_eq!(wa_link("33612345678", ""), "https://wa.me/33612345678");
        let long = wa_link("33612345678", &"é🙂".repeat(4_000));
        assert!(long.len() <= LINK_BYTES && long.len() > LINK_BYTES - 12);
        assert!(long.ends_with("%A9") || long.ends_with("%82"), "no character is cut in two");
    }

    #[test]
    fn actions_are_written_as_they_are_called() {
        for action in CtaAction::ALL {
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
    }
}
