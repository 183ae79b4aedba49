//! Webhooks: which ones to have, and whether a delivery is what it says. What they carry is a hint that a record
//! changed, never a fact: they come late, in any order, and with stale values.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::client::{Client, ListQuery, Where};
use super::error::{Error, ErrorKind};
use super::mapping::Mapping;
use super::record::Record;
use crate::domain::Timestamp;

/// Where deliveries arrive, below our public address: `/webhooks/espocrm/<Entity>/<action>`. The body names neither
/// event nor entity, so that every event has a path of its own.
pub const PATH: &str = "/webhooks/espocrm";

/// How many hooks an API user may have.
const MAX_HOOKS: u32 = 50;

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// It was created.
    Create,
    /// Some of its fields changed.
    Update,
    /// It was deleted.
    Delete,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];

    /// The name in events and paths.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// The inverse of [`Action::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

/// The id of a webhook in the CRM.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HookId(pub String);

impl fmt::Display for HookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A webhook as the CRM has it.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Its id.
    pub id: HookId,
    /// Such as `Lead.update`.
    pub event: String,
    /// Where it delivers to.
    pub url: String,
    /// What it signs with; empty when the CRM does not show it.
    pub secret: SecretString,
    /// Whether it delivers at all.
    pub active: bool,
    /// Whether it leaves out what we did ourselves.
    pub skip_own: bool,
}

/// A webhook that there should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedHook {
    /// Such as `Lead.update`.
    pub event: String,
    /// Where it is to deliver to.
    pub url: String,
}

/// What is to be done so that there is each wanted webhook once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be created.
    pub create: Vec<WantedHook>,
    /// To be deleted: ours, and duplicate, switched off, without a secret or no longer wanted.
    pub delete: Vec<HookId>,
}

/// What an attempt to register webhooks came to.
#[derive(Debug, Default)]
pub struct Registered {
    /// The hooks there are now, with their secrets.
    pub hooks: Vec<Hook>,
    /// Events that the CRM refused, and why: polling has to make up for them.
    pub refused: Vec<(String, Error)>,
}

/// The webhooks to have, for deliveries to `public_url` (our own address as the CRM reaches it): every event of leads,
/// users, our alerts, what links users to Telegram, and of all entities that mean activities. (EspoCRM has none for
/// teams.)
pub fn wanted(mapping: &Mapping, public_url: &str) -> Vec<WantedHook> {
    let base = public_url.trim_end_matches('/');
    let hook = |entity: &str, action: Action| WantedHook {
        event: format!("{entity}.{}", action.as_str()),
        url: format!("{base}{PATH}/{entity}/{}", action.as_str()),
    };
    let entities = ["Lead", "MaxAlert", "MaxLink", "User"].into_iter().chain(mapping.activity_entities());
    let mut wanted: Vec<WantedHook> =
        entities.flat_map(|entity| Action::ALL.map(|action| hook(entity, action))).collect();
    wanted.truncate(MAX_HOOKS as usize);
    wanted
}

/// What to do so that there is each wanted hook exactly once. Hooks that do not deliver to our path below
/// `public_url` are none of our business.
pub fn plan(existing: &[Hook], wanted: &[WantedHook], public_url: &str) -> Plan {
    let ours = format!("{}{PATH}/", public_url.trim_end_matches('/'));
    let mut missing = wanted.to_vec();
    let mut plan = Plan::default();
    for hook in existing.iter().filter(|hook| hook.url.starts_with(&ours)) {
        let usable = hook.active && hook.skip_own && !hook.secret.expose_secret().is_empty();
        let position = missing.iter().position(|wanted| wanted.event == hook.event && wanted.url == hook.url);
        match position.filter(|_| usable) {
            Some(position) => drop(missing.remove(position)),
            None => plan.delete.push(hook.id.clone()),
        }
    }
    plan.create = missing;
    plan
}

/// The webhooks of our API user.
pub async fn list(client: &Client) -> Result<Vec<Hook>, Error> {
    let select = ["id", "event", "url", "secretKey", "isActive", "skipOwn"].map(str::to_owned);
    let (mut hooks, mut after): (Vec<Hook>, Option<String>) = (Vec::new(), None);
    loop {
        let conditions = after.map(|id| Where::GreaterThan("id", id)).into_iter().collect();
        let max_size = client.page_size();
        let query = ListQuery { entity: "Webhook", conditions, select: &select, order_by: "id", max_size };
        let page = client.list(&query).await?;
        hooks.extend(page.records.iter().filter_map(hook));
        after = page.next_after();
        if after.is_none() {
            return Ok(hooks);
        }
    }
}

/// Creates a webhook; not repeated by itself.
pub async fn create(client: &Client, wanted: &WantedHook) -> Result<Hook, Error> {
    let attributes: Map<String, Value> =
        [("event", json!(wanted.event)), ("url", json!(wanted.url)), ("skipOwn", json!(true))]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
    let record = client.post("Webhook", &attributes).await?;
    hook(&record).ok_or_else(|| client.not_as_expected("Webhook", "a webhook without an id".to_owned()))
}

