//! How far a backfill has come: a line that moves on a terminal, log lines elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// Records between two log lines.
const RECORDS_PER_LINE: usize = 10_000;

/// A backfill's progress.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    entity: String,
    of_entity: usize,
    total: usize,
    said: usize,
}

impl Progress {
    pub(super) fn start() -> Self {
        tracing::info!("reading the CRM for the first time; this can be interrupted and goes on where it was");
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {pos} records  {per_sec}  {msg}");
            let bar = ProgressBar::new_spinner();
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        Self { bar, entity: String::new(), of_entity: 0, total: 0, said: 0 }
    }

    pub(super) fn add(&mut self, entity: &str, records: usize) {
        if self.entity != entity {
            self.entity = entity.to_owned();
            self.of_entity = 0;
        }
        self.of_entity += records;
        self.total += records;
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{entity}: {}", self.of_entity));
            bar.set_position(self.total as u64);
        } else if self.total >= self.said + RECORDS_PER_LINE {
            self.said = self.total;
            tracing::info!(entity, records = self.of_entity, total = self.total, "reading the CRM");
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        tracing::info!(records = self.total, "the CRM has been read");
    }
}
