//! How things stand, as the page draws them: one JSON object with the chat, the alert records and the leads.

use serde_json::{Value, json};

use super::PageState;
use crate::domain::Timestamp;
use crate::sandbox::seed;
use crate::sandbox::telegram::{Author, Key, SentMessage};

/// How many messages of the chat are shown.
const MESSAGES: usize = 200;

/// The answer of `GET /demo/state`.
pub(super) fn read(page: &PageState) -> Value {
    let records = Records::read(page);
    json!({
        "now": page.clock.now(),
        "language": *page.language.borrow(),
        "rep": { "name": seed::REP_NAME },
        "chat": chat(page),
        "answers": last_answer(page),
        "alerts": page.espo.list("MaxAlert").iter().map(alert).collect::<Vec<_>>(),
        "leads": page.espo.list("Lead").iter().map(|lead| records.lead(lead)).collect::<Vec<_>>(),
    })
}

fn chat(page: &PageState) -> Vec<Value> {
    let messages = page.telegram.conversation(seed::REP_CHAT);
    let shown = messages.len().saturating_sub(MESSAGES);
    messages[shown..].iter().map(message).collect()
}

fn message(message: &SentMessage) -> Value {
    let from = match message.author {
        Author::Bot => "bot",
        Author::Person(_) => "rep",
    };
    let key = |key: &Key| json!({ "text": key.text, "data": key.callback_data, "url": key.url, "copy": key.copy_text });
    let keyboard: Vec<Vec<Value>> = message.keyboard.iter().map(|row| row.iter().map(key).collect()).collect();
    json!({
        "id": message.message_id, "from": from, "text": message.plain,
        "html": message.parse_mode.as_ref().map(|_| message.text.trim()),
        "at": message.sent_at, "edited": message.edited, "silent": message.silent, "keyboard": keyboard,
    })
}

/// The latest answer to a tap, numbered so that the page sees a new one.
fn last_answer(page: &PageState) -> Vec<Value> {
    let answers = page.telegram.answers();
    let numbered = answers.last().map(|answer| json!({ "id": answers.len(), "text": answer.text }));
    numbered.into_iter().collect()
}

fn alert(record: &Value) -> Value {
    let resolved = text(record, "status") == "Resolved";
    let by = if resolved && text(record, "resolvedBy").is_empty() { "modifiedByName" } else { "resolvedBy" };
    json!({
        "id": record["id"], "leadId": record["leadId"], "leadName": record["leadName"], "name": record["name"],
        "type": record["type"], "anchor": record["anchor"], "severity": record["severity"], "status": record["status"],
        "suggestedAction": text(record, "suggestedAction"), "closeReason": text(record, "closeReason"),
        "resolvedBy": text(record, by), "resolvedVia": text(record, "resolvedVia"),
        "openedAt": instant(record, "openedAt").or_else(|| instant(record, "createdAt")),
        "snoozedUntil": instant(record, "snoozedUntil"),
        "endedAt": instant(record, "resolvedAt").or_else(|| instant(record, "modifiedAt")),
    })
}

/// The records that tell a lead's story, read once for all leads.
struct Records {
    emails: Vec<Value>,
    calls: Vec<Value>,
    meetings: Vec<Value>,
    tasks: Vec<Value>,
    activities: Vec<Value>,
}

impl Records {
    fn read(page: &PageState) -> Self {
        let list = |entity| page.espo.list(entity);
        Self {
            emails: list("Email"),
            calls: list("Call"),
            meetings: list("Meeting"),
            tasks: list("Task"),
            activities: list("MaxActivity"),
        }
    }

    fn lead(&self, lead: &Value) -> Value {
        let id = text(lead, "id");
        let address = text(lead, "emailAddress");
        let mut story = Vec::new();
        story.extend(form(lead));
        story.extend(self.emails.iter().filter_map(|record| email(record, id, address)));
        story.extend(self.calls.iter().filter(|record| concerns(record, id)).map(call));
        story.extend(self.meetings.iter().filter(|record| concerns(record, id)).filter_map(meeting));
        story.extend(self.tasks.iter().filter(|record| concerns(record, id)).filter_map(task));
        story.extend(self.activities.iter().filter(|record| text(record, "leadId") == id).map(activity));
        let company = text(lead, "accountName");
        json!({
            "id": id, "name": lead["name"], "status": lead["status"], "email": address,
            "company": if company == text(lead, "name") { "" } else { company },
            "phone": text(lead, "phoneNumber"), "createdAt": instant(lead, "createdAt"), "activities": story,
        })
    }
}

