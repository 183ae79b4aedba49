//! One day of a rep with M.A.X., told so that it goes on wherever the daemon was killed: every step is done by a
//! person, in the CRM or in the chat, and then waits for what M.A.X. owes them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use max::clock::Clock;
use max::domain::{DAY, HOUR, MINUTE, Seconds};
use max::sandbox::espo::{self, EspoSandbox};
use max::sandbox::telegram::{self, Key, Person, SentMessage, TelegramSandbox};
use serde_json::{Value, json};

use super::daemon::{CHAT, Daemon, Kills, Record};

const REP: &str = "rep00000000000001";
const TOKEN: &str = "crash-test-token";
const CAMILLE: &str = "lead0000000000001";
const JEAN: &str = "lead0000000000002";
const SOPHIE: &str = "lead0000000000003";
const BELLA: &str = "lead0000000000004";
const VERA: &str = "lead0000000000005";
const NINA: &str = "lead0000000000006";
/// From where the CRM sends mails.
const SHOP: &str = "contact@atelier-nord.example";
/// Between two tries of a request, unless something happens in the chat.
const NEXT_TRY: Duration = Duration::from_millis(100);
/// After everything seems done, so many looks at the CRM must change nothing.
const QUIET_POLLS: usize = 2;

/// Everything the story takes place in.
pub struct Story {
    espo: EspoSandbox,
    telegram: TelegramSandbox,
    daemon: Daemon,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

/// How things stand at the end, without ids and times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Records of alerts.
    pub alerts: Vec<String>,
    /// Records of activities.
    pub activities: Vec<String>,
    /// Mails that the CRM sent for the rep.
    pub mails: Vec<String>,
    /// Leads that are not to be called, and whether their address takes no more mails.
    pub opted_out: Vec<String>,
    /// Messages in the chat, with their buttons, and their ids.
    pub messages: Vec<(String, i32)>,
    /// All that these messages ever showed.
    pub versions: Vec<String>,
}

impl Ending {
    /// What the story is about did happen.
    pub fn check(&self) {
        let alerts: Vec<&str> = self.alerts.iter().map(String::as_str).collect();
        let wanted = [
            format!("{BELLA} HotLead24h Closed cleared"),
            format!("{CAMILLE} NoContact7d Resolved telegram"),
            format!("{JEAN} NoFollowup7d Resolved crm"),
            format!("{SOPHIE} NoReply3d Closed cleared"),
            format!("{VERA} HotLead24h Closed cleared"),
        ];
        assert_eq!(alerts.iter().copied().collect::<BTreeSet<_>>(), wanted.iter().map(String::as_str).collect());
        assert_eq!(self.activities.iter().filter(|one| one.contains(" out ")).count(), 7, "{:#?}", self.activities);
        assert_eq!(self.mails, ["vera@example.com Sent Re: Votre offre"]);
        assert_eq!(self.opted_out, [format!("{NINA} true")]);
    }
}

impl Story {
    /// A CRM with six leads, a chat, and the daemon.
    pub async fn begin(kills: Kills) -> Self {
        let clock = Clock::system();
        let options = espo::Options { auto_webhooks: true, ..espo::Options::default() };
        let espo = EspoSandbox::start(clock.clone(), options).await.unwrap();
        let telegram = TelegramSandbox::start(clock, telegram::Options::default()).await.unwrap();
        telegram.open_chat(Person { id: CHAT, first_name: "Luc".to_owned(), language_code: Some("fr".to_owned()) });
        let rep = json!({"id": REP, "userName": "luc", "type": "regular", "isActive": true, "firstName": "Luc",
                         "lastName": "Moreau", "emailAddress": "luc@atelier-nord.example"});
        espo.create("User", "admin", rep);
        lead(&espo, CAMILLE, "Camille", "Bernard", 9 * DAY);
        lead(&espo, JEAN, "Jean", "Dupont", 26 * DAY);
        activity(&espo, JEAN, "jean-1", "out", 8 * DAY, "Bonjour Jean, voici notre offre.");
        lead(&espo, SOPHIE, "Sophie", "Martin", 12 * DAY);
        activity(&espo, SOPHIE, "sophie-1", "out", 4 * DAY, "Bonjour Sophie, avez-vous pu regarder ?");
        lead(&espo, BELLA, "Bella", "Rossi", 5 * DAY);
        activity(&espo, BELLA, "bella-1", "out", DAY, "Bonjour, je vous envoie le croquis.");
        lead(&espo, VERA, "Vera", "Novak", 5 * DAY);
        activity(&espo, VERA, "vera-1", "out", DAY, "Bonjour Vera, je reviens vers vous.");
        lead(&espo, NINA, "Nina", "Caron", 5 * DAY);
        activity(&espo, NINA, "nina-1", "out", DAY, "Bonjour Nina, je reviens vers vous.");
        let account = json!({"name": "Atelier", "emailAddress": SHOP, "useSmtp": true, "smtpIsShared": true});
        espo.create("InboundEmail", "admin", account);

        let folder = tempfile::tempdir().unwrap();
        let daemon = Daemon::start(folder.path(), &espo, &telegram, kills, |port| {
            configuration(port, &espo, &telegram, &folder.path().join("store"))
        });
        Self { espo, telegram, daemon, http: reqwest::Client::new(), _folder: folder }
    }

