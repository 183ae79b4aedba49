//! `max check`: reads the configuration as the daemon would, touches nothing, and names every mistake.

use secrecy::ExposeSecret;

use super::ConfigFile;
use super::say::say;
use crate::config::Config;
use crate::domain::time::format_duration;
use crate::voice::Voice;

/// Checks, and sums up what M.A.X. would do with it.
///
/// # Errors
/// All mistakes at once.
pub fn run(file: &ConfigFile) -> anyhow::Result<()> {
    let config = Config::load(file.config.as_deref())?;
    Voice::new(config.voice.templates.as_deref())?;
    let sign = if config.espocrm.secret_key.as_ref().is_some_and(|key| !key.expose_secret().is_empty()) {
        "HMAC"
    } else {
        "API key"
    };
    say("The configuration is in order.")?;
    say(format_args!(
        "  EspoCRM     {} ({sign}), polled every {}",
        config.espocrm.url,
        format_duration(config.sync.poll_interval)
    ))?;
    let webhooks =
        if config.http.public_url.is_empty() { "none (http.public_url is empty)" } else { &config.http.public_url };
    say(format_args!("  webhooks    {webhooks}"))?;
    say(format_args!(
        "  Telegram    {}",
        if config.telegram.is_on() { config.telegram.api_url.as_str() } else { "off (telegram.token is empty)" }
    ))?;
    say(format_args!("  HTTP        {} ({} token(s))", config.http.listen, config.http.tokens.len()))?;
    say(format_args!(
        "  hours       {} {}–{}, {}",
        config.working_hours.days.join(" "),
        config.working_hours.from,
        config.working_hours.to,
        config.working_hours.time_zone
    ))?;
    say(
        "              (EspoCRM's working-time calendars go before them where M.A.X. may read them: max doctor says so)",
    )?;
    Ok(say(format_args!("  store       {}", config.store.path.display()))?)
}
