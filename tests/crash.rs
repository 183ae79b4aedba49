//! The real binary, killed with SIGKILL at every labelled boundary of a story and started again, comes to the same
//! end: one record for each key in the CRM, the same messages in the chat, nothing left to do.

mod daemon;
mod story;

use std::time::Duration;

use max::engine::boundary;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use daemon::Kills;
use story::{Ending, Story};

/// How many stories run side by side.
const AT_ONCE: usize = 4;
/// A story that takes longer has lost its way.
const LONGEST: Duration = Duration::from_secs(60);
/// How often the unlucky daemon of the last test is killed.
const RANDOM_KILLS: usize = 10;

/// Plays the story to its end.
async fn play(name: String, kills: Kills) -> (Ending, daemon::Record) {
    let story = Story::begin(kills).await;
    let trouble = tokio::select! {
        () = story.play() => None,
        status = story.daemon_ended() => Some(format!("the daemon ended by itself ({status})")),
        () = tokio::time::sleep(LONGEST) => Some("the story does not come to its end".to_owned()),
    };
    if let Some(trouble) = trouble {
        panic!("[{name}] {trouble}:\n{}", story.describe());
    }
    story.end().await
}

/// Compares an ending with the uninterrupted one's. A message may be there once too often if it was the last one
/// that Telegram took before the daemon was killed: nobody can know then whether it did.
fn compare(name: &str, wanted: &Ending, got: &Ending, record: &daemon::Record) {
    let describe = || format!("[{name}]\nwanted {wanted:#?}\ngot {got:#?}\n{}", record.log);
    assert_eq!(wanted.alerts, got.alerts, "{}", describe());
    assert_eq!(wanted.activities, got.activities, "{}", describe());
    assert_eq!(wanted.mails, got.mails, "{}", describe());
    assert_eq!(wanted.opted_out, got.opted_out, "{}", describe());
    let mut extra = got.messages.clone();
    for (message, _) in &wanted.messages {
        let found = extra.iter().rposition(|(one, _)| one == message);
        let found = found.unwrap_or_else(|| panic!("a message is missing: {message}\n{}", describe()));
        extra.remove(found);
    }
    for (stray, id) in &extra {
        assert!(record.last_messages.contains(id), "a message too many, {id}: {stray}\n{}", describe());
        assert!(wanted.versions.contains(stray), "a message that nobody was to see: {stray}\n{}", describe());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_boundary_the_story_ends_the_same() {
    let (wanted, _) = play("uninterrupted".to_owned(), Kills::none()).await;
    wanted.check();
    let mut waiting: Vec<&'static str> = boundary::ALL.iter().rev().copied().collect();
    let mut playing = tokio::task::JoinSet::new();
    loop {
        while playing.len() < AT_ONCE
            && let Some(label) = waiting.pop()
        {
            playing.spawn(async move { (label, play(label.to_owned(), Kills::at(label)).await) });
        }
        let Some(done) = playing.join_next().await else { break };
        let (label, (got, record)) = done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        assert!(record.halts_after_set_up > 0, "the story never passes {label}: the list is not honest");
        compare(label, &wanted, &got, &record);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_ten_times_at_random_the_story_ends_the_same() {
    let (wanted, _) = play("uninterrupted".to_owned(), Kills::none()).await;
    let seed: u64 = rand::rng().random();
    let mut random = StdRng::seed_from_u64(seed);
    let moments = (0..RANDOM_KILLS).map(|_| random.random_range(1..=6)).collect();
    let name = format!("at random, seed {seed}");
    let (got, record) = play(name.clone(), Kills::after(moments)).await;
    assert_eq!(record.random_kills, RANDOM_KILLS, "[{name}]");
    compare(&name, &wanted, &got, &record);
}
