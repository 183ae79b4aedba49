//! The configuration file: address and key go in, everything else in it stays, comments too.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use secrecy::ExposeSecret;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use crate::espo::admin::Keys;

/// What to write into the file by hand.
pub fn lines(url: &str, keys: &Keys, public_url: Option<&str>) -> String {
    let mut document = DocumentMut::new();
    fill(&mut document, url, keys, public_url);
    document.to_string()
}

/// Writes it into the file, for this user's eyes only. A file that is new gets a token for the commands that speak to
/// the daemon as well.
pub fn write(path: &Path, url: &str, keys: &Keys, public_url: Option<&str>) -> anyhow::Result<()> {
    let cannot = || {
        format!(
            "{} cannot be written; it is as it was. The key can be read in Administration > API Users",
            path.display()
        )
    };
    let is_new = !path.exists();
    let text = if is_new { String::new() } else { std::fs::read_to_string(path).with_context(cannot)? };
    let mut document: DocumentMut = text.parse().with_context(cannot)?;
    fill(&mut document, url, keys, public_url);
    if is_new {
        add_token(&mut document);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A temporary file is made with mode 0600, and keeps it.
    let mut file = tempfile::Builder::new().prefix(".max-setup-").tempfile_in(folder).with_context(cannot)?;
    file.write_all(document.to_string().as_bytes()).with_context(cannot)?;
    file.as_file().sync_all().with_context(cannot)?;
    file.persist(path).with_context(cannot)?;
    Ok(())
}

fn fill(document: &mut DocumentMut, url: &str, keys: &Keys, public_url: Option<&str>) {
    let espocrm = table(document, "espocrm");
    set(espocrm, "url", url);
    set(espocrm, "api_key", keys.api_key.expose_secret());
    match &keys.secret_key {
        Some(secret) => set(espocrm, "secret_key", secret.expose_secret()),
        None => drop(espocrm.remove("secret_key")),
    }
    if let Some(public_url) = public_url {
        set(table(document, "http"), "public_url", public_url);
    }
}

fn table<'a>(document: &'a mut DocumentMut, name: &str) -> &'a mut Table {
    let item = document.entry(name).or_insert_with(|| Item::Table(Table::new()));
    if !item.is_table() {
        *item = Item::Table(item.as_inline_table().cloned().map(|table| table.into_table()).unwrap_or_default());
    }
    item.as_table_mut().expect("it was made a table")
}

/// Replaces a value, and leaves what stands around it.
fn set(table: &mut Table, key: &str, text: &str) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(known) => {
            let around = known.decor().clone();
            *known = text.into();
            *known.decor_mut() = around;
        }
        None => drop(table.insert(key, value(text))),
    }
}

fn add_token(document: &mut DocumentMut) {
    let token: String = rand::random::<[u8; 24]>().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut operator = Table::new();
    set(&mut operator, "name", "operator");
    set(&mut operator, "token", &token);
    operator.insert("scopes", value(toml_edit::Array::from_iter(["admin"])));
    let mut tokens = ArrayOfTables::new();
    tokens.push(operator);
    table(document, "http").insert("tokens", Item::ArrayOfTables(tokens));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, EXAMPLE};

    fn keys() -> Keys {
        Keys { api_key: "the-new-key".into(), secret_key: None }
    }

    #[test]
    fn a_new_file_is_a_whole_configuration_for_one_pair_of_eyes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        write(&path, "https://crm.example", &keys(), Some("https://max.example")).unwrap();
        let config = Config::load(Some(&path)).unwrap();
        assert_eq!(config.espocrm.url, "https://crm.example");
        assert_eq!(config.espocrm.api_key.expose_secret(), "the-new-key");
        assert_eq!(config.http.public_url, "https://max.example");
        assert_eq!(config.http.tokens.len(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_was_in_the_file_stays_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, EXAMPLE).unwrap();
        write(&path, "https://crm.mine", &keys(), None).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        let expected = EXAMPLE
            .replace("url = \"https://crm.example.com\"\n# Where links", "url = \"https://crm.mine\"\n# Where links")
            .replace("\"paste-the-api-key-here\"", "\"the-new-key\"");
        assert_eq!(written, expected);
    }

    #[test]
    fn a_key_of_another_kind_leaves_nothing_of_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, "espocrm = { url = \"https://a.example\", api_key = \"old\", secret_key = \"s\" }\n")
            .unwrap();
        write(&path, "https://a.example", &keys(), None).unwrap();
        let config = Config::load(Some(&path)).unwrap();
        assert_eq!(config.espocrm.api_key.expose_secret(), "the-new-key");
        assert!(config.espocrm.secret_key.is_none());
        assert_eq!(config.http.tokens.len(), 0, "a file that was there keeps its tokens, or none");
    }
}
