//! What entities the sandbox knows and which attributes they have: the stock ones from `stock.json` beside this
//! file, ours from the metadata of the extension itself, so that the two cannot drift apart.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};
use serde_json::{Map, Value, json};

use super::Version;

static STOCK: &str = include_str!("stock.json");
static EXTENSION: Dir<'_> =
    include_dir!("$CARGO_MANIFEST_DIR/templates/espocrm/files/custom/Espo/Modules/Max/Resources/metadata");

/// Every entity, and the metadata tree that `GET Metadata` answers from.
#[derive(Debug)]
pub struct Schema {
    entities: BTreeMap<String, Entity>,
    metadata: Value,
}

/// One entity type.
#[derive(Debug)]
pub struct Entity {
    /// Its name, such as `Lead`.
    pub name: String,
    /// In the order in which answers show them.
    pub attributes: Vec<Attribute>,
    /// The field a list is ordered by when nothing is asked, and whether descending.
    pub default_order: (String, bool),
    /// Columns that come with every `select`.
    pub always: Vec<String>,
    /// Columns that come with another column.
    pub also: BTreeMap<String, Vec<String>>,
    /// Fields whose equality makes a duplicate (409).
    pub duplicate_fields: Vec<String>,
    /// Columns of unique indexes (500), without `deleteId`.
    pub unique: Vec<Vec<String>>,
    /// Whether rows carry `versionNumber` and stale writes are refused.
    pub versioned: bool,
    /// Whether rows carry `deleteId`.
    pub delete_id: bool,
    /// Whether lists count their rows (Email never does).
    pub counted: bool,
    /// Whether the assigned user follows the record.
    pub stream: bool,
    /// Whether webhooks may name it.
    pub object: bool,
    /// Relations that no field of this entity holds, by name.
    pub relations: BTreeMap<String, Relation>,
    fields: BTreeMap<String, Field>,
}

/// A link that the other side holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The other entity.
    pub entity: String,
    /// The field there that points back.
    pub foreign: String,
    /// Whether it cannot be changed from this side.
    pub read_only: bool,
}

/// What validation needs to know of a field.
#[derive(Debug, Default, Clone)]
pub struct Field {
    /// EspoCRM's name of the type.
    pub kind: String,
    /// The entity a link leads to.
    pub target: Option<String>,
    /// Whether a value is required.
    pub required: bool,
    /// Whether a date without time (`<field>Date`) will do.
    pub or_date: bool,
    /// In characters.
    pub max_length: Option<usize>,
    /// Of an enum.
    pub options: Option<Vec<String>>,
    /// The entities a parent may be of.
    pub parents: Option<Vec<String>>,
    /// What a new record gets.
    pub default: Option<Value>,
    /// Writes are silently ignored.
    pub read_only: bool,
    /// Writes after creation are silently ignored.
    pub read_only_after_create: bool,
    /// Compared byte by byte.
    pub binary: bool,
    /// Whether `<`, `>` and `=` are refused.
    pub no_bad_characters: bool,
}

/// One key of a record on the wire.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// The key.
    pub name: String,
    /// The field it belongs to.
    pub field: String,
    /// Where its value comes from.
    pub kind: Kind,
    /// Whether lists show it.
    pub in_list: bool,
    /// Whether single reads show it.
    pub in_read: bool,
    /// Whether the answer to a creation shows it.
    pub in_create: bool,
    /// Whether only administrators see it.
    pub for_admins: bool,
}

/// Where an attribute's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Kept as it is.
    Text,
    /// `YYYY-MM-DD HH:MM:SS`, UTC.
    DateTime,
    /// True or false.
    Bool,
    /// Any number.
    Number,
    /// A list or an object, kept as it is.
    Json,
    /// The id a link holds.
    LinkId,
    /// The name of what the link leads to.
    LinkName,
    /// The id of a parent of any type.
    ParentId,
    /// The type of that parent.
    ParentType,
    /// The name of that parent.
    ParentName,
    /// The ids of a link to many.
    LinkIds,
    /// Id to name, of a link to many.
    LinkNames,
    /// Id to the columns of the relation.
    LinkColumns(String),
    /// Derived from other attributes when read.
    Derived(Derived),
    /// What the definition selects: another attribute, or a text in `CONCAT:('…')`.
    Selected(String),
}

/// Attributes that nobody stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Derived {
    /// First and last name, or what else tells a person apart.
    PersonName,
    /// The primary address or number.
    Primary,
    /// Whether the primary address or number is opted out.
    OptedOut,
    /// Whether the primary address or number is invalid.
    Invalid,
    /// All addresses or numbers.
    Points,
    /// Seconds between dateStart and dateEnd.
    Duration,
    /// A mail's subject: its name.
    Subject,
    /// Who a mail is from, in words.
    PersonString,
    /// A mail's addresses to names, types or ids of the records that own them.
    AddressHash,
    /// The number to dial for each invited person.
    PhoneNumbers,
    /// Whether the asking user follows the record.
    IsFollowed,
}

