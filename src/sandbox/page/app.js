// The demo page: asks the sandboxes how things stand, shows it, and carries what you do back to them.
"use strict";

const WORDS = {
  fr: {
    title: "M.A.X. · démo", promise: "M.A.X. veille sur les leads de votre CRM et prévient le bon commercial sur Telegram.", skip: "Aller à « écrire en tant que le lead »", demo: "démo", clockLabel: "Horloge de la démo",
    plus1d: "+1 jour", plus3d: "+3 jours", plus7d: "+7 jours", short1d: "+1 j", short3d: "+3 j", short7d: "+7 j", language: "Langue",
    chatSub: "bot · le Telegram de {rep}", newBelow: "Nouveau message ↓", sayLabel: "Écrire à M.A.X. en tant que commercial",
    sayPlaceholder: "Écrire à M.A.X. : /help…", send: "Envoyer", alerts: "Alertes", filter: "Filtrer", filterOpen: "Ouvertes",
    filterAll: "Toutes", bySeverity: "Par urgence", allLeads: "Tous les leads", writeAs: "Écrire en tant que le lead",
    writeAsName: "Écrire en tant que {name}", channel: "Canal", missedCall: "Appel manqué", timeline: "Historique",
    windows: "Fenêtres", lost: "La démo ne répond plus. Nouvel essai…",
    sampleHot: "Bonjour, vous pouvez m'envoyer un devis ?", sampleAsk: "Avez-vous bien reçu mon dernier message ?",
    sampleThanks: "Merci, bonne journée !", chipHot: "Un devis ?", chipAsk: "Une question", chipThanks: "Merci !", chipAway: "Absence (auto)", sampleAway: "Je suis absent jusqu'au 12. Ceci est une réponse automatique.",
    missedHint: "Le lead appelle et personne ne décroche.", edited: "modifié", silent: "sans bruit", copied: "Copié", copy: "Copier",
    hintStart: "À essayer d'abord : <b>écrivez en tant que {name}</b>. L'alerte arrive dans la seconde.",
    hintTry: "Montrer comment", hintSee: "Voir l'alerte", hintTap: "L'alerte est là : <b>touchez un bouton</b> dans le Telegram de {rep}, ou traitez-la dans le CRM. L'autre suit.",
    hintClock: "Et si personne ne bouge ? <b>Avancez l'horloge</b> d'un ou plusieurs jours : M.A.X. parle de lui-même.",
    noAlerts: "Aucune alerte ouverte. Avancez l'horloge, ou écrivez en tant que lead.", emptyChat: "M.A.X. n'a encore rien dit.",
    resolve: "Traiter", snooze: "Reporter d'un jour", reopen: "Rouvrir", opened: "ouverte {when}",
    stOpen: "Ouverte", stSnoozed: "Reportée jusqu'au {when}", stResolved: "Traitée par {who}, {when}", stClosed: "Fermée par M.A.X. : {why}",
    viaTelegram: "Telegram", viaCrm: "le CRM", viaApi: "l'API",
    lead_deleted: "lead supprimé", lead_closed: "lead clos", planned: "prochaine étape prévue", cleared: "situation réglée", superseded: "une alerte plus parlante l'a remplacée",
    HotLead24h: "Lead chaud", AwaitingReply24h: "Attend une réponse", NoContact7d: "Jamais contacté", StaleLead30d: "Lead froid",
    NoFollowup7d: "Sans suivi", NoReply3d: "Sans réponse", PreferredChannel: "Canal préféré",
    urgent: "urgente", high: "haute", medium: "moyenne", low: "basse", info: "info",
    urgentN: "{n} urgente|{n} urgentes", highN: "{n} haute|{n} hautes", mediumN: "{n} moyenne|{n} moyennes", lowN: "{n} basse|{n} basses", infoN: "{n} info|{n} infos",
    whatsapp: "WhatsApp", email: "email", call: "appel", manual: "rencontre", task: "tâche",
    wrote: "{lead} · {channel}", weWrote: "{who} · {channel}", missedIn: "{lead} · appel manqué", missedOut: "{who} · appel sans réponse",
    calledIn: "{lead} a appelé", calledOut: "{who} · appel, décroché", met: "{who} · rencontre", plannedStep: "Prévu : {what}", we: "Nous", auto: "réponse automatique", form: "{lead} · formulaire du site",
    raised: "M.A.X. : {what}", created: "Lead créé", never: "aucun échange", justNow: "à l'instant", failed: "Cela n'a pas marché : {why}",
    calm: "M.A.X. a lu, et ne dérange pas {rep} pour si peu. Si une réponse est attendue, il en parlera dans 24 h.", already: "{name} a déjà une alerte ouverte : M.A.X. ne dit pas deux fois la même chose.",
    newAlert: "Nouvelle alerte : {what}, {name}", noCompany: "", statusNew: "Nouveau", "New": "Nouveau", "Assigned": "Affecté", "In Process": "En cours",
    "Converted": "Converti", "Recycled": "Recyclé", "Dead": "Perdu",
  },
  en: {
    title: "M.A.X. · demo", promise: "M.A.X. watches over the leads in your CRM and tells the right rep on Telegram.", skip: "Skip to “write as the lead”", demo: "demo", clockLabel: "The demo's clock",
    plus1d: "+1 day", plus3d: "+3 days", plus7d: "+7 days", short1d: "+1 d", short3d: "+3 d", short7d: "+7 d", language: "Language",
    chatSub: "bot · {rep}'s Telegram", newBelow: "New message ↓", sayLabel: "Write to M.A.X. as the sales rep",
    sayPlaceholder: "Write to M.A.X.: /help…", send: "Send", alerts: "Alerts", filter: "Filter", filterOpen: "Open",
    filterAll: "All", bySeverity: "By severity", allLeads: "All leads", writeAs: "Write as the lead",
    writeAsName: "Write as {name}", channel: "Channel", missedCall: "Missed call", timeline: "Timeline",
    windows: "Windows", lost: "The demo does not answer. Trying again…",
    sampleHot: "Hello, could you send me a quote?", sampleAsk: "Did you get my last message?",
    sampleThanks: "Thanks, have a nice day!", chipHot: "A quote?", chipAsk: "A question", chipThanks: "Thanks!", chipAway: "Away (auto)", sampleAway: "I am out of the office until the 12th. This is an automatic reply.",
    missedHint: "The lead calls and nobody picks up.", edited: "edited", silent: "silent", copied: "Copied", copy: "Copy",
    hintStart: "Try this first: <b>write as {name}</b>. The alert arrives within a second.",
    hintTry: "Show me", hintSee: "See the alert", hintTap: "There it is: <b>tap a button</b> in {rep}'s Telegram, or resolve it in the CRM. The other one follows.",
    hintClock: "And if nobody moves? <b>Move the clock</b> by a day or more: M.A.X. speaks up by itself.",
    noAlerts: "No open alert. Move the clock, or write as a lead.", emptyChat: "M.A.X. has not said anything yet.",
    resolve: "Resolve", snooze: "Snooze for a day", reopen: "Reopen", opened: "opened {when}",
    stOpen: "Open", stSnoozed: "Snoozed until {when}", stResolved: "Resolved by {who}, {when}", stClosed: "Closed by M.A.X.: {why}",
    viaTelegram: "Telegram", viaCrm: "the CRM", viaApi: "the API",
    lead_deleted: "lead deleted", lead_closed: "lead closed", planned: "a next step is planned", cleared: "settled", superseded: "a more telling alert took over",
    HotLead24h: "Hot lead", AwaitingReply24h: "Awaits a reply", NoContact7d: "Never contacted", StaleLead30d: "Cold lead",
    NoFollowup7d: "No follow-up", NoReply3d: "No reply", PreferredChannel: "Preferred channel",
    urgent: "urgent", high: "high", medium: "medium", low: "low", info: "info",
    urgentN: "{n} urgent", highN: "{n} high", mediumN: "{n} medium", lowN: "{n} low", infoN: "{n} info",
    whatsapp: "WhatsApp", email: "email", call: "call", manual: "meeting", task: "task",
    wrote: "{lead} · {channel}", weWrote: "{who} · {channel}", missedIn: "{lead} · missed call", missedOut: "{who} · call, no answer",
    calledIn: "{lead} called", calledOut: "{who} · call, answered", met: "{who} · meeting", plannedStep: "Planned: {what}", we: "We", auto: "automatic reply", form: "{lead} · web form",
    raised: "M.A.X.: {what}", created: "Lead created", never: "no contact yet", justNow: "just now", failed: "That did not work: {why}",
    calm: "M.A.X. has read it, and spares {rep}. If an answer is due, it will speak up after 24 hours.", already: "{name} has an open alert already: M.A.X. does not say the same thing twice.",
    newAlert: "New alert: {what}, {name}", noCompany: "", statusNew: "New", "New": "New", "Assigned": "Assigned", "In Process": "In process",
    "Converted": "Converted", "Recycled": "Recycled", "Dead": "Dead",
  },
};
const SEVERITIES = ["urgent", "high", "medium", "low", "info"];
const $ = (id) => document.getElementById(id);
const remembered = (() => { try { return localStorage.getItem("max.lang"); } catch { return null; } })();

