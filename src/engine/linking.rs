//! Linking a Telegram account to a user of the CRM: by a one-time token in a deep link, stored hashed, an hour's life, or
//! by a code that the user made on the own profile in the CRM. Whoever opens one is shown whom it is for before anything
//! is linked. Each link has a record in the CRM, and is cut where either side cuts it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::{Engine, EngineError, Handle};
use crate::domain::effect::Effect;
use crate::domain::{ChatId, HOUR, Timestamp, User, UserId};
use crate::espo::links::Invitation;
use crate::store::{Batch, Link, LinkRecord, LinkToken, PendingLink, Result as Stored, Store};

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

/// The length of a token: 24 bytes in base 64.
const TOKEN_CHARS: usize = 32;

/// Whether a text can be a token at all: nobody is asked about anything else.
pub fn is_token(text: &str) -> bool {
    text.len() == TOKEN_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// A Telegram account that is to be linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Telegram's id.
    pub id: i64,
    /// The private chat.
    pub chat: ChatId,
    /// What it calls itself; may be empty.
    pub name: String,
}

/// What a link that was opened would do. Nothing is linked before the account that opened it has said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Whom it is for.
    pub user: User,
    /// Whose link it would take the place of, if it is somebody else.
    pub instead: Option<User>,
}

/// What a link that was opened turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It may be used.
    Offer(Box<Offer>),
    /// It has expired, was spent, or its user may not be told anything.
    Worthless,
    /// It is none of ours.
    Unknown,
}

/// Whether an account is one of several of its user's, and not the one that was used last.
///
/// # Errors
/// When the store cannot be read.
pub fn is_another(store: &Store, account: i64) -> Stored<bool> {
    let Some(link) = store.link(account)? else { return Ok(false) };
    let is_alone = store.links()?.iter().filter(|other| other.user == link.user).count() < 2;
    Ok(!is_alone && store.last_account(&link.user)? != Some(account))
}

