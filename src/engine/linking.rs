//! Linking a Telegram account to a user of the CRM: a one-time token in a deep link, stored hashed, an hour's
//! life.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::{EngineError, Handle};
use crate::domain::{HOUR, Timestamp, UserId};
use crate::store::LinkToken;

/// How long a link may be used, in seconds (exclusive).
const LIFETIME: i64 = HOUR;

/// A deep link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeepLink {
    /// What the user opens.
    pub url: String,
    /// Worthless from this instant on.
    pub expires_at: Timestamp,
}

/// Makes a deep link for a user, to the bot of this name.
///
/// # Errors
/// When the store cannot be written.
pub async fn create(engine: &Handle, user: &UserId, bot: &str) -> Result<DeepLink, EngineError> {
    let token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>());
    let expires_at = engine.clock().now().plus(LIFETIME);
    let kept = LinkToken { user: user.clone(), expires_at };
    let hash = hash(&token);
    engine.run(move |engine| engine.keep_token(&hash, &kept)).await?;
    Ok(DeepLink { url: format!("https://t.me/{bot}?start={token}"), expires_at })
}

/// What is stored of a token: SHA-256, in hexadecimal.
pub fn hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
