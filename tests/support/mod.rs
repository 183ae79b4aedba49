//! A small world for stories: the real daemon between a sandbox EspoCRM and a sandbox Telegram, and a clock that
//! is moved by hand.

pub mod log;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use max::app::App;
use max::clock::Clock;
use max::config::Config;
use max::decide::Outlook;
use max::domain::{DAY, HOUR, MINUTE, Seconds, Timestamp, UserId};
use max::engine::linking;
use max::sandbox::espo::{self, EspoSandbox};
use max::sandbox::telegram::{self, Author, Person, SentMessage, TelegramSandbox};
use max::store::{Evaluated, Store};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The rep: a user of the CRM, and the id of the Telegram account.
pub const LUC: (&str, i64) = ("user0luc000000001", 1001);
/// A colleague.
pub const CAMILLE: (&str, i64) = ("user0camille00001", 1002);
/// The manager of the team.
pub const CLAIRE: (&str, i64) = ("user0claire000001", 1003);
/// The team of all leads.
pub const TEAM: &str = "team0nord00000001";
/// The API token of the world.
pub const TOKEN: &str = "a-token-for-stories";

/// How long, in real time, something that needs no clock may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long, in real time, nothing happens before the clock is moved for whoever waits for it.
const QUIET: Duration = Duration::from_millis(40);
/// Effects that wait longer than this wait for a reason of their own, such as the morning.
const PARKED: Seconds = 120;

/// What differs from story to story.
pub struct Setting {
    /// When it begins.
    pub begin: &'static str,
    /// Further lines of `[telegram]`.
    pub telegram: &'static str,
    /// Further lines of the configuration.
    pub config: String,
    /// From which group account the CRM sends mails for users.
    pub mail_from: &'static str,
    /// Who is linked to Telegram before it begins.
    pub linked: Vec<(&'static str, i64)>,
    /// Whether the CRM delivers webhooks.
    pub webhooks: bool,
    /// How many rows a page of the CRM has.
    pub page_size: u32,
    /// Entity definitions in which the CRM differs from a stock one.
    pub entities: Value,
    /// Which EspoCRM it is.
    pub version: espo::Version,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            // A Monday, in working hours.
            begin: "2026-03-02T10:00:00+01:00",
            telegram: "",
            config: String::new(),
            mail_from: "",
            linked: vec![LUC],
            webhooks: false,
            page_size: 200,
            entities: json!({}),
            version: espo::Version::V10,
        }
    }
}

/// The world of one story.
pub struct World {
    /// Moved by hand.
    pub clock: Clock,
    /// The CRM.
    pub espo: EspoSandbox,
    /// The chats.
    pub telegram: TelegramSandbox,
    /// The daemon; taken while it is down.
    pub app: Option<App>,
    config: String,
    folder: TempDir,
}

impl World {
    /// A world in which the daemon has just seen an empty CRM.
    pub async fn begin() -> Self {
        Self::with(Setting::default(), |_| {}).await
    }

    /// A world in which Sophie has just asked for a quote, and Luc was told; with the lead's id.
    pub async fn with_a_hot_lead() -> (Self, String) {
        let world = Self::begin().await;
        let lead = world.sophie_asks().await;
        (world, lead)
    }

    /// Sophie, a lead of Luc's, asks for a quote; the lead's id.
    pub async fn sophie_asks(&self) -> String {
        let lead = self.lead("Sophie", 2 * DAY, json!({}));
        self.settle().await;
        self.mail_from("Sophie", 5 * MINUTE, "Bonjour, vous pouvez m'envoyer un devis ?");
        self.settle().await;
        lead
    }

    /// A world that `fill` fills before the daemon starts.
    pub async fn with(setting: Setting, fill: impl FnOnce(&Self)) -> Self {
        let linked = setting.linked.clone();
        let world = Self::not_yet_settled(setting, fill).await;
        for (user, account) in linked {
            world.link(user, account).await;
        }
        world.settle().await;
        world
    }

