//! What a list is asked: PHP's bracketed query strings or `searchParams`, read into conditions and an order.

use std::cmp::Ordering;

use chrono::{NaiveDateTime, TimeZone};
use serde_json::{Map, Value, json};

use super::Version;
use super::access::{Actor, Deed};
use super::draft::instant;
use super::refusal::Refusal;
use super::schema::{Derived, Entity, Kind};
use super::value::{addresses, ids_of, points, text_of};
use super::view::columns;
use super::world::{Record, World};

/// One question to a list.
#[derive(Debug)]
pub struct ListQuery {
    /// The columns to show; `None`: all.
    pub columns: Option<Vec<String>>,
    order_by: String,
    descending: bool,
    max_size: usize,
    offset: usize,
    filter: Vec<Condition>,
    counted: bool,
}

/// One item of `where`.
#[derive(Debug, Clone)]
enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Vec<Condition>),
    Text(String),
    Test { attribute: String, operator: Operator, value: Value },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals,
    NotEquals,
    In,
    NotIn,
    Greater,
    GreaterOrEquals,
    Less,
    LessOrEquals,
    Between,
    IsNull,
    IsNotNull,
    IsTrue,
    IsFalse,
    LinkedWith,
    NotLinkedWith,
    Contains,
    StartsWith,
    Past,
    Future,
}

impl Operator {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "equals" | "on" => Self::Equals,
            "notEquals" | "notOn" => Self::NotEquals,
            "in" => Self::In,
            "notIn" => Self::NotIn,
            "greaterThan" | "after" => Self::Greater,
            "greaterThanOrEquals" => Self::GreaterOrEquals,
            "lessThan" | "before" => Self::Less,
            "lessThanOrEquals" => Self::LessOrEquals,
            "between" => Self::Between,
            "isNull" | "isNotLinked" => Self::IsNull,
            "isNotNull" | "isLinked" => Self::IsNotNull,
            "isTrue" => Self::IsTrue,
            "isFalse" => Self::IsFalse,
            "linkedWith" => Self::LinkedWith,
            "notLinkedWith" => Self::NotLinkedWith,
            "contains" | "like" => Self::Contains,
            "startsWith" => Self::StartsWith,
            "past" => Self::Past,
            "future" => Self::Future,
            _ => return None,
        })
    }
}

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    /// As EspoCRM counts: rows in all, or −1 (more follow) or −2 (the last page).
    pub total: i64,
    /// The ids, in order.
    pub ids: Vec<String>,
}

impl ListQuery {
    /// Reads a query string. `counted`: whether all rows are counted; `limit`: the most rows a page may have.
    pub fn read(query: &str, definition: &Entity, counted: bool, limit: usize) -> Result<Self, Refusal> {
        let mut params = php_params(query);
        if let Some(text) = params.get("searchParams").and_then(Value::as_str).map(str::to_owned) {
            let inner = serde_json::from_str::<Value>(&text).ok();
            let inner = inner.and_then(|inner| inner.as_object().cloned());
            params.extend(inner.ok_or_else(|| Refusal::new(400, "Invalid search params JSON."))?);
            if params.get("maxSize").is_some_and(|size| !size.is_i64() && !size.is_null()) {
                return Err(Refusal::new(400, "maxSize must be integer."));
            }
        }
        Self::from_params(&params, definition, counted, limit)
    }

    fn from_params(
        params: &Map<String, Value>,
        definition: &Entity,
        counted: bool,
        limit: usize,
    ) -> Result<Self, Refusal> {
        let max_size = number(params.get("maxSize")).unwrap_or(i64::try_from(limit).unwrap_or(i64::MAX));
        let max_size = usize::try_from(max_size).map_err(|_| Refusal::broken())?;
        if max_size > limit {
            return Err(Refusal::new(403, format!("Max size should not exceed {limit}. Use offset and limit.")));
        }
        let offset = usize::try_from(number(params.get("offset")).unwrap_or(0)).map_err(|_| Refusal::broken())?;
        let (order_by, descending) = order(params, definition)?;
        let selected = selection(params);
        let mut filter = Vec::new();
        for key in ["where", "whereGroup"] {
            filter.extend(conditions(params.get(key).unwrap_or(&Value::Null), definition)?);
        }
        filter.extend(named_filters(params, definition)?);
        for key in ["textFilter", "q"] {
            filter.extend(params.get(key).and_then(Value::as_str).map(|text| Condition::Text(text.to_lowercase())));
        }
        Ok(Self {
            columns: selected.map(|selected| columns(definition, &selected, &order_by)),
            order_by,
            descending,
            max_size,
            offset,
            filter,
            counted: counted && !params.contains_key("q"),
        })
    }