let lang = WORDS[remembered] ? remembered : "fr";
let state = null;       // the latest answer of /demo/state
let ahead = 0;          // the demo's clock minus this machine's, in milliseconds
let filter = "open";
let picked = null;      // the lead whose timeline is shown
let agreed = false;     // whether M.A.X. and the page speak the same language
let seenAnswers = null; // answers to taps already shown
let did = { wrote: false, acted: false };

// ---- words

function t(key, values = {}) {
  let text = WORDS[lang][key] ?? key;
  if ("n" in values && text.includes("|")) text = text.split("|")[values.n > 1 ? 1 : 0];
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}
const locale = () => (lang === "fr" ? "fr-FR" : "en-GB");
const demoNow = () => Date.now() + ahead;
const format = (at, options) => new Intl.DateTimeFormat(locale(), options).format(new Date(at));
const clockTime = (at) => format(at, { hour: "2-digit", minute: "2-digit" });
const dayOf = (at) => format(at, { weekday: "long", day: "numeric", month: "long" });
const dayAndTime = (at) => format(at, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

function ago(at) {
  const seconds = (Date.parse(at) - demoNow()) / 1000;
  const size = Math.abs(seconds);
  if (size < 60) return t("justNow");
  const [unit, length] = size < 3600 ? ["minute", 60] : size < 86400 ? ["hour", 3600] : ["day", 86400];
  // Whole units that have passed, as the rules count them.
  return new Intl.RelativeTimeFormat(locale(), { numeric: "always", style: "short" }).format(Math.trunc(seconds / length) || -0, unit);
}

function applyWords() {
  document.documentElement.lang = lang;
  document.title = t("title");
  const rep = state?.rep.name.split(" ")[0] ?? (lang === "fr" ? "votre commercial" : "your rep");
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t, { rep });
  for (const node of document.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", t(node.dataset.tLabel));
  for (const node of document.querySelectorAll("[data-t-placeholder]")) node.placeholder = t(node.dataset.tPlaceholder);
  for (const node of document.querySelectorAll("[data-lang]")) node.setAttribute("aria-pressed", String(node.dataset.lang === lang));
  writeSamples();
}

// ---- building blocks

function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}
function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}
/** A sentence of ours in which only <b> is markup. */
function rich(text) {
  return text.split(/<b>(.*?)<\/b>/).map((part, index) => (index % 2 ? el("b", {}, part) : part));
}