    /// From the first digest to the evening.
    pub async fn play(&self) {
        self.set_up().await;
        self.daemon.set_up_is_over().await;
        self.a_hot_lead_writes_and_is_answered().await;
        self.a_mail_is_answered_by_mail().await;
        self.an_alert_is_handled_by_button().await;
        self.an_alert_is_resolved_in_the_crm().await;
        self.an_activity_is_logged_by_api().await;
        self.a_lead_wants_no_more_messages().await;
        self.evening().await;
    }

    async fn set_up(&self) {
        let link = self.post("/api/links", json!({"user": "luc"})).await;
        let token = link["url"].as_str().unwrap().rsplit('=').next().unwrap().to_owned();
        self.telegram.say(CHAT, &format!("/start {token}")).unwrap();
        let asked = |message: &SentMessage| message.keyboard.iter().flatten().find_map(|key| key.callback_data.clone());
        self.until(|story| story.messages().first().and_then(asked).is_some()).await;
        let message = self.messages().remove(0);
        self.tap(&message, &asked(&message).unwrap());
        self.until(|story| story.digest().is_some_and(|digest| digest.keyboard.len() == 3)).await;
        self.until(|story| story.espo.list("MaxAlert").len() == 3).await;
        self.quiet_polls(1).await;
    }

    async fn a_hot_lead_writes_and_is_answered(&self) {
        activity(
            &self.espo,
            BELLA,
            "bella-2",
            "in",
            20 * MINUTE,
            "Bonjour, je voudrais un devis, quel est votre prix ?",
        );
        let alert = self.alert_of(BELLA).await;
        let message = self.message_with(&format!("1:draft:{alert}")).await;
        self.tap(&message, &format!("1:draft:{alert}"));
        self.until(|story| {
            story.messages().iter().any(|one| {
                one.keyboard.iter().flatten().any(|key| key.copy_text.is_some() || one.plain.contains("message pour"))
            })
        })
        .await;
        self.tap(&message, &format!("1:sent:{alert}"));
        self.until(|story| {
            let is_sent = |record: &Value| text(record, "dedupKey").starts_with("sent-");
            story.espo.list("MaxActivity").iter().any(is_sent)
                && story.status_of(BELLA) == "Closed"
                && story.is_settled(&alert)
        })
        .await;
    }

    async fn a_mail_is_answered_by_mail(&self) {
        let words = "Bonjour, pouvez-vous m'envoyer un devis ?";
        let mail = json!({"status": "Archived", "name": "RE: Votre offre", "from": "vera@example.com",
            "to": "luc@atelier-nord.example", "dateSent": ago(10 * MINUTE), "body": words, "bodyPlain": words,
            "isHtml": false});
        self.espo.create("Email", "luc", mail);
        let alert = self.alert_of(VERA).await;
        let message = self.message_with(&format!("1:draft:{alert}")).await;
        self.tap(&message, &format!("1:draft:{alert}"));
        let ask = format!("1:d-mail:{alert}");
        let draft = self.message_with(&ask).await;
        self.tap(&draft, &ask);
        let yes = format!("1:d-now:{alert}");
        let asked = self.message_with(&yes).await;
        self.tap(&asked, &yes);
        self.until(|story| !story.mails().is_empty() && story.status_of(VERA) == "Closed" && story.is_settled(&alert))
            .await;
    }

