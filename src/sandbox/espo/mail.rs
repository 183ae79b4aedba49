//! What EspoCRM does with mail: finds out whose addresses are on it, gives it to them, and sends it.

use serde_json::{Map, Value, json};

use super::access::{Actor, Reach, UserKind};
use super::refusal::Refusal;
use super::value::{addresses, ids_of, points, text_of};
use super::world::{Pen, World};

impl World {
    /// The record a mail address belongs to; EspoCRM prefers users and contacts to leads.
    pub fn owner_of(&self, address: &str) -> Option<(String, String)> {
        let owners = self.owners.get(&address.to_lowercase())?;
        let holds = |(entity, id): &&(String, String)| {
            self.row(entity, id).is_some_and(|row| {
                points(&row.attributes, "emailAddress").iter().any(|point| *point == address.to_lowercase())
            })
        };
        let rank = |(entity, _): &&(String, String)| match entity.as_str() {
            "User" => 0,
            "Contact" => 1,
            "Account" => 2,
            _ => 3,
        };
        owners.iter().filter(holds).min_by_key(rank).cloned()
    }

    /// Notes whose the addresses of a record are.
    pub fn index_addresses(&mut self, entity: &str, id: &str) {
        let Some(record) = self.any_row(entity, id) else { return };
        for address in points(&record.attributes, "emailAddress") {
            self.owners.entry(address).or_default().insert((entity.into(), id.into()));
        }
    }

    /// Gives each address of a mail its EmailAddress record, and the body its plain text.
    pub fn resolve_addresses(&mut self, id: &str) {
        let Some(record) = self.any_row("Email", id) else { return };
        let attributes = record.attributes.clone();
        let mut found = Map::new();
        for (place, link) in [
            ("to", "toEmailAddresses"),
            ("cc", "ccEmailAddresses"),
            ("bcc", "bccEmailAddresses"),
            ("replyTo", "replyToEmailAddresses"),
        ] {
            let ids: Vec<String> = addresses(&attributes, place).iter().map(|a| self.address_id(a)).collect();
            found.insert(format!("{link}Ids"), json!(ids));
            found.insert(place.into(), addresses(&attributes, place).join(";").into());
        }
        if let Some(from) = addresses(&attributes, "from").first() {
            found.insert("fromEmailAddressId".into(), self.address_id(from).into());
        }
        if text_of(&attributes, "bodyPlain").is_none()
            && attributes.get("isHtml") != Some(&json!(false))
            && let Some(body) = text_of(&attributes, "body")
        {
            found.insert("bodyPlain".into(), plain_text(&body).into());
        }
        if text_of(&attributes, "messageId").is_none() {
            found.insert("messageId".into(), format!("dummy:{}", self.fresh_id()).into());
        }
        if let Some(row) = self.row_mut("Email", id) {
            row.attributes.extend(found);
        }
    }

    /// Gives a new mail to the users whose addresses are on it, and one being sent to its sender; one through a group
    /// account to whom it is assigned as well, and nobody is its sender.
    pub fn deal_out(&mut self, actor: &Actor, id: &str) {
        let Some(record) = self.any_row("Email", id) else { return };
        let all = ["from", "to", "cc", "bcc"].into_iter().flat_map(|place| addresses(&record.attributes, place));
        let owners = all.filter_map(|address| self.owner_of(&address));
        let mut users: Vec<String> = owners.filter(|(entity, _)| entity == "User").map(|(_, user)| user).collect();
        let sending = self.text("Email", id, "status") == "Sending";
        let account = self.group_account(&self.text("Email", id, "from"));
        let mut assigned = users.clone();
        if sending {
            users.push(actor.id.clone());
            match &account {
                Some(_) => users.extend(text_of(&record.attributes, "assignedUserId")),
                None => assigned.push(actor.id.clone()),
            }
        }
        for users in [&mut users, &mut assigned] {
            users.sort();
            users.dedup();
        }
        let through = match &account {
            Some(account) => ("inboundEmailsIds", account.clone()),
            None => ("emailAccountsIds", self.fresh_id()),
        };
        let Some(row) = self.row_mut("Email", id) else { return };
        if sending {
            row.attributes.insert(through.0.into(), json!([through.1]));
        }
        if sending && account.is_none() {
            row.attributes.insert("sentById".into(), actor.id.clone().into());
        }
        row.attributes.entry("usersIds").or_insert(json!(users));
        row.attributes.entry("assignedUsersIds").or_insert(json!(assigned));
    }