const prints = new WeakMap(); // what each shown node was built from

/** Shows `items` in `list`: what did not change is left alone, so that focus, selection and scrolling survive. */
function reconcile(list, items, keyOf, build) {
  const first = !list.dataset.filled;
  if (first) { list.replaceChildren(); list.dataset.filled = "1"; }
  const old = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const focusKey = focused?.dataset.focus;
  const focusPlace = focused && [...list.children].findIndex((node) => node.contains(focused));
  let arrivals = 0;
  let place = list.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    const print = JSON.stringify(item) + lang;
    let node = old.get(key);
    old.delete(key);
    if (!node || prints.get(node) !== print) {
      const fresh = build(item);
      fresh.dataset.key = key;
      prints.set(fresh, print);
      const sameWords = node && prints.get(node)?.slice(0, -2) === print.slice(0, -2);
      if (!first && !sameWords && item.moves !== false) { fresh.classList.add(node ? "touched" : "enter"); if (!node) arrivals += 1; }
      if (node) { if (place === node) place = fresh; node.replaceWith(fresh); }
      node = fresh;
    }
    if (node === place) place = place.nextElementSibling;
    else list.insertBefore(node, place);
  }
  for (const node of old.values()) node.remove();
  if (focusKey && !list.contains(document.activeElement)) {
    const next = list.children[Math.min(focusPlace, list.children.length - 1)];
    const again = list.querySelector(`[data-focus="${CSS.escape(focusKey)}"]`) ?? next?.querySelector(".main") ?? next?.querySelector("[data-focus]");
    again?.focus({ preventScroll: true });
  }
  return arrivals;
}