    /// The mails that the CRM was asked to send, as it has them.
    fn mails(&self) -> Vec<String> {
        let ours = self.espo.list("Email").into_iter().filter(|mail| text(mail, "from") == SHOP);
        sorted(ours.map(|mail| format!("{} {} {}", text(&mail, "to"), text(&mail, "status"), text(&mail, "name"))))
    }

    async fn an_alert_is_handled_by_button(&self) {
        let (alert, message) = self.show(CAMILLE).await;
        self.tap(&message, &format!("1:done:{alert}"));
        self.until(|story| story.status_of(CAMILLE) == "Resolved" && story.is_settled(&alert)).await;
    }

    async fn an_alert_is_resolved_in_the_crm(&self) {
        let (alert, first) = self.show(JEAN).await;
        self.show_again(&alert, &first).await;
        let record = self.record_of(JEAN).unwrap();
        self.espo.update("MaxAlert", text(&record, "id"), "admin", json!({"status": "Resolved"}));
        self.until(|story| story.is_settled(&alert)).await;
    }

    async fn an_activity_is_logged_by_api(&self) {
        let report =
            json!({"id": "api-1", "leadId": SOPHIE, "channel": "call", "direction": "out", "status": "replied"});
        self.post("/api/activities/log", report).await;
        self.until(|story| {
            let written = |record: &Value| text(record, "dedupKey") == "api-1";
            story.espo.list("MaxActivity").iter().any(written) && story.status_of(SOPHIE) == "Closed"
        })
        .await;
    }

    async fn a_lead_wants_no_more_messages(&self) {
        activity(&self.espo, NINA, "nina-2", "in", 5 * MINUTE, "Merci de ne plus me contacter, désinscrivez-moi.");
        let note = format!("1:onote:{NINA}");
        let message = self.message_with(&note).await;
        self.tap(&message, &note);
        self.until(|story| {
            let messages = story.told_of(&note);
            !story.opted_out().is_empty() && messages.last().is_some_and(|message| message.keyboard.is_empty())
        })
        .await;
    }

    /// The leads that the CRM has as not to be called, and whether their address takes no more mails.
    fn opted_out(&self) -> Vec<String> {
        let leads = self.espo.list("Lead").into_iter().filter(|lead| lead["doNotCall"] == true);
        sorted(leads.map(|lead| format!("{} {}", text(&lead, "id"), lead["emailAddressIsOptedOut"])))
    }

    /// Nothing is left to do, and further looks at the CRM find nothing.
    async fn evening(&self) {
        self.until(|story| {
            story.told_of("1:show:").last().is_some_and(|digest| digest.keyboard.is_empty())
                && story.telegram.all_updates_confirmed()
        })
        .await;
        self.quiet_polls(QUIET_POLLS).await;
    }

    /// Returns when the outbox was found empty after so many looks at the CRM in a row.
    async fn quiet_polls(&self, wanted: usize) {
        let mut quiet = 0;
        let mut changes = self.telegram.changes();
        while quiet < wanted {
            let before = self.polls();
            while self.polls() == before {
                let _ = tokio::time::timeout(NEXT_TRY, changes.changed()).await;
            }
            quiet = if self.outbox_is_empty().await { quiet + 1 } else { 0 };
        }
    }

    fn polls(&self) -> usize {
        self.espo.requests().iter().filter(|request| request.path.starts_with("/api/v1/Lead?")).count()
    }

    async fn outbox_is_empty(&self) -> bool {
        let Ok(response) = self.http.get(self.daemon.url("/readyz")).send().await else { return false };
        response.json::<Value>().await.is_ok_and(|body| body["ready"] == true && body["outbox"]["depth"] == 0)
    }

    /// Has an alert of the digest shown as a message of its own.
    async fn show(&self, lead: &str) -> (String, SentMessage) {
        let alert = self.alert_of(lead).await;
        let digest = self.digest().unwrap();
        self.tap(&digest, &format!("1:show:{alert}"));
        let message = self.message_with(&format!("1:done:{alert}")).await;
        (alert, message)
    }