impl Engine {
    /// Keeps a one-time token by its hash.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep_token(&mut self, hash: &str, token: &LinkToken) -> Stored<()> {
        let mut batch = Batch::default();
        batch.put_token(hash, token);
        self.store.apply(batch)
    }

    /// An account has opened a link with a token of ours.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn open_token(&mut self, hash: &str, account: i64) -> Stored<Opened> {
        let Some(token) = self.store.token(hash)? else { return Ok(Opened::Unknown) };
        let (user, expires_at) = (token.user, token.expires_at);
        self.offer(account, PendingLink { hash: hash.to_owned(), user, invitation: None, expires_at })
    }

    /// An account has opened the link that a user made in the CRM; `hash` is that of its code.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn open_invitation(&mut self, hash: &str, invitation: Invitation, account: i64) -> Stored<Opened> {
        let Invitation { crm_id, key, user, expires_at } = invitation;
        let pending = PendingLink { hash: hash.to_owned(), user, invitation: Some((crm_id, key)), expires_at };
        self.offer(account, pending)
    }

    fn offer(&mut self, account: i64, pending: PendingLink) -> Stored<Opened> {
        let Some(user) = self.to_be_linked(&pending)? else { return Ok(Opened::Worthless) };
        let present = self.store.link(account)?.map(|link| self.store.user(&link.user)).transpose()?.flatten();
        let mut batch = Batch::default();
        batch.put_pending_link(account, &pending);
        self.store.apply(batch)?;
        let instead = present.filter(|present| present.id != user.id);
        Ok(Opened::Offer(Box::new(Offer { instead, user })))
    }

    /// Whom a link that waits is for, if it can still be used.
    fn to_be_linked(&self, pending: &PendingLink) -> Stored<Option<User>> {
        let is_spent = match &pending.invitation {
            Some((_, key)) => self.store.link_record(key)?.is_some(),
            None => self.store.token(&pending.hash)?.is_none(),
        };
        if is_spent || pending.expires_at <= self.now() {
            return Ok(None);
        }
        let is_person = |user: &User| user.active && matches!(user.kind.as_str(), "regular" | "admin" | "super-admin");
        Ok(self.store.user(&pending.user)?.filter(is_person))
    }

    /// The account says that the link it opened is for `user`, as it was shown: links it, and spends the token. `None` when
    /// that is not what it opened last, or it can no longer be used.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn take_link(&mut self, account: &Account, user: &UserId) -> Stored<Option<Link>> {
        let pending = self.store.pending_link(account.id)?.filter(|pending| pending.user == *user);
        let Some(pending) = pending else { return Ok(None) };
        let mut batch = Batch::default();
        batch.remove_pending_link(account.id);
        let Some(user) = self.to_be_linked(&pending)? else {
            self.store.apply(batch)?;
            return Ok(None);
        };
        let (crm_id, key) = match pending.invitation {
            Some((crm_id, key)) => (Some(crm_id), key),
            None => {
                batch.remove_token(&pending.hash);
                (None, format!("telegram-{}-{}", account.id, self.now().0))
            }
        };
        self.link(batch, account, user.id, &key, crm_id).map(Some)
    }

    /// The account says that the link it opened is not for it: the token stays as good as it was, for whom it is for.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn decline_link(&mut self, account: i64) -> Stored<()> {
        let mut batch = Batch::default();
        batch.remove_pending_link(account);
        self.store.apply(batch)
    }

    /// Keeps which message asks an account about the link that it opened; `None`: none does any more.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn note_link_question(&mut self, account: i64, message_id: Option<i32>) -> Stored<()> {
        let mut batch = Batch::default();
        match message_id {
            Some(message_id) => batch.put_link_question(account, message_id),
            None => batch.remove_link_question(account),
        }
        self.store.apply(batch)
    }

    /// Somebody wrote or tapped with this account: where he or she is told things from now on.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn account_used(&mut self, account: i64) -> Stored<()> {
        let Some(link) = self.store.link(account)? else { return Ok(()) };
        let mut batch = Batch::default();
        batch.put_last_account(&link.user, account);
        self.store.apply(batch)
    }

    /// One account serves one user: an older link of the account is cut. All that is open is announced as one digest.
    fn link(
        &mut self,
        mut batch: Batch,
        account: &Account,
        user: UserId,
        key: &str,
        crm_id: Option<String>,
    ) -> Stored<Link> {
        let now = self.now();
        self.cut_records(&mut batch, account.id)?;
        let link = Link { account: account.id, chat: account.chat, user, linked_at: now, unreachable: false };
        let record = LinkRecord { telegram_name: account.name.clone(), ..record_of(&link, key.to_owned(), crm_id) };
        batch.put_link(&link);
        batch.put_last_account(&link.user, link.account);
        batch.put_link_record(&record);
        self.add_effect(&mut batch, Effect::WriteLink(record.key), now)?;
        self.add_effect(&mut batch, Effect::Welcome { chat: link.chat, user: link.user.clone() }, now)?;
        self.tell_all(&mut batch, &link.user)?;
        self.store.apply(batch)?;
        Ok(link)
    }

    /// Cuts the link of a Telegram account, and has the CRM told. Returns whether there was one.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn unlink(&mut self, account: i64) -> Stored<bool> {
        let is_linked = self.store.link(account)?.is_some();
        let mut batch = Batch::default();
        batch.remove_link(account);
        self.cut_records(&mut batch, account)?;
        self.store.apply(batch)?;
        Ok(is_linked)
    }

    /// Marks the records of an account's link as no longer true.
    fn cut_records(&mut self, batch: &mut Batch, account: i64) -> Stored<()> {
        let now = self.now();
        for record in self.store.link_records()?.into_iter().filter(|record| record.account == account) {
            let record = LinkRecord { is_cut: true, ..record };
            batch.put_link_record(&record);
            self.add_effect(batch, Effect::WriteLink(record.key), now)?;
        }
        Ok(())
    }

    /// Somebody cut a link in the CRM, or deleted its record there: nobody is told anything in that chat any more.
    pub(super) fn link_cut_in_crm(&mut self, crm_id: &str) -> Stored<()> {
        let of_it = |record: &LinkRecord| record.crm_id.as_deref() == Some(crm_id);
        let Some(record) = self.store.link_records()?.into_iter().find(of_it) else { return Ok(()) };
        self.link_is_cut(&record)
    }

    pub(super) fn link_is_cut(&mut self, record: &LinkRecord) -> Stored<()> {
        let mut batch = Batch::default();
        // One that was cut here has been replaced by now.
        if !record.is_cut {
            batch.remove_link(record.account);
            tracing::info!(user = %record.user, "a Telegram account was unlinked in the CRM");
        }
        batch.remove_link_record(&record.key);
        self.store.apply(batch)
    }

    /// A link's record in the CRM is as `written` says it should be.
    pub(super) fn link_written(&mut self, written: &LinkRecord, crm_id: String) -> Stored<()> {
        let mut batch = Batch::default();
        match self.store.link_record(&written.key)? {
            Some(now) if now.is_cut && written.is_cut => batch.remove_link_record(&now.key),
            Some(now) => batch.put_link_record(&LinkRecord { crm_id: Some(crm_id), ..now }),
            None => {}
        }
        self.store.apply(batch)
    }

    /// Has every link written into the CRM that is not known to be there: made before there were records, or while the
    /// extension did not have them.
    pub(super) fn record_links(&mut self) -> Stored<()> {
        let now = self.now();
        let mut batch = Batch::default();
        let records = self.store.link_records()?;
        for link in self.store.links()? {
            if !records.iter().any(|record| record.account == link.account && !record.is_cut) {
                let key = format!("telegram-{}-{}", link.account, link.linked_at.0);
                let record = record_of(&link, key, None);
                batch.put_link_record(&record);
                self.add_effect(&mut batch, Effect::WriteLink(record.key), now)?;
            }
        }
        for record in records.into_iter().filter(|record| record.is_cut || record.crm_id.is_none()) {
            self.add_effect(&mut batch, Effect::WriteLink(record.key), now)?;
        }
        self.store.apply(batch)
    }
}

fn record_of(link: &Link, key: String, crm_id: Option<String>) -> LinkRecord {
    LinkRecord {
        key,
        crm_id,
        account: link.account,
        user: link.user.clone(),
        telegram_name: String::new(),
        linked_at: link.linked_at,
        is_cut: false,
    }
}