// ---- Telegram's HTML, by whitelist

const TAGS = { B: "b", STRONG: "b", I: "i", EM: "i", U: "u", INS: "u", S: "s", STRIKE: "s", DEL: "s", CODE: "code", PRE: "pre", BLOCKQUOTE: "blockquote" };

function telegramHtml(html) {
  const out = document.createDocumentFragment();
  copySafe(new DOMParser().parseFromString(`<body>${html}`, "text/html").body, out);
  return out;
}
function copySafe(from, to) {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) { to.append(...linked(besideBlocks(node), node.parentElement.closest("a, code, pre"))); continue; }
    if (node.nodeType !== Node.ELEMENT_NODE) continue;
    let copy = null;
    if (TAGS[node.tagName]) copy = el(TAGS[node.tagName]);
    else if (node.tagName === "A" && safeUrl(node.getAttribute("href"))) {
      copy = el("a", { href: node.getAttribute("href"), target: "_blank", rel: "noopener noreferrer" });
    } else if (node.tagName === "TG-SPOILER" || (node.tagName === "SPAN" && node.className === "tg-spoiler")) {
      copy = el("span", { class: "spoiler", tabindex: "0" });
    }
    copySafe(node, copy ?? to);
    if (copy) to.append(copy);
  }
}
/** Bare addresses become links, as in Telegram; one of a lead in the CRM shows that lead on this page. */
function linked(text, literal) {
  if (literal) return [text];
  return text.split(/(https?:\/\/[^\s<>"]+)/).map((part, index) => {
    if (index % 2 === 0) return part;
    if (leadAt(part)) return el("a", { href: new URL(part).hash, onclick: () => setTimeout(followHash) }, part);
    return el("a", { href: part, target: "_blank", rel: "noopener noreferrer" }, part);
  });
}
/** A quotation stands on lines of its own: the line breaks that set it off are not shown twice. */
function besideBlocks(node) {
  const block = (other) => other && ["BLOCKQUOTE", "PRE"].includes(other.tagName);
  let text = node.data;
  if (block(node.previousSibling)) text = text.replace(/^\n/, "");
  if (block(node.nextSibling)) text = text.replace(/\n$/, "");
  return text;
}
/** The lead that an address in the CRM shows: this page stands for the CRM. */
function leadAt(url) {
  const id = url.match(/#Lead\/view\/(\w+)$/)?.[1];
  return state.leads.some((lead) => lead.id === id) ? id : null;
}
function safeUrl(url) {
  try { return ["http:", "https:", "tg:"].includes(new URL(url).protocol); } catch { return false; }
}

// ---- the rep's chat

function chatItems() {
  const items = [];
  let day = null;
  for (const message of state.chat) {
    const its = dayOf(message.at);
    if (its !== day) items.push({ id: `d${message.at.slice(0, 10)}-${items.length}`, day: message.at, moves: false });
    day = its;
    items.push(message);
  }
  return items;
}

function messageNode(message) {
  if (message.day) return el("p", { class: "day" }, dayOf(message.day));
  const bubble = el("div", { class: "bubble" });
  bubble.append(message.html === null ? message.text : telegramHtml(message.html));
  const marks = [message.edited ? t("edited") : "", message.silent ? t("silent") : "", clockTime(message.at)];
  bubble.append(el("span", { class: "meta" }, marks.filter(Boolean).join(" · ")));
  const node = el("div", { class: `msg ${message.from}` }, bubble);
  if (message.keyboard.length) {
    const rows = message.keyboard.map((row) => el("div", {}, ...row.map((key) => keyNode(message, key))));
    node.append(el("div", { class: "keys", role: "group" }, ...rows));
  }
  return node;
}

function keyNode(message, key) {
  const focus = `${message.id}:${key.data ?? key.url ?? key.copy}`;
  const lead = key.url && leadAt(key.url);
  if (lead) return el("button", { type: "button", "data-focus": focus, onclick: () => pick(lead, true) }, key.text);
  if (key.url) {
    const href = safeUrl(key.url) ? key.url : "#";
    return el("a", { href, target: "_blank", rel: "noopener noreferrer", "data-focus": focus }, key.text, icon("out"));
  }
  if (key.copy !== null) {
    return el("button", { type: "button", "data-focus": focus, title: key.copy, onclick: () => copyText(key.copy) }, key.text, icon("copy"));
  }
  const tap = async (event) => {
    const button = event.currentTarget;
    button.classList.add("busy");
    did.acted = true;
    await post("tap", { message_id: message.id, data: key.data });
    button.classList.remove("busy");
  };
  return el("button", { type: "button", "data-focus": focus, onclick: tap }, key.text);
}

async function copyText(text) {
  try { await navigator.clipboard.writeText(text); } catch {
    const area = el("textarea", { class: "off" }, text);
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast(`${t("copied")} : ${text.length > 80 ? `${text.slice(0, 80)}…` : text}`);
}

let toastTimer = 0;
function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").hidden = true; }, 2600 + text.length * 40);
}

const log = $("log");
let resting = 0; // where the chat was last scrolled to by itself
let gliding = 0; // until when it is on its way there
const atEnd = () => Date.now() < gliding || log.scrollHeight - log.scrollTop - log.clientHeight < 80 || Math.abs(log.scrollTop - resting) < 4;
/** To the end of the chat; a last message that does not fit is shown from its beginning. */
function scrollDown(smooth) {
  const end = log.scrollHeight - log.clientHeight;
  const start = (log.lastElementChild?.offsetTop ?? 0) - 10;
  resting = Math.max(0, Math.min(end, start));
  if (smooth) gliding = Date.now() + 700;
  log.scrollTo({ top: resting, behavior: smooth ? "smooth" : "auto" });
  $("below").hidden = true;
}

log.addEventListener("scroll", () => { if (atEnd()) $("below").hidden = true; }, { passive: true });

function showChat() {
  const first = !log.dataset.filled;
  const stick = first || atEnd();
  const items = chatItems();
  if (!items.length) items.push({ id: "empty", moves: false, day: null, from: "none", html: null, text: t("emptyChat"), keyboard: [], at: state.now });
  const arrivals = reconcile(log, items, (item) => item.id, (item) => (item.id === "empty" ? el("p", { class: "none" }, item.text) : messageNode(item)));
  if (stick) scrollDown(!first && (arrivals > 0 || Date.now() < gliding));
  else if (arrivals) $("below").hidden = false;
  if (arrivals) mark("chat", arrivals);
  const latest = state.answers.at(-1)?.id ?? 0;
  if (seenAnswers !== null && latest !== seenAnswers && state.answers.at(-1).text) toast(state.answers.at(-1).text);
  seenAnswers = latest;
}

// ---- the CRM's alert records

const isOpen = (alert) => alert.status === "Open" || alert.status === "Snoozed";
const rank = (alert) => (alert.status === "Open" ? 0 : alert.status === "Snoozed" ? 1 : 2);
function byPressing(a, b) {
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (rank(a) === 2) return b.endedAt < a.endedAt ? -1 : 1;
  return SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || a.openedAt.localeCompare(b.openedAt) || String(a.anchor).localeCompare(String(b.anchor));
}

function fate(alert) {
  if (alert.status === "Snoozed") return t("stSnoozed", { when: alert.snoozedUntil ? dayAndTime(alert.snoozedUntil) : "?" });
  if (alert.status === "Closed") return t("stClosed", { why: t(alert.closeReason || "cleared") });
  if (alert.status === "Resolved") {
    const via = { telegram: "viaTelegram", crm: "viaCrm", api: "viaApi" }[alert.resolvedVia];
    const who = [alert.resolvedBy, via ? `(${t(via)})` : ""].filter(Boolean).join(" ") || "?";
    return t("stResolved", { who, when: ago(alert.endedAt) });
  }
  return "";
}

function alertNode(alert) {
  const set = (status) => () => { did.acted = true; post("alert", { id: alert.id, status }); };
  const button = (word, status, main) =>
    el("button", { type: "button", class: main ? "main" : null, "data-focus": `${alert.id}:${status}`, onclick: set(status) }, t(word));
  const acts = isOpen(alert)
    ? [button("resolve", "Resolved", true), alert.status === "Open" ? button("snooze", "Snoozed") : button("reopen", "Open")]
    : alert.status === "Resolved" ? [button("reopen", "Open")] : [];
  const when = el("time", { class: "when", datetime: alert.openedAt, "data-ago": alert.openedAt }, ago(alert.openedAt));
  const outcome = fate(alert);
  return el("li", { class: `card tone-${alert.severity}${isOpen(alert) ? "" : " past"}` },
    el("div", { class: "card-top" }, el("span", { class: "badge" }, t(alert.type)), when),
    el("button", { type: "button", class: "who", "data-focus": `${alert.id}:who`, onclick: () => pick(alert.leadId, true) }, alert.leadName),
    el("p", { class: "what" }, alert.name),
    alert.suggestedAction && isOpen(alert) ? el("p", { class: "next" }, alert.suggestedAction) : null,
    outcome ? el("p", { class: "fate" }, outcome) : null,
    acts.length ? el("div", { class: "acts" }, ...acts) : null);
}

function showAlerts() {
  const open = state.alerts.filter(isOpen);
  $("count-open").textContent = open.length;
  $("count-all").textContent = state.alerts.length;
  const counted = SEVERITIES.map((severity) => ({ severity, n: open.filter((alert) => alert.severity === severity && alert.status === "Open").length }));
  reconcile($("tally"), counted.filter((one) => one.n), (one) => one.severity, (one) => el("li", { class: `tone-${one.severity}` }, t(`${one.severity}N`, { n: one.n })));
  const shown = (filter === "open" ? open : [...state.alerts]).sort(byPressing);
  const items = shown.length ? shown : [{ id: "none", moves: false }];
  const arrivals = reconcile($("cards"), items, (alert) => alert.id, (alert) => (alert.id === "none" ? el("li", { class: "none" }, t("noAlerts")) : alertNode(alert)));
  if (arrivals) mark("crm", arrivals);
}

// ---- leads

const worst = (lead) => SEVERITIES.find((severity) => state.alerts.some((alert) => alert.leadId === lead.id && alert.severity === severity && alert.status === "Open"));
const lastOf = (lead) => lead.activities.filter((one) => one.status !== "planned").reduce((last, one) => (!last || one.at > last.at ? one : last), null);

function showLeads() {
  const shown = state.leads.map((lead) => ({ id: lead.id, name: lead.name, tone: worst(lead), last: lastOf(lead)?.at ?? null, channel: lastOf(lead)?.channel ?? null, current: lead.id === picked, moves: false }));
  reconcile($("rows"), shown, (lead) => lead.id, (lead) => el("li", {},
    el("button", { type: "button", class: `row${lead.tone ? ` tone-${lead.tone}` : ""}`, "aria-current": lead.current ? "true" : null, "data-focus": lead.id, onclick: () => pick(lead.id, true) },
      el("span", { class: "name" }, lead.name),
      el("span", { class: "dot", title: lead.tone ? t(lead.tone) : null }),
      el("span", { class: "last" }, ...(lead.last ? [`${t(lead.channel)} · `, el("span", { "data-ago": lead.last }, ago(lead.last))] : [t("never")])))));
}

function pick(id, byHand) {
  if (id !== picked) { delete $("line").dataset.filled; $("line").scrollTop = 0; }
  picked = id;
  if (byHand) {
    if (location.hash && !location.hash.endsWith(`/${id}`)) history.replaceState(null, "", location.pathname);
    $("pane-leads").classList.add("picked");
    showTab("leads");
  }
  show();
}

/** `#Lead/view/<id>`, EspoCRM's address of a lead. */
function followHash() {
  const id = location.hash.match(/^#Lead\/view\/(\w+)$/)?.[1];
  if (state?.leads.some((lead) => lead.id === id)) pick(id, true);
}
addEventListener("hashchange", followHash);

/** `+33639980101` as it is written: +33 6 39 98 01 01, in one piece. */
const phone = (number) => number?.replace(/^(\+33)(\d)(\d\d)(\d\d)(\d\d)(\d\d)$/, "$1 $2 $3 $4 $5 $6").replaceAll(" ", "\u00a0");

function stepWords(lead, one) {
  const who = one.by || t("we");
  if (one.kind === "created") return t("created");
  if (one.kind === "alert") return t("raised", { what: t(one.type).toLowerCase() });
  if (one.status === "planned") return t("plannedStep", { what: one.kind === "Task" ? t("task") : t(one.channel) });
  if (one.kind === "form") return t("form", { lead: lead.name });
  if (one.channel === "call" && one.direction === "in") return t(one.status === "no_answer" ? "missedIn" : "calledIn", { lead: lead.name });
  if (one.channel === "call") return t(one.status === "no_answer" ? "missedOut" : "calledOut", { who });
  if (one.channel === "manual") return t("met", { who });
  const channel = one.auto ? `${t(one.channel)} · ${t("auto")}` : t(one.channel);
  return one.direction === "in" ? t("wrote", { lead: lead.name, channel }) : t("weWrote", { who, channel });
}

function stepNode(lead, one) {
  const symbol = { created: "manual", alert: "bell", Task: "clock" }[one.kind] ?? one.channel;
  const kind = one.kind === "alert" ? `alert tone-${one.severity}` : one.status === "planned" ? "plan" : one.direction ?? "";
  return el("li", { class: `step ${kind}` },
    el("span", { class: "icon" }, icon(symbol)),
    el("div", { class: "body" },
      el("div", { class: "by" }, stepWords(lead, one), el("time", { datetime: one.at }, dayAndTime(one.at))),
      one.preview ? el("p", { class: "said" }, one.preview) : null));
}

function showLead() {
  const lead = state.leads.find((one) => one.id === picked);
  if (!lead) return;
  $("lead-name").textContent = lead.name;
  $("lead-facts").replaceChildren(...[t(lead.status), lead.company, phone(lead.phone), lead.email].filter(Boolean).map((fact) => el("span", {}, fact)));
  $("lead-label").textContent = t("writeAsName", { name: lead.name });
  const alerts = state.alerts.filter((alert) => alert.leadId === lead.id)
    .map((alert) => ({ id: `a${alert.id}`, kind: "alert", type: alert.type, severity: alert.severity, at: alert.openedAt }));
  const steps = [...lead.activities, ...alerts, { id: "created", kind: "created", at: lead.createdAt }]
    .sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : a.kind === "alert" ? -1 : 1));
  reconcile($("line"), steps, (one) => one.id, (one) => stepNode(lead, one));
}

// ---- writing as the lead

const channel = () => document.querySelector('[name="channel"]:checked').value;
function writeSamples() {
  const samples = ["Hot", "Ask", "Thanks", "Away"].map((key) => {
    const write = () => { $("lead-text").value = t(`sample${key}`); $("lead-text").focus(); };
    return el("button", { type: "button", title: t(`sample${key}`), onclick: write }, t(`chip${key}`));
  });
  $("samples").replaceChildren(...samples);
  const missed = channel() === "call";
  $("samples").hidden = missed;
  $("lead-text").placeholder = missed ? t("missedHint") : t("sampleHot");
  $("lead-text").disabled = missed;
}
$("channels").addEventListener("change", writeSamples);

$("lead-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("lead-text").value.trim();
  if (!picked || (!text && channel() !== "call")) { $("lead-text").focus(); return; }
  did.wrote = true;
  const lead = state.leads.find((one) => one.id === picked);
  const openings = () => state.alerts.filter((alert) => alert.leadId === lead.id && alert.status === "Open").map((alert) => alert.id + alert.openedAt).join();
  const before = openings();
  if (!await post("lead-writes", { leadId: lead.id, channel: channel(), text })) return;
  $("lead-text").value = "";
  // Silence is an answer too, and looks like a fault to whoever does not know it.
  setTimeout(() => {
    if (openings().split(",").some((one) => one && !before.includes(one))) return;
    const waits = state.alerts.some((alert) => alert.leadId === lead.id && alert.status === "Open" && ["HotLead24h", "AwaitingReply24h"].includes(alert.type));
    toast(t(waits ? "already" : "calm", { name: lead.name, rep: state.rep.name.split(" ")[0] }));
  }, 1500);
});
$("lead-text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); $("lead-form").requestSubmit(); }
});