impl Schema {
    /// Everything of one version, with `extra` entity definitions laid over the extension's.
    ///
    /// # Panics
    /// When an embedded definition is not JSON: a build that cannot work.
    pub fn load(version: Version, extra: &Map<String, Value>) -> Self {
        let stock: Map<String, Value> = serde_json::from_str(STOCK).expect("stock.json is JSON");
        let mut metadata = extension_metadata();
        let mut definitions = metadata.remove("entityDefs").and_then(as_map).unwrap_or_default();
        for (name, definition) in extra {
            definitions.insert(name.clone(), definition.clone());
        }
        for (name, definition) in stock {
            let ours = definitions.remove(&name).unwrap_or(Value::Null);
            definitions.insert(name, merged(definition, ours));
        }
        if version == Version::V9 {
            // The colour of this status came with 10.
            if let Some(style) =
                definitions.get_mut("Lead").and_then(|lead| lead["fields"]["status"]["style"].as_object_mut())
            {
                style.remove("Assigned");
            }
        }
        let entities = definitions
            .iter()
            .filter(|(_, definition)| definition.get("fields").is_some())
            .map(|(name, definition)| (name.clone(), Entity::read(name, definition, &metadata, version)))
            .collect();
        metadata.insert("entityDefs".into(), Value::Object(definitions));
        Self { entities, metadata: Value::Object(metadata) }
    }

    /// The names of all entities.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entities.keys().map(String::as_str)
    }

    /// Forgets an entity: its routes are unknown from now on.
    pub fn remove_entity(&mut self, entity: &str) {
        self.entities.remove(entity);
    }

    /// Forgets a field of an entity: no answer shows it any more.
    pub fn remove_field(&mut self, entity: &str, field: &str) {
        if let Some(entity) = self.entities.get_mut(entity) {
            entity.attributes.retain(|attribute| attribute.field != field);
            entity.fields.remove(field);
        }
    }

    /// One entity's definition.
    pub fn entity(&self, name: &str) -> Option<&Entity> {
        self.entities.get(name)
    }

    /// What `GET Metadata?key=a.b.c` answers; null for a path that leads nowhere.
    pub fn metadata(&self, key: &str) -> Value {
        let at = key.split('.').try_fold(&self.metadata, |node, step| node.get(step));
        at.cloned().unwrap_or(Value::Null)
    }
}

impl Entity {
    /// One attribute.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// One field.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(name)
    }

    /// Every field with its name.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Field)> {
        self.fields.iter().map(|(name, field)| (name.as_str(), field))
    }

    /// The field an attribute belongs to; one without restrictions for an attribute of the record itself.
    pub fn field_of(&self, attribute: &Attribute) -> Field {
        self.fields.get(&attribute.field).cloned().unwrap_or_default()
    }

    fn read(name: &str, definition: &Value, metadata: &Map<String, Value>, version: Version) -> Self {
        let empty = Map::new();
        let fields = definition["fields"].as_object().unwrap_or(&empty);
        let links = definition.get("links").and_then(Value::as_object).unwrap_or(&empty);
        let mut entity = Self {
            name: name.into(),
            attributes: vec![plain("id", Kind::Text), plain("deleted", Kind::Bool)],
            default_order: default_order(definition),
            always: words(definition.get("always")).unwrap_or_else(|| default_always(fields)),
            also: also(definition),
            duplicate_fields: duplicate_fields(name, definition, metadata),
            unique: unique(definition),
            versioned: definition["versioned"] == json!(true)
                || definition["optimisticConcurrencyControl"] == json!(true),
            delete_id: definition["deleteId"] == json!(true),
            counted: definition["total"] != json!(false),
            stream: definition["stream"] == json!(true),
            object: definition["object"] != json!(false),
            relations: relations(fields, links),
            fields: BTreeMap::new(),
        };
        for (field, wire) in fields {
            if !version.has(wire.get("since")) {
                continue;
            }
            let read = read_field(field, wire, links);
            entity.attributes.extend(attributes(field, wire, &read));
            entity.fields.insert(field.clone(), read);
        }
        if entity.versioned {
            entity.attributes.push(plain("versionNumber", Kind::Number));
            entity.always.push("versionNumber".into());
        }
        if entity.delete_id {
            entity.attributes.push(Attribute { in_list: true, ..plain("deleteId", Kind::Text) });
        }
        entity
    }
}

