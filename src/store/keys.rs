//! How keys are laid out in the one tree. A key is a letter for its kind, then parts; text parts that are not
//! last end with a zero byte, numbers are big-endian with the sign bit flipped, so that bytes sort as values.

/// Kinds of keys. One letter, for ever: a letter is never given to another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Meta: name.
    Meta = b'm' as isize,
    /// Lead: lead.
    Lead = b'L' as isize,
    /// What happened with a lead: lead, `a` and an activity, or `x` and an alert. A lead that changes is one place on
    /// the disk and in the processor's caches, not ten.
    History = b'H' as isize,
    /// What a CRM record means: record, lead.
    Record = b'R' as isize,
    /// The `MaxActivity` record of an activity: lead, activity.
    ActivityRecord = b'q' as isize,
    /// Leads by mail address: address, lead.
    Address = b'E' as isize,
    /// User: user.
    User = b'U' as isize,
    /// Team: team.
    Team = b'T' as isize,
    /// Whose alert: alert.
    AlertLead = b'i' as isize,
    /// Alerts that are open or snoozed: alert.
    OpenAlert = b'v' as isize,
    /// Steps in alerts' lives: instant, sequence.
    Step = b'y' as isize,
    /// When leads were evaluated and are due, and their outlooks: bucket.
    Evaluated = b'b' as isize,
    /// What happened to an alert: alert, instant, sequence.
    Event = b'p' as isize,
    /// Outbox: row. What one decision has done is together in a row, or in few.
    Outbox = b'3' as isize,
    /// What users wish: user.
    Preferences = b'f' as isize,
    /// What Telegram delivered and was not carried out yet: update.
    Update = b'J' as isize,
    /// What was said to somebody, and on which days: user, or chat.
    Diary = b'B' as isize,
    /// What a Telegram message that lists alerts shows of them: chat, message.
    Sheet = b'S' as isize,
    /// The mail that a lead wrote last: lead.
    LastMail = b'r' as isize,
    /// Records to look at again: record.
    Hint = b'h' as isize,
    /// Cursors of the sources: name.
    Cursor = b'c' as isize,
    /// Telegram messages: chat, message.
    Message = b'M' as isize,
    /// In which wording a Telegram message was written: chat, message.
    Wording = b'V' as isize,
    /// Telegram messages about an alert: alert, chat, message.
    AlertMessage = b'n' as isize,
    /// Prepared messages: `m`, chat and message; by alert: `a`, alert, chat and message.
    Prepared = b'u' as isize,
    /// Telegram accounts linked to users: account.
    Link = b'K' as isize,
    /// Links' records in the CRM: the record's key.
    LinkRecord = b'k' as isize,
    /// One-time link tokens: hash.
    Token = b't' as isize,
    /// Links that wait for a word of whoever opened them: account.
    PendingLink = b'P' as isize,
    /// `? account` → the message that asks whether the link that the account opened is the right one.
    LinkQuestion = b'?' as isize,
    /// The account that a user of several wrote from last: user.
    LastAccount = b'Q' as isize,
    /// How far it has come that others hear of an alert that nobody deals with: alert.
    Escalation = b'X' as isize,
    /// Groups to which Telegram gave another id: the old one.
    MovedChat = b'G' as isize,
    /// When it goes on: instant, alert.
    EscalationDue = b'Y' as isize,
    /// Our webhooks in the CRM: id.
    Webhook = b'w' as isize,
    /// Our alert records in the CRM: alert.
    AlertRecord = b'C' as isize,
    /// Who works when, as the CRM keeps it: no parts.
    WorkingTimes = b'W' as isize,
    /// What the CRM shows of a lead: lead.
    Insight = b'I' as isize,
    /// Alerts by their record in the CRM: CRM id.
    RecordAlert = b'g' as isize,
    /// What users did by button that the CRM is told: deed.
    Deed = b'z' as isize,
    /// Messages of unsure reading, until somebody else was asked: lead, activity.
    Doubt = b'2' as isize,
    /// Alerts that a user found beside the point: instant, alert.
    NotRelevant = b'j' as isize,
    /// Calls and meetings that are planned, and what was said of them: `a`, lead and activity; when something is to be
    /// said of them: `t`, instant, lead and activity.
    Appointment = b'O' as isize,
    /// Telegram messages about planned calls: chat, message.
    CallMessage = b's' as isize,
    /// A manager's week: user.
    Weekly = b'F' as isize,
    /// Leads that asked for no more messages: lead.
    Unsubscribed = b'x' as isize,
    /// Whether it helps: whose figures.
    Kpi = b'N' as isize,
    /// What people said messages mean: lead, activity.
    Correction = b'Z' as isize,

    /// Up to schema 3, an entry of the outbox: effect key.
    OldOutbox = b'o' as isize,
    /// Up to schema 2, an activity: lead, activity.
    OldActivity = b'A' as isize,
    /// Up to schema 2, an alert: alert.
    OldAlert = b'a' as isize,
    /// Up to schema 2, alerts of a lead: lead, alert.
    OldLeadAlert = b'l' as isize,
    /// Up to schema 2, the due index: instant, lead.
    OldDue = b'D' as isize,
    /// In schema 1, when a lead was evaluated and is due: lead.
    EvaluatedOf1 = b'd' as isize,
    /// In schema 2, the same with an outlook: lead.
    EvaluatedOf2 = b'e' as isize,
}