// ---- the hint

function showHint() {
  const rep = state.rep.name.split(" ")[0];
  const star = state.leads[0];
  if (!star) return;
  const key = !did.wrote ? "hintStart" : !did.acted ? "hintTap" : "hintClock";
  document.body.classList.toggle("begun", key !== "hintStart");
  const print = key + lang + star.name;
  if ($("hint").dataset.print === print) return;
  $("hint").dataset.print = print;
  const parts = rich(t(key, { name: star.name, rep }));
  if (key === "hintStart") {
    const tryIt = () => {
      pick(star.id, true);
      $("lead-text").value = t("sampleHot");
      $("lead-text").focus();
    };
    parts.push(" ", el("button", { type: "button", onclick: tryIt }, t("hintTry")));
  }
  if (key === "hintTap") parts.push(" ", el("button", { type: "button", class: "narrow-only", onclick: () => showTab("chat") }, t("hintSee")));
  $("hint-text").replaceChildren(...parts);
}

// ---- tabs on a phone

const narrow = matchMedia("(max-width: 1179px)");
function showTab(tab) {
  document.body.dataset.tab = tab;
  for (const button of document.querySelectorAll(".tabs button")) {
    const current = button.dataset.tab === tab;
    button.setAttribute("aria-pressed", String(current));
    if (current) { const badge = button.querySelector("em"); badge.hidden = true; badge.textContent = ""; }
  }
  if (tab === "chat") scrollDown(false);
}
/** Counts what arrived in a window that is not looked at. */
function mark(tab, count) {
  if (!narrow.matches || document.body.dataset.tab === tab) return;
  const badge = document.querySelector(`.tabs [data-tab="${tab}"] em`);
  badge.textContent = Number(badge.textContent || 0) + count;
  badge.hidden = false;
}
for (const button of document.querySelectorAll(".tabs button")) button.addEventListener("click", () => showTab(button.dataset.tab));
$("back").addEventListener("click", () => { $("pane-leads").classList.remove("picked"); document.querySelector(".row[aria-current]")?.focus(); });