    /// Refuses a question about links to a record that is not there, or that whoever asks may not read, as EspoCRM does.
    pub fn check_links(&self, world: &World, actor: &Actor, definition: &Entity) -> Result<(), Refusal> {
        for (link, ids) in self.filter.iter().flat_map(Condition::linked) {
            let target = definition.field(link).and_then(|field| field.target.as_deref());
            let Some(target) = target.filter(|target| world.schema.entity(target).is_some()) else { continue };
            let reason = |id: &str| match world.row(target, id) {
                None => Some(format!("Record '{target}' `{id}` not found.")),
                Some(record) if world.may(actor, Deed::Read, target, record) => None,
                Some(_) => Some(format!("No access to '{target}' `{id}`.")),
            };
            if let Some(reason) = each(ids).filter_map(Value::as_str).find_map(reason) {
                // 9.3 says it twice.
                let twice = if world.options.version == Version::V9 { format!(" {reason}") } else { String::new() };
                return Err(Refusal::new(400, format!("{reason}{twice}")));
            }
        }
        Ok(())
    }

    /// The page, of those `rows` that the conditions let through.
    pub fn page<'a>(
        &self,
        world: &World,
        actor: &Actor,
        definition: &Entity,
        rows: impl Iterator<Item = (&'a str, &'a Record)>,
    ) -> Page {
        let reader = Reader { world, actor, definition };
        let mut found: Vec<(&str, &Record)> =
            rows.filter(|(_, record)| self.filter.iter().all(|condition| reader.holds(condition, record))).collect();
        found.sort_by_cached_key(|(id, record)| (SortKey(reader.first(record, &self.order_by)), id.to_lowercase()));
        if self.descending {
            found.reverse();
        }
        let ids: Vec<String> =
            found.iter().skip(self.offset).take(self.max_size).map(|(id, _)| (*id).to_owned()).collect();
        let more = found.len() > self.offset + ids.len();
        let total = match (self.counted, more) {
            (true, _) => i64::try_from(found.len()).unwrap_or(i64::MAX),
            (false, true) => -1,
            (false, false) => -2,
        };
        Page { total, ids }
    }
}

impl Condition {
    /// The links asked about, and the ids of the records that they are to lead to.
    fn linked(&self) -> Vec<(&str, &Value)> {
        match self {
            Self::And(parts) | Self::Or(parts) | Self::Not(parts) => parts.iter().flat_map(Self::linked).collect(),
            Self::Test { attribute, operator: Operator::LinkedWith, value } => vec![(attribute, value)],
            Self::Test { .. } | Self::Text(_) => Vec::new(),
        }
    }
}

/// The rows a mass action names with a `where`.
pub fn matching(world: &World, actor: &Actor, definition: &Entity, items: &Value) -> Result<Vec<String>, Refusal> {
    let filter = conditions(items, definition)?;
    let reader = Reader { world, actor, definition };
    let rows = world.rows(&definition.name);
    let found = rows.filter(|(_, record)| filter.iter().all(|condition| reader.holds(condition, record)));
    Ok(found.map(|(id, _)| id.to_owned()).collect())
}

fn order(params: &Map<String, Value>, definition: &Entity) -> Result<(String, bool), Refusal> {
    let descending = match params.get("order").and_then(Value::as_str).map(str::to_lowercase).as_deref() {
        None | Some("") => None,
        Some("asc") => Some(false),
        Some("desc") => Some(true),
        Some(_) => return Err(Refusal::new(400, "order value is bad.")),
    };
    match params.get("orderBy") {
        None | Some(Value::Null) => {
            let (order_by, by_default) = definition.default_order.clone();
            Ok((order_by, descending.unwrap_or(by_default)))
        }
        Some(Value::String(field)) => {
            let attribute = [field.clone(), format!("{field}Name"), format!("{field}Id")];
            match attribute.into_iter().find(|name| definition.attribute(name).is_some()) {
                Some(name) => Ok((name, descending.unwrap_or(false))),
                None => Err(Refusal::new(400, format!("Order by non-existing field '{field}'."))),
            }
        }
        Some(_) => Err(Refusal::new(400, "orderBy should be string.")),
    }
}