    /// The same, as the daemon begins to look at it; nobody is linked.
    pub async fn not_yet_settled(setting: Setting, fill: impl FnOnce(&Self)) -> Self {
        let clock = Clock::manual(Timestamp::parse_rfc3339(setting.begin).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let entities = setting.entities.as_object().unwrap().clone();
        let options = espo::Options { entities, version: setting.version, ..Default::default() };
        let espo = EspoSandbox::start(clock.clone(), options).await.unwrap();
        let telegram = TelegramSandbox::start(clock.clone(), telegram::Options::default()).await.unwrap();
        let config = configuration(&setting, &espo, &telegram, &folder);
        let mut world = Self { clock, espo, telegram, app: None, config, folder };
        world.staff();
        fill(&world);
        world.start().await;
        world
    }

    /// Starts the daemon (again).
    pub async fn start(&mut self) {
        let config = Config::from_toml(&self.config).unwrap();
        self.app = Some(App::start(config, self.clock.clone()).await.unwrap());
    }

    /// Stops the daemon.
    pub async fn stop(&mut self) {
        self.app.take().unwrap().stop().await;
    }

    /// Makes the store of a daemon that is stopped one of schema 1: it knows when a lead is due, and no outlook.
    pub fn back_to_schema_1(&self) {
        let path = self.folder.path().join("store");
        // Its lock lingers for a moment after the daemon has let go.
        drop(Store::open(&path).unwrap());
        let rows = (0..1_000_000).find_map(|_| sled::open(&path).ok()).unwrap();
        for row in rows.scan_prefix("b") {
            let (key, value) = row.unwrap();
            let leads: Vec<(String, Evaluated, Option<Outlook>)> = postcard::from_bytes(&value[1..]).unwrap();
            for (lead, evaluated, _) in leads {
                let value = postcard::to_extend(&evaluated, vec![1]).unwrap();
                rows.insert([b"d", lead.as_bytes()].concat(), value).unwrap();
            }
            rows.remove(key).unwrap();
        }
        for row in rows.scan_prefix("H") {
            let (key, value) = row.unwrap();
            let end = key.iter().position(|byte| *byte == 0).unwrap();
            let (lead, kind, id) = (&key[1..end], key[end + 1], &key[end + 2..]);
            let old = if kind == b'a' { [b"A", lead, b"\0", id].concat() } else { [b"a", id].concat() };
            rows.insert(old, value).unwrap();
            rows.remove(key).unwrap();
        }
        rows.remove("mrules_in_force").unwrap().expect("the rules in force are kept");
        rows.insert("mschema", vec![1, 1]).unwrap().expect("the schema is kept");
        rows.flush().unwrap();
    }

    /// Stops the daemon, and starts it with another key for the CRM.
    pub async fn restart_with_key(&mut self, key: &str) {
        self.restart_with(espo::API_KEY, key).await;
    }

    /// Stops the daemon, and starts it with something else written into its configuration.
    pub async fn restart_with(&mut self, before: &str, after: &str) {
        assert!(self.config.contains(before), "the configuration does not say {before}");
        self.stop().await;
        self.config = self.config.replace(before, after);
        self.start().await;
    }

    /// Waits, in real time, until neither the CRM nor the chats nor the daemon's store have changed for a while.
    pub async fn quiet(&self) {
        let (mut changes, mut asked) = (self.app().engine.changes(), self.espo.requests().len());
        while tokio::time::timeout(QUIET / 4, changes.changed()).await.is_ok() || self.espo.requests().len() != asked {
            asked = self.espo.requests().len();
        }
    }

    /// Takes the store away while the daemon is down.
    pub fn lose_store(&self) {
        std::fs::remove_dir_all(self.folder.path().join("store")).unwrap();
    }

    /// The daemon's configuration.
    pub fn config(&self) -> &str {
        &self.config
    }

    /// The daemon.
    pub fn app(&self) -> &App {
        self.app.as_ref().unwrap()
    }

    fn staff(&self) {
        let since = self.ago(400 * DAY);
        self.espo.create("InboundEmail", "admin", group_account());
        self.espo.create("Team", "admin", json!({"id": TEAM, "name": "Nord", "createdAt": since}));
        for ((id, _), login, first) in
            [(LUC, "luc", "Luc"), (CAMILLE, "camille", "Camille"), (CLAIRE, "claire", "Claire")]
        {
            let user = json!({
                "id": id, "userName": login, "type": "regular", "isActive": true, "firstName": first,
                "lastName": "Moreau", "emailAddress": format!("{login}@max.example"), "createdAt": since,
                "teamsIds": [TEAM],
            });
            self.espo.create("User", "admin", user);
        }
    }

    /// Links an account as a person does: by opening a link.
    pub async fn link(&self, user: &str, account: i64) {
        self.telegram.open_chat(Person {
            id: account,
            first_name: user.to_owned(),
            language_code: Some("fr".to_owned()),
        });
        let link = linking::create(&self.app().engine, &UserId::from(user), "max_sandbox_bot").await.unwrap();
        let token = link.url.rsplit('=').next().unwrap().to_owned();
        self.look().await;
        self.open_link(account, &token).await;
        self.confirm_link(account).await;
    }

    /// An account opens a link; nothing is linked yet.
    pub async fn open_link(&self, account: i64, token: &str) {
        self.telegram.say(account, &format!("/start {token}")).unwrap();
        self.settle().await;
    }

    /// An account says that the link it opened is for its person, if it was asked. Returns whether it was.
    pub async fn confirm_link(&self, account: i64) -> bool {
        let asked = self.messages(account).pop();
        let Some((message, data)) = asked.and_then(|message| Some((message.message_id, button(&message, "lyes")?)))
        else {
            return false;
        };
        self.telegram.tap(account, message, &data).unwrap();
        self.settle().await;
        true
    }

    /// An instant so many seconds ago, as the CRM writes it.
    pub fn ago(&self, seconds: Seconds) -> String {
        self.clock.now().plus(-seconds).to_espo()
    }

    /// A lead of Luc's, created so many seconds ago; `more` overrides attributes.
    pub fn lead(&self, first: &str, created: Seconds, more: Value) -> String {
        let mut lead = json!({
            "firstName": first, "lastName": "Martin", "status": "In Process", "assignedUserId": LUC.0,
            "teamsIds": [TEAM], "emailAddress": format!("{}@lead.example", first.to_lowercase()),
            "phoneNumber": "+33639980101", "createdAt": self.ago(created),
        });
        lead.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.espo.create("Lead", "admin", lead)
    }

    /// A mail from the lead, imported into the CRM now, sent so many seconds ago.
    pub fn mail_from(&self, first: &str, ago: Seconds, text: &str) -> String {
        let from = format!("{}@lead.example", first.to_lowercase());
        self.mail(&from, "luc@max.example", ago, text)
    }

    /// A mail from Luc to the lead.
    pub fn mail_to(&self, first: &str, ago: Seconds, text: &str) -> String {
        let to = format!("{}@lead.example", first.to_lowercase());
        self.mail("luc@max.example", &to, ago, text)
    }

    fn mail(&self, from: &str, to: &str, ago: Seconds, text: &str) -> String {
        let mail = json!({
            "status": "Archived", "name": "Bonjour", "from": from, "to": to, "dateSent": self.ago(ago), "body": text,
            "bodyPlain": text, "isHtml": false,
        });
        self.espo.create("Email", "admin", mail)
    }

    /// A WhatsApp message that a gateway recorded in the CRM.
    pub fn whatsapp(&self, lead: &str, direction: &str, ago: Seconds, text: &str) -> String {
        let key = format!("wa-{}-{ago}-{}", lead, self.espo.list("MaxActivity").len());
        let activity = json!({
            "name": "WhatsApp", "channel": "whatsapp", "direction": direction, "status": "sent",
            "messagePreview": text, "timestamp": self.ago(ago), "dedupKey": key, "leadId": lead,
        });
        self.espo.create("MaxActivity", "admin", activity)
    }

    /// A call with the lead.
    pub fn call(&self, lead: &str, direction: &str, status: &str, ago: Seconds) -> String {
        let call = json!({
            "name": "Appel", "direction": direction, "status": status, "dateStart": self.ago(ago),
            "dateEnd": self.ago(ago - 600), "parentType": "Lead", "parentId": lead, "assignedUserId": LUC.0,
        });
        self.espo.create("Call", "admin", call)
    }

    /// Has the daemon look at the CRM once.
    pub async fn look(&self) {
        let looked = tokio::time::timeout(PATIENCE, self.app().crm.look_now()).await;
        looked.expect("a round ends").expect("the CRM answers");
    }

    /// Has everything happen that can happen now: taps are taken, the CRM is looked at, effects are carried out.
    pub async fn settle(&self) {
        for _ in 0..100 {
            let before = self.happened();
            let taken = self.telegram.wait_until(TelegramSandbox::all_updates_confirmed);
            tokio::time::timeout(PATIENCE, taken).await.expect("Telegram's updates are taken");
            self.carried_out().await;
            self.espo.deliver_webhooks().await;
            self.look().await;
            self.drain().await;
            if self.happened() == before {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    /// Waits until everything that people did in the chat is carried out, and the CRM was asked ahead.
    pub async fn carried_out(&self) {
        let App { engine, permissions, .. } = self.app();
        let mut changes = engine.changes();
        let done = async {
            while !engine.store().updates().unwrap().is_empty() || !permissions.is_ahead() {
                let _ = tokio::time::timeout(QUIET, changes.changed()).await;
            }
        };
        tokio::time::timeout(PATIENCE, done).await.expect("what people did is carried out");
    }

    /// Counts what happened in the CRM and in the chats.
    fn happened(&self) -> (u64, u64) {
        (*self.espo.changes().borrow(), *self.telegram.changes().borrow())
    }

    /// Waits until the outbox holds nothing but what waits for its hour; moves the clock for whoever waits for
    /// seconds.
    async fn drain(&self) {
        let mut changes = self.app().engine.changes();
        for _ in 0..1_000 {
            if self.outbox().is_empty() {
                return;
            }
            if tokio::time::timeout(QUIET, changes.changed()).await.is_err() {
                self.clock.advance(1);
            }
        }
        panic!("the outbox does not empty: {:?}", self.outbox());
    }

    /// What the outbox holds that does not wait for its hour.
    pub fn outbox(&self) -> Vec<String> {
        let now = self.clock.now();
        let entries = self.app().engine.store().outbox().unwrap();
        entries.into_iter().filter(|(_, entry)| entry.not_before.since(now) <= PARKED).map(|(key, _)| key).collect()
    }

    /// Ends a story: nothing is left to be done.
    pub async fn end(mut self) {
        self.settle().await;
        assert_eq!(self.app().engine.store().outbox().unwrap(), [], "a story ends with an empty outbox");
        self.stop().await;
    }

    /// Moves the clock, and has everything happen that follows.
    pub async fn pass(&self, seconds: Seconds) {
        self.clock.advance(seconds);
        self.settle().await;
    }

    /// Moves the clock to the next working day's 10:00, Paris time (without a change of clocks).
    pub async fn tomorrow_at_ten(&self) {
        let into_day = (self.clock.now().0 + HOUR).rem_euclid(DAY);
        self.pass(DAY - into_day + 10 * HOUR).await;
    }

    /// What M.A.X. wrote to a chat, oldest first.
    pub fn messages(&self, account: i64) -> Vec<SentMessage> {
        self.telegram.messages(account).into_iter().filter(|message| message.author == Author::Bot).collect()
    }

    /// The last message M.A.X. wrote to Luc.
    pub fn last(&self) -> SentMessage {
        self.messages(LUC.1).pop().expect("M.A.X. wrote to Luc")
    }

    /// Luc taps the button of his last message whose data begins so.
    pub async fn tap(&self, action: &str) -> String {
        let message = self.last();
        let data = button(&message, action).unwrap_or_else(|| panic!("no button {action} in {message:#?}"));
        // Between two taps of a person the CRM was asked.
        self.carried_out().await;
        self.telegram.tap(LUC.1, message.message_id, &data).unwrap();
        self.settle().await;
        self.telegram.answers().pop().and_then(|answer| answer.text).unwrap_or_default()
    }

    /// The alert records of a lead in the CRM, oldest first.
    pub fn alerts(&self, lead: &str) -> Vec<Value> {
        let of_lead = |alert: &Value| alert["leadId"] == lead;
        self.espo.list("MaxAlert").into_iter().filter(of_lead).collect()
    }

    /// The one alert record of a lead of that type.
    pub fn alert(&self, lead: &str, alert_type: &str) -> Value {
        let mut alerts = self.alerts(lead);
        alerts.retain(|alert| alert["type"] == alert_type);
        assert_eq!(alerts.len(), 1, "{alert_type} of {lead}: {alerts:#?}");
        alerts.remove(0)
    }

    /// A person changes an alert's record in the CRM.
    pub async fn in_crm(&self, alert: &Value, by: &str, change: Value) {
        self.clock.advance(2);
        self.espo.update("MaxAlert", alert["id"].as_str().unwrap(), by, change);
        self.settle().await;
    }

    /// Calls the daemon's API.
    pub async fn api(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let client = reqwest::Client::new();
        let url = format!("http://{}{path}", self.app().address);
        let request = client.request(method.parse().unwrap(), url).bearer_auth(TOKEN).json(&body);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap())
    }
}

impl Drop for World {
    /// What was asked of Telegram is kept for `tests/aiogram/validate.py`.
    fn drop(&mut self) {
        let story = std::thread::current().name().unwrap_or("a story").replace("::", ".");
        let calls: Vec<String> =
            self.telegram.all_requests().iter().map(|call| serde_json::to_string(call).unwrap()).collect();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("telegram");
        let kept = std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::OpenOptions::new().create(true).append(true).open(folder.join(story + ".jsonl")))
            .and_then(|mut file| file.write_all((calls.join("\n") + "\n").as_bytes()));
        if let Err(error) = kept {
            eprintln!("the calls to Telegram are not kept: {error}");
        }
    }
}

/// The group account from which the CRM sends mails.
pub fn group_account() -> Value {
    json!({"name": "Contact", "emailAddress": "contact@max.example", "useSmtp": true, "smtpIsShared": true})
}

/// The data of a message's first button whose action is so.
pub fn button(message: &SentMessage, action: &str) -> Option<String> {
    let prefix = format!("1:{action}:");
    let data = message.keyboard.iter().flatten().filter_map(|key| key.callback_data.clone());
    data.into_iter().find(|data| data.starts_with(&prefix))
}

fn configuration(setting: &Setting, espo: &EspoSandbox, telegram: &TelegramSandbox, folder: &TempDir) -> String {
    // The CRM has to know the address before the daemon listens: a port that was free a moment ago.
    let free_port = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = if setting.webhooks { free_port() } else { 0 };
    let public_url = if setting.webhooks { format!("http://127.0.0.1:{port}") } else { String::new() };
    format!(
        r#"
        [store]
        path = {store:?}
        [espocrm]
        url = "{espo}"
        public_url = "https://crm.example.com"
        api_key = "{key}"
        page_size = {page_size}
        mail_from = "{mail_from}"
        [telegram]
        token = "{token}"
        api_url = "{telegram}"
        {more_telegram}
        [http]
        listen = "127.0.0.1:{port}"
        public_url = "{public_url}"
        [[http.tokens]]
        name = "stories"
        token = "{TOKEN}"
        scopes = ["admin"]
        {more}
        "#,
        store = folder.path().join("store").display().to_string(),
        espo = espo.url(),
        key = espo::API_KEY,
        token = telegram::Options::default().token,
        telegram = telegram.url(),
        more_telegram = setting.telegram,
        page_size = setting.page_size,
        mail_from = setting.mail_from,
        more = setting.config,
    )
}
