//! How long a rep waits for the answer to a tap: `cargo bench --bench tap`. The daemon mirrors 10,000 leads; a small
//! EspoCRM and a small Telegram run beside it in the same process, over loopback, and from the first tap on the CRM
//! answers nothing at all. The goal is 100 ms, from the tap to `answerCallbackQuery`.
//!
//! Two kinds of taps: those whose right is known, which take effect before they are answered, and those that the CRM would
//! have to be asked about, which are answered first. Beside them stands what a bare call to the same Telegram takes.

use std::time::{Duration, Instant};

use max::app::App;
use max::clock::Clock;
use max::config::Config;
use max::domain::{HOUR, MINUTE, Timestamp, UserId};
use max::engine::linking;
use max::sandbox::espo::{self, EspoSandbox, Fault};
use max::sandbox::telegram::{self, Person, SentMessage, TelegramSandbox};
use serde_json::json;

const LEADS: usize = 10_000;
const TAPS: usize = 300;
const REP: &str = "user0luc000000001";
const CHAT: i64 = 1001;
/// A Monday morning in Paris.
const BEGIN: Timestamp = Timestamp(1_772_442_000);
const GOAL: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::main]
async fn main() {
    let world = World::start().await;
    let call = world.calls().await;
    world.espo.fail(Fault::Hang);
    let known = world.taps(0).await;
    let unknown = world.taps(5 * MINUTE).await;
    println!("{LEADS} leads mirrored, {TAPS} of each, the CRM does not answer");
    println!("{:<44}{:>10}{:>10}{:>12}", "", "median", "p99", "goal");
    line("a bare call to the same Telegram (getMe)", &call, None);
    line("a tap whose right is known, to its answer", &known, Some(GOAL));
    line("a tap that the CRM has to be asked about", &unknown, Some(GOAL));
    println!("a tap costs {:.1} bare calls", known.median.as_secs_f64() / call.median.as_secs_f64());
    std::process::exit(i32::from(known.p99 > GOAL || unknown.p99 > GOAL));
}

struct World {
    clock: Clock,
    espo: EspoSandbox,
    telegram: TelegramSandbox,
    app: App,
    _folder: tempfile::TempDir,
}

struct Times {
    median: Duration,
    p99: Duration,
}

impl Times {
    fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self { median: all[all.len() / 2], p99: all[all.len() * 99 / 100] }
    }
}

fn line(what: &str, times: &Times, goal: Option<Duration>) {
    let millis = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    let goal = goal.map(millis).unwrap_or_default();
    println!("{what:<44}{:>10}{:>10}{goal:>12}", millis(times.median), millis(times.p99));
}

impl World {
    /// A rep who is linked and was told of one hot lead among many that are in good hands.
    async fn start() -> Self {
        let clock = Clock::manual(BEGIN);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let espo = EspoSandbox::start(clock.clone(), espo::Options::default()).await.expect("a port");
        let telegram = TelegramSandbox::start(clock.clone(), telegram::Options::default()).await.expect("a port");
        let user = json!({"id": REP, "userName": "luc", "type": "regular", "isActive": true, "firstName": "Luc"});
        espo.create("User", "admin", user);
        let since = clock.now().plus(-HOUR).to_espo();
        for number in 0..LEADS {
            espo.create(
                "Lead",
                "admin",
                json!({"firstName": "Nina", "lastName": format!("Petit {number}"), "status": "In Process",
                       "assignedUserId": REP, "emailAddress": format!("n{number}@lead.example"), "createdAt": since}),
            );
        }
        let config = Config::from_toml(&configuration(&espo, &telegram, &folder)).expect("a configuration");
        let app = App::start(config, clock.clone()).await.expect("a daemon");
        app.crm.look_now().await.expect("the CRM answers");
        telegram.open_chat(Person { id: CHAT, first_name: "Luc".to_owned(), language_code: None });
        let link = linking::create(&app.engine, &UserId::from(REP), "max_sandbox_bot").await.expect("a link");
        let token = link.url.rsplit('=').next().unwrap_or_default();
        telegram.say(CHAT, &format!("/start {token}")).expect("a chat");
        let world = Self { clock, espo, telegram, app, _folder: folder };
        let asked = world.message_with("1:lyes:").await;
        world.tap(&asked, "1:lyes:");
        world.told().await;
        world
    }