fn selection(params: &Map<String, Value>) -> Option<Vec<String>> {
    let given = params.get("select").or_else(|| params.get("attributeSelect"))?;
    let names: Vec<String> = match given {
        Value::String(text) => text.split(',').map(|name| name.trim().to_owned()).collect(),
        Value::Array(list) => list.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
    (!names.is_empty()).then_some(names)
}

/// `primaryFilter` and `boolFilterList`, as far as a client of ours might use them.
fn named_filters(params: &Map<String, Value>, definition: &Entity) -> Result<Vec<Condition>, Refusal> {
    let mut found = Vec::new();
    if let Some(name) = params.get("primaryFilter").and_then(Value::as_str) {
        let unknown = || Refusal::new(400, format!("Bad filter '{name}'."));
        found.extend(primary_filter(&definition.name, name).ok_or_else(unknown)?);
    }
    let list = params.get("boolFilterList").and_then(Value::as_array).cloned().unwrap_or_default();
    if list.iter().any(|name| name == "onlyMy") {
        found.push(Condition::Test {
            attribute: "assignedUserId".into(),
            operator: Operator::Equals,
            value: json!({"me": true}),
        });
    }
    Ok(found)
}

fn primary_filter(entity: &str, name: &str) -> Option<Vec<Condition>> {
    let is = |attribute: &str, operator, value: Value| Condition::Test { attribute: attribute.into(), operator, value };
    let status = |word: &str| is("status", Operator::Equals, word.into());
    Some(match (entity, name) {
        ("Lead", "actual" | "active") => vec![is("status", Operator::NotIn, json!(["Converted", "Recycled", "Dead"]))],
        ("MaxAlert", "open") => vec![status("Open")],
        ("MaxAlert", "snoozed") => vec![status("Snoozed")],
        ("MaxAlert", "resolved") => vec![status("Resolved")],
        ("MaxAlert", "urgent") => vec![status("Open"), is("severity", Operator::Equals, "urgent".into())],
        _ => return None,
    })
}

fn conditions(items: &Value, definition: &Entity) -> Result<Vec<Condition>, Refusal> {
    let list: Vec<&Value> = match items {
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    };
    list.into_iter().map(|item| condition(item, definition)).collect()
}

fn condition(item: &Value, definition: &Entity) -> Result<Condition, Refusal> {
    let kind = item.get("type").and_then(Value::as_str).ok_or_else(|| Refusal::new(400, "Bad where item."))?;
    let value = item.get("value").cloned().unwrap_or(Value::Null);
    match kind {
        "and" => return Ok(Condition::And(conditions(&value, definition)?)),
        "or" => return Ok(Condition::Or(conditions(&value, definition)?)),
        "not" => return Ok(Condition::Not(conditions(&value, definition)?)),
        _ => {}
    }
    let operator =
        Operator::named(kind).ok_or_else(|| Refusal::new(400, format!("Unknown where item type '{kind}'.")))?;
    // EspoCRM does not expect this one to be missing.
    let attribute = item.get("attribute").and_then(Value::as_str).ok_or_else(Refusal::broken)?;
    let known = definition.attribute(attribute).is_some()
        || definition.field(attribute).is_some()
        || ["phoneNumberNumeric", "emailAddress"].contains(&attribute);
    if !known {
        return Err(Refusal::new(400, format!("Not existing attribute '{attribute}' in where.")));
    }
    let is_instant = definition.attribute(attribute).is_some_and(|a| a.kind == Kind::DateTime);
    let value = if is_instant { instants(value, item) } else { value };
    Ok(Condition::Test { attribute: attribute.into(), operator, value })
}

/// Instants as they are stored; those given in a zone are taken there.
fn instants(value: Value, item: &Value) -> Value {
    if let Value::Array(list) = value {
        return list.into_iter().map(|one| instants(one, item)).collect();
    }
    let zone = item.get("timeZone").and_then(Value::as_str).and_then(|name| name.parse::<chrono_tz::Tz>().ok());
    let local = value.as_str().and_then(|text| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok());
    if let (Some(zone), Some(local), true) = (zone, local, item.get("dateTime").is_some())
        && let Some(at) = zone.from_local_datetime(&local).earliest()
    {
        return at.naive_utc().format("%Y-%m-%d %H:%M:%S").to_string().into();
    }
    instant(&value).unwrap_or(value)
}

/// Reads attributes of rows the way the database compares them.
struct Reader<'a> {
    world: &'a World,
    actor: &'a Actor,
    definition: &'a Entity,
}