    /// Has it shown once more: the earlier message leaves the buttons to the new one.
    async fn show_again(&self, alert: &str, first: &SentMessage) {
        self.tap(&self.digest().unwrap(), &format!("1:show:{alert}"));
        self.until(|story| {
            let messages = story.told_of(&format!("1:done:{alert}"));
            let is_again = messages.last().is_some_and(|last| last.message_id > first.message_id);
            is_again && messages.iter().any(|message| message.keyboard.is_empty())
        })
        .await;
    }

    fn tap(&self, message: &SentMessage, data: &str) {
        self.telegram.tap(CHAT, message.message_id, data).unwrap();
    }

    fn messages(&self) -> Vec<SentMessage> {
        self.telegram.messages(CHAT)
    }

    /// The message that lists several alerts.
    fn digest(&self) -> Option<SentMessage> {
        let lists = |key: &Key| key.callback_data.as_ref().is_some_and(|data| data.starts_with("1:show:"));
        self.messages().into_iter().find(|message| message.keyboard.iter().flatten().any(lists))
    }

    async fn message_with(&self, button: &str) -> SentMessage {
        let find = |story: &Self| story.messages().into_iter().rev().find(|message| message.key(button).is_some());
        self.until(|story| find(story).is_some()).await;
        find(self).unwrap()
    }

    /// Whether the latest message about an alert has no buttons any more.
    fn is_settled(&self, alert: &str) -> bool {
        self.told_of(&format!("1:done:{alert}")).last().is_some_and(|message| message.keyboard.is_empty())
    }

    /// The messages that have or had such a button.
    fn told_of(&self, button: &str) -> Vec<SentMessage> {
        let is_it = |key: &Key| key.callback_data.as_ref().is_some_and(|data| data.starts_with(button));
        let has = |keyboard: &[Vec<Key>]| keyboard.iter().flatten().any(is_it);
        let mut messages = self.messages();
        messages.retain(|one| has(&one.keyboard) || one.history.iter().any(|version| has(&version.keyboard)));
        messages
    }

    fn record_of(&self, lead: &str) -> Option<Value> {
        self.espo.list("MaxAlert").into_iter().find(|record| text(record, "leadId") == lead)
    }

    fn status_of(&self, lead: &str) -> String {
        self.record_of(lead).map(|record| text(&record, "status").to_owned()).unwrap_or_default()
    }

    /// The id of a lead's alert, once it is in the CRM.
    async fn alert_of(&self, lead: &str) -> String {
        self.until(|story| story.record_of(lead).is_some()).await;
        text(&self.record_of(lead).unwrap(), "dedupKey").to_owned()
    }

