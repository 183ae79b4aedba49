//! What a Telegram message looks like: M.A.X.'s words with the buttons that fit the alert. Nothing is sent here.

use super::menus::{self, Menu};
use crate::domain::button::{Button, LinkAnswer};
use crate::domain::{Alert, AlertState, AlertType, Channel, User};
use crate::voice::{AlertContext, ButtonLabel, Content, Draft, Manner, Notice, Toast, Voice, fitted};

/// How many alerts of a digest get a button.
pub const DIGEST_BUTTONS: usize = 10;
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
    /// Opens an address.
    Url(String),
    /// Copies a text of at most [`COPY_UNITS`] units.
    Copy(String),
}

impl Rendered {
    fn new(html: String, keyboard: Vec<Vec<Key>>) -> Self {
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

/// The former owner's message once the lead has moved to `new_owner`, or to nobody.
pub fn moved(voice: &Voice, context: &AlertContext<'_>, new_owner: Option<&User>) -> Rendered {
    Rendered::new(voice.moved_html(context, new_owner), Vec::new())
}

/// Several alerts in one message, in the order in which they are given, each of the first ten with a button that
/// shows it. `reader` is greeted; nobody in a group.
pub fn digest(voice: &Voice, manner: Manner, reader: Option<&User>, alerts: &[AlertContext<'_>]) -> Rendered {
    let html = voice.digest_html(manner, reader, alerts);
    let show = |(position, context): (usize, &AlertContext<'_>)| {
        let text = voice.show_label(context, position + 1);
        vec![Key { text, kind: KeyKind::Callback(Button::Show(context.alert.id.clone())) }]
    };
    let keyboard = alerts.iter().take(DIGEST_BUTTONS).enumerate().map(show).collect();
    Rendered::new(html, keyboard)
}

/// A prepared message to the lead, to copy; or the reason why there is none.
pub fn draft(voice: &Voice, context: &AlertContext<'_>) -> Rendered {
    let draft = voice.draft(context);
    let html = voice.draft_html(context, draft.as_ref());
    let keyboard = draft.map(|draft| draft_keyboard(voice, context, draft)).unwrap_or_default();
    Rendered::new(html, keyboard)
}

fn draft_keyboard(voice: &Voice, context: &AlertContext<'_>, draft: Draft) -> Vec<Vec<Key>> {
    let labels = Labels { voice, manner: context.manner };
    let mut write = Vec::new();
    if draft.channel == Channel::Whatsapp {
        let link = context.whatsapp_link(&draft.text);
        write.extend(link.map(|link| labels.url(ButtonLabel::WhatsappWrite, link)));
        if context.alert.state.is_open() && context.alert.alert_type != AlertType::PreferredChannel {
            write.push(labels.tap(ButtonLabel::Sent, Button::SentByHand(context.alert.id.clone())));
        }
    }
    let fits = draft.text.encode_utf16().count() <= COPY_UNITS && !draft.text.is_empty();
    let copy = fits.then(|| Key { text: labels.text(ButtonLabel::Copy), kind: KeyKind::Copy(draft.text) });
    vec![copy.into_iter().collect(), write]
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