impl Reader<'_> {
    fn holds(&self, condition: &Condition, record: &Record) -> bool {
        match condition {
            Condition::And(all) => all.iter().all(|one| self.holds(one, record)),
            Condition::Or(any) => any.iter().any(|one| self.holds(one, record)),
            Condition::Not(all) => !all.iter().all(|one| self.holds(one, record)),
            Condition::Text(text) => self.mentions(record, text),
            Condition::Test { attribute, operator, value } => {
                let binary = self.definition.field(attribute).is_some_and(|field| field.binary);
                self.test(&self.values(record, attribute), *operator, value, binary)
            }
        }
    }

    fn mentions(&self, record: &Record, text: &str) -> bool {
        ["name", "emailAddress", "phoneNumber", "accountName"].iter().any(|name| {
            self.values(record, name)
                .iter()
                .any(|value| value.as_str().is_some_and(|v| v.to_lowercase().contains(text)))
        })
    }

    fn first(&self, record: &Record, attribute: &str) -> Value {
        self.values(record, attribute).into_iter().next().unwrap_or(Value::Null)
    }

    /// The values of an attribute; several for addresses and links to many, none for null.
    fn values(&self, record: &Record, attribute: &str) -> Vec<Value> {
        let texts = |list: Vec<String>| list.into_iter().map(Value::from).collect();
        if attribute == "phoneNumberNumeric" {
            return texts(points(&record.attributes, "phoneNumber").iter().map(|n| n.replace('+', "")).collect());
        }
        if self.definition.name == "Email" && attribute == "emailAddress" {
            return texts(["from", "to", "cc", "bcc"].iter().flat_map(|p| addresses(&record.attributes, p)).collect());
        }
        if self.definition.name == "Email" && ["from", "to", "cc", "bcc"].contains(&attribute) {
            return texts(addresses(&record.attributes, attribute));
        }
        let Some(known) = self.definition.attribute(attribute) else {
            let one = text_of(&record.attributes, &format!("{attribute}Id"));
            return one.map_or_else(|| texts(ids_of(&record.attributes, attribute)), |id| vec![id.into()]);
        };
        match known.kind {
            Kind::Derived(Derived::Primary) => texts(points(&record.attributes, attribute)),
            Kind::LinkIds => texts(ids_of(&record.attributes, &known.field)),
            _ => match self.world.value(self.actor, self.definition, record, known) {
                Value::Null => Vec::new(),
                value => vec![value],
            },
        }
    }

    fn test(&self, values: &[Value], operator: Operator, wanted: &Value, binary: bool) -> bool {
        let me = wanted.get("me").map(|_| json!(self.actor.id));
        let wanted = me.as_ref().unwrap_or(wanted);
        let any = |holds: &dyn Fn(Ordering) -> bool| values.iter().any(|value| holds(compare(value, wanted, binary)));
        let among = || values.iter().any(|value| each(wanted).any(|one| compare(value, one, binary).is_eq()));
        let text = |holds: &dyn Fn(&str, &str) -> bool| {
            let wanted = scalar(wanted).to_lowercase();
            values.iter().any(|value| holds(&scalar(value).to_lowercase(), wanted.trim_matches('%')))
        };
        let now = json!(self.world.now_text());
        match operator {
            Operator::Equals => any(&Ordering::is_eq),
            Operator::NotEquals => any(&Ordering::is_ne),
            Operator::In | Operator::LinkedWith => among(),
            Operator::NotIn => !values.is_empty() && !among(),
            Operator::NotLinkedWith => !among(),
            Operator::Greater => any(&Ordering::is_gt),
            Operator::GreaterOrEquals => any(&Ordering::is_ge),
            Operator::Less => any(&Ordering::is_lt),
            Operator::LessOrEquals => any(&Ordering::is_le),
            Operator::Between => {
                let ends: Vec<&Value> = each(wanted).collect();
                ends.len() == 2
                    && values.iter().any(|v| compare(v, ends[0], binary).is_ge() && compare(v, ends[1], binary).is_le())
            }
            Operator::IsNull => values.is_empty(),
            Operator::IsNotNull => !values.is_empty(),
            Operator::IsTrue => values.contains(&json!(true)),
            Operator::IsFalse => values.contains(&json!(false)),
            Operator::Contains => text(&|value, wanted| value.contains(wanted)),
            Operator::StartsWith => text(&|value, wanted| value.starts_with(wanted)),
            Operator::Past => values.iter().any(|value| compare(value, &now, false).is_lt()),
            Operator::Future => values.iter().any(|value| compare(value, &now, false).is_gt()),
        }
    }
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    let list: Vec<&Value> = match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => map.values().collect(),
        one => vec![one],
    };
    list.into_iter()
}

