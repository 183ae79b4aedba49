//! What a Telegram message looks like: M.A.X.'s words with the buttons that fit the alert. Nothing is sent here.

use super::menus::{self, Menu};
use crate::domain::ask::Ask;
use crate::domain::button::{Button, Hand, LinkAnswer, OptOut, Sheet};
use crate::domain::draft::{DraftTap, Prepared, Stage};
use crate::domain::insight::LeadInsight;
use crate::domain::unsubscribed::{Unsubscribed, UnsubscribedStage};
use crate::domain::{Alert, AlertId, AlertState, Bucket, CallOutcome, Channel, Lead, LeadId, User};
use crate::store::SheetRow;
use crate::voice::{
    AlertContext, ButtonLabel, Content, DayBegins, DayEnds, DraftShown, Manner, Notice, Route, Toast, Voice,
    WeekBegins, fitted,
};

/// How many alerts a page of a list has; each gets a button.
pub const PAGE: usize = 8;
/// How many colleagues are offered at a time.
const COLLEAGUES: usize = 8;
/// How long a text a copy button can hold, in UTF-16 units.
pub const COPY_UNITS: usize = 256;

/// A message ready to be sent: Telegram's HTML, at most 4,096 UTF-16 units when read, and rows of buttons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The text.
    pub html: String,
    /// Rows of buttons; none when empty.
    pub keyboard: Vec<Vec<Key>>,
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What it says.
    pub text: String,
    /// What it does.
    pub kind: KeyKind,
}

/// What a button does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Tells us.
    Callback(Button),
    /// Tells us, below an answer of ours.
    Ask(Ask),
    /// Opens an address.
    Url(String),
    /// Copies a text of at most [`COPY_UNITS`] units.
    Copy(String),
}

impl Rendered {
    /// A text and its buttons; rows without any go.
    pub fn new(html: String, keyboard: Vec<Vec<Key>>) -> Self {
        let keyboard = keyboard.into_iter().filter(|row| !row.is_empty()).collect();
        Self { html: fitted(html), keyboard }
    }
}

/// An alert's message in its present state: open, in a pause, or closed and why, then without buttons.
pub fn alert(voice: &Voice, context: &AlertContext<'_>) -> Rendered {
    let html = voice.alert_html(context, address_to_show(context));
    let keyboard = match context.alert.state {
        AlertState::Open => menus::keyboard(voice, context, &Menu::Main),
        AlertState::Snoozed { .. } => menus::of_a_pause(voice, context),
        AlertState::Closed { .. } => menus::of_an_end(voice, context),
        AlertState::Resolved(_) => Vec::new(),
    };
    Rendered::new(html, keyboard)
}

/// The button that shows how the last message of a lead was read.
pub fn misread(voice: &Voice, manner: Manner, lead: &LeadId) -> Key {
    Key { text: voice.short(manner, "screen", "misread"), kind: KeyKind::Ask(Ask::Reading(lead.clone(), None)) }
}

/// The facts behind an alert; where the lead has written (`wrote`), with a word on how that was read.
pub fn why(voice: &Voice, context: &AlertContext<'_>, insight: &LeadInsight, wrote: bool) -> Rendered {
    let key = wrote.then(|| misread(voice, context.manner, &context.lead.id));
    Rendered::new(voice.behind_html(context, insight), vec![key.into_iter().collect()])
}

/// Colleagues to whom a lead could be given, of whom `page` (from 0) is shown, and the way back.
pub fn colleagues(voice: &Voice, manner: Manner, alert: &AlertId, colleagues: &[User], page: u8) -> Vec<Vec<Key>> {
    let labels = Labels { voice, manner };
    let tap = |text: String, button: Button| Key { text, kind: KeyKind::Callback(button) };
    let turn = |text: &str, page: u8| tap(text.to_owned(), Button::Hand(Hand::Colleagues(page), alert.clone()));
    let shown = colleagues.iter().skip(usize::from(page) * COLLEAGUES).take(COLLEAGUES);
    let name = |user: &User| tap(voice.colleague(user), Button::Hand(Hand::To(user.id.clone()), alert.clone()));
    let names: Vec<Key> = shown.map(name).collect();
    let mut rows: Vec<Vec<Key>> = names.chunks(2).map(<[Key]>::to_vec).collect();
    let mut last = Vec::new();
    last.extend(page.checked_sub(1).map(|page| turn("⬅️", page)));
    last.push(labels.tap(ButtonLabel::Back, Button::Back(alert.clone())));
    if colleagues.len() > (usize::from(page) + 1) * COLLEAGUES {
        last.push(turn("➡️", page.saturating_add(1)));
    }
    rows.push(last);
    rows
}