    /// The group account of an address.
    pub fn group_account(&self, address: &str) -> Option<String> {
        let has = |row: &Map<String, Value>| {
            text_of(row, "emailAddress").is_some_and(|own| own.to_lowercase() == address.to_lowercase())
        };
        let found = self.rows("InboundEmail").find(|(_, row)| has(&row.attributes));
        found.map(|(id, _)| id.to_owned())
    }

    fn address_id(&mut self, address: &str) -> String {
        let lower = address.to_lowercase();
        let known = self.rows("EmailAddress").find(|(_, row)| row.attributes.get("lower") == Some(&json!(lower)));
        if let Some((id, _)) = known {
            return id.to_owned();
        }
        let id = self.fresh_id();
        self.plant("EmailAddress", &id, &json!({"name": address, "lower": lower}));
        id
    }

    /// The addresses of the group accounts through which somebody may send: active ones with SMTP that are shared, of the
    /// own teams or all.
    pub fn shared_accounts(&self, actor: &Actor) -> Vec<String> {
        let reach = actor.group_accounts();
        let mine = self.row("User", &actor.id).map(|user| ids_of(&user.attributes, "teams")).unwrap_or_default();
        let is_shared = |account: &Map<String, Value>| {
            account.get("status") == Some(&json!("Active"))
                && ["useSmtp", "smtpIsShared"].iter().all(|name| account.get(*name) == Some(&json!(true)))
        };
        let is_mine = |account: &Map<String, Value>| match reach {
            Reach::All => true,
            Reach::Team => ids_of(account, "teams").iter().any(|team| mine.contains(team)),
            Reach::Own | Reach::No => false,
        };
        let accounts = self.rows("InboundEmail").map(|(_, row)| &row.attributes);
        accounts.filter(|row| is_shared(row) && is_mine(row)).filter_map(|row| text_of(row, "emailAddress")).collect()
    }

    /// Refuses a mail from an address that is neither one's own nor a group account's.
    pub fn check_from(&self, actor: &Actor, input: &Map<String, Value>) -> Result<(), Refusal> {
        if actor.kind == UserKind::Admin {
            return Ok(());
        }
        let from = text_of(input, "from").ok_or_else(|| Refusal::new(400, "No 'from' address"))?.to_lowercase();
        let own = self.row("User", &actor.id).map(|user| points(&user.attributes, "emailAddress")).unwrap_or_default();
        let may = self.shared_accounts(actor).into_iter().chain(own).any(|address| address.to_lowercase() == from);
        if may { Ok(()) } else { Err(Refusal::new(403, "Not allowed 'from' address.")) }
    }

    /// What EspoCRM does with a mail saved as `Sending`: it goes out at once, and the mail it answers is marked
    /// without anybody being told. When the mail server refuses, it stays as a draft.
    pub fn send_mail(&mut self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        if self.faults.mail_server_refuses() {
            if let Some(row) = self.row_mut("Email", id) {
                row.attributes.insert("status".into(), "Draft".into());
            }
            let body = json!({"id": id, "message": "unknownError"});
            return Err(Refusal { body: Some(body), ..Refusal::new(500, "sendingFail") });
        }
        let name = self.name_of("User", &actor.id).unwrap_or_default();
        let from = self.text("Email", id, "from");
        let replied = self.text("Email", id, "repliedId");
        let sent = json!({"status": "Sent", "dateSent": self.now_text(), "isUsers": true,
            "sendAt": null, "fromName": name, "fromAddress": from, "fromString": format!("{name} <{from}>")});
        let sent = sent.as_object().cloned().unwrap_or_default();
        // The record was just made by this very actor, so neither access nor existence can refuse it.
        let _ = self.update(actor, "Email", id, sent, None, Pen::Hand);
        if let Some(original) = self.row_mut("Email", &replied) {
            original.attributes.insert("isReplied".into(), true.into());
        }
        Ok(())
    }
}

fn plain_text(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.replace("<br>", "\n").replace("<br />", "\n").replace("</p><p>", "\n\n").chars() {
        match c {
            '<' => inside = true,
            '>' if inside => inside = false,
            _ if !inside => text.push(c),
            _ => {}
        }
    }
    text.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}
