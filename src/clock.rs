//! The only place that asks what time it is. Everything else is handed `now`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::domain::{Seconds, Timestamp};

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
            if self.0.runs {
                let nap = Duration::from_millis(left.unsigned_abs());
                tokio::select! {
                    () = tokio::time::sleep(nap) => {}
                    _ = moved.changed() => {}
                }
            } else if moved.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Returns at or after `at`, by this clock.
    pub async fn sleep_until(&self, at: Timestamp) {
        self.sleep_until_millis(at.0.saturating_mul(1000)).await;
    }

    /// Returns when `seconds` have passed, by this clock; at once when it is set back, since nobody knows then how much
    /// has passed.
    pub async fn sleep(&self, seconds: Seconds) {
        let begun = self.now_millis();
        let mut moved = self.0.moved.subscribe();
        let nap = Duration::from_secs(seconds.max(0).unsigned_abs());
        let nap = async { if self.0.runs { tokio::time::sleep(nap).await } else { std::future::pending().await } };
        tokio::pin!(nap);
        while (begun..begun + seconds * 1000).contains(&self.now_millis()) {
            tokio::select! {
                () = &mut nap => return,
                _ = moved.changed() => {}
            }
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

    #[tokio::test]
    async fn a_pause_ends_when_the_clock_is_set_back() {
        let clock = Clock::manual(Timestamp(1_000));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(60).await }
        });
        tokio::task::yield_now().await;
        clock.advance(59);
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(-3_600);
        sleeper.await.unwrap();
    }
}
