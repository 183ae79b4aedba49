//! The sample world of the demo: one rep, one manager, ten leads, and just enough history that every rule speaks
//! and that some leads are fine.

use serde_json::{Value, json};

use super::espo::EspoSandbox;
use super::telegram::Person;
use crate::domain::{DAY, HOUR, MINUTE, Seconds, Timestamp};

/// The rep's id in the CRM.
pub const REP_ID: &str = "5eed0000000000001";
/// The manager's id in the CRM.
pub const MANAGER_ID: &str = "5eed0000000000002";
/// The team's id in the CRM.
pub const TEAM_ID: &str = "5eed0000000000003";
/// The rep's name.
pub const REP_NAME: &str = "Luc Moreau";
/// The rep's mail address.
pub const REP_EMAIL: &str = "luc.moreau@atelier-nord.example";
/// The rep's chat with M.A.X. on Telegram.
pub const REP_CHAT: i64 = 639_980_001;

/// The rep, as Telegram knows them.
pub fn rep_on_telegram() -> Person {
    Person { id: REP_CHAT, first_name: "Luc".to_owned(), language_code: Some("fr".to_owned()) }
}

/// Fills an empty CRM with the sample world, as it stands at `now`.
///
/// # Panics
/// When the CRM is not empty.
pub fn populate(espo: &EspoSandbox, now: Timestamp) {
    staff(espo, now);
    silent_leads(espo, now);
    talking_leads(espo, now);
    healthy_leads(espo, now);
}

fn staff(espo: &EspoSandbox, now: Timestamp) {
    let since = now.plus(-400 * DAY).to_espo();
    espo.create("Team", "admin", json!({ "id": TEAM_ID, "name": "Équipe Nord", "createdAt": since }));
    for (id, login, first, last, title, email) in [
        (REP_ID, "luc", "Luc", "Moreau", "Commercial", REP_EMAIL),
        (MANAGER_ID, "claire", "Claire", "Dubois", "Responsable commerciale", "claire.dubois@atelier-nord.example"),
    ] {
        let user = json!({
            "id": id, "userName": login, "type": "regular", "isActive": true, "firstName": first, "lastName": last,
            "title": title, "emailAddress": email, "createdAt": since, "defaultTeamId": TEAM_ID, "teamsIds": [TEAM_ID],
        });
        espo.create("User", "admin", user);
    }
}

/// Those for whom the silence rules speak.
fn silent_leads(espo: &EspoSandbox, now: Timestamp) {
    let sophie = Lead {
        first: "Sophie",
        last: "Martin",
        company: "Maison Martin",
        email: "sophie@maison-martin.example",
        phone: "+33639980101",
        status: "In Process",
        created: 12 * DAY,
        ..Lead::number(1)
    };
    let sophie = sophie.enter(espo, now);
    sophie.call(11 * DAY, true, true, "Premier échange : elle rénove sa boutique au printemps.");
    sophie.whatsapp_out(9 * DAY, "Bonjour Sophie, voici la présentation dont nous avons parlé. Luc");
    sophie.whatsapp_in(8 * DAY, "Merci, je regarde cela avec mon associée.");
    sophie.mail_out(
        3 * DAY + 5 * HOUR,
        "Avez-vous pu regarder ?",
        "Bonjour Sophie, avez-vous pu regarder la présentation avec votre associée ? Belle journée, Luc",
    );

    let bella = Lead {
        last: "Restaurant Bella",
        company: "Restaurant Bella",
        email: "contact@restaurant-bella.example",
        phone: "+33639980103",
        status: "In Process",
        created: 29 * DAY,
        ..Lead::number(3)
    };
    let bella = bella.enter(espo, now);
    for (ago, text, answer) in [
        (27, "Bonjour, c'est Luc, d'Atelier Nord. Quand puis-je passer voir la salle ?", Some("Jeudi, merci !")),
        (22, "Merci pour la visite ! Je vous prépare un croquis.", Some("Super, merci")),
        (17, "Le croquis est prêt, je vous l'envoie par mail.", Some("Bien reçu, merci")),
        (12, "Que dit votre cuisinier du croquis ?", Some("Il est ravi, merci !")),
        (4, "Bonjour ! On fixe une date pour la suite ?", None),
    ] {
        bella.whatsapp_out(ago * DAY, text);
        if let Some(answer) = answer {
            bella.whatsapp_in(ago * DAY - 2 * HOUR, answer);
        }
    }
    for (ago, subject) in [
        (25, "Nos références"),
        (20, "Le croquis"),
        (15, "Choix des matières"),
        (10, "Le calendrier"),
        (7, "Le budget"),
    ] {
        bella.mail_out(ago * DAY, subject, "Bonjour, vous trouverez le document en pièce jointe. Luc");
    }
    bella.mail_in(25 * DAY - 20 * HOUR, "Re: Nos références", "Bien reçu, merci.");

    let jean = Lead {
        first: "Jean",
        last: "Dupont",
        company: "Dupont & Fils",
        email: "jean@dupont-et-fils.example",
        phone: "+33639980104",
        status: "In Process",
        created: 26 * DAY,
        ..Lead::number(4)
    };
    let jean = jean.enter(espo, now);
    jean.mail_out(20 * DAY, "Notre rencontre au salon", "Bonjour Jean, ravi de notre échange au salon.");
    jean.call(8 * DAY + 3 * HOUR, true, true, "Veut avancer, attend l'accord de sa banque. À rappeler.");

    let camille = Lead {
        first: "Camille",
        last: "Bernard",
        email: "camille.bernard@courriel.example",
        phone: "+33639980105",
        created: 9 * DAY + 2 * HOUR,
        source: "Partner",
        ..Lead::number(5)
    };
    camille.enter(espo, now);

    let lemoine = Lead {
        last: "Boulangerie Lemoine",
        company: "Boulangerie Lemoine",
        email: "bonjour@boulangerie-lemoine.example",
        phone: "+33639980106",
        created: 63 * DAY,
        ..Lead::number(6)
    };
    let lemoine = lemoine.enter(espo, now);
    lemoine.mail_out(45 * DAY, "Votre projet de vitrine", "Bonjour, où en êtes-vous de votre projet de vitrine ?");
    lemoine.call(41 * DAY, true, true, "Pas avant l'été, dit-il.");
}