/// Whether a lead is really to be given to a colleague.
pub fn hand_to(voice: &Voice, manner: Manner, alert: &AlertId, to: &User) -> Vec<Vec<Key>> {
    let labels = Labels { voice, manner };
    let text = format!("{} {}", voice.button(manner, ButtonLabel::HandTo), voice.colleague(to));
    let yes = Key { text, kind: KeyKind::Callback(Button::Hand(Hand::Over(to.id.clone()), alert.clone())) };
    vec![vec![yes], vec![labels.tap(ButtonLabel::Back, Button::Back(alert.clone()))]]
}

/// An open alert's message once a later one tells it: no buttons, and nothing that asks to be done.
pub fn later(voice: &Voice, context: &AlertContext<'_>) -> Rendered {
    Rendered::new(voice.later_html(context), Vec::new())
}

/// The former owner's message once the lead has moved to `new_owner`, or to nobody.
pub fn moved(voice: &Voice, context: &AlertContext<'_>, new_owner: Option<&User>) -> Rendered {
    Rendered::new(voice.moved_html(context, new_owner), Vec::new())
}

/// Several alerts in one message, in the order in which they are given: one page of them (the last one, when there are
/// fewer), each with a button that shows it. `reader` is greeted; nobody in a group.
pub fn digest(
    voice: &Voice,
    manner: Manner,
    reader: Option<&User>,
    alerts: &[AlertContext<'_>],
    page: u16,
) -> Rendered {
    sheet(voice, manner, reader, alerts, SheetRow { sheet: Sheet::Own, page })
}

/// The same for any list that a message can show.
pub fn sheet(
    voice: &Voice,
    manner: Manner,
    reader: Option<&User>,
    alerts: &[AlertContext<'_>],
    row: SheetRow,
) -> Rendered {
    let pages = alerts.len().div_ceil(PAGE).max(1);
    let page = usize::from(row.page).min(pages - 1);
    let lines = page * PAGE..alerts.len().min((page + 1) * PAGE);
    let html = voice.digest_html(manner, reader, alerts, lines.clone());
    let show = |(position, context): (usize, &AlertContext<'_>)| vec![show_key(voice, context, position + 1)];
    let mut keyboard: Vec<Vec<Key>> = alerts.iter().enumerate().take(lines.end).skip(lines.start).map(show).collect();
    if pages > 1 {
        let to = |page: usize, text: String| {
            let page = u16::try_from(page).unwrap_or(u16::MAX);
            Key { text, kind: KeyKind::Callback(Button::Page(row.sheet, page)) }
        };
        let back = page.checked_sub(1).map(|page| to(page, "◀️".to_owned()));
        let on = (page + 1 < pages).then(|| to(page + 1, "▶️".to_owned()));
        let here = to(page, format!("{}/{pages}", page + 1));
        keyboard.push(back.into_iter().chain([here]).chain(on).collect());
    }
    if row.sheet != Sheet::Own {
        let labels = Labels { voice, manner };
        keyboard.push(vec![labels.tap(ButtonLabel::Back, Button::Page(Sheet::Own, 0))]);
    }
    Rendered::new(html, keyboard)
}

/// A prepared message to the lead with what can be done with it; or the reason why there is none.
pub fn draft(voice: &Voice, context: &AlertContext<'_>, shown: DraftShown<'_>) -> Rendered {
    let html = voice.draft_html(context, shown);
    let keyboard = match shown {
        DraftShown::Refused | DraftShown::NoChannel => Vec::new(),
        DraftShown::Prepared { prepared, route, over } => {
            let labels = Labels { voice, manner: context.manner };
            let keys = DraftKeys { labels, context, prepared, route };
            match prepared.stage {
                Stage::OnItsWay | Stage::Noted(_) | Stage::Sent(_) => Vec::new(),
                Stage::Unclear => vec![keys.copy()],
                Stage::Ready | Stage::AwaitingText(_) | Stage::Confirming | Stage::Failed if over => vec![keys.copy()],
                Stage::Confirming => keys.to_confirm(),
                Stage::Ready | Stage::AwaitingText(_) | Stage::Failed => keys.to_go_on(),
            }
        }
    };
    Rendered::new(html, keyboard)
}

/// The buttons of a prepared message.
struct DraftKeys<'a> {
    labels: Labels<'a>,
    context: &'a AlertContext<'a>,
    prepared: &'a Prepared,
    route: Route<'a>,
}

impl DraftKeys<'_> {
    fn tap(&self, label: ButtonLabel, tap: DraftTap) -> Key {
        self.labels.tap(label, Button::Drafting(self.prepared.alert.clone(), tap))
    }

    /// Copies the text, when a button can hold it; a longer one is copied by a touch on it.
    fn copy(&self) -> Vec<Key> {
        let text = &self.prepared.text;
        let fits = text.encode_utf16().count() <= COPY_UNITS && !text.is_empty();
        let key = Key { text: self.labels.text(ButtonLabel::Copy), kind: KeyKind::Copy(text.clone()) };
        fits.then_some(key).into_iter().collect()
    }

    fn to_confirm(&self) -> Vec<Vec<Key>> {
        let yes = self.tap(ButtonLabel::DraftSendNow, DraftTap::SendNow);
        vec![vec![yes, self.tap(ButtonLabel::Back, DraftTap::Back)]]
    }

    fn to_go_on(&self) -> Vec<Vec<Key>> {
        let mut change = self.copy();
        let mut words = Vec::new();
        let is_written = self.prepared.channel != Channel::Call;
        // The rep's own text is not offered to be thrown away.
        if !self.prepared.is_own {
            words.push(self.tap(ButtonLabel::DraftOther, DraftTap::Other));
            let tone = self.prepared.tone.other();
            words.extend(is_written.then(|| self.tap(ButtonLabel::DraftTone(tone), DraftTap::Tone(tone))));
        }
        change.extend(is_written.then(|| self.tap(ButtonLabel::DraftEdit, DraftTap::Edit)));
        vec![self.send(), change, words, self.elsewhere()]
    }

    /// What gets it to the lead, and what says that it got there.
    fn send(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        match self.prepared.channel {
            Channel::Whatsapp => {
                let link = self.context.whatsapp_link(&self.prepared.text);
                keys.extend(link.map(|link| self.labels.url(ButtonLabel::WhatsappWrite, link)));
            }
            Channel::Email if !self.route.from.is_empty() => {
                let again = self.prepared.stage == Stage::Failed;
                let label = if again { ButtonLabel::DraftAgain } else { ButtonLabel::DraftMail };
                keys.push(self.tap(label, DraftTap::Mail));
            }
            Channel::Email | Channel::Manual => {}
            Channel::Call => return keys,
        }
        keys.push(self.tap(ButtonLabel::Sent, DraftTap::Sent));
        keys
    }

    /// The other ways to reach the lead.
    fn elsewhere(&self) -> Vec<Key> {
        let others = [
            (Channel::Whatsapp, ButtonLabel::ToWhatsapp),
            (Channel::Email, ButtonLabel::ToEmail),
            (Channel::Call, ButtonLabel::ToCall),
        ];
        let open = |channel: Channel| channel != self.prepared.channel && self.context.lead.channel_open(channel);
        let others = others.into_iter().filter(|(channel, _)| open(*channel));
        others.map(|(channel, label)| self.tap(label, DraftTap::Channel(channel))).collect()
    }
}

/// How a day begins: the banner, whose figures are buttons that show these alerts, the one to begin with, what is planned.
pub fn briefing(voice: &Voice, manner: Manner, day: &DayBegins<'_>) -> Rendered {
    let html = voice.briefing_html(manner, day);
    let mut keyboard: Vec<Vec<Key>> =
        day.alerts.first().map(|first| vec![show_key(voice, first, 1)]).into_iter().collect();
    let figure = |bucket: Bucket| {
        let count = day.alerts.iter().filter(|context| Bucket::of(context.alert.alert_type) == bucket).count();
        let kind = KeyKind::Callback(Button::Page(Sheet::Of(bucket), 0));
        (count > 0).then(|| Key { text: voice.figure(manner, bucket, count), kind })
    };
    let figures: Vec<Key> = Bucket::ALL.into_iter().filter_map(figure).collect();
    // Two side by side can be read on a telephone.
    keyboard.extend(figures.chunks(2).map(<[Key]>::to_vec));
    Rendered::new(html, keyboard)
}

/// How a day ends. What is left that cannot wait long has buttons.
pub fn summary(voice: &Voice, manner: Manner, day: &DayEnds<'_>) -> Rendered {
    let keyboard = day.named.iter().enumerate().map(|(place, one)| vec![show_key(voice, one, place + 1)]).collect();
    Rendered::new(voice.summary_html(manner, day), keyboard)
}

/// The buttons below what is said about a planned call: how it went, another time, and these links.
pub fn about_a_call(voice: &Voice, manner: Manner, links: Vec<Key>) -> Vec<Vec<Key>> {
    let ask = |text: String, ask: Ask| Key { text, kind: KeyKind::Ask(ask) };
    let went = |outcome| ask(voice.button(manner, ButtonLabel::Called(outcome)), Ask::CallWent(outcome));
    let [reached, no_answer, left_message, not_interested] = CallOutcome::ALL.map(went);
    let moves = ask(voice.short(manner, "screen", "move"), Ask::CallMoves(None));
    let others: Vec<Key> = std::iter::once(moves).chain(links).collect();
    let outcomes = [vec![reached, no_answer], vec![left_message, not_interested]];
    outcomes.into_iter().chain(others.chunks(2).map(<[Key]>::to_vec)).collect()
}

/// How a manager's week begins.
pub fn weekly(voice: &Voice, manner: Manner, week: &WeekBegins<'_>) -> Rendered {
    Rendered::new(voice.weekly_html(manner, week), Vec::new())
}

/// A button that shows one alert of several.
fn show_key(voice: &Voice, context: &AlertContext<'_>, number: usize) -> Key {
    let kind = KeyKind::Callback(Button::Show(context.alert.id.clone()));
    Key { text: voice.show_label(context, number), kind }
}

/// A message that is not about one alert.
pub fn notice(voice: &Voice, manner: Manner, notice: Notice<'_>) -> Rendered {
    Rendered::new(voice.notice_html(manner, notice), Vec::new())
}

/// Whom a link that was opened is for, and whose it would take the place of: asked before anything is linked.
pub fn link_preview(voice: &Voice, manner: Manner, user: &User, instead: Option<&User>) -> Rendered {
    let labels = Labels { voice, manner };
    let answers = [(ButtonLabel::LinkYes, LinkAnswer::Yes), (ButtonLabel::LinkNo, LinkAnswer::No)];
    let keys = answers.map(|(label, answer)| labels.tap(label, Button::Link(answer, user.id.clone())));
    Rendered::new(voice.notice_html(manner, Notice::LinkPreview { user, instead }), vec![keys.to_vec()])
}

/// That a lead wants no more messages, and what can be done about that while nothing has been.
pub fn unsubscribed(voice: &Voice, manner: Manner, lead: &Lead, mark: &Unsubscribed, content: Content) -> Rendered {
    let labels = Labels { voice, manner };
    let (shown, text) = match content {
        Content::Full => (Some(lead), mark.text.as_str()),
        Content::Minimal | Content::Initials => (None, ""),
    };
    let answers = [(ButtonLabel::OptOut, OptOut::Note), (ButtonLabel::NotSo, OptOut::NotSo)];
    let open = mark.stage == UnsubscribedStage::Counts;
    let rows = answers.into_iter().filter(|_| open);
    let rows = rows.map(|(label, answer)| vec![labels.tap(label, Button::OptOut(answer, lead.id.clone()))]).collect();
    let notice = Notice::Unsubscribed { lead: shown, text, stage: mark.stage };
    Rendered::new(voice.notice_html(manner, notice), rows)
}

/// The answer to a tap on a button of an alert that needs no tap any more: who was faster. `None` while it is
/// open.
pub fn too_late(voice: &Voice, manner: Manner, alert: &Alert) -> Option<String> {
    match &alert.state {
        AlertState::Open | AlertState::Snoozed { .. } => None,
        AlertState::Closed { .. } => Some(voice.toast(manner, Toast::AlreadyClosed)),
        AlertState::Resolved(resolution) => Some(voice.toast(manner, Toast::AlreadyHandled(&resolution.by))),
    }
}

/// What buttons say to one reader.
#[derive(Clone, Copy)]
pub(super) struct Labels<'a> {
    pub voice: &'a Voice,
    pub manner: Manner,
}