// ---- clock

function showNow() {
  const now = new Date(demoNow());
  $("now-day").textContent = format(now, { weekday: "short", day: "numeric", month: "short" });
  $("now-time").textContent = clockTime(now);
  $("now").dateTime = now.toISOString();
  for (const node of document.querySelectorAll("[data-ago]")) node.textContent = ago(node.dataset.ago);
}
setInterval(() => { if (state) showNow(); }, 1000);

for (const button of document.querySelectorAll("[data-hours]")) {
  button.addEventListener("click", async () => {
    if (!await post("clock", { hours: Number(button.dataset.hours) })) return;
    const now = document.querySelector(".now");
    now.classList.remove("jump");
    void now.offsetWidth;
    now.classList.add("jump");
  });
}

// ---- the other controls

for (const button of document.querySelectorAll("[data-filter]")) {
  button.addEventListener("click", () => {
    filter = button.dataset.filter;
    for (const other of document.querySelectorAll("[data-filter]")) other.setAttribute("aria-pressed", String(other === button));
    delete $("cards").dataset.filled;
    if (state) showAlerts();
  });
}
for (const button of document.querySelectorAll("[data-lang]")) {
  button.addEventListener("click", () => { speak(button.dataset.lang); post("language", { language: lang }); });
}
function speak(language) {
  if (!WORDS[language]) return;
  lang = language;
  try { localStorage.setItem("max.lang", lang); } catch { /* a private window */ }
  applyWords();
  if (state) show();
}
$("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("say-text").value.trim();
  if (!text) return;
  if (await post("say", { text })) { $("say-text").value = ""; scrollDown(true); }
});
$("below").addEventListener("click", () => scrollDown(true));

