//! A rep's working day, from before the office opens until after it has closed: forty leads, every kind of event, and
//! the chat as a person reads it. Beside that transcript stands what has to be true of any such day.

use std::collections::HashMap;
use std::fmt::Write as _;

use max::domain::{AlertId, DAY, HOUR, MINUTE, Seconds, Timestamp};
use max::sandbox::espo::Fault;
use max::sandbox::telegram::{Key, SentMessage, TelegramSandbox};
use serde_json::{Value, json};

use crate::support::{CAMILLE, CLAIRE, LUC, Setting, TEAM, World};

/// How a lead stands on the evening before.
enum Past {
    /// The lead thanked us on the day before; nothing is to be done.
    Content,
    /// We wrote then, and nothing came back.
    Unanswered(&'static str),
    /// We wrote, the lead thanked us then, and nothing was said since.
    Silent(&'static str),
    /// Nobody has ever written or called; created then.
    Untouched(&'static str),
    /// The lead asked something then.
    Asked(&'static str),
    /// The lead called then, and nobody picked up.
    Missed(&'static str),
    /// Silent since then, and a call is planned.
    Planned(&'static str, &'static str),
}

use Past::{Asked, Content, Missed, Planned, Silent, Unanswered, Untouched};

/// First name, last name, company, past. Days and times are in 2026, in Paris.
const LEADS: [(&str, &str, &str, Past); 40] = [
    ("Sophie", "Delacroix", "TechCorp", Content),
    ("Emily", "Carter", "Northwind Ltd", Content),
    ("Zoé <b>", "& Fils 🌿", "Bio & Co", Unanswered("02-26 11:00")),
    ("", "Garnier", "Garnier SARL", Silent("02-23 17:00")),
    ("Benoît", "Lemaire", "Atelier Lemaire", Content),
    ("Julien", "Mercier", "Mercier Conseil", Unanswered("02-28 10:05")),
    ("Karim", "Benali", "Benali Frères", Silent("02-24 10:40")),
    ("Héloïse", "Lefèvre", "Atelier 12", Asked("03-02 10:50")),
    ("Marc", "Petit", "Petit Transport", Missed("03-02 11:20")),
    ("Nadia", "Rossi", "Rossi Design", Unanswered("02-26 15:30")),
    ("Paul", "Girard", "Girard & Associés", Silent("02-20 09:30")),
    ("Lucie", "Fontaine", "Fontaine Immo", Untouched("02-18 14:00")),
    ("Nina", "Caron", "Caron Média", Unanswered("01-20 10:00")),
    ("Gérard", "Blanc", "Blanc Menuiserie", Unanswered("01-15 16:00")),
    ("Antoine", "Roux", "Roux Énergie", Content),
    ("Victor", "Lambert", "Lambert Industrie", Content),
    ("Chloé", "Dubois", "Maison Dubois", Unanswered("02-28 12:50")),
    ("Hugo", "Masson", "Masson Sport", Silent("02-24 13:10")),
    ("Inès", "Perrin", "Perrin Santé", Unanswered("02-28 14:20")),
    ("Farid", "Haddad", "Haddad Import", Unanswered("02-27 09:00")),
    ("Océane", "Marchand", "Marchand Nautique", Silent("02-24 16:10")),
    ("Théo", "Renard", "Renard Studio", Unanswered("02-28 16:15")),
    ("Manon", "Leroux", "Leroux Fleurs", Untouched("02-24 16:20")),
    ("Yann", "Le Goff", "Le Goff Marée", Unanswered("02-28 16:25")),
    ("Émilie", "Faure", "Faure Formation", Silent("02-24 16:30")),
    ("Agathe", "Noël", "Noël Traiteur", Silent("02-24 15:30")),
    ("Bruno", "Texier", "Texier BTP", Content),
    ("Sylvie", "Aubert", "Aubert Notaires", Content),
    ("Olivier", "Dumas", "Dumas Vins", Unanswered("02-28 18:45")),
    ("Mathilde", "Colin", "Colin Optique", Content),
    ("Raphaël", "Picard", "Picard Auto", Content),
    ("Léa", "Vidal", "Vidal Mode", Planned("02-19 10:00", "03-03 15:00")),
    ("Adrien", "Gauthier", "Gauthier Bois", Content),
    ("Clara", "Robin", "Robin Événements", Content),
    ("Mehdi", "Saïdi", "Saïdi Logistique", Content),
    ("Jeanne", "Perrot", "Perrot Conseil", Content),
    ("Damien", "Olivier", "Olivier Jardins", Content),
    ("Elsa", "Meyer", "Meyer Bijoux", Content),
    ("Quentin", "Roy", "Roy Informatique", Content),
    ("Anaïs", "Brun", "Brun Voyages", Content),
];

/// When things happen.
const BUSY: [(&str, &str); 9] = [
    ("08:58", "09:24"),
    ("10:03", "10:10"),
    ("10:38", "10:54"),
    ("11:03", "12:05"),
    ("12:38", "12:48"),
    ("14:08", "14:32"),
    ("14:50", "15:02"),
    ("15:20", "16:50"),
    ("17:00", "17:42"),
];

/// An instant of that year, `MM-DD HH:MM` in Paris, before the clocks change.
fn on(day_and_time: &str) -> Timestamp {
    let (day, time) = day_and_time.split_once(' ').unwrap();
    Timestamp::parse_rfc3339(&format!("2026-{day}T{time}:00+01:00")).unwrap()
}

/// An instant of the day.
fn at(time: &str) -> Timestamp {
    on(&format!("03-03 {time}"))
}

/// The time in Paris.
fn shown(instant: Timestamp) -> String {
    let minutes = (instant.0 + HOUR).div_euclid(MINUTE);
    format!("{:02}:{:02}", minutes.div_euclid(60).rem_euclid(24), minutes.rem_euclid(60))
}

/// The id of a lead, and its mail address: the same on every run, since wordings are chosen by ids.
fn id_of(last: &str) -> String {
    let ascii: String = last.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{:0<17}", format!("lead0{ascii}"))
}

fn address_of(last: &str) -> String {
    format!("{}@lead.example", id_of(last))
}

fn mail(world: &World, from: &str, to: &str, sent: Timestamp, text: &str) -> String {
    let mail = json!({
        "status": "Archived", "name": "Bonjour", "from": from, "to": to, "dateSent": sent.to_espo(), "body": text,
        "bodyPlain": text, "isHtml": false,
    });
    world.espo.create("Email", "admin", mail)
}

fn call(world: &World, last: &str, direction: &str, status: &str, start: Timestamp) {
    let call = json!({
        "name": "Appel", "direction": direction, "status": status, "dateStart": start.to_espo(),
        "dateEnd": start.plus(10 * MINUTE).to_espo(), "parentType": "Lead", "parentId": id_of(last),
        "assignedUserId": LUC.0,
    });
    world.espo.create("Call", "admin", call);
}

fn lead(world: &World, (first, last, company): (&str, &str, &str), created: Timestamp, more: &Value) {
    let mut lead = json!({
        "id": id_of(last), "firstName": first, "lastName": last, "accountName": company, "status": "In Process",
        "assignedUserId": LUC.0, "teamsIds": [TEAM], "emailAddress": address_of(last),
        "phoneNumber": "+33639980101", "createdAt": created.to_espo(),
    });
    lead.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.espo.create("Lead", "admin", lead);
}

/// The CRM on the evening before.
fn the_evening_before(world: &World) {
    for (first, last, company, past) in &LEADS {
        let created = if let Untouched(created) = past { on(created) } else { on("01-12 09:00") };
        let more = match *last {
            "Lemaire" => json!({"phoneNumber": null}),
            "Carter" => json!({"phoneNumber": "+447700900123"}),
            _ => json!({}),
        };
        lead(world, (first, last, company), created, &more);
        let to_lead = |when: Timestamp| mail(world, "luc@max.example", &address_of(last), when, "Voici notre offre.");
        let from_lead = |when: Timestamp, text: &str| mail(world, &address_of(last), "luc@max.example", when, text);
        match past {
            Untouched(_) => {}
            Content => {
                to_lead(on("02-27 15:00"));
                let thanks = if *last == "Carter" { "Thank you very much!" } else { "Merci, bien reçu." };
                from_lead(on("03-02 09:30"), thanks);
            }
            Unanswered(when) => drop(to_lead(on(when))),
            Silent(when) | Planned(when, _) => {
                to_lead(on(when).plus(-2 * HOUR));
                from_lead(on(when), "Merci, bien reçu.");
            }
            Asked(when) => {
                to_lead(on("02-27 15:00"));
                from_lead(on(when), "Bonjour, où en est notre dossier ? Cordialement");
            }
            Missed(when) => {
                to_lead(on("02-27 15:00"));
                from_lead(on("02-28 15:00"), "Merci, bien reçu.");
                call(world, last, "Inbound", "Not Held", on(when));
            }
        }
        if let Planned(_, when) = past {
            call(world, last, "Outbound", "Planned", on(when));
        }
    }
}

/// What M.A.X. said to Luc of its own accord.
struct Told {
    at: Timestamp,
    is_hot: bool,
    text: String,
}

/// What was shown of a message last.
type Shown = (String, Vec<String>);

struct Day {
    world: World,
    transcript: String,
    shown: HashMap<(i64, i32), Shown>,
    toasts: usize,
    told: Vec<Told>,
    /// What Luc's latest message said.
    latest: String,
    /// The CRM's records of alerts, by key, as they are now.
    in_crm: HashMap<String, Value>,
    /// How often each alert was told as a message of its own, unasked.
    announced: HashMap<(i64, String), u32>,
    wrong: Vec<String>,
}

/// Row by row; a link is marked.
fn rows(keyboard: &[Vec<Key>]) -> Vec<String> {
    let key = |key: &Key| format!("[{}{}]", key.text, if key.url.is_some() { " ↗" } else { "" });
    keyboard.iter().map(|row| row.iter().map(key).collect::<Vec<_>>().join(" ")).collect()
}

/// The alert that can be dealt with by a message's own buttons.
fn subject(message: &SentMessage) -> Option<AlertId> {
    let keys = message.keyboard.iter().flatten().filter_map(|key| key.callback_data.as_deref());
    keys.into_iter().find_map(|data| data.strip_prefix("1:done:")).map(AlertId::from)
}

impl Day {
    async fn begin() -> Self {
        let setting = Setting {
            begin: "2026-03-02T20:00:00+01:00",
            mail_from: "contact@max.example",
            config: format!("[teams.\"{TEAM}\"]\nmanagers = [\"{}\"]\n", CLAIRE.0),
            linked: vec![LUC, CAMILLE, CLAIRE],
            ..Setting::default()
        };
        let world = World::with(setting, the_evening_before).await;
        let mut day = Self {
            world,
            transcript: String::new(),
            shown: HashMap::new(),
            toasts: 0,
            told: Vec::new(),
            latest: String::new(),
            in_crm: HashMap::new(),
            announced: HashMap::new(),
            wrong: Vec::new(),
        };
        day.look(true);
        day.transcript.clear();
        day.told.clear();
        day
    }

    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    fn line(&mut self, text: &str) {
        writeln!(self.transcript, "{} {text}", shown(self.world.clock.now())).unwrap();
    }

    /// Lets the day go on until then: minute by minute where things happen.
    async fn until(&mut self, time: &str) {
        let end = at(time);
        while self.now() < end {
            let busy = BUSY.iter().any(|(from, to)| (at(from)..at(to)).contains(&self.now()));
            let beat = if busy { MINUTE } else { 5 * MINUTE };
            let to_next: Seconds = beat - self.now().0.rem_euclid(beat);
            let step = end.since(self.now()).min(to_next);
            self.world.pass(step).await;
            self.look(false);
        }
    }

    /// Something happens in the CRM.
    async fn happens(&mut self, what: &str) {
        self.line(&format!("— {what}"));
        self.world.settle().await;
        self.look(false);
    }

    /// A lead writes a mail, just now.
    async fn mail_from(&mut self, last: &str, text: &str) {
        mail(&self.world, &address_of(last), "luc@max.example", self.now(), text);
        self.happens(&format!("{last} écrit par email : « {text} »")).await;
    }

    /// As `mail_from`; Luc has to hear of it within seconds.
    async fn hot_mail_from(&mut self, last: &str, name: &str, text: &str) {
        let (began, before) = (self.now(), self.told.len());
        self.mail_from(last, text).await;
        self.told_within_seconds(name, began, before);
    }

    fn told_within_seconds(&mut self, name: &str, began: Timestamp, before: usize) {
        let heard = self.told[before..]
            .iter()
            .any(|told| told.is_hot && told.text.contains(name) && told.at.since(began) <= 15);
        if !heard {
            self.wrong.push(format!("{}: a hot lead was not told within seconds: {name}", shown(began)));
        }
    }

    /// Luc's latest message that says this and has this button.
    fn find(&self, account: i64, about: &str, label: &str) -> Option<(i32, String, Timestamp)> {
        self.world.messages(account).into_iter().rev().find_map(|message| {
            let is_about =
                message.plain.contains(about) || message.keyboard.iter().flatten().any(|key| key.text.contains(about));
            let key =
                message.keyboard.iter().flatten().find(|key| key.text.contains(label) && key.callback_data.is_some());
            let data = key.filter(|_| is_about)?.callback_data.clone()?;
            Some((message.message_id, data, message.sent_at))
        })
    }

    async fn tap(&mut self, about: &str, label: &str) {
        self.tap_by(LUC.1, "Luc", about, label, 1).await;
    }

    async fn tap_by(&mut self, account: i64, who: &str, about: &str, label: &str, times: u32) {
        self.world.carried_out().await;
        let Some((message, data, sent)) = self.find(account, about, label) else {
            self.wrong.push(format!("{}: {who} finds no [{label}] about {about}", shown(self.now())));
            return;
        };
        let twice = if times > 1 { " deux fois" } else { "" };
        self.line(&format!("{who} touche{twice} « {label} » ({about}, message de {})", shown(sent)));
        for _ in 0..times {
            self.world.telegram.tap(account, message, &data).unwrap();
        }
        self.world.settle().await;
        self.look(true);
    }

    async fn say(&mut self, text: &str) {
        self.line(&format!("Luc écrit : {text}"));
        self.world.telegram.say(LUC.1, text).unwrap();
        self.world.settle().await;
        self.look(true);
    }

    async fn reply(&mut self, about: &str, text: &str) {
        let found = self.world.messages(LUC.1).into_iter().rev().find(|message| message.plain.contains(about));
        let Some(message) = found else {
            self.wrong.push(format!("{}: nothing about {about} to reply to", shown(self.now())));
            return;
        };
        self.line(&format!("Luc répond au message de {} : {text}", shown(message.sent_at)));
        self.world.telegram.reply(LUC.1, message.message_id, text).unwrap();
        self.world.settle().await;
        self.look(true);
    }

    /// Writes down what is new in the chats, and looks whether all that is there is true. `asked`: somebody has just
    /// tapped or written.
    fn look(&mut self, asked: bool) {
        let answers = self.world.telegram.answers();
        for answer in answers.iter().skip(self.toasts) {
            if let Some(text) = &answer.text {
                writeln!(self.transcript, "      (bulle) {text}").unwrap();
            }
        }
        self.toasts = answers.len();
        let records = self.world.espo.list("MaxAlert");
        let key = |record: &Value| record["dedupKey"].as_str().unwrap_or_default().to_owned();
        self.in_crm = records.into_iter().map(|record| (key(&record), record)).collect();
        for (account, to) in [(LUC.1, ""), (CAMILLE.1, " → Camille"), (CLAIRE.1, " → Claire")] {
            for message in self.world.messages(account) {
                self.look_at(account, to, &message, asked);
            }
        }
    }

    fn look_at(&mut self, account: i64, to: &str, message: &SentMessage, asked: bool) {
        self.in_step(message);
        let now_shown = (message.plain.clone(), rows(&message.keyboard));
        let before = self.shown.insert((account, message.message_id), now_shown.clone());
        if before.as_ref() == Some(&now_shown) {
            return;
        }
        let (text, keys) = now_shown;
        let before_is_none = before.is_none();
        let head = match &before {
            None => {
                let silent = if message.silent { " (sans son)" } else { "" };
                format!("{} M.A.X.{to}{silent} :", shown(message.sent_at))
            }
            Some(_) => format!("{} ✎{to} le message de {} devient :", shown(self.now()), shown(message.sent_at)),
        };
        writeln!(self.transcript, "{head}").unwrap();
        if before.as_ref().is_some_and(|(was, _)| *was == text) {
            writeln!(self.transcript, "      (même texte)").unwrap();
        } else {
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                writeln!(self.transcript, "      {line}").unwrap();
            }
        }
        for row in &keys {
            writeln!(self.transcript, "        {row}").unwrap();
        }
        if keys.is_empty() && before.is_some_and(|(_, keys)| !keys.is_empty()) {
            writeln!(self.transcript, "        (plus de boutons)").unwrap();
        }
        if before_is_none && !asked {
            self.was_told(account, message);
        }
        if account == LUC.1 {
            self.slots_are_free(message);
        }
        if account == LUC.1 && before_is_none {
            self.latest.clone_from(&message.plain);
        }
    }

    /// What can be dealt with in a message is still to be dealt with.
    fn in_step(&mut self, message: &SentMessage) {
        let Some(alert) = subject(message) else { return };
        let status = self.in_crm.get(alert.as_str()).map(|record| record["status"].as_str().unwrap_or_default());
        if !status.is_some_and(|status| status == "Open" || status == "Snoozed") {
            self.wrong.push(format!("{}: buttons of what is over: {}", shown(self.now()), message.plain));
        }
    }

    fn was_told(&mut self, account: i64, message: &SentMessage) {
        let key = subject(message);
        let record = key.as_ref().and_then(|key| self.in_crm.get(key.as_str())).cloned();
        if let Some(key) = &key {
            match &record {
                Some(record) if record["status"] == "Open" => {
                    let (lead, rule) = (record["leadId"].as_str().unwrap(), record["type"].as_str().unwrap());
                    if let Err(why) = holds(&self.world, lead, rule, message.sent_at) {
                        self.wrong.push(format!("{}: {why}, and yet: {}", shown(message.sent_at), message.plain));
                    }
                }
                _ => self.wrong.push(format!("the CRM knows nothing of: {}", message.plain)),
            }
            let times = self.announced.entry((account, key.to_string())).or_default();
            *times += 1;
            let has_reason =
                ["⏰ Comme promis", "⏰ Le moment", "⏳", "🔁", "🤝"].iter().any(|why| message.plain.starts_with(why));
            if *times > 1 && !has_reason {
                self.wrong.push(format!("{}: told twice: {}", shown(message.sent_at), message.plain));
            }
        }
        if account != LUC.1 {
            return;
        }
        let is_hot = record.is_some_and(|record| record["type"] == "HotLead24h");
        let told = Told { at: message.sent_at, is_hot, text: message.plain.clone() };
        self.calm(&told);
        self.told.push(told);
    }

    /// No time to call at is offered at which the CRM has something planned for Luc.
    fn slots_are_free(&mut self, message: &SentMessage) {
        let slot = |data: &str| {
            let minutes = data.strip_prefix("1:at-").and_then(|rest| rest.split(':').next());
            let minutes = minutes.and_then(|minutes| i64::from_str_radix(minutes, 16).ok()).map(|at| at * MINUTE);
            let seconds = data.strip_prefix("2:ca:").or(data.strip_prefix("2:cm:"));
            let seconds = seconds.and_then(|rest| rest.split(':').next()?.parse().ok());
            minutes.or(seconds).map(Timestamp)
        };
        let offered = message.keyboard.iter().flatten().filter_map(|key| slot(key.callback_data.as_deref()?));
        let instant = |record: &Value, field: &str| Timestamp::parse_espo(record[field].as_str()?).ok();
        let calls = self.world.espo.list("Call").into_iter().chain(self.world.espo.list("Meeting"));
        let planned: Vec<(Timestamp, Timestamp)> = calls
            .filter(|record| record["status"] == "Planned" && record["assignedUserId"] == LUC.0)
            .filter_map(|record| Some((instant(&record, "dateStart")?, instant(&record, "dateEnd")?)))
            .collect();
        for at in offered {
            if planned.iter().any(|(from, to)| at < *to && at.plus(30 * MINUTE) > *from) {
                self.wrong.push(format!("{}: {} is offered, and taken in the CRM", shown(self.now()), shown(at)));
            }
        }
    }

    /// Not more than three an hour, nothing out of hours, nothing in the words of the message before.
    fn calm(&mut self, told: &Told) {
        let is_summary = told.text.contains("Belle journée");
        // A call that begins in five minutes cannot wait.
        let is_urgent = |told: &Told| told.is_hot || told.text.contains("ton appel est à");
        if !is_urgent(told) && !is_summary {
            let within = |other: &&Told| !is_urgent(other) && told.at.since(other.at) < HOUR;
            if self.told.iter().filter(within).count() >= 3 {
                self.wrong.push(format!("{}: the fourth within an hour: {}", shown(told.at), told.text));
            }
            if told.at < at("09:00") || told.at >= at("18:30") {
                self.wrong.push(format!("{}: out of hours: {}", shown(told.at), told.text));
            }
        }
        let sentences = |text: &str| -> Vec<String> {
            text.split(['\n', '.', '?', '!'])
                .map(|part| part.trim().to_owned())
                .filter(|part| part.chars().count() > 24)
                .collect()
        };
        let before = sentences(&self.latest);
        for sentence in sentences(&told.text).into_iter().filter(|sentence| before.contains(sentence)) {
            self.wrong.push(format!("{}: the same sentence twice in a row: {sentence}", shown(told.at)));
        }
    }

    /// The CRM is away for some minutes; Luc taps on something meanwhile.
    async fn without_crm(&mut self, minutes: u32) {
        for _ in 0..minutes {
            self.world.clock.advance(MINUTE);
            let _ = self.world.app().crm.look_now().await;
            self.world.quiet().await;
            // What is said of planned calls needs no CRM.
            while self.world.outbox().iter().any(|key| key.starts_with("call-")) {
                self.world.quiet().await;
            }
            self.look(false);
        }
    }

    async fn tap_without_crm(&mut self, about: &str, label: &str) {
        let Some((message, data, sent)) = self.find(LUC.1, about, label) else {
            self.wrong.push(format!("{}: Luc finds no [{label}] about {about}", shown(self.now())));
            return;
        };
        self.line(&format!("Luc touche « {label} » ({about}, message de {})", shown(sent)));
        self.world.telegram.tap(LUC.1, message, &data).unwrap();
        self.world.telegram.wait_until(TelegramSandbox::all_updates_confirmed).await;
        self.world.quiet().await;
        self.look(true);
    }

    /// A button that a message had once.
    async fn tap_what_was(&mut self, about: &str, action: &str) {
        let was = self.world.messages(LUC.1).into_iter().find_map(|message| {
            let keys = message.history.iter().flat_map(|version| version.keyboard.iter().flatten());
            let mut data = keys.filter_map(|key| key.callback_data.clone()).filter(|data| data.starts_with(action));
            let data = data.next().filter(|_| message.plain.contains(about))?;
            Some((message.message_id, data, message.sent_at))
        });
        let Some((message, data, sent)) = was else {
            self.wrong.push(format!("{}: there was no {action} about {about}", shown(self.now())));
            return;
        };
        self.line(&format!("Luc touche un ancien bouton ({about}, message de {})", shown(sent)));
        self.world.telegram.tap(LUC.1, message, &data).unwrap();
        self.world.settle().await;
        self.look(true);
    }

    /// The CRM has each call once, with what Luc said of it.
    fn calls_are_as_luc_said(&mut self) {
        let calls = self.world.espo.list("Call");
        let of = |last: &str, status: &str| {
            let is_it = |call: &&Value| call["parentId"] == id_of(last) && call["status"] == status;
            calls.iter().filter(is_it).count()
        };
        for (last, held, not_held, planned) in [
            ("Vidal", 1, 0, 0),
            ("Petit", 0, 2, 1),
            ("Fontaine", 0, 1, 1),
            ("Lefèvre", 1, 1, 0),
            ("Roux", 1, 0, 0),
            ("Mercier", 0, 0, 1),
            ("Rossi", 0, 0, 1),
            ("Bertin", 0, 0, 1),
        ] {
            let found = (of(last, "Held"), of(last, "Not Held"), of(last, "Planned"));
            if found != (held, not_held, planned) {
                self.wrong.push(format!("{last}: {found:?} calls held, not held, planned in the CRM"));
            }
        }
    }

    /// The CRM says of every alert what M.A.X. says.
    fn records_agree(&mut self) {
        let records = self.world.espo.list("MaxAlert");
        for alert in self.world.app().engine.store().all_alerts().unwrap() {
            let of_it = |record: &&Value| {
                record["leadId"] == alert.lead_id.as_str() && record["type"] == alert.alert_type.as_str()
            };
            let states: Vec<String> = records
                .iter()
                .filter(of_it)
                .map(|record| record["status"].as_str().unwrap_or_default().to_lowercase())
                .collect();
            if !states.iter().any(|state| state == alert.state.name()) {
                self.wrong.push(format!(
                    "{} {:?} is {} and in the CRM {states:?}",
                    alert.lead_id,
                    alert.alert_type,
                    alert.state.name()
                ));
            }
        }
    }
}

/// Whether a rule holds for a lead at `now`, as the CRM's own records tell it: who wrote or called when, and what is planned.
fn holds(world: &World, lead: &str, rule: &str, now: Timestamp) -> Result<(), String> {
    let record = world.espo.get("Lead", lead).ok_or("there is no such lead")?;
    if ["Dead", "Converted"].iter().any(|closed| record["status"] == *closed) {
        return Err("the lead is closed".to_owned());
    }
    let address = record["emailAddress"].as_str().unwrap_or_default().to_owned();
    let instant = |record: &Value, field: &str| record[field].as_str().and_then(|at| Timestamp::parse_espo(at).ok());
    // Who reached out when: the lead, or we. A call in vain is no answer.
    let mut reached: Vec<(Timestamp, bool, bool)> = Vec::new();
    for mail in world.espo.list("Email") {
        let (from_lead, at) = (mail["from"] == address.as_str(), instant(&mail, "dateSent"));
        let is_auto = mail["body"].as_str().is_some_and(|body| body.contains("absente du bureau"));
        if from_lead || mail["to"].as_str().is_some_and(|to| to.contains(&address)) {
            reached.extend(at.filter(|_| !is_auto).map(|at| (at, from_lead, true)));
        }
    }
    for call in world.espo.list("Call").into_iter().filter(|call| call["parentId"] == lead) {
        let held = call["status"] == "Held";
        if held || call["status"] == "Not Held" {
            reached.extend(instant(&call, "dateStart").map(|at| (at, call["direction"] == "Inbound", held)));
        }
    }
    for activity in world.espo.list("MaxActivity").into_iter().filter(|activity| activity["leadId"] == lead) {
        reached.extend(instant(&activity, "timestamp").map(|at| (at, activity["direction"] == "in", true)));
    }
    reached.retain(|(at, ..)| *at <= now);
    let latest = |inbound: bool| reached.iter().filter(|one| one.1 == inbound).map(|one| one.0).max();
    let answered = reached.iter().filter(|(_, inbound, counts)| !inbound && *counts).map(|one| one.0).max();
    let (last_in, last_out) = (latest(true), latest(false));
    let last = last_in.max(last_out);
    let days = |at: Option<Timestamp>| at.map_or(i64::MAX, |at| now.since(at).div_euclid(DAY));
    let planned = world.espo.list("Call").into_iter().any(|call| {
        call["parentId"] == lead
            && call["status"] == "Planned"
            && instant(&call, "dateStart").is_some_and(|at| at > now)
    });
    let waits = last_in.is_some() && last_in > answered;
    let is_true = match rule {
        "HotLead24h" => waits && days(last_in) < 1,
        "AwaitingReply24h" => waits && days(last_in) >= 1,
        "NoContact7d" => last_out.is_none() && !planned && days(instant(&record, "createdAt")) >= 7,
        "NoReply3d" => !planned && last_out > last_in && days(last_out) >= 3,
        "NoFollowup7d" => !planned && days(last) >= 7,
        "StaleLead30d" => days(last) >= 30,
        _ => true,
    };
    if is_true { Ok(()) } else { Err(format!("the CRM does not bear {rule} out: {reached:?}, planned: {planned}")) }
}

#[tokio::test]
async fn a_working_day_in_the_chat() {
    let mut day = Day::begin().await;
    morning(&mut day).await;
    lunch(&mut day).await;
    afternoon(&mut day).await;
    evening(&mut day).await;
    day.records_agree();
    day.calls_are_as_luc_said();
    insta::assert_snapshot!("day", day.transcript);
    assert!(day.wrong.is_empty(), "{}", day.wrong.join("\n"));
    assert_eq!(day.world.outbox(), Vec::<String>::new());
    for (key, entry) in day.world.app().engine.store().outbox().unwrap() {
        assert!(entry.not_before >= on("03-04 08:00"), "{key} waits for something else than the next morning");
    }
    day.world.stop().await;
}

async fn morning(day: &mut Day) {
    day.until("08:10").await;
    day.mail_from("Picard", "Merci !").await;
    day.until("09:02").await;
    day.tap("Bonjour Luc", "À relancer").await;
    day.tap("Lucie", "Lucie").await;
    day.until("09:06").await;
    day.tap("Lucie", "Appel").await;
    day.tap("Lucie", "Message laissé").await;
    day.tap("Lucie", "On retente quand").await;
    day.tap("Lucie", "Demain").await;
    day.until("09:08").await;
    day.say("appelle Nadia demain 10h").await;

    day.until("09:20").await;
    day.hot_mail_from("Delacroix", "Sophie", "Bonjour, vous pouvez m'envoyer un devis pour 12 postes ?").await;
    day.until("09:23").await;
    day.tap("Sophie", "Répondre par email").await;
    day.tap("Sophie", "Envoyer par email").await;
    day.tap("Sophie", "Oui, envoyer").await;

    day.until("09:40").await;
    day.mail_from("Texier", "merci !").await;
    day.until("09:45").await;
    call(&day.world, "Picard", "Inbound", "Not Held", day.now());
    day.happens("Raphaël Picard appelle, personne ne décroche").await;
    day.until("09:50").await;
    day.mail_from("Aubert", "Je suis absente du bureau jusqu'au 9 mars. Je vous répondrai à mon retour.").await;

    // Three days since we wrote to Julien.
    day.until("10:08").await;
    day.tap("Julien", "Appel").await;
    day.tap("Julien", "Demain 15h").await;
    day.until("10:42").await;
    day.reply("Karim", "pourquoi ?").await;
    day.tap("Karim", "⋯ Plus").await;
    day.tap("Karim", "Pas pertinent").await;
    // A day since Héloïse asked.
    day.until("10:52").await;
    day.tap("Héloïse", "Plus tard").await;
    day.tap("Héloïse", "Dans 1 h").await;

    day.until("11:05").await;
    let (began, before) = (day.now(), day.told.len());
    let activity = json!({
        "id": "wa-1105", "leadId": id_of("Carter"), "channel": "whatsapp", "direction": "in",
        "message_preview": "Hi Luc, could you send me a quote for 20 seats please?",
    });
    let (status, answer) = day.world.api("POST", "/api/activities/log", activity).await;
    assert!(status < 300, "{answer}");
    day.happens("Emily Carter écrit sur WhatsApp (signalé par l'API) : « Hi Luc, could you send me a quote for 20 seats please? »").await;
    day.told_within_seconds("Emily", began, before);
    day.until("11:07").await;
    day.tap("Emily", "Préparer un message").await;
    day.reply("Hello Emily", "Hi Emily, thanks! You'll have the quote for 20 seats by noon. Luc").await;
    day.tap("You'll have the quote", "C'est envoyé").await;

    // A day since Marc called.
    day.until("11:30").await;
    day.tap("Marc", "Appel").await;
    day.tap("Marc", "Auj. 15h30").await;
    // Héloïse is back.
    day.until("11:55").await;
    day.tap("Héloïse", "Appel").await;
    day.tap("Héloïse", "Pas de réponse").await;
    day.tap("Héloïse", "Retour").await;
    day.until("12:02").await;
    day.tap("Héloïse", "Appel").await;
    day.tap("Héloïse", "Joint").await;
}

async fn lunch(day: &mut Day) {
    day.until("12:10").await;
    day.say("/pause 2h").await;
    day.until("12:40").await;
    day.hot_mail_from("Roux", "Antoine", "Bonjour, nous sommes prêts à commander, pouvez-vous m'appeler ?").await;
    day.until("12:46").await;
    day.tap("Antoine", "Appel").await;
    day.tap("Antoine", "Joint").await;
    // Chloé and Hugo fell silent during the pause.
    day.until("14:12").await;
    day.say("fait Hugo").await;
}

async fn afternoon(day: &mut Day) {
    day.until("14:30").await;
    day.hot_mail_from("Lambert", "Victor", "Bonjour, pouvez-vous m'envoyer un devis cette semaine ?").await;
    day.until("14:40").await;
    let farid = day.world.alert(&id_of("Haddad"), "NoReply3d");
    day.world.espo.update("MaxAlert", farid["id"].as_str().unwrap(), "admin", json!({"status": "Resolved"}));
    day.happens("L'administrateur règle l'alerte de Farid Haddad dans le CRM").await;
    day.until("14:50").await;
    day.world.espo.update("Lead", &id_of("Perrin"), "claire", json!({"assignedUserId": CAMILLE.0}));
    day.happens("Claire confie Inès Perrin à Camille dans le CRM").await;

    day.until("15:00").await;
    let imported = [
        ("Arthur", "Weber"),
        ("Bérénice", "Klein"),
        ("Côme", "Vasseur"),
        ("Diane", "Poulain"),
        ("Edgar", "Besson"),
        ("Fanny", "Royer"),
        ("Gaspard", "Cohen"),
        ("Hanae", "Sato"),
    ];
    for (first, last) in imported {
        lead(&day.world, (first, last, "Salon de Lyon"), on("02-20 09:00"), &json!({}));
    }
    day.happens("Huit leads d'un salon sont importés, vieux de dix jours").await;
    day.until("15:10").await;
    day.say("/lead Lefevbre").await;

    day.until("15:20").await;
    day.line("— Le CRM est en panne");
    day.world.espo.fail(Fault::Down);
    day.without_crm(5).await;
    day.tap_without_crm("Chloé", "Chloé").await;
    day.without_crm(3).await;
    mail(
        &day.world,
        &address_of("Gauthier"),
        "luc@max.example",
        day.now(),
        "Pouvez-vous m'envoyer un devis pour la terrasse ?",
    );
    day.line("— Adrien Gauthier écrit par email : « Pouvez-vous m'envoyer un devis pour la terrasse ? »");
    day.without_crm(12).await;
    day.world.espo.heal();
    let (began, before) = (day.now(), day.told.len());
    day.happens("Le CRM est de nouveau là").await;
    day.told_within_seconds("Adrien", began, before);
    day.until("15:46").await;
    // Half an hour was planned with Léa.
    day.tap("Léa", "Joint").await;
    day.tap("Adrien", "C'est envoyé").await;
    day.tap("Chloé", "Chloé").await;
    day.tap_by(LUC.1, "Luc", "Chloé", "Traité", 2).await;

    day.until("15:55").await;
    day.say("Nina Caron").await;
    day.tap("Nina", "Voir l'alerte").await;
    day.tap("Nina", "⋯ Plus").await;
    day.tap("Nina", "Archiver").await;
    day.tap("Nina", "Oui, archiver").await;
    day.until("15:59").await;
    day.tap("Nina", "Annuler").await;
    // The call with Marc, whom Luc has not reached.
    day.until("16:18").await;
    day.tap("Marc", "Pas de réponse").await;
    day.tap("Marc", "Demain").await;
    // Five fall silent within twenty minutes; Victor still waits.
    day.until("16:45").await;
    day.tap_what_was("Julien", "1:call:").await;
}

async fn evening(day: &mut Day) {
    day.until("17:00").await;
    lead(&day.world, ("Salomé", "Bertin", "Bertin Déco"), day.now(), &json!({"status": "New", "source": "Web Site"}));
    day.happens("Salomé Bertin remplit le formulaire du site").await;
    day.until("17:02").await;
    day.hot_mail_from("Bertin", "Salomé", "Bonjour, je voudrais une démo et vos tarifs.").await;
    day.until("17:04").await;
    day.tap("Salomé", "Appel").await;
    day.tap("Salomé", "Demain 11h").await;
    day.until("17:20").await;
    day.say("/today").await;
    day.say("/stats").await;
    // Claire hears of Victor, and hands him to Camille.
    day.until("17:40").await;
    day.tap_by(CLAIRE.1, "Claire", "Victor", "Confier", 1).await;
    day.tap_by(CLAIRE.1, "Claire", "Victor", "Camille", 1).await;
    day.tap_by(CLAIRE.1, "Claire", "Victor", "Confier à", 1).await;
    day.until("18:31").await;
    day.until("18:50").await;
    day.hot_mail_from("Colin", "Mathilde", "Bonsoir, pouvez-vous me faire un devis ?").await;
    day.until("18:53").await;
    day.tap("Mathilde", "Plus tard").await;
    day.tap("Mathilde", "Demain").await;
    day.until("19:00").await;
}