/// Deletes a webhook; one that is gone already counts as deleted.
pub async fn delete(client: &Client, id: &HookId) -> Result<(), Error> {
    match client.delete("Webhook", &id.0).await {
        Err(Error { kind: ErrorKind::NotFound, .. }) => Ok(()),
        outcome => outcome,
    }
}

/// Lists, deletes and creates until there is each wanted webhook once. An event that the CRM refuses (an entity it
/// does not have, one without webhooks) is reported and stops nothing; any other failure ends the attempt, which
/// can be repeated.
pub async fn register(client: &Client, mapping: &Mapping, public_url: &str) -> Result<Registered, Error> {
    let mut hooks = list(client).await?;
    let plan = plan(&hooks, &wanted(mapping, public_url), public_url);
    for id in &plan.delete {
        delete(client, id).await?;
    }
    hooks.retain(|hook| !plan.delete.contains(&hook.id));
    let mut registered = Registered { hooks, refused: Vec::new() };
    for wanted in &plan.create {
        match create(client, wanted).await {
            Ok(hook) => registered.hooks.push(hook),
            Err(error) if is_refusal(&error) => registered.refused.push((wanted.event.clone(), error)),
            Err(error) => return Err(error),
        }
    }
    Ok(registered)
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Forbidden { .. } | ErrorKind::Validation { .. })
}

pub(super) fn hook(record: &Record) -> Option<Hook> {
    Some(Hook {
        id: HookId(record.id()?.to_owned()),
        event: record.text("event").unwrap_or_default().to_owned(),
        url: record.text("url").unwrap_or_default().to_owned(),
        secret: record.text("secretKey").unwrap_or_default().into(),
        active: record.flag("isActive"),
        skip_own: record.flag("skipOwn"),
    })
}

/// Why a delivery is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// Not of the form `base64(id ":" hex)`.
    #[error("the Signature header is malformed")]
    Malformed,
    /// No hook of ours: an old one, or somebody else's.
    #[error("the delivery is signed for a webhook we do not have")]
    UnknownHook,
    /// Made with another secret, or for another body.
    #[error("the signature does not fit the body")]
    Mismatch,
}

