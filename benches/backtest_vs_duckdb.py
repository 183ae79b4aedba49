#!/usr/bin/env python3
"""Times `max backtest` against DuckDB, on one core, on a made-up year of a sales team.

What is measured, always as a whole process from its start to its end, pinned to one core:

  max     `max backtest --leads … --activities … --from … --to …`: reads and checks both files, reads the previews
          of the inbounds that carry no reading, replays every lead through every rule over the year, and writes
          every opening and closing (to /dev/null).
  lean    DuckDB computes last inbound, last outbound and the counts of each per lead, straight from the two files.
          It is told the columns that it needs and their types, and reads no others: its fastest way.
  load    DuckDB loads all columns of both files into tables, and computes the same from these.

DuckDB runs with `threads = 1` and does not keep the order of the lines, both of which its documentation names as
ways to be faster here; it keeps its result in memory. Runs alternate, so that a busy machine is busy for all of
them; the time that a process was on the core ("cpu", user and system) says more than the clock on such a machine.
The files are in the page cache: the disk is not measured.

How to run it (Python 3.9 or later; the files take 0.7 GB):

    cargo build --profile dist
    pip install duckdb
    python3 benches/backtest_vs_duckdb.py --max target/dist/max

`--readings given` writes intent, expects_reply and auto_reply on every inbound, as `max export` does, instead of
leaving them to be detected. `--order lead` writes each lead's activities together, instead of all by time.
`--spread bursts` bundles them into conversations, instead of spreading them evenly. The same arguments make the
same files, byte for byte; they are kept in `--dir` and made only when they are not there.
"""

import argparse
import datetime
import json
import os
import pathlib
import random
import resource
import statistics
import subprocess
import sys
import time

YEAR = 2025
DAY = 86_400
START = int(datetime.datetime(YEAR, 1, 1, tzinfo=datetime.timezone.utc).timestamp())
END = START + 365 * DAY

# --- The made-up year ---------------------------------------------------------------------------------------------

FIRST = "Camille Luc Inès Théo Chloé Jean-Baptiste Zoé Hélène Karim Aïcha Emma James Olivia Noah Sophie Marc".split()
LAST = "Martin Lefèvre Petit Dubois O’Connor Nguyễn Garcia Müller Smith Taylor Benali Rousseau Fontaine Walker".split()
STATUSES = ["New"] * 3 + ["Assigned"] * 5 + ["In Process"] * 8 + ["Converted", "Dead", "Recycled"]
THINGS = [
    ("devis", "quote"), ("contrat", "contract"), ("rendez-vous", "appointment"), ("dossier", "file"),
    ("commande", "order"), ("facture", "invoice"), ("visite", "visit"), ("formation", "training"),
    ("proposition", "proposal"), ("livraison", "delivery"), ("terrasse", "terrace"), ("logiciel", "software"),
]
HELLO = (["Bonjour,", "Bonjour {me},", "Bonsoir,", "Salut {me} !", "Madame, Monsieur,"],
         ["Hi {me},", "Hello,", "Good morning {me},", "Dear {me},", "Hey!"])
SHORT = (["Merci !", "ok", "D’accord, à demain", "Parfait 👍", "Bien reçu, merci", "Oui", "Non merci", "?", "slt"],
         ["Thanks!", "ok", "Sounds good", "See you tomorrow", "Got it, thank you", "Yes", "No thanks", "👍", "hi"])
IN = ([
    "pouvez-vous m’envoyer le {thing} n° {n} avant {day} ?", "où en est ma {thing} du {n} ?",
    "je suis intéressé par votre {thing}, combien ça coûte pour {n} personnes ?",
    "j'attends toujours le {thing}, merci de me rappeler {day} vers {h}h{m:02}.",
    "nous avons bien reçu le {thing} et nous revenons vers vous {day}.",
    "notre société compte {n} salariés et se trouve à {town}.", "on en reparle {day} si vous voulez, je suis à {town}.",
    "finalement nous avons choisi un autre prestataire pour le {thing}.", "c’est bon pour nous, on signe {day} !",
    "je n'arrive pas à ouvrir la pièce jointe du {thing} {n}.", "ça ne m'intéresse pas pour l’instant.",
    "la {thing} prévue {day} à {h}h est-elle confirmée ?", "le prix de {n} € me semble élevé, avez-vous une remise ?",
], [
    "could you send me the {thing} no. {n} before {day}?", "where is my {thing} of the {n}th?",
    "I'm interested in your {thing}, how much is it for {n} people?",
    "I am still waiting for the {thing}, please call me back {day} around {h}:{m:02}.",
    "we received the {thing} and will come back to you {day}.", "we are a team of {n} based in {town}.",
    "let's talk about it {day}, I'll be in {town}.", "we went with another supplier for the {thing} in the end.",
    "good to go, we'll sign {day}!", "I can't open the attachment of {thing} {n}.", "not interested at the moment.",
    "is the {thing} on {day} at {h}:{m:02} confirmed?", "{n} € looks expensive, is there a discount?",
])
OUT = ([
    "suite à notre échange, voici le {thing} n° {n} dont nous parlions.", "avez-vous pu regarder notre {thing} ?",
    "je vous propose un point {day} à {h}h{m:02}, est-ce que cela vous convient ?",
    "je me permets de vous relancer au sujet du {thing}.", "laissé un message sur le répondeur, rappeler {day}.",
], [
    "following our talk, here is the {thing} no. {n}.", "did you have a look at our {thing}?",
    "shall we talk {day} at {h}:{m:02}?", "just checking in about the {thing}.", "left a voicemail, call back {day}.",
])
BYE = (["Cordialement,\n{you}", "Bonne journée !", "Bien à vous, {you}", "Merci d’avance."],
       ["Best regards,\n{you}", "Have a nice day!", "Thanks in advance.", "Cheers, {you}"])