impl Version {
    /// Whether something that exists `since` a version exists in this one.
    fn has(self, since: Option<&Value>) -> bool {
        match (self, since.and_then(Value::as_str)) {
            (_, None) | (Self::V10, _) => true,
            (Self::V9, Some(_)) => false,
        }
    }
}

/// The extension's metadata as one tree: `<folder>.<file>`.
fn extension_metadata() -> Map<String, Value> {
    let mut tree = Map::new();
    for folder in EXTENSION.dirs() {
        let mut branch = Map::new();
        for file in folder.files() {
            let (Some(stem), Some(text)) = (file.path().file_stem(), file.contents_utf8()) else { continue };
            let value = serde_json::from_str(text).expect("the extension's metadata is JSON");
            branch.insert(stem.to_string_lossy().into_owned(), value);
        }
        if let Some(name) = folder.path().file_name() {
            tree.insert(name.to_string_lossy().into_owned(), Value::Object(branch));
        }
    }
    tree
}

fn as_map(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// `over` laid over `base`, objects merged key by key.
fn merged(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over)) => {
            for (key, value) in over {
                let below = base.remove(&key).unwrap_or(Value::Null);
                base.insert(key, merged(below, value));
            }
            Value::Object(base)
        }
        (base, Value::Null) => base,
        (_, over) => over,
    }
}

fn words(value: Option<&Value>) -> Option<Vec<String>> {
    let list = value?.as_array()?;
    Some(list.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect())
}

/// Custom entities are ordered as their `collection` says, the stock ones as our table says.
fn default_order(definition: &Value) -> (String, bool) {
    let of = |key: &str, place: usize| {
        let ours = definition.get("order").and_then(|order| order.get(place));
        ours.or_else(|| definition.get("collection")?.get(key)).and_then(Value::as_str)
    };
    (of("orderBy", 0).unwrap_or("createdAt").to_owned(), of("order", 1) == Some("desc"))
}

/// The columns the access check needs, and the names of parents, as custom entities were seen to answer them.
fn default_always(fields: &Map<String, Value>) -> Vec<String> {
    let has = |field: &&str| fields.contains_key(*field);
    let ids = ["createdBy", "assignedUser"].into_iter().filter(has).map(|field| format!("{field}Id"));
    let parents = fields.iter().filter(|(_, field)| field["type"] == json!("linkParent"));
    ids.chain(parents.map(|(field, _)| format!("{field}Name"))).collect()
}

fn also(definition: &Value) -> BTreeMap<String, Vec<String>> {
    let Some(table) = definition.get("also").and_then(Value::as_object) else { return BTreeMap::new() };
    table.iter().filter_map(|(key, list)| Some((key.clone(), words(Some(list))?))).collect()
}

/// For a custom entity both halves are needed: the list of fields, and the class that reads it.
fn duplicate_fields(name: &str, definition: &Value, metadata: &Map<String, Value>) -> Vec<String> {
    if let Some(stock) = words(definition.get("duplicates")) {
        return stock;
    }
    let of = |branch: &str, key: &str| metadata.get(branch).and_then(|branch| branch.get(name)?.get(key));
    let builder = of("recordDefs", "duplicateWhereBuilderClassName");
    if builder.is_none() {
        return Vec::new();
    }
    words(of("scopes", "duplicateCheckFieldList")).unwrap_or_default()
}

fn unique(definition: &Value) -> Vec<Vec<String>> {
    let Some(indexes) = definition.get("indexes").and_then(Value::as_object) else { return Vec::new() };
    let of = |index: &Value| {
        (index.get("type")? == "unique").then(|| words(index.get("columns"))).flatten().map(|mut columns| {
            columns.retain(|column| column != "deleteId");
            columns
        })
    };
    indexes.values().filter_map(of).collect()
}

fn relations(fields: &Map<String, Value>, links: &Map<String, Value>) -> BTreeMap<String, Relation> {
    let of = |(name, link): (&String, &Value)| {
        let text = |key: &str| link.get(key).and_then(Value::as_str).map(str::to_owned);
        let read_only = link.get("readOnly") == Some(&Value::Bool(true));
        let relation = Relation { entity: text("entity")?, foreign: text("foreign")?, read_only };
        (!fields.contains_key(name)).then(|| (name.clone(), relation))
    };
    links.iter().filter_map(of).collect()
}

