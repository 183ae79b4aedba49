//! What the daemon and its store say: lag, store, outbox, linked users, deliveries.

use super::Finding;
use super::crm::ago;
use crate::app::people;
use crate::cli::daemon::call_daemon;
use crate::config::{Config, Scope};
use crate::domain::{MINUTE, Seconds, Timestamp};
use crate::engine::checkup::{Checkup, of_store};
use crate::engine::status::Deliveries;
use crate::http::checkup::{DaemonCheckup, SourceState};
use crate::store::{OpenError, Store};

/// An effect that waits longer than this beyond its time waits for something that does not come.
const OVERDUE: Seconds = 15 * MINUTE;
/// EspoCRM's sending job takes up to two minutes; longer than this, something holds it up.
const SLOW_WEBHOOKS: Seconds = 10 * MINUTE;

/// Every check of the daemon and the store.
pub async fn examine(config: &Config, now: Timestamp) -> Vec<Finding> {
    const CHECK: &str = "daemon";
    let asked = call_daemon(config, |client, at| client.get(format!("{at}/api/checkup"))).await;
    let answer = match asked {
        Ok(Some(answer)) => answer
            .json::<DaemonCheckup>()
            .await
            .map_err(|_| "what listens there is not M.A.X., or of another version".to_owned()),
        Ok(None) => return without(config, now),
        Err(error) => Err(format!("{error:#}")),
    };
    match answer {
        Ok(daemon) => with(config, &daemon),
        Err(error) => {
            let remedy = if config.http.tokens.iter().any(|token| token.scopes.contains(&Scope::Admin)) {
                "restart the daemon with this configuration and this program"
            } else {
                "add [[http.tokens]] with scopes = [\"admin\"], and restart the daemon"
            };
            vec![Finding::problem(CHECK, error, remedy), Finding::skipped("store.*", "the daemon has it")]
        }
    }
}

fn with(config: &Config, daemon: &DaemonCheckup) -> Vec<Finding> {
    let mut findings = vec![running(daemon)];
    findings.push(poll(config, daemon));
    findings.push(source("daemon.crm", &daemon.crm));
    if config.telegram.is_on() {
        findings.push(source("daemon.telegram", &daemon.telegram));
    }
    findings.push(match &daemon.alarm {
        None => Finding::ok("daemon.alarm", "none"),
        Some(alarm) => Finding::problem(
            "daemon.alarm",
            alarm.clone(),
            "look at the rights of the role M.A.X.; nothing was dropped meanwhile",
        ),
    });
    if !config.http.public_url.is_empty() {
        findings.push(deliveries(&daemon.deliveries, daemon.now));
    }
    findings.extend(store(config, &daemon.store));
    findings
}

/// The store in our own hands: no daemon has it.
fn without(config: &Config, now: Timestamp) -> Vec<Finding> {
    const CHECK: &str = "store";
    let mut findings =
        vec![Finding::note("daemon", format!("none answers on {}", config.http.listen), "start it: max run")];
    let path = &config.store.path;
    if !Store::is_in(path) {
        findings.push(Finding::note(CHECK, format!("none in {} yet", path.display()), "max run makes it"));
        return findings;
    }
    let opened = match Store::open_unchanged(path) {
        Err(error @ OpenError::Older { .. }) => {
            let remedy = "max run brings it up to date; back it up before, should you want to go back to that version";
            findings.push(Finding::note(CHECK, error.to_string(), remedy));
            return findings;
        }
        opened => opened.map_err(|error| error.to_string()),
    };
    match opened.and_then(|opened| of_store(&opened, &people(config), now).map_err(|error| error.to_string())) {
        Ok(checkup) => findings.extend(store(config, &checkup)),
        Err(error) => findings.push(Finding::problem(
            CHECK,
            error,
            "if another process has it, that is the daemon: see [http] listen; else put a backup back, or remove the folder: the CRM is read again",
        )),
    }
    findings
}

fn running(daemon: &DaemonCheckup) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    if daemon.version == ours {
        return Finding::ok("daemon", format!("{ours} runs"));
    }
    Finding::problem("daemon", format!("{} runs, and this program is {ours}", daemon.version), "restart the daemon")
}

fn poll(config: &Config, daemon: &DaemonCheckup) -> Finding {
    const CHECK: &str = "daemon.poll";
    let Some(last) = daemon.store.last_sync else {
        return Finding::problem(
            CHECK,
            "the CRM has not been looked at to the end yet",
            "let the first start finish; its log says how far it is",
        );
    };
    let lag = daemon.now.since(last);
    if lag <= (config.sync.poll_interval * 10).max(5 * MINUTE) {
        return Finding::ok(CHECK, format!("complete {} ago", ago(lag)));
    }
    Finding::problem(
        CHECK,
        format!("the last complete look at the CRM was {} ago", ago(lag)),
        "see the findings about the CRM, and the daemon's log",
    )
}

fn source(check: &str, state: &SourceState) -> Finding {
    match (&state.error, state.lag) {
        (Some(error), _) => {
            Finding::problem(check, error.clone(), "see the findings about it above, and the daemon's log")
        }
        (None, Some(lag)) => Finding::ok(check, format!("answered {} ago", ago(lag))),
        (None, None) => Finding::note(check, "not asked yet", "wait a minute, then run this again"),
    }
}

