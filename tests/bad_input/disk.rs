//! A disk that is full, and a store that somebody else has open.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use max::app::App;
use max::clock::Clock;
use max::config::Config;
use max::domain::DAY;
use max::sandbox::espo::{self, EspoSandbox};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use crate::support::World;

/// How long, in real time, a process may take to notice, or to finish.
const PATIENCE: Duration = Duration::from_secs(60);
/// What each file may hold on the small disk, in blocks of 512 bytes…
const BLOCKS: u32 = 400;
/// …and more than that.
const LEADS: usize = 150;

#[tokio::test]
async fn a_second_daemon_on_the_same_store_is_told_so() {
    let world = World::begin().await;
    let config = Config::from_toml(world.config()).unwrap();
    let error = App::start(config, world.clock.clone()).await.expect_err("the store is taken");
    assert!(error.to_string().contains("another `max` runs"), "{error}");
    world.end().await;
}

/// The daemon as a process; `blocks` of 512 bytes are all that each of its files may hold.
fn spawn(config: &Path, blocks: Option<u32>) -> Child {
    let limit = blocks.map_or_else(String::new, |blocks| format!("trap '' XFSZ; ulimit -f {blocks}; "));
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{limit}exec \"$0\" run --config \"$1\"")).arg(env!("CARGO_BIN_EXE_max")).arg(config);
    command.env("NO_COLOR", "1").env_remove("RUST_LOG").stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_the_daemon_with_a_clear_word_and_room_on_it_loses_nothing() {
    let clock = Clock::system();
    let espo = EspoSandbox::start(clock.clone(), espo::Options::default()).await.unwrap();
    let created = clock.now().plus(-9 * DAY).to_espo();
    for index in 0..LEADS {
        let lead = json!({"id": format!("lead{index:013}"), "lastName": format!("Martin {index}"), "status": "New",
                          "description": "x".repeat(2_000), "createdAt": created});
        espo.create("Lead", "admin", lead);
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("max.toml");
    let store = folder.path().join("store").display().to_string();
    let text = format!(
        "[store]\npath = {store:?}\n[espocrm]\nurl = \"{}\"\napi_key = \"{}\"\n[sync]\npoll_interval = \"1s\"\n\
         [http]\nlisten = \"127.0.0.1:0\"\n",
        espo.url(),
        espo::API_KEY
    );
    std::fs::write(&config, text).unwrap();

    let mut full = spawn(&config, Some(BLOCKS));
    let mut said = String::new();
    let mut stderr = full.stderr.take().unwrap();
    let ended = tokio::time::timeout(PATIENCE, async {
        stderr.read_to_string(&mut said).await.unwrap();
        full.wait().await.unwrap()
    });
    let ended = ended.await.map_err(|_| full.start_kill());
    let status = ended.unwrap_or_else(|_| panic!("the daemon does not stop:\n{said}"));
    assert!(!status.success());
    assert!(said.contains("the store cannot be written"), "{said}");
    assert!(said.trim_end().ends_with("nothing that was acknowledged is lost"), "{said}");
    assert!(said.contains("make room on the disk") && said.lines().count() < 15, "{said}");

    let _healthy = spawn(&config, None);
    let mut changes = espo.changes();
    let complete = async {
        while espo.list("MaxAlert").len() < LEADS {
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, complete).await.expect("every lead has its alert");
    let mut keys: Vec<Value> = espo.list("MaxAlert").iter().map(|alert| alert["dedupKey"].clone()).collect();
    keys.sort_by_key(Value::to_string);
    keys.dedup();
    assert_eq!(keys.len(), LEADS);
}
