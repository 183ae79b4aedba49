//! Who waits for whom: what one person does in one chat is carried out in its order, and nobody waits for anybody else.
//! What has to ask the CRM first waits in a lane of its own, so that the person's next tap is answered meanwhile.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use teloxide::types::{Update, UpdateKind};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::bot::{Bot, Taken};
use crate::domain::button::Button;
use crate::engine::outbox::pause_after;
use crate::engine::{EngineError, Handle};

/// How often an update is tried that the store does not take.
const TRIES: u32 = 5;

/// Where an update waits for those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Lane {
    chat: i64,
    account: u64,
    /// Whether the CRM may be waited for.
    asks: bool,
}

/// What waits in a lane.
struct Waiting {
    update: Update,
    /// The CRM is to be asked: whoever tapped was told so.
    asks: bool,
}

impl Lane {
    fn of(update: &Update, asks: bool) -> Self {
        let chat = update.chat().map_or(0, |chat| chat.id.0);
        let account = match &update.kind {
            // What becomes of a chat concerns all who are in it, and is carried out at once.
            UpdateKind::MyChatMember(_) => 0,
            _ => update.from().map_or(0, |user| user.id.0),
        };
        let asks = asks
            || match &update.kind {
                // What is written may need the CRM from the first word on.
                UpdateKind::Message(_) => true,
                // The question before linking is the answer to a message, and answered after it.
                UpdateKind::CallbackQuery(tap) => {
                    matches!(tap.data.as_deref().and_then(Button::parse), Some(Button::Link(..)))
                }
                _ => false,
            };
        Self { chat, account, asks }
    }
}

/// All lanes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lanes(Arc<Inner>);

struct Inner {
    bot: Bot,
    stop: CancellationToken,
    tasks: Mutex<JoinSet<()>>,
    /// A lane that is here has somebody at work on it.
    waiting: Mutex<HashMap<Lane, VecDeque<Waiting>>>,
}

impl Lanes {
    pub(super) fn new(bot: Bot, stop: CancellationToken) -> Self {
        Self(Arc::new(Inner { bot, stop, tasks: Mutex::default(), waiting: Mutex::default() }))
    }

    /// Has an update carried out once those before it in its lane are. `asks`: the CRM may be waited for.
    pub(super) fn enqueue(&self, update: Update, asks: bool) {
        let lane = Lane::of(&update, asks);
        let mut waiting = self.waiting();
        let is_new = !waiting.contains_key(&lane);
        waiting.entry(lane).or_default().push_back(Waiting { update, asks });
        drop(waiting);
        if is_new {
            let mut tasks = self.tasks();
            while tasks.try_join_next().is_some() {}
            tasks.spawn(self.clone().work(lane));
        }
    }

    /// Returns when nobody is at work any more, after the daemon was told to stop.
    pub(super) async fn end(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks());
        while tasks.join_next().await.is_some() {}
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Lane, VecDeque<Waiting>>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, lane: Lane) -> Option<Waiting> {
        let mut waiting = self.waiting();
        let next = waiting.get_mut(&lane).and_then(VecDeque::pop_front);
        if next.is_none() {
            waiting.remove(&lane);
        }
        next
    }

    async fn work(self, lane: Lane) {
        while let Some(Waiting { update, asks }) = self.next(lane) {
            tokio::select! {
                // What is not carried out is in the store, and taken up at the next start.
                () = self.0.stop.cancelled() => return,
                () = self.carry_out(update, asks) => {}
            }
        }
    }

    async fn carry_out(&self, update: Update, asks: bool) {
        let engine: &Handle = &self.0.bot.engine;
        let id = super::bot::id_of(&update);
        for attempt in 1..=TRIES {
            let error = match self.0.bot.take(&update, id.saturating_add(1), asks).await {
                Ok(Taken::Done) => match engine.run(move |engine| engine.update_done(id)).await {
                    Ok(()) => return,
                    Err(error) => error,
                },
                Ok(Taken::MustAsk) => return self.enqueue(update, true),
                Err(error) => error,
            };
            if matches!(error, EngineError::Stopped | EngineError::Died) {
                return;
            }
            tracing::error!(%error, "an update from Telegram could not be carried out; it is tried again");
            engine.clock().sleep(pause_after(attempt)).await;
        }
        tracing::error!(id, "an update from Telegram is given up");
        let _ = engine.run(move |engine| engine.update_done(id)).await;
    }
}