/// As MariaDB compares: texts without regard to case, a number with a text by the digits the text begins with.
fn compare(value: &Value, wanted: &Value, binary: bool) -> Ordering {
    match value {
        Value::Bool(_) | Value::Number(_) => numeric(value).partial_cmp(&numeric(wanted)).unwrap_or(Ordering::Equal),
        _ if binary => scalar(value).cmp(&scalar(wanted)),
        _ => scalar(value).to_lowercase().cmp(&scalar(wanted).to_lowercase()),
    }
}

fn numeric(value: &Value) -> f64 {
    match value {
        Value::Bool(yes) => f64::from(u8::from(*yes)),
        Value::Number(number) => number.as_f64().unwrap_or(0.0),
        Value::String(text) => {
            let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(text.len());
            text[..end].parse().unwrap_or(0.0)
        }
        _ => 0.0,
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Nulls first, as MariaDB sorts them.
#[derive(PartialEq)]
struct SortKey(Value);

impl Eq for SortKey {}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => Ordering::Less,
            (_, Value::Null) => Ordering::Greater,
            (a, b) => compare(a, b, false),
        }
    }
}

fn number(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.parse().unwrap_or(0)),
        _ => None,
    }
}

/// A query string as PHP reads it: `a[0][b]=c` nests, `a[]=c` appends, `+` is a space.
pub fn php_params(query: &str) -> Map<String, Value> {
    let mut root = Value::Object(Map::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (percent_decoded(key), percent_decoded(value));
        let mut steps = key.split('[').map(|step| step.trim_end_matches(']').to_owned());
        let Some(first) = steps.next() else { continue };
        plant(&mut root, &first, &mut steps, value);
    }
    let lists = lists(root);
    lists.as_object().cloned().unwrap_or_default()
}

fn plant(node: &mut Value, step: &str, rest: &mut dyn Iterator<Item = String>, value: String) {
    if !node.is_object() {
        *node = Value::Object(Map::new());
    }
    let Some(map) = node.as_object_mut() else { return };
    let key = if step.is_empty() { map.len().to_string() } else { step.to_owned() };
    let child = map.entry(key).or_insert(Value::Null);
    match rest.next() {
        Some(next) => plant(child, &next, rest, value),
        None => *child = value.into(),
    }
}

/// Objects with the keys 0, 1, 2 … are lists.
fn lists(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    let is_list = !map.is_empty() && map.keys().enumerate().all(|(place, key)| *key == place.to_string());
    let children = map.into_iter().map(|(key, child)| (key, lists(child)));
    if is_list { children.map(|(_, child)| child).collect() } else { children.collect::<Map<_, _>>().into() }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match (bytes[at], hex.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 3;
            }
            (b'+', _) => {
                decoded.push(b' ');
                at += 1;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_nest_as_in_php() {
        let params = php_params("whereGroup[0][type]=or&whereGroup[0][value][0][type]=after&a%5B%5D=1&a[]=2&s=x+y%2Bz");
        assert_eq!(
            Value::Object(params),
            json!({
            "whereGroup": [{"type": "or", "value": [{"type": "after"}]}], "a": ["1", "2"], "s": "x y+z"})
        );
    }
}