    async fn told(&self) {
        self.espo.create(
            "Email",
            "admin",
            json!({"status": "Archived", "name": "Bonjour", "from": "n7@lead.example", "to": "luc@max.example",
                   "dateSent": self.clock.now().plus(-MINUTE).to_espo(), "isHtml": false,
                   "body": "Bonjour, je voudrais un devis.", "bodyPlain": "Bonjour, je voudrais un devis."}),
        );
        for _ in 0..60 {
            self.clock.advance(1);
            self.app.crm.look_now().await.expect("the CRM answers");
            if self.find("1:zz:").is_some() {
                break;
            }
        }
        self.message_with("1:zz:").await;
        while !self.app.permissions.is_ahead() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn find(&self, data: &str) -> Option<SentMessage> {
        self.telegram.messages(CHAT).into_iter().rev().find(|message| key(message, data).is_some())
    }

    async fn message_with(&self, data: &str) -> SentMessage {
        let found = self.telegram.wait_until(|_| self.find(data).is_some());
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("no message with {data}"));
        self.find(data).expect("it was found")
    }

    fn tap(&self, message: &SentMessage, data: &str) {
        let data = key(message, data).expect("the button");
        self.telegram.tap(CHAT, message.message_id, &data).expect("a tap");
    }

    /// Taps, one after the other, each after so many seconds; the menu of the pauses opens, and nothing else happens.
    async fn taps(&self, after: i64) -> Times {
        let message = self.message_with("1:zz:").await;
        let mut all = Vec::with_capacity(TAPS);
        for _ in 0..TAPS {
            self.clock.advance(after);
            let answered = self.telegram.answers().len();
            let begun = Instant::now();
            self.tap(&message, "1:zz:");
            let done = self.telegram.wait_until(|telegram| telegram.answers().len() > answered);
            tokio::time::timeout(PATIENCE, done).await.expect("an answer");
            all.push(begun.elapsed());
        }
        Times::of(all)
    }

    async fn calls(&self) -> Times {
        let client = reqwest::Client::builder().tcp_nodelay(true).build().expect("a client");
        let url = format!("{}/bot{}/getMe", self.telegram.url(), telegram::Options::default().token);
        let mut all = Vec::with_capacity(TAPS);
        for _ in 0..TAPS {
            let begun = Instant::now();
            let answer = client.post(&url).send().await.expect("an answer");
            answer.bytes().await.expect("an answer");
            all.push(begun.elapsed());
        }
        Times::of(all)
    }
}

fn key(message: &SentMessage, data: &str) -> Option<String> {
    let keys = message.keyboard.iter().flatten().filter_map(|key| key.callback_data.clone());
    keys.into_iter().find(|found| found.starts_with(data))
}

fn configuration(espo: &EspoSandbox, telegram: &TelegramSandbox, folder: &tempfile::TempDir) -> String {
    format!(
        r#"
        [store]
        path = {store:?}
        [espocrm]
        url = "{espo}"
        api_key = "{key}"
        [telegram]
        token = "{token}"
        api_url = "{telegram}"
        [http]
        listen = "127.0.0.1:0"
        [[http.tokens]]
        name = "bench"
        token = "a-token-for-the-bench"
        scopes = ["admin"]
        "#,
        store = folder.path().join("store").display().to_string(),
        espo = espo.url(),
        key = espo::API_KEY,
        token = telegram::Options::default().token,
        telegram = telegram.url(),
    )
}