    /// Asks the daemon until it answers: it may be dead at the moment.
    async fn post(&self, path: &str, body: Value) -> Value {
        let mut changes = self.telegram.changes();
        loop {
            let sent = self.http.post(self.daemon.url(path)).bearer_auth(TOKEN).json(&body).send().await;
            if let Ok(response) = sent {
                let is_done = response.status().is_success();
                let may_pass = [404, 503].contains(&response.status().as_u16());
                if let Ok(answer) = response.json().await {
                    assert!(is_done || may_pass, "{path}: {answer}");
                    if is_done {
                        return answer;
                    }
                }
            }
            let _ = tokio::time::timeout(NEXT_TRY, changes.changed()).await;
        }
    }

    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let (mut crm, mut chat) = (self.espo.changes(), self.telegram.changes());
        while !holds(self) {
            let _ = tokio::select! { changed = crm.changed() => changed, changed = chat.changed() => changed };
        }
    }

    /// Returns when the daemon has ended without having been killed, with what it said.
    pub async fn daemon_ended(&self) -> String {
        self.daemon.ended().await
    }

    /// How things stand, and what the daemon said.
    pub fn describe(&self) -> String {
        format!("{:#?}\n{}", self.ending(), self.daemon.record().log)
    }

    /// How it ended.
    pub async fn end(self) -> (Ending, Record) {
        let ending = self.ending();
        let keys =
            |entity| self.espo.list(entity).iter().map(|one| text(one, "dedupKey").to_owned()).collect::<Vec<_>>();
        for entity in ["MaxAlert", "MaxActivity"] {
            let keys = keys(entity);
            assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "a {entity} exists twice");
        }
        (ending, self.daemon.record())
    }

    fn ending(&self) -> Ending {
        let ids: BTreeMap<String, String> = self
            .espo
            .list("MaxAlert")
            .iter()
            .map(|record| {
                (text(record, "dedupKey").to_owned(), format!("<{} {}>", text(record, "leadId"), text(record, "type")))
            })
            .collect();
        let without_ids = |text: &str| ids.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name));
        let alert = |record: &Value| {
            let words = ["leadId", "type", "status", "closeReason", "resolvedVia"];
            words
                .map(|name| text(record, name))
                .into_iter()
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let activity = |record: &Value| {
            let words = ["leadId", "channel", "direction", "status", "dedupKey", "messagePreview"];
            without_ids(&words.map(|name| text(record, name)).join(" "))
        };
        let message = |plain: &str, keyboard: &[Vec<Key>]| {
            let keys: Vec<String> = keyboard.iter().flatten().map(|key| without_ids(&key.text)).collect();
            let actions: Vec<String> =
                keyboard.iter().flatten().filter_map(|key| key.callback_data.as_deref()).map(without_ids).collect();
            format!("{} {keys:?} {actions:?}", gist(plain))
        };
        let messages = self.messages();
        let now = messages.iter().map(|one| message(&one.plain, &one.keyboard));
        let before = messages.iter().flat_map(|one| &one.history).map(|one| message(&one.plain, &one.keyboard));
        let versions: BTreeSet<String> = now.clone().chain(before).collect();
        Ending {
            alerts: sorted(self.espo.list("MaxAlert").iter().map(alert)),
            mails: self.mails(),
            opted_out: self.opted_out(),
            activities: sorted(self.espo.list("MaxActivity").iter().map(activity)),
            messages: now.zip(messages.iter().map(|one| one.message_id)).collect(),
            versions: versions.into_iter().collect(),
        }
    }
}

fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

/// What a message is about, whatever words were chosen for it this time: the signs that its lines begin with, and names.
fn gist(plain: &str) -> String {
    let signs = plain.lines().filter_map(|line| line.chars().next()).filter(|sign| !sign.is_alphanumeric());
    let names =
        ["Camille", "Jean", "Sophie", "Bella", "Vera", "Nina", "Luc"].into_iter().filter(|name| plain.contains(name));
    format!("{} {}", signs.collect::<String>(), names.collect::<Vec<_>>().join(" "))
}

fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    record[name].as_str().unwrap_or_default()
}

fn ago(seconds: Seconds) -> String {
    Clock::system().now().plus(-seconds).to_espo()
}

fn lead(espo: &EspoSandbox, id: &str, first: &str, last: &str, created: Seconds) {
    let record = json!({"id": id, "firstName": first, "lastName": last, "status": "In Process",
        "emailAddress": format!("{}@example.com", first.to_lowercase()), "phoneNumber": "+33639980101",
        "createdAt": ago(created + HOUR), "assignedUserId": REP});
    espo.create("Lead", "luc", record);
}

fn activity(espo: &EspoSandbox, lead: &str, key: &str, direction: &str, since: Seconds, words: &str) {
    let record = json!({"name": "WhatsApp", "channel": "whatsapp", "direction": direction, "status": "sent",
        "messagePreview": words, "timestamp": ago(since), "leadId": lead, "dedupKey": key, "assignedUserId": REP});
    espo.create("MaxActivity", "luc", record);
}

fn configuration(port: u16, espo: &EspoSandbox, telegram: &TelegramSandbox, store: &std::path::Path) -> String {
    format!(
        r#"
        [store]
        path = {store:?}
        [espocrm]
        url = "{espo}"
        api_key = "{key}"
        mail_from = "{SHOP}"
        [sync]
        poll_interval = "1s"
        [telegram]
        token = "{token}"
        api_url = "{telegram}"
        [http]
        listen = "127.0.0.1:{port}"
        public_url = "http://127.0.0.1:{port}"
        [[http.tokens]]
        name = "story"
        token = "{TOKEN}"
        scopes = ["admin"]
        [working_hours]
        days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        from = "00:00"
        to = "23:59"
        "#,
        espo = espo.url(),
        key = espo::API_KEY,
        token = telegram::Options::default().token,
        telegram = telegram.url(),
    )
}
