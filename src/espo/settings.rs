//! The `[espocrm]` part of the configuration: where the CRM is and how to enter.

use secrecy::SecretString;
use serde::Deserialize;

use super::mapping::Entry;
use crate::domain::Seconds;

/// How to reach and read one EspoCRM. Secrets are redacted in its `Debug`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EspoSettings {
    /// The address people open in their browser, such as `https://crm.example.com`; a trailing `/api/v1` is
    /// dropped.
    #[serde(default)]
    pub url: String,
    /// Where links shown to people lead, when that is another address than `url`.
    #[serde(default)]
    pub public_url: Option<String>,
    /// The address of the group account from which mails go; empty: none do.
    #[serde(default)]
    pub mail_from: String,
    /// The API user's key.
    #[serde(default)]
    pub api_key: SecretString,
    /// Its secret key, for an API user with HMAC authentication; requests are signed when it is given.
    #[serde(default)]
    pub secret_key: Option<SecretString>,
    /// How long one request may take, in seconds (`"30s"` in the file).
    #[serde(default = "default_timeout", with = "crate::domain::time::duration")]
    pub timeout: Seconds,
    /// Rows per page. EspoCRM refuses more than its `recordListMaxSizeLimit`, 200 unless raised.
    #[serde(default = "default_page_size")]
    pub page_size: u32,
    /// Lead sources whose description is a message of the lead (web forms).
    #[serde(default = "default_inbound_sources")]
    pub inbound_sources: Vec<String>,
    /// Which record is which activity: entries here replace the built-in ones of the same entity, see
    /// [`super::Mapping::new`].
    #[serde(default)]
    pub activities: Vec<Entry>,
}

impl EspoSettings {
    /// Everything at its default but the address and the key.
    pub fn new(url: impl Into<String>, api_key: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            public_url: None,
            mail_from: String::new(),
            api_key: api_key.into(),
            secret_key: None,
            timeout: default_timeout(),
            page_size: default_page_size(),
            inbound_sources: default_inbound_sources(),
            activities: Vec::new(),
        }
    }
}

fn default_timeout() -> Seconds {
    30
}

fn default_page_size() -> u32 {
    200
}

fn default_inbound_sources() -> Vec<String> {
    vec!["Web Site".to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_and_its_secrets_stay_hidden() {
        let settings: EspoSettings =
            toml::from_str("url = 'https://crm.example'\napi_key = 'k3y'\nsecret_key = 's3cret'\ntimeout = '5s'")
                .unwrap();
        assert_eq!((settings.timeout, settings.page_size), (5, 200));
        assert_eq!(settings.inbound_sources, ["Web Site"]);
        let shown = format!("{settings:?}");
        assert!(!shown.contains("k3y") && !shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn a_misspelt_option_is_refused() {
        let read = toml::from_str::<EspoSettings>("url = 'x'\napi_key = 'k'\ntimeuot = '5s'");
        assert!(read.unwrap_err().to_string().contains("timeuot"));
    }
}