/// A web form is a first message.
fn form(lead: &Value) -> Option<Value> {
    let said = text(lead, "description");
    (text(lead, "source") == "Web Site" && !said.is_empty()).then(|| {
        json!({ "id": format!("form{}", text(lead, "id")), "kind": "form", "channel": "email", "direction": "in",
                "status": "sent", "preview": said, "at": instant(lead, "createdAt") })
    })
}

fn email(record: &Value, lead: &str, address: &str) -> Option<Value> {
    let from_lead = !address.is_empty() && text(record, "from").eq_ignore_ascii_case(address);
    let to_lead =
        !address.is_empty() && text(record, "to").split(';').any(|to| to.trim().eq_ignore_ascii_case(address));
    let concerned = text(record, "parentId") == lead || from_lead || to_lead;
    let gone_out = ["Sent", "Archived"].contains(&text(record, "status"));
    (concerned && gone_out).then(|| {
        let body = text(record, "bodyPlain");
        let preview = if body.is_empty() { text(record, "name") } else { body };
        json!({ "id": record["id"], "kind": "Email", "channel": "email",
                "direction": if from_lead { "in" } else { "out" }, "status": "sent", "preview": preview,
                "at": instant(record, "dateSent"), "by": author(record),
                "auto": record["isAutoReply"] == json!(true) })
    })
}

fn call(record: &Value) -> Value {
    let status = match text(record, "status") {
        "Held" => "replied",
        "Planned" => "planned",
        _ => "no_answer",
    };
    let direction = if text(record, "direction") == "Inbound" { "in" } else { "out" };
    let note = text(record, "description");
    let preview = if note.is_empty() && status == "planned" { text(record, "name") } else { note };
    json!({ "id": record["id"], "kind": "Call", "channel": "call", "direction": direction, "status": status,
            "preview": preview, "at": instant(record, "dateStart"), "by": author(record) })
}

fn meeting(record: &Value) -> Option<Value> {
    let status = match text(record, "status") {
        "Held" => "replied",
        "Planned" => "planned",
        _ => return None,
    };
    Some(json!({ "id": record["id"], "kind": "Meeting", "channel": "manual", "direction": "out", "status": status,
                 "preview": record["name"], "at": instant(record, "dateStart"), "by": author(record) }))
}

fn task(record: &Value) -> Option<Value> {
    let at = instant(record, "dateEnd").filter(|_| !["Completed", "Canceled"].contains(&text(record, "status")))?;
    Some(json!({ "id": record["id"], "kind": "Task", "channel": "manual", "direction": "out", "status": "planned",
                 "preview": record["name"], "at": at, "by": author(record) }))
}

fn activity(record: &Value) -> Value {
    json!({ "id": record["id"], "kind": "MaxActivity", "channel": record["channel"],
            "direction": record["direction"], "status": record["status"], "preview": text(record, "messagePreview"),
            "at": instant(record, "timestamp"), "by": author(record),
            "auto": record["readingAutoReply"] == json!(true) })
}

/// Whether a call, meeting or task is about the lead.
fn concerns(record: &Value, lead: &str) -> bool {
    let linked = record["leadsIds"].as_array().is_some_and(|ids| ids.iter().any(|id| id == lead));
    linked || (text(record, "parentType") == "Lead" && text(record, "parentId") == lead)
}

/// Who of us it was, by name; empty when nobody is named.
fn author(record: &Value) -> &str {
    ["sentByName", "assignedUserName"]
        .into_iter()
        .map(|key| text(record, key))
        .find(|name| !name.is_empty())
        .unwrap_or("")
}

fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record[key].as_str().unwrap_or_default()
}

fn instant(record: &Value, key: &str) -> Option<Timestamp> {
    Timestamp::parse_espo(text(record, key)).ok()
}