DAYS = (["lundi", "mardi", "mercredi", "jeudi", "vendredi", "demain", "la semaine prochaine"],
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "tomorrow", "next week"])
TOWNS = ["Lyon", "Paris", "Saint-Étienne", "Genève", "London", "Nantes", "Bruxelles", "Montréal", "Leeds"]


def preview(rng, channel, inbound, language, you):
    """What was written: short on the phone, longer in a mail, sometimes nothing (a photo, a voice note)."""
    roll = rng.random()
    if roll < 0.04:
        return ""
    if roll < 0.22 and inbound and channel != "email":
        return rng.choice(SHORT[language])
    sentences = {"whatsapp": (1, 2), "email": (2, 5), "call": (1, 1), "manual": (1, 2)}[channel]
    bodies = (IN if inbound else OUT)[language]
    parts = [rng.choice(bodies) for _ in range(rng.randint(*sentences))]
    if channel == "email" or rng.random() < 0.25:
        parts.insert(0, rng.choice(HELLO[language]))
    if channel == "email" or rng.random() < 0.15:
        parts.append(rng.choice(BYE[language]))
    glue = "\n" if channel == "email" else " "
    return glue.join(parts).format(
        thing=rng.choice(THINGS)[language], n=rng.randint(1, 999), day=rng.choice(DAYS[language]), me=rng.choice(FIRST),
        h=rng.randint(8, 19), m=rng.choice((0, 15, 30, 45)), town=rng.choice(TOWNS), you=you,
    )


def instants(rng, count, created, spread):
    """When a lead's activities took place, sorted."""
    if spread == "even":
        return sorted(rng.randrange(created, END) for _ in range(count))
    found = []
    while len(found) < count:
        at = rng.randrange(created, END)
        for _ in range(rng.randint(2, 8)):
            found.append(min(at, END - 1))
            at += int(rng.expovariate(1 / (0.6 * DAY))) + 60
    return sorted(found[:count])