/// The parts of [`Kind::History`].
pub(super) const ACTIVITY: &str = "a";
/// See [`ACTIVITY`].
pub(super) const ALERT: &str = "x";

/// The parts of [`Kind::Prepared`].
pub(super) const BY_PLACE: &str = "m";
/// See [`BY_PLACE`].
pub(super) const BY_ALERT: &str = "a";

/// The parts of [`Kind::Appointment`].
pub(super) const BY_CALL: &str = "a";
/// See [`BY_CALL`].
pub(super) const BY_TIME: &str = "t";

/// Bytes that hold nearly every key.
const USUAL_LENGTH: usize = 96;

/// Builds one key, or the prefix of a range.
#[derive(Clone, Debug)]
pub(super) struct Key(Vec<u8>);

impl Key {
    pub(super) fn new(kind: Kind) -> Self {
        let mut bytes = Vec::with_capacity(USUAL_LENGTH);
        bytes.push(kind as u8);
        Self(bytes)
    }

    /// A text that other parts follow.
    pub(super) fn part(self, text: &str) -> Self {
        let mut key = self.last(text);
        key.0.push(0);
        key
    }

    /// A text that nothing follows.
    pub(super) fn last(mut self, text: &str) -> Self {
        text.split('\0').for_each(|plain| self.0.extend_from_slice(plain.as_bytes()));
        self
    }

    /// The letter of a part of [`Kind::History`] or [`Kind::Prepared`].
    pub(super) fn letter(mut self, letter: &str) -> Self {
        self.0.extend(letter.bytes());
        self
    }

    pub(super) fn number(mut self, number: i64) -> Self {
        self.0.extend((number ^ i64::MIN).to_be_bytes());
        self
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The text after `prefix` bytes of a key.
pub(super) fn text_after(key: &[u8], prefix: usize) -> String {
    String::from_utf8_lossy(key.get(prefix..).unwrap_or_default()).into_owned()
}

/// The number that stands at `offset` of a key.
pub(super) fn number_at(key: &[u8], offset: usize) -> Option<i64> {
    let bytes: [u8; 8] = key.get(offset..offset + 8)?.try_into().ok()?;
    Some(i64::from_be_bytes(bytes) ^ i64::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_values_and_come_back() {
        let key = |number| Key::new(Kind::Step).number(number).last("x").into_bytes();
        let mut keys: Vec<_> = [5, -1, i64::MAX, 0, i64::MIN].map(key).into();
        keys.sort();
        let numbers: Vec<_> = keys.iter().filter_map(|key| number_at(key, 1)).collect();
        assert_eq!(numbers, [i64::MIN, -1, 0, 5, i64::MAX]);
        assert_eq!(text_after(&key(7), 9), "x");
    }

    #[test]
    fn an_id_is_never_a_prefix_of_another_ones_range() {
        let range = Key::new(Kind::History).part("ab").into_bytes();
        let other = Key::new(Kind::History).part("abc").last("1").into_bytes();
        assert!(!other.starts_with(&range));
    }
}
