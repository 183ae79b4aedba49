//! What EspoCRM does to many records at once and tells of hardly any: merging leads, and converting one.

use serde_json::{Map, Value, json};

use super::Version;
use super::access::Actor;
use super::refusal::Refusal;
use super::value::{ids_of, points, text_of};
use super::world::{Pen, World};

impl World {
    /// Merges a lead into another: what hangs on it moves over without its modifiedAt moving, it is deleted, and the
    /// survivor is saved with both's addresses and `attributes`.
    pub fn merge(
        &mut self,
        actor: &Actor,
        survivor: &str,
        source: &str,
        mut attributes: Map<String, Value>,
        pen: Pen,
    ) -> Result<(), Refusal> {
        let kept = self.row("Lead", survivor).ok_or_else(|| Refusal::new(404, "Record not found."))?;
        let lost = self.row("Lead", source).ok_or_else(|| Refusal::new(404, "Source record not found."))?;
        let mut addresses = points(&kept.attributes, "emailAddress");
        addresses.extend(points(&lost.attributes, "emailAddress"));
        let mut seen = std::collections::BTreeSet::new();
        addresses.retain(|address| seen.insert(address.clone()));
        let addresses: Vec<Value> = (addresses.iter().enumerate())
            .map(|(place, address)| {
                json!({"emailAddress": address, "primary": place == 0, "optOut": false, "invalid": false})
            })
            .collect();
        self.move_over(source, survivor);
        self.delete(actor, "Lead", source)?;
        attributes.insert("emailAddressData".into(), addresses.into());
        self.update(actor, "Lead", survivor, attributes, None, pen)
    }

    /// 9.3 leaves calls and meetings with the parent they had.
    fn move_over(&mut self, source: &str, survivor: &str) {
        let entities: Vec<String> = self.schema.names().map(str::to_owned).collect();
        for entity in entities {
            let parents_move = self.options.version == Version::V10 || !["Call", "Meeting"].contains(&entity.as_str());
            let Some(definition) = self.schema.entity(&entity) else { continue };
            let fields: Vec<(String, String)> = (definition.fields())
                .filter(|(_, field)| field.kind == "linkParent" || field.target.as_deref() == Some("Lead"))
                .map(|(name, field)| (name.to_owned(), field.kind.clone()))
                .collect();
            let rows: Vec<String> = self.rows(&entity).map(|(id, _)| id.to_owned()).collect();
            for id in rows {
                let Some(row) = self.row_mut(&entity, &id) else { continue };
                for (field, kind) in &fields {
                    let leads_there = text_of(&row.attributes, &format!("{field}Id")).as_deref() == Some(source);
                    if kind == "linkMultiple" {
                        let mut ids = ids_of(&row.attributes, field);
                        if ids.iter().any(|id| id == source) && !ids.iter().any(|id| id == survivor) {
                            ids.push(survivor.to_owned());
                            row.attributes.insert(format!("{field}Ids"), json!(ids));
                        }
                    } else if leads_there && (kind != "linkParent" || parents_move) {
                        row.attributes.insert(format!("{field}Id"), survivor.into());
                    }
                }
            }
        }
    }

    /// Converts a lead: makes the records given by entity (`Account`, `Contact`, `Opportunity`), sets the status, and
    /// gives the mails on the lead, and the calls and meetings it is invited to, a new parent.
    pub fn convert(
        &mut self,
        actor: &Actor,
        lead: &str,
        records: &Map<String, Value>,
        pen: Pen,
    ) -> Result<(), Refusal> {
        self.row("Lead", lead).ok_or_else(|| Refusal::gone(lead))?;
        let mut made: Vec<(&str, String)> = Vec::new();
        for entity in ["Opportunity", "Account", "Contact"] {
            if let Some(record) = records.get(entity).and_then(Value::as_object) {
                let id = self.create(actor, entity, record.clone(), Pen::Rest { skip_duplicates: true })?;
                made.push((entity, id));
            }
        }
        let mut changes = Map::from_iter([("status".to_owned(), Value::from("Converted"))]);
        changes.extend(made.iter().map(|(entity, id)| (format!("created{entity}Id"), Value::from(id.clone()))));
        self.update(actor, "Lead", lead, changes, None, pen)?;
        let parent = made.iter().find(|(entity, _)| *entity != "Contact");
        let Some((kind, parent)) = parent.cloned() else { return Ok(()) };
        let new_parent = Map::from_iter([
            ("parentType".to_owned(), Value::from(kind)),
            ("parentId".to_owned(), Value::from(parent)),
        ]);
        for (entity, invited) in [("Email", false), ("Call", true), ("Meeting", true)] {
            let belongs = |attributes: &Map<String, Value>| {
                if invited {
                    ids_of(attributes, "leads").iter().any(|id| id == lead)
                } else {
                    text_of(attributes, "parentId").as_deref() == Some(lead)
                }
            };
            let ids: Vec<String> =
                self.rows(entity).filter(|(_, row)| belongs(&row.attributes)).map(|(id, _)| id.to_owned()).collect();
            for id in ids {
                self.update(actor, entity, &id, new_parent.clone(), None, Pen::Hand)?;
            }
        }
        Ok(())
    }
}