/// Checks a delivery's `Signature` header, `base64(id ":" hex(HMAC-SHA256(secret, body)))`, over the body's bytes as
/// they came, in constant time, and answers whose it is.
pub fn verify<'a>(
    body: &[u8],
    signature: &str,
    hooks: impl IntoIterator<Item = (&'a HookId, &'a SecretString)>,
) -> Result<HookId, BadSignature> {
    let decoded = BASE64.decode(signature.trim()).map_err(|_| BadSignature::Malformed)?;
    let text = str::from_utf8(&decoded).map_err(|_| BadSignature::Malformed)?;
    let (id, digest) = text.split_once(':').ok_or(BadSignature::Malformed)?;
    let (id, secret) = hooks.into_iter().find(|(known, _)| known.0 == id).ok_or(BadSignature::UnknownHook)?;
    // An empty secret would let anyone sign.
    if secret.expose_secret().is_empty() {
        return Err(BadSignature::UnknownHook);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("any length is a key");
    mac.update(body);
    let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    if expected.as_bytes().ct_eq(digest.to_ascii_lowercase().as_bytes()).into() {
        Ok(id.clone())
    } else {
        Err(BadSignature::Mismatch)
    }
}

/// The ids of the records that a delivery's body speaks of, each once, in its order. What has no id is left out; a body
/// that is no array of records has none.
pub fn hints(body: &[u8]) -> Vec<String> {
    let Ok(Value::Array(records)) = serde_json::from_slice(body) else { return Vec::new() };
    let mut ids: Vec<String> = Vec::with_capacity(records.len());
    for id in records.iter().filter_map(|record| record.get("id")?.as_str()) {
        if !id.is_empty() && !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    ids
}

/// When the newest record in a delivery of created ones was made.
pub fn newest(body: &[u8]) -> Option<Timestamp> {
    let records: Vec<Record> = serde_json::from_slice(body).ok()?;
    records.iter().filter_map(|record| record.instant("createdAt")).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str = "https://max.example";

    struct Delivery {
        hook: HookId,
        secret: SecretString,
        signature: String,
        body: Vec<u8>,
    }

    fn recorded(recording: &str) -> Delivery {
        let recording: Value = serde_json::from_str(recording).unwrap();
        let headers = recording["request"]["headers"].as_array().unwrap();
        let signature = headers.iter().find(|pair| pair[0] == "Signature").unwrap();
        Delivery {
            hook: HookId(recording["webhook"]["id"].as_str().unwrap().to_owned()),
            secret: recording["webhook"]["secretKey"].as_str().unwrap().into(),
            signature: signature[1].as_str().unwrap().to_owned(),
            body: recording["request"]["body_raw"].as_str().unwrap().as_bytes().to_vec(),
        }
    }

    fn deliveries() -> Vec<Delivery> {
        [
            include_str!("testdata/delivery-01-Lead-create.json"),
            include_str!("testdata/delivery-08-Call-update.json"),
            include_str!("testdata/delivery-17-Lead-delete.json"),
            include_str!("testdata/delivery-9.3.10-Email-create.json"),
        ]
        .map(recorded)
        .into()
    }

    #[test]
    fn recorded_deliveries_are_believed_and_altered_ones_are_not() {
        let deliveries = deliveries();
        let hooks = || deliveries.iter().map(|delivery| (&delivery.hook, &delivery.secret));
        for delivery in &deliveries {
            assert_eq!(verify(&delivery.body, &delivery.signature, hooks()), Ok(delivery.hook.clone()));
            let mut altered = delivery.body.clone();
            altered[10] ^= 1;
            assert_eq!(verify(&altered, &delivery.signature, hooks()), Err(BadSignature::Mismatch));
        }
        let [first, second, ..] = deliveries.as_slice() else { panic!() };
        assert_eq!(verify(&second.body, &first.signature, hooks()), Err(BadSignature::Mismatch));
        let others = hooks().filter(|(id, _)| **id != first.hook);
        assert_eq!(verify(&first.body, &first.signature, others), Err(BadSignature::UnknownHook));
        for malformed in ["", "é", "bm8gY29sb24=", "====", "//79"] {
            assert_eq!(verify(&first.body, malformed, hooks()), Err(BadSignature::Malformed), "{malformed}");
        }
    }

    #[test]
    fn nobody_can_sign_with_an_empty_secret() {
        let (id, secret) = (HookId("h1".to_owned()), SecretString::from(""));
        let digest: String = Hmac::<Sha256>::new_from_slice(b"")
            .unwrap()
            .chain_update(b"[]")
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let signature = BASE64.encode(format!("h1:{digest}"));
        assert_eq!(verify(b"[]", &signature, [(&id, &secret)]), Err(BadSignature::UnknownHook));
    }

    #[test]
    fn hints_are_the_ids_of_whatever_array_came() {
        let bodies = deliveries().into_iter().map(|delivery| hints(&delivery.body)).collect::<Vec<_>>();
        assert_eq!(bodies[0], ["6b03013ad80fed76c", "6b03013b221f402c4"]);
        assert_eq!((bodies[1].as_slice(), bodies[2].len()), (&["6b03013c83685a8ff".to_owned()][..], 1));
        assert_eq!(hints(br#"[{"id":"a"},{"name":"x"},7,{"id":null},{"id":"a"},{"id":"b"}]"#), ["a", "b"]);
        for nothing in ["", "{}", "null", r#"{"id":"a"}"#, "[", "\u{fffd}"] {
            assert!(hints(nothing.as_bytes()).is_empty(), "{nothing}");
        }
    }

    fn hook(id: &str, event: &str, url: &str) -> Hook {
        Hook {
            id: HookId(id.to_owned()),
            event: event.to_owned(),
            url: url.to_owned(),
            secret: "s".into(),
            active: true,
            skip_own: true,
        }
    }

    #[test]
    fn a_plan_carried_out_leaves_nothing_to_do() {
        let wanted = wanted(&Mapping::new(&[], &[]).unwrap(), "https://max.example/");
        assert!(wanted.contains(&WantedHook {
            event: "Email.update".to_owned(),
            url: "https://max.example/webhooks/espocrm/Email/update".to_owned()
        }));
        assert!(wanted.len() <= MAX_HOOKS as usize);
        let plan = super::plan(&[], &wanted, PUBLIC);
        assert_eq!((plan.create.as_slice(), plan.delete.len()), (wanted.as_slice(), 0));
        let done: Vec<Hook> =
            plan.create.iter().enumerate().map(|(n, w)| hook(&n.to_string(), &w.event, &w.url)).collect();
        assert_eq!(super::plan(&done, &wanted, PUBLIC), Plan::default());
    }

    #[test]
    fn ours_are_kept_once_and_others_are_left_alone() {
        let url = "https://max.example/webhooks/espocrm/Lead/update";
        let wanted = [WantedHook { event: "Lead.update".to_owned(), url: url.to_owned() }];
        let existing = [
            Hook { active: false, ..hook("off", "Lead.update", url) },
            Hook { secret: "".into(), ..hook("secretless", "Lead.update", url) },
            hook("good", "Lead.update", url),
            hook("twice", "Lead.update", url),
            hook("unwanted", "Note.update", "https://max.example/webhooks/espocrm/Note/update"),
            hook("foreign", "Lead.update", "https://other.example/hook"),
        ];
        let plan = plan(&existing, &wanted, PUBLIC);
        assert!(plan.create.is_empty());
        assert_eq!(plan.delete, ["off", "secretless", "twice", "unwanted"].map(|id| HookId(id.to_owned())));
    }
}