fn deliveries(deliveries: &Deliveries, now: Timestamp) -> Finding {
    const CHECK: &str = "daemon.webhooks";
    let since = |at: Timestamp| ago(now.since(at));
    let last = deliveries.last.as_ref().map(|(at, event)| (*at, event));
    if let Some(refused) = deliveries.refused.filter(|refused| last.is_none_or(|(at, _)| at < *refused)) {
        return Finding::problem(
            CHECK,
            format!("a delivery was refused for its signature {} ago", since(refused)),
            "somebody forges them, or another M.A.X. has replaced the webhooks: restart this daemon, which makes them anew",
        );
    }
    match (last, deliveries.lag) {
        (None, _) => Finding::note(
            CHECK,
            "none came in since the daemon started",
            "change a lead and wait three minutes; still none: does EspoCRM's cron run, does its server reach [http] public_url?",
        ),
        (Some((at, event)), Some(lag)) if lag > SLOW_WEBHOOKS => Finding::problem(
            CHECK,
            format!("last {event} {} ago; it took {} to come", since(at), ago(lag)),
            "EspoCRM's sending job is behind: see Administration > Scheduled Jobs, and raise webhookQueueEventPortionSize",
        ),
        (Some((at, event)), _) => {
            Finding::ok(CHECK, format!("{} so far, the last ({event}) {} ago", deliveries.taken, since(at)))
        }
    }
}

fn store(config: &Config, store: &Checkup) -> Vec<Finding> {
    let mut findings = vec![readable(store), backfill(store), outbox(store)];
    if config.telegram.is_on() {
        findings.push(linked(store));
        findings.push(chats(store));
    }
    findings
}

fn readable(store: &Checkup) -> Finding {
    let found = format!("{} leads, {} MB", store.leads, store.bytes / 1_000_000);
    if store.unreadable == 0 {
        return Finding::ok("store", found);
    }
    Finding::problem(
        "store",
        format!("{found}; {} rows cannot be read", store.unreadable),
        "put a backup back, or remove the folder: the CRM is read again",
    )
}

fn backfill(store: &Checkup) -> Finding {
    if store.backfilled {
        return Finding::ok("store.backfill", "complete");
    }
    Finding::problem(
        "store.backfill",
        "the CRM has not been read to the end yet",
        "let max run finish it; its log says how far it is",
    )
}

fn outbox(store: &Checkup) -> Finding {
    const CHECK: &str = "store.outbox";
    match store.overdue.filter(|late| *late > OVERDUE) {
        None => Finding::ok(CHECK, format!("{} waiting", store.outbox)),
        Some(late) => Finding::problem(
            CHECK,
            format!("{} waiting, the oldest {} beyond its time", store.outbox, ago(late)),
            "start the daemon, or see the findings about the CRM and Telegram",
        ),
    }
}

fn linked(store: &Checkup) -> Finding {
    const CHECK: &str = "telegram.linked";
    let count = store.linked.len();
    if store.deaf.is_empty() {
        return Finding::ok(CHECK, format!("{count} linked; every owner of leads is heard for"));
    }
    Finding::problem(
        CHECK,
        format!("{count} linked; owners of leads whom nobody can tell: {}", store.deaf.join(", ")),
        "Link Telegram on the own profile (or max link --user NAME), or [stand_ins], or [telegram] fallback_chat",
    )
}

fn chats(store: &Checkup) -> Finding {
    const CHECK: &str = "telegram.chats";
    if store.unreachable.is_empty() {
        return Finding::ok(CHECK, format!("all take messages; {} alerts nobody is told of", store.untold));
    }
    Finding::problem(
        CHECK,
        format!("no longer take messages: {}", store.unreachable.join(", ")),
        "each of them writes anything to the bot, or links again (max link)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::State;
    use crate::domain::HOUR;

    const NOW: Timestamp = Timestamp(1_795_000_000);

    fn state(finding: &Finding) -> State {
        assert_eq!(finding.remedy.is_empty(), finding.state == State::Ok, "{finding:?}");
        finding.state
    }

    #[test]
    fn each_finding_about_the_store_can_be_a_problem() {
        let good = Checkup { backfilled: true, linked: vec!["Luc".into()], ..Checkup::default() };
        let ok = [readable(&good), backfill(&good), outbox(&good), linked(&good), chats(&good)];
        assert!(ok.iter().all(|finding| state(finding) == State::Ok), "{ok:?}");
        assert_eq!(state(&readable(&Checkup { unreadable: 1, ..good.clone() })), State::Problem);
        assert_eq!(state(&backfill(&Checkup { backfilled: false, ..good.clone() })), State::Problem);
        assert_eq!(state(&outbox(&Checkup { overdue: Some(OVERDUE), ..good.clone() })), State::Ok);
        assert_eq!(state(&outbox(&Checkup { overdue: Some(OVERDUE + 1), ..good.clone() })), State::Problem);
        assert_eq!(state(&linked(&Checkup { deaf: vec!["Claire".into()], ..good.clone() })), State::Problem);
        assert_eq!(state(&chats(&Checkup { unreachable: vec!["Luc".into()], ..good })), State::Problem);
    }

    #[test]
    fn webhooks_are_judged_by_the_last_ones() {
        let last = Some((NOW.plus(-30), "Lead.create".to_owned()));
        let good = Deliveries { taken: 3, last, lag: Some(98), refused: Some(NOW.plus(-HOUR)) };
        assert_eq!(state(&deliveries(&good, NOW)), State::Ok);
        assert_eq!(state(&deliveries(&Deliveries::default(), NOW)), State::Note);
        assert_eq!(state(&deliveries(&Deliveries { refused: Some(NOW), ..good.clone() }, NOW)), State::Problem);
        assert_eq!(state(&deliveries(&Deliveries { lag: Some(SLOW_WEBHOOKS + 1), ..good }, NOW)), State::Problem);
    }
}
