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
use tokio::sync::{mpsc, oneshot, watch};

/// The rep's chat.
pub const CHAT: i64 = 7_001;

/// How often other tasks may run before the chat is taken to stand still after a kill.
const SETTLING: usize = 50;

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
    /// The last messages before each time that it was killed: Telegram had them, and we may not have known.
    pub last_messages: Vec<i32>,
    /// What it wrote to standard error.
    pub log: String,
}

/// The daemon. It ends when this is dropped.
pub struct Daemon {
    port: u16,
    record: Arc<Mutex<Record>>,
    set_up: mpsc::Sender<oneshot::Sender<()>>,
    ended: watch::Receiver<String>,
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
        let (ends, ended) = watch::channel(String::new());
        let keeper = Keeper { file, record: record.clone(), kills, espo: espo.clone(), telegram: telegram.clone() };
        let keeper = tokio::spawn(async move { drop(ends.send(keeper.work(set_up_done).await)) });
        Self { port, record, set_up, ended, keeper }
    }

    /// Where its API is.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What was done to it so far.
    pub fn record(&self) -> Record {
        self.record.lock().unwrap().clone()
    }

    /// Returns when the daemon has ended without having been killed.
    pub async fn ended(&self) -> String {
        self.ended.clone().wait_for(|how| !how.is_empty()).await.expect("the keeper lives").clone()
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

/// Why a process has had its time.
enum End {
    Halted,
    AtRandom,
    /// By itself, which is no way to go.
    OnItsOwn(String),
}

impl Keeper {
    /// Works until the daemon ends by itself; returns how.
    async fn work(mut self, mut set_up: mpsc::Receiver<oneshot::Sender<()>>) -> String {
        let mut is_set_up = false;
        let halt_at = self.kills.at;
        let mut moments = std::mem::take(&mut self.kills.after).into_iter();
        let mut moment = moments.next();
        let mut process = self.spawn(halt_at);
        loop {
            let end = tokio::select! {
                Some(done) = set_up.recv() => {
                    is_set_up = true;
                    if halt_at.is_some() {
                        self.kill(&mut process).await;
                        process = self.spawn(halt_at);
                    }
                    let _ = done.send(());
                    continue;
                }
                end = self.time(&mut process, moment) => end,
            };
            self.kill(&mut process).await;
            let mut record = self.record.lock().unwrap();
            match end {
                End::OnItsOwn(status) => return status,
                End::Halted if is_set_up => record.halts_after_set_up += 1,
                End::Halted => record.halts_in_set_up += 1,
                End::AtRandom => record.random_kills += 1,
            }
            drop(record);
            moment = moments.next();
            process = self.spawn(None);
        }
    }

    async fn kill(&self, process: &mut Process) {
        process.child.kill().await.unwrap();
        // What it had sent may still be on its way.
        for _ in 0..SETTLING {
            tokio::task::yield_now().await;
        }
        let mut record = self.record.lock().unwrap();
        record.last_messages.extend(self.telegram.messages(CHAT).last().map(|message| message.message_id));
        record.log.push_str("--- killed ---\n");
    }

    fn spawn(&self, halt_at: Option<&str>) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_max"));
        command.arg("run").arg("--config").arg(&self.file).env_remove("RUST_LOG").env("NO_COLOR", "1");
        command.stderr(Stdio::piped()).kill_on_drop(true);
        if let Some(label) = halt_at {
            command.env(boundary::VARIABLE, label);
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (halts, halted) = mpsc::channel(1);
        let record = self.record.clone();
        let listener = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                record.lock().unwrap().log.push_str(&format!("{line}\n"));
                if line.starts_with("halted at ") {
                    let _ = halts.try_send(());
                }
            }
        });
        Process { child, halted, listener }
    }

    /// Returns when the process has to be killed, or has ended.
    async fn time(&self, process: &mut Process, changes: Option<u64>) -> End {
        let moment = async {
            match changes {
                Some(count) => self.changes(count).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(()) = process.halted.recv() => End::Halted,
            () = moment => End::AtRandom,
            status = process.child.wait() => {
                let _ = (&mut process.listener).await;
                End::OnItsOwn(format!("{status:?}"))
            }
        }
    }

    async fn changes(&self, count: u64) {
        let (mut crm, mut chat) = (self.espo.changes(), self.telegram.changes());
        for _ in 0..count {
            let _ = tokio::select! { changed = crm.changed() => changed, changed = chat.changed() => changed };
        }
    }
}

struct Process {
    child: Child,
    halted: mpsc::Receiver<()>,
    listener: tokio::task::JoinHandle<()>,
}
