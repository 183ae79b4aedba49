//! The daemon as a process of its own, with somebody who kills it and starts it again.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use max::engine::boundary;
use max::sandbox::espo::EspoSandbox;
use max::sandbox::telegram::TelegramSandbox;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

/// When the daemon is to be killed.
#[derive(Clone, Debug, Default)]
pub struct Kills {
    /// When it halts at this boundary: once from the very start, and once after the set-up.
    at: Option<&'static str>,
    /// Each time after so many changes in CRM and chat.
    after: Vec<u64>,
}

impl Kills {
    /// Never.
    pub fn none() -> Self {
        Self::default()
    }

    /// At a boundary.
    pub fn at(label: &'static str) -> Self {
        Self { at: Some(label), after: Vec::new() }
    }

    /// Each time after so many further changes in CRM and chat.
    pub fn after(changes: Vec<u64>) -> Self {
        Self { at: None, after: changes }
    }
}

/// What was done to the daemon, and what it said.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// How often it was killed at the boundary during the set-up.
    pub halts_in_set_up: usize,
    /// How often after it.
    pub halts_after_set_up: usize,
    /// How often it was killed at random.
    pub random_kills: usize,
    /// What it wrote to standard error.
    pub log: String,
}

impl Record {
    /// How often it was killed at the boundary.
    pub fn halts(&self) -> usize {
        self.halts_in_set_up + self.halts_after_set_up
    }
}

/// The daemon. It ends when this is dropped.
pub struct Daemon {
    port: u16,
    record: Arc<Mutex<Record>>,
    set_up: mpsc::Sender<oneshot::Sender<()>>,
    keeper: tokio::task::JoinHandle<()>,
}

impl Daemon {
    /// Starts it. `config` makes the configuration from the port that the daemon is to listen on.
    pub fn start(
        folder: &Path,
        espo: &EspoSandbox,
        telegram: &TelegramSandbox,
        kills: Kills,
        config: impl Fn(u16) -> String,
    ) -> Self {
        let port = free_port();
        let file = folder.join("max.toml");
        std::fs::write(&file, config(port)).unwrap();
        let record = Arc::new(Mutex::new(Record::default()));
        let (set_up, set_up_done) = mpsc::channel(1);
        let keeper = Keeper { file, record: record.clone(), kills, espo: espo.clone(), telegram: telegram.clone() };
        let keeper = tokio::spawn(keeper.work(set_up_done));
        Self { port, record, set_up, keeper }
    }

    /// Where its API is.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What was done to it so far.
    pub fn record(&self) -> Record {
        self.record.lock().unwrap().clone()
    }

    /// The set-up is over: if it is to be killed at a boundary, that begins anew from here.
    pub async fn set_up_is_over(&self) {
        let (done, is_done) = oneshot::channel();
        self.set_up.send(done).await.expect("the keeper lives");
        is_done.await.expect("the keeper lives");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// A port that nobody listens on, and that the system gives to nobody by itself.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 20_000 + u16::try_from(std::process::id() % 100).unwrap() * 100;
    loop {
        let port = base + NEXT.fetch_add(1, Ordering::SeqCst) % 2_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

struct Keeper {
    file: PathBuf,
    record: Arc<Mutex<Record>>,
    kills: Kills,
    espo: EspoSandbox,
    telegram: TelegramSandbox,
}

impl Keeper {
    async fn work(mut self, mut set_up: mpsc::Receiver<oneshot::Sender<()>>) {
        let mut is_set_up = false;
        let mut halt_at = self.kills.at;
        let mut moments = std::mem::take(&mut self.kills.after).into_iter();
        let mut moment = moments.next();
        loop {
            let (mut child, mut halted) = self.spawn(halt_at);
            tokio::select! {
                told = set_up.recv(), if !is_set_up => {
                    is_set_up = true;
                    halt_at = self.kills.at;
                    if halt_at.is_some() {
                        child.kill().await.unwrap();
                    }
                    if let Some(done) = told {
                        let _ = done.send(());
                    }
                    if halt_at.is_none() {
                        self.until_killed(&mut child, &mut halted, moment).await;
                        moment = moments.next();
                    }
                }
                () = self.until_killed(&mut child, &mut halted, moment) => {
                    let mut record = self.record.lock().unwrap();
                    if halt_at.is_some() && is_set_up {
                        record.halts_after_set_up += 1;
                    } else if halt_at.is_some() {
                        record.halts_in_set_up += 1;
                    }
                    halt_at = None;
                    moment = moments.next();
                }
            }
        }
    }

    fn spawn(&self, halt_at: Option<&str>) -> (Child, mpsc::Receiver<()>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_max"));
        command.arg("run").arg("--config").arg(&self.file).env_remove("RUST_LOG");
        command.stderr(Stdio::piped()).kill_on_drop(true);
        if let Some(label) = halt_at {
            command.env(boundary::VARIABLE, label);
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (halts, halted) = mpsc::channel(1);
        let record = self.record.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut record = record.lock().unwrap();
                record.log.push_str(&line);
                record.log.push('\n');
                drop(record);
                if line.starts_with("halted at ") {
                    let _ = halts.try_send(());
                }
            }
        });
        (child, halted)
    }

    /// Returns when the process has been killed because its time had come.
    async fn until_killed(&self, child: &mut Child, halted: &mut mpsc::Receiver<()>, changes: Option<u64>) {
        let moment = async {
            match changes {
                Some(count) => self.changes(count).await,
                None => std::future::pending().await,
            }
        };
        let at_random = tokio::select! {
            Some(()) = halted.recv() => false,
            () = moment => true,
            status = child.wait() => panic!("the daemon ended by itself: {status:?}\n{}", self.record.lock().unwrap().log),
        };
        child.kill().await.unwrap();
        let mut record = self.record.lock().unwrap();
        record.random_kills += usize::from(at_random);
        record.log.push_str("--- killed ---\n");
    }

    async fn changes(&self, count: u64) {
        let (mut crm, mut chat) = (self.espo.changes(), self.telegram.changes());
        for _ in 0..count {
            let _ = tokio::select! { changed = crm.changed() => changed, changed = chat.changed() => changed };
        }
    }
}
