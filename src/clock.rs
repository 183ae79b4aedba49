//! The only place that asks what time it is. Everything else is handed `now`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::domain::{Seconds, Timestamp};

/// How long nobody sleeps without looking at the clock.
const LONGEST_NAP: Duration = Duration::from_secs(60);

/// A clock that can be moved by hand. Cheap to clone; clones share the time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Whether the machine's clock counts underneath.
    runs: bool,
    /// Milliseconds since the epoch (a standing clock), or ahead of the machine's clock (a running one).
    millis: AtomicI64,
    /// Ticks whenever the clock is moved by hand.
    moved: watch::Sender<u64>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::new(true, 0)
    }

    /// A clock that stands at `now` until it is moved.
    pub fn manual(now: Timestamp) -> Self {
        Self::new(false, now.0 * 1000)
    }

    fn new(runs: bool, millis: i64) -> Self {
        Self(Arc::new(Inner { runs, millis: AtomicI64::new(millis), moved: watch::Sender::new(0) }))
    }

    /// The current instant, in whole seconds.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.now_millis().div_euclid(1000))
    }

    /// The current instant, in milliseconds since the epoch.
    pub fn now_millis(&self) -> i64 {
        let millis = self.0.millis.load(Ordering::SeqCst);
        if self.0.runs { machine_millis() + millis } else { millis }
    }

    /// Moves the clock by hand and wakes whoever sleeps until an instant that has passed now.
    pub fn advance(&self, seconds: Seconds) {
        self.advance_millis(seconds * 1000);
    }

    /// As [`Clock::advance`], in milliseconds.
    pub fn advance_millis(&self, millis: i64) {
        self.0.millis.fetch_add(millis, Ordering::SeqCst);
        self.0.moved.send_modify(|ticks| *ticks += 1);
    }

    /// Returns at or after `millis` since the epoch, by this clock.
    pub async fn sleep_until_millis(&self, millis: i64) {
        let mut moved = self.0.moved.subscribe();
        loop {
            let left = millis - self.now_millis();
            if left <= 0 {
                return;
            }
            self.nap(left, &mut moved).await;
        }
    }

    /// Returns after so many milliseconds, or when the clock is moved, or after a while to look at it again: the
    /// machine's own may be set meanwhile.
    async fn nap(&self, millis: i64, moved: &mut watch::Receiver<u64>) {
        if self.0.runs {
            let nap = Duration::from_millis(millis.unsigned_abs()).min(LONGEST_NAP);
            tokio::select! {
                () = tokio::time::sleep(nap) => {}
                _ = moved.changed() => {}
            }
        } else if moved.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns at or after `at`, by this clock.
    pub async fn sleep_until(&self, at: Timestamp) {
        self.sleep_until_millis(at.0.saturating_mul(1000)).await;
    }

    /// Returns when `seconds` have passed; setting the machine's clock neither lengthens nor shortens them.
    pub async fn sleep(&self, seconds: Seconds) {
        let mut moved = self.0.moved.subscribe();
        let (began, by_hand) = (tokio::time::Instant::now(), self.0.millis.load(Ordering::SeqCst));
        loop {
            let moved_by = self.0.millis.load(Ordering::SeqCst) - by_hand;
            let ran = if self.0.runs { i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX) } else { 0 };
            let left = seconds.saturating_mul(1000).saturating_sub(moved_by).saturating_sub(ran);
            if left <= 0 {
                return;
            }
            self.nap(left, &mut moved).await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
fn machine_millis() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleepers_on_a_standing_clock_wake_when_it_is_moved() {
        let clock = Clock::manual(Timestamp(1_000));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(Timestamp(1_060)).await;
                clock.now()
            }
        });
        clock.advance(59);
        clock.advance(1);
        assert_eq!(sleeper.await.unwrap(), Timestamp(1_060));
    }
}