// ---- to and from the sandboxes

async function post(what, body) {
  try {
    const answer = await fetch(`/demo/${what}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error((await answer.text()) || answer.statusText);
    refresh();
    return true;
  } catch (error) {
    // A TypeError is the browser's word for an address that does not answer.
    toast(error instanceof TypeError ? t("lost") : t("failed", { why: error.message }));
    return false;
  }
}

let asking = false;
let again = false;
async function refresh() {
  if (asking) { again = true; return; }
  asking = true;
  try {
    const answer = await fetch("/demo/state");
    if (!answer.ok) throw new Error(answer.statusText);
    take(await answer.json());
    $("lost").hidden = true;
  } catch { $("lost").hidden = false; }
  asking = false;
  if (again) { again = false; refresh(); }
}

function take(fresh) {
  const known = state && new Set(state.alerts.map((alert) => alert.id));
  const started = !state;
  state = fresh;
  ahead = Date.parse(state.now) - Date.now();
  picked ??= state.leads[0]?.id ?? null;
  if (!agreed) {
    agreed = true;
    if (started && WORDS[state.language] && !remembered) lang = state.language;
    else if (state.language !== lang) post("language", { language: lang });
    applyWords();
  }
  show();
  if (started) followHash();
  const fresher = known && state.alerts.find((alert) => !known.has(alert.id));
  if (fresher) $("announce").textContent = t("newAlert", { what: t(fresher.type), name: fresher.leadName });
}

function show() {
  showNow();
  showChat();
  showAlerts();
  showLeads();
  showLead();
  showHint();
}

function listen() {
  const events = new EventSource("/demo/events");
  events.onmessage = refresh;
  events.onopen = refresh;
  events.onerror = () => {
    $("lost").hidden = false;
    agreed = false;
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 1500);
  };
}

applyWords();
refresh();
listen();
setInterval(() => { if (!$("lost").hidden) refresh(); }, 2000);