impl Labels<'_> {
    fn text(&self, label: ButtonLabel) -> String {
        self.voice.button(self.manner, label)
    }

    pub fn tap(&self, label: ButtonLabel, button: Button) -> Key {
        Key { text: self.text(label), kind: KeyKind::Callback(button) }
    }

    pub fn url(&self, label: ButtonLabel, url: String) -> Key {
        Key { text: self.text(label), kind: KeyKind::Url(url) }
    }
}

/// The CRM's address as text, when it can be no button; not where little may be shown.
fn address_to_show<'a>(context: &AlertContext<'a>) -> Option<&'a str> {
    match context.content {
        Content::Full => context.crm_link.filter(|link| !opens_from_a_button(link)),
        Content::Minimal | Content::Initials => None,
    }
}

/// Whether Telegram takes this address for a button: it refuses the whole message otherwise. It wants a host
/// with a dot, and neither localhost nor an address of the machine itself.
pub fn opens_from_a_button(link: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(link) else { return false };
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let local = host.ends_with(".localhost")
        || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified());
    matches!(url.scheme(), "http" | "https") && host.contains('.') && !host.starts_with('[') && !local
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telegram_opens_only_real_hosts() {
        for good in ["https://crm.example.com/#Lead/view/1", "http://192.168.1.5:8080/", "https://crm.local/"] {
            assert!(opens_from_a_button(good), "{good}");
        }
        for bad in [
            "http://localhost:8080/#Lead/view/1",
            "http://crm.localhost/",
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0.0.0.0/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://espocrm/",
            "ftp://crm.example.com/",
            "javascript:alert(1)",
            "",
        ] {
            assert!(!opens_from_a_button(bad), "{bad}");
        }
    }
}