/// Those who wrote, and wait.
fn talking_leads(espo: &EspoSandbox, now: Timestamp) {
    let techcorp = Lead {
        last: "TechCorp SAS",
        company: "TechCorp SAS",
        email: "achats@techcorp.example",
        phone: "+33639980102",
        status: "In Process",
        created: 15 * DAY,
        ..Lead::number(2)
    };
    let techcorp = techcorp.enter(espo, now);
    techcorp.mail_out(6 * DAY, "Aménagement de vos bureaux", "Bonjour, voici trois aménagements pour vos bureaux.");
    techcorp.mail_in(
        3 * HOUR,
        "Re: Aménagement de vos bureaux",
        "Bonjour, le deuxième nous plaît beaucoup. Quel est votre prix pour 40 postes, et sous quel délai ?",
    );

    let hotel = Lead {
        last: "Hôtel des Alpes",
        company: "Hôtel des Alpes",
        email: "direction@hotel-des-alpes.example",
        phone: "+33639980107",
        created: 18 * DAY,
        ..Lead::number(7)
    };
    let hotel = hotel.enter(espo, now);
    hotel.mail_out(5 * DAY, "Les plans", "Bonjour, les plans du hall sont en pièce jointe. Luc");
    hotel.mail_in(
        30 * HOUR,
        "Re: Les plans",
        "Bonjour, la pièce jointe ne s'ouvre pas chez nous. Pouvez-vous nous la renvoyer ?",
    );

    let krea = Lead {
        first: "Inès",
        last: "Caron",
        company: "Studio Kréa",
        email: "ines@studio-krea.example",
        phone: "+33639980110",
        created: 40 * MINUTE,
        source: "Web Site",
        description: "Bonjour, je voudrais un devis pour l'aménagement de notre studio photo (60 m²). Merci !",
        ..Lead::number(10)
    };
    krea.enter(espo, now);
}

/// Those about whom there is nothing to say, for now.
fn healthy_leads(espo: &EspoSandbox, now: Timestamp) {
    let garage = Lead {
        last: "Garage Petit",
        company: "Garage Petit",
        email: "accueil@garage-petit.example",
        phone: "+33639980108",
        status: "In Process",
        created: 21 * DAY,
        ..Lead::number(8)
    };
    let garage = garage.enter(espo, now);
    garage.mail_out(5 * DAY, "Votre accueil clients", "Bonjour, voici notre proposition pour l'accueil. Luc");
    garage.planned_call(DAY, 2 * DAY, "Point sur la proposition");

    let nadia = Lead {
        first: "Nadia",
        last: "Benali",
        company: "Librairie Benali",
        email: "nadia@librairie-benali.example",
        phone: "+33639980109",
        created: 6 * DAY,
        ..Lead::number(9)
    };
    let nadia = nadia.enter(espo, now);
    let sent = 2 * DAY + 6 * HOUR;
    nadia.mail_out(sent, "Vos rayonnages", "Bonjour Nadia, voici deux idées pour vos rayonnages. Luc");
    nadia.auto_reply(
        sent - 2 * MINUTE,
        "Réponse automatique : Vos rayonnages",
        "Je suis absente du bureau jusqu'à la semaine prochaine. Ceci est une réponse automatique.",
    );
}