fn read_field(name: &str, wire: &Value, links: &Map<String, Value>) -> Field {
    let flag = |key: &str| wire.get(key) == Some(&Value::Bool(true));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let linked = || links.get(name).and_then(|link| text(link.get("entity")));
    Field {
        kind: text(wire.get("type")).unwrap_or_default(),
        target: text(wire.get("entity")).or_else(linked),
        required: flag("required"),
        or_date: flag("orDate"),
        max_length: wire.get("maxLength").and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok()),
        options: words(wire.get("options")),
        parents: words(wire.get("entityList")),
        default: wire.get("default").cloned(),
        read_only: flag("readOnly"),
        read_only_after_create: flag("readOnlyAfterCreate"),
        binary: flag("binary"),
        no_bad_characters: wire.get("pattern").and_then(Value::as_str) == Some("$noBadCharacters"),
    }
}

fn plain(name: &str, kind: Kind) -> Attribute {
    Attribute {
        name: name.into(),
        field: name.into(),
        kind,
        in_list: true,
        in_read: true,
        in_create: true,
        for_admins: false,
    }
}

/// The keys one field puts on the wire.
fn attributes(name: &str, wire: &Value, field: &Field) -> Vec<Attribute> {
    let many = ["linkMultiple", "followers"].contains(&field.kind.as_str());
    let places = words(wire.get("in"));
    let shown = |place: &str, default: bool| places.as_ref().map_or(default, |all| all.iter().any(|p| p == place));
    let one = |suffix: &str, kind: Kind| Attribute {
        name: format!("{name}{suffix}"),
        field: name.into(),
        kind,
        in_list: shown("list", !many),
        in_read: shown("read", true),
        in_create: shown("create", true),
        for_admins: wire.get("admins") == Some(&Value::Bool(true)),
    };
    let unlisted = |attribute: Attribute| Attribute { in_list: false, ..attribute };
    let derived = Kind::Derived;
    if let Some(selected) = wire["select"]["select"].as_str() {
        return vec![Attribute { in_create: false, ..one("", Kind::Selected(selected.to_owned())) }];
    }
    match field.kind.as_str() {
        "link" => vec![one("Id", Kind::LinkId), one("Name", Kind::LinkName)],
        "linkParent" => {
            vec![one("Id", Kind::ParentId), one("Type", Kind::ParentType), one("Name", Kind::ParentName)]
        }
        "linkMultiple" | "followers" => {
            let mut all = vec![one("Ids", Kind::LinkIds), one("Names", Kind::LinkNames)];
            if let Some(column) = wire.get("columns").and_then(Value::as_str) {
                all.push(one("Columns", Kind::LinkColumns(column.into())));
            }
            all
        }
        "email" | "phone" => vec![
            one("", derived(Derived::Primary)),
            one("IsOptedOut", derived(Derived::OptedOut)),
            one("IsInvalid", derived(Derived::Invalid)),
            unlisted(one("Data", derived(Derived::Points))),
        ],
        "datetime" => vec![one("", Kind::DateTime)],
        "bool" => vec![one("", Kind::Bool)],
        "int" | "float" | "currency" => vec![one("", Kind::Number)],
        "jsonObject" | "jsonArray" | "array" | "multiEnum" => vec![one("", Kind::Json)],
        "personName" => vec![one("", derived(Derived::PersonName))],
        "duration" => vec![one("", derived(Derived::Duration))],
        "subject" => vec![one("", derived(Derived::Subject))],
        "personString" => vec![one("", derived(Derived::PersonString))],
        "addressHash" => vec![one("", derived(Derived::AddressHash))],
        "phoneNumbersMap" => vec![one("", derived(Derived::PhoneNumbers))],
        "isFollowed" => vec![one("", derived(Derived::IsFollowed))],
        _ => vec![one("", Kind::Text)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_entities_come_from_the_extension() {
        let schema = Schema::load(Version::V10, &Map::new());
        let alert = schema.entity("MaxAlert").unwrap();
        assert_eq!(alert.duplicate_fields, ["dedupKey"]);
        assert_eq!(alert.unique, [["dedupKey"]]);
        assert!(alert.delete_id && alert.attribute("leadId").is_some());
        assert_eq!(alert.field("lead").unwrap().target.as_deref(), Some("Lead"));
        let lead = schema.entity("Lead").unwrap();
        let alerts = Relation { entity: "MaxAlert".into(), foreign: "lead".into(), read_only: true };
        assert_eq!(lead.relations["maxAlerts"], alerts);
        assert_eq!(schema.metadata("entityDefs.Lead.fields.status.notActualOptions")[2], "Dead");
        assert_eq!(schema.metadata("scopes.MaxAlert.entity"), true);
        assert_eq!(schema.metadata("no.such.key"), Value::Null);
    }

    #[test]
    fn what_came_with_ten_is_missing_in_nine() {
        let has = |version| {
            Schema::load(version, &Map::new()).entity("Task").unwrap().attribute("collaboratorsIds").is_some()
        };
        assert!(has(Version::V10) && !has(Version::V9));
    }
}