def utc(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def an_id(rng):
    """17 characters, as EspoCRM's."""
    return f"{rng.getrandbits(68):017x}"


def activity(rng, lead, at, language, you, readings):
    channel = rng.choices(("whatsapp", "email", "call", "manual"), (45, 35, 15, 5))[0]
    inbound = rng.random() < 0.42
    status = rng.choices(("sent", "delivered", "read", "replied"), (2, 3, 4, 2))[0]
    if channel == "call":
        status = rng.choice(("replied", "no_answer"))
    row = {
        "id": an_id(rng), "lead_id": lead, "channel": channel, "direction": "in" if inbound else "out",
        "status": status, "message_preview": preview(rng, channel, inbound, language, you), "timestamp": utc(at),
    }
    if not inbound and rng.random() < 0.06:
        row["status"] = "planned"
        row["created_at"] = utc(at - rng.randrange(3_600, 5 * DAY))
    elif inbound and readings == "given":
        intent = rng.random() < 0.2
        row.update(intent=intent, expects_reply=intent or rng.random() < 0.6, auto_reply=rng.random() < 0.02)
    return row


def line(row):
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def make(leads_file, activities_file, args):
    rng = random.Random(f"{args.readings} {args.order} {args.spread}")
    owners = [an_id(rng) for _ in range(40)]
    lines = []
    with open(leads_file, "w", encoding="utf-8") as out:
        for _ in range(args.leads):
            lead, language = an_id(rng), int(rng.random() < 0.4)
            name = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
            created = START + rng.randrange(60 * DAY)
            row = {"id": lead, "name": name, "status": rng.choice(STATUSES), "created_at": utc(created),
                   "owner": rng.choice(owners)}
            if row["status"] in ("Converted", "Dead"):
                row["closed_at"] = utc(rng.randrange(created + 30 * DAY, END))
            if rng.random() < 0.01:
                row["do_not_contact"] = True
            out.write(line(row))
            for at in instants(rng, args.per_lead, created, args.spread):
                lines.append((at, line(activity(rng, lead, at, language, name, args.readings))))
    if args.order == "time":
        lines.sort(key=lambda pair: pair[0])
    with open(activities_file, "w", encoding="utf-8") as out:
        out.writelines(text for _, text in lines)


# --- The measurement ----------------------------------------------------------------------------------------------

DUCKDB = """
import duckdb, sys
way, leads, activities = sys.argv[1:]
db = duckdb.connect()
db.execute("SET threads = 1")
db.execute("SET preserve_insertion_order = false")
db.execute("SET enable_progress_bar = false")
needed = {
    "leads": {"id": "VARCHAR"},
    "activities": {"lead_id": "VARCHAR", "direction": "VARCHAR", "timestamp": "TIMESTAMP"},
}
further = {
    "leads": {"name": "VARCHAR", "status": "VARCHAR", "created_at": "TIMESTAMP", "deleted": "BOOLEAN",
              "do_not_contact": "BOOLEAN", "owner": "VARCHAR", "closed_at": "TIMESTAMP"},
    "activities": {"id": "VARCHAR", "channel": "VARCHAR", "status": "VARCHAR", "message_preview": "VARCHAR",
                   "created_at": "TIMESTAMP", "intent": "BOOLEAN", "expects_reply": "BOOLEAN", "auto_reply": "BOOLEAN"},
}
for table, path in (("leads", leads), ("activities", activities)):
    columns = needed[table] | (further[table] if way == "load" else {})
    read = f"SELECT * FROM read_json('{path}', format = 'newline_delimited', columns = {columns})"
    db.execute(f"CREATE {'TABLE' if way == 'load' else 'VIEW'} {table} AS {read}")
db.execute('''
    CREATE TABLE result AS SELECT id, last_in, last_out, coalesce(ins, 0) AS ins, coalesce(outs, 0) AS outs
    FROM leads LEFT JOIN (
        SELECT lead_id,
               max("timestamp") FILTER (direction = 'in') AS last_in,
               max("timestamp") FILTER (direction = 'out') AS last_out,
               count(*) FILTER (direction = 'in') AS ins,
               count(*) FILTER (direction = 'out') AS outs
        FROM activities GROUP BY lead_id
    ) ON lead_id = id
''')
"""


def run(command, core):
    """Seconds by the clock, seconds on the core, and the peak of memory in MB."""
    pin = (lambda: os.sched_setaffinity(0, {core})) if hasattr(os, "sched_setaffinity") else None
    begin = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=pin)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begin
    if status != 0:
        sys.exit(f"failed: {' '.join(command[:3])} …")
    peak = usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024)
    return seconds, usage.ru_utime + usage.ru_stime, peak


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max", default="target/dist/max", help="the binary")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("target/bench"), help="where the files are kept")
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--per-lead", type=int, default=20)
    parser.add_argument("--readings", choices=("detected", "given"), default="detected")
    parser.add_argument("--order", choices=("time", "lead"), default="time")
    parser.add_argument("--spread", choices=("even", "bursts"), default="even")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--only-files", action="store_true", help="make the files and measure nothing")
    args = parser.parse_args()
    args.dir.mkdir(parents=True, exist_ok=True)
    name = f"{args.leads}x{args.per_lead}-{args.readings}-{args.order}-{args.spread}"
    leads, activities = (args.dir / f"{kind}-{name}.ndjson" for kind in ("leads", "activities"))
    if not (leads.exists() and activities.exists()):
        make(leads, activities, args)
    if args.only_files:
        return
    backtest = [args.max, "backtest", "--leads", str(leads), "--activities", str(activities),
                "--from", utc(START), "--to", utc(END)]
    duckdb = [sys.executable, "-c", DUCKDB]
    ways = {"max": backtest} | {way: duckdb + [way, str(leads), str(activities)] for way in ("lean", "load")}
    measured = {way: [] for way in ways}
    for command in ways.values():  # once for the page cache
        run(command, args.core)
    for _ in range(args.runs):
        for way, command in ways.items():
            measured[way].append(run(command, args.core))
    report(name, activities, measured)


def report(name, activities, measured):
    print(f"{name}, {activities.stat().st_size / 1e6:.0f} MB of activities, {len(measured['max'])} runs each, one core")
    print(f"{'':<14}{'min':>9}{'median':>9}{'ratio':>7}{'cpu min':>9}{'median':>9}{'ratio':>7}{'MB':>7}")
    titles = {"max": "max backtest", "lean": "DuckDB, lean", "load": "DuckDB, load"}
    columns = {way: list(zip(*runs)) for way, runs in measured.items()}
    for way, (*times, peaks) in columns.items():
        row = f"{titles[way]:<14}"
        for place, seconds in enumerate(times):
            median = statistics.median(seconds)
            ratio = statistics.median(columns["max"][place]) / median
            row += f"{min(seconds):>8.2f}s{median:>8.2f}s{ratio:>7.2f}"
        print(f"{row}{max(peaks):>7.0f}")


if __name__ == "__main__":
    main()