/// A lead to be entered.
struct Lead {
    number: u32,
    first: &'static str,
    last: &'static str,
    company: &'static str,
    email: &'static str,
    phone: &'static str,
    status: &'static str,
    source: &'static str,
    description: &'static str,
    created: Seconds,
}

impl Lead {
    /// An empty one; leads are listed in the order of their numbers.
    fn number(number: u32) -> Self {
        Self {
            number,
            first: "",
            last: "",
            company: "",
            email: "",
            phone: "",
            status: "Assigned",
            source: "Call",
            description: "",
            created: 0,
        }
    }

    fn enter(self, espo: &EspoSandbox, now: Timestamp) -> History<'_> {
        let id = format!("5eed1ead{:09}", self.number);
        let record = json!({
            "id": id, "firstName": self.first, "lastName": self.last, "accountName": self.company,
            "emailAddress": self.email, "phoneNumber": self.phone, "status": self.status, "source": self.source,
            "description": self.description, "createdAt": now.plus(-self.created).to_espo(),
            "assignedUserId": REP_ID, "teamsIds": [TEAM_ID],
        });
        espo.create("Lead", "luc", record);
        History { espo, now, id, email: self.email }
    }
}

/// What happened with a lead. Every `ago` is in seconds before now.
struct History<'a> {
    espo: &'a EspoSandbox,
    now: Timestamp,
    id: String,
    email: &'static str,
}

impl History<'_> {
    fn at(&self, ago: Seconds) -> String {
        self.now.plus(-ago).to_espo()
    }

    fn mail_out(&self, ago: Seconds, subject: &str, text: &str) {
        let sent = json!({ "from": REP_EMAIL, "to": self.email, "status": "Sent", "sentById": REP_ID });
        self.mail(ago, "luc", subject, text, sent);
    }

    fn mail_in(&self, ago: Seconds, subject: &str, text: &str) {
        let received = json!({ "from": self.email, "to": REP_EMAIL, "status": "Archived" });
        self.mail(ago, "system", subject, text, received);
    }

    fn auto_reply(&self, ago: Seconds, subject: &str, text: &str) {
        let received = json!({ "from": self.email, "to": REP_EMAIL, "status": "Archived", "isAutoReply": true });
        self.mail(ago, "system", subject, text, received);
    }

    fn mail(&self, ago: Seconds, by: &str, subject: &str, text: &str, mut record: Value) {
        record["name"] = subject.into();
        record["body"] = text.into();
        record["bodyPlain"] = text.into();
        record["isHtml"] = false.into();
        record["parentType"] = "Lead".into();
        record["parentId"] = self.id.as_str().into();
        record["dateSent"] = self.at(ago).into();
        record["createdAt"] = self.at(ago).into();
        self.espo.create("Email", by, record);
    }

    fn whatsapp_out(&self, ago: Seconds, text: &str) {
        self.whatsapp(ago, "out", "read", text);
    }

    fn whatsapp_in(&self, ago: Seconds, text: &str) {
        self.whatsapp(ago, "in", "sent", text);
    }

    fn whatsapp(&self, ago: Seconds, direction: &str, status: &str, text: &str) {
        let record = json!({
            "name": "WhatsApp", "channel": "whatsapp", "direction": direction, "status": status,
            "messagePreview": text, "timestamp": self.at(ago), "createdAt": self.at(ago), "leadId": self.id,
            "dedupKey": format!("sample-{}-{ago}-{direction}", self.id), "assignedUserId": REP_ID,
        });
        self.espo.create("MaxActivity", "luc", record);
    }

    fn call(&self, ago: Seconds, outbound: bool, held: bool, note: &str) {
        let record = json!({
            "status": if held { "Held" } else { "Not Held" },
            "direction": if outbound { "Outbound" } else { "Inbound" },
            "dateStart": self.at(ago), "dateEnd": self.at(ago - 10 * MINUTE), "createdAt": self.at(ago),
            "description": note,
        });
        self.put_call(record, "Appel");
    }

    /// A call `ahead` of now, in seconds, planned `ago`.
    fn planned_call(&self, ahead: Seconds, ago: Seconds, name: &str) {
        let record = json!({
            "status": "Planned", "direction": "Outbound", "dateStart": self.at(-ahead),
            "dateEnd": self.at(-ahead - 30 * MINUTE), "createdAt": self.at(ago),
        });
        self.put_call(record, name);
    }

    fn put_call(&self, mut record: Value, name: &str) {
        record["name"] = name.into();
        record["parentType"] = "Lead".into();
        record["parentId"] = self.id.as_str().into();
        record["leadsIds"] = json!([self.id]);
        record["assignedUserId"] = REP_ID.into();
        self.espo.create("Call", "luc", record);
    }
}
