// Why an alert is there and how old things are, as of now.

const Words = load('modules/max/dashlet/words');

/** A Wednesday, 15:00 where the user is. */
const NOW = '2026-03-11T14:00:00Z';

const words = (language, now = NOW) => new Words(sayIn(language), calendar, at(now));

const plain = text => text.replace(/[\u00a0\u202f]/g, ' ').replace(/’/g, "'");

const both = (evidence, fr, en, now) => {
    const alert = {name: 'the record says', metadata: {evidence}};

    equal(plain(words('fr_FR', now).reason(alert)), fr);
    equal(plain(words('en_US', now).reason(alert)), en);
};

const cited = (instant, channel = 'whatsapp') => ({activityId: 'a', channel, direction: 'in', at: instant, preview: 'p'});

test('a hot lead wrote just now, some minutes ago, today, yesterday, days ago', () => {
    const hot = (instant, fr, en) => both({hotLead: {inbound: cited(instant), waiting: 1}},
        `a écrit ${fr} et veut avancer`, `wrote ${en} and wants to move forward`);

    hot('2026-03-11T13:59:30Z', "à l'instant", 'just now');
    hot('2026-03-11T13:48:00Z', 'il y a 12 min', '12 min ago');
    hot('2026-03-11T08:05:00Z', "aujourd'hui à 09:05", 'today at 09:05');
    hot('2026-03-10T17:30:00Z', 'hier à 18:30', 'yesterday at 18:30');
    hot('2026-03-10T23:10:00Z', "aujourd'hui à 00:10", 'today at 00:10');
    hot('2026-03-08T10:00:00Z', 'il y a 3 jours', '3 days ago');
    hot('2026-03-09T09:00:00Z', 'il y a 2 jours', '2 days ago');
});

test('an instant of the future, by a clock that is ahead, is now', () => {
    both({hotLead: {inbound: cited('2026-03-11T14:00:20Z'), waiting: 1}},
        "a écrit à l'instant et veut avancer", 'wrote just now and wants to move forward');
    both({noReply: {lastOut: cited('2026-03-11T14:00:20Z')}}, '1 min sans réponse', '1 min without a reply');
});

test('a hot lead has called, or has written more than once', () => {
    both({hotLead: {inbound: cited('2026-03-10T17:30:00Z', 'call'), waiting: 1}},
        'a appelé hier à 18:30, appel manqué', 'called yesterday at 18:30, and was missed');
    both({hotLead: {inbound: cited('2026-03-10T17:30:00Z'), waiting: 3}},
        'veut avancer : 3 messages en attente depuis hier', 'wants to move forward: 3 messages waiting since yesterday');
});

test('waiting for an answer', () => {
    const waiting = (instant, n = 1, channel) => ({awaitingReply: {
        first: cited(instant, channel), last: cited(instant, channel), waiting: n,
    }});

    both(waiting('2026-03-10T10:00:00Z'), 'attend une réponse depuis hier', 'waiting for an answer since yesterday');
    both(waiting('2026-03-11T09:00:00Z'), 'attend une réponse depuis 5 h', 'waiting for an answer for 5 h');
    both(waiting('2026-03-08T10:00:00Z'), 'attend une réponse depuis 3 jours', 'waiting for an answer for 3 days');
    both(waiting('2026-03-08T10:00:00Z', 2),
        '2 messages attendent une réponse depuis 3 jours', '2 messages waiting for an answer for 3 days');
    both(waiting('2026-03-08T10:00:00Z', 1, 'call'),
        'a appelé il y a 3 jours et attend un rappel', 'called 3 days ago and waits to be called back');
});

test('one day is a day, two are days', () => {
    both({noReply: {lastOut: cited('2026-03-10T13:00:00Z')}}, '1 jour sans réponse', '1 day without a reply');
    both({noReply: {lastOut: cited('2026-03-09T14:00:00Z')}}, '2 jours sans réponse', '2 days without a reply');
    both({noReply: {lastOut: cited('2026-03-08T10:00:00Z', 'call')}},
        "n'a pas rappelé depuis 3 jours", 'has not called back for 3 days');
});

test('nobody ever wrote, nothing for a week, nothing for a month', () => {
    both({noContact: {createdAt: '2026-03-04T09:00:00Z', lastInbound: null}},
        '7 jours sans premier contact', '7 days without a first contact');
    both({noFollowup: {last: cited('2026-03-03T14:00:00Z')}}, 'plus de contact depuis 8 jours', 'no contact for 8 days');
    both({stale: {last: null, since: '2026-02-07T14:00:00Z'}}, '32 jours sans nouvelles', '32 days without news');
});

test('the days are those of now, not of the opening', () => {
    const evidence = {noContact: {createdAt: '2026-03-04T09:00:00Z', lastInbound: null}};

    both(evidence, '10 jours sans premier contact', '10 days without a first contact', '2026-03-14T14:00:00Z');
});

test('a channel that works better', () => {
    both({preferredChannel: {
        best: {channel: 'whatsapp', answered: 17, attempts: 20}, second: {channel: 'email', answered: 1, attempts: 8},
    }}, 'répond mieux sur WhatsApp (85 %) que par email (13 %)', 'answers better on WhatsApp (85%) than by email (13%)');
    both({preferredChannel: {
        best: {channel: 'call', answered: 2, attempts: 3}, second: {channel: 'manual', answered: 0, attempts: 0},
    }}, 'répond mieux au téléphone (67 %)', 'answers better on the phone (67%)');
});

test('what says nothing that we know is said by the record', () => {
    both(undefined, 'the record says', 'the record says');
    both({somethingNew: {}}, 'the record says', 'the record says');
    both({constructor: {}}, 'the record says', 'the record says');
    both({noReply: {}}, 'the record says', 'the record says');
    equal(words('fr_FR').reason({name: 'the record says', metadata: null}), 'the record says');
    equal(words('fr_FR').reason({metadata: null}), '');
});

test('what should have been dealt with is overdue', () => {
    equal(words('fr_FR').isOverdue({dueAt: '2026-03-11 13:59:59'}), true);
    equal(words('fr_FR').isOverdue({dueAt: '2026-03-11 14:00:00'}), false);
    equal(words('fr_FR').isOverdue({dueAt: null}), false);
});

const lag = (language, syncedAt, more = {}, asked = NOW) => {
    const {text, loud} = words(language).lag({syncedAt, problem: null, ...more}, at(asked));

    return [plain(text), loud && plain(loud)];
};

test('how long ago M.A.X. synced, in seconds, minutes, hours', () => {
    equal(lag('en_US', '2026-03-11T13:59:48Z'), ['M.A.X. last synced 12 s ago', null]);
    equal(lag('fr_FR', '2026-03-11T13:59:48Z'), ['M.A.X. a synchronisé il y a 12 s', null]);
    equal(lag('en_US', NOW), ['M.A.X. synced just now', null]);
    equal(lag('fr_FR', '2026-03-11T14:00:03Z'), ['M.A.X. vient de synchroniser', null]);
    equal(lag('fr_FR', '2026-03-11T13:57:00Z'), ['M.A.X. a synchronisé il y a 3 min', null]);
});

test('that it stands still for minutes or hours is said aloud', () => {
    equal(lag('en_US', '2026-03-11T13:55:01Z')[1], null);
    equal(lag('en_US', '2026-03-11T13:55:00Z'), [
        'M.A.X. last synced 5 min ago',
        'M.A.X. has not synced for 5 min: the alerts below may be out of date.',
    ]);
    equal(lag('fr_FR', '2026-03-11T11:55:00Z')[1],
        'M.A.X. ne synchronise plus depuis 2 h : les alertes ci-dessous peuvent dater.');
});

test('a page that has not asked for long does not cry wolf', () => {
    equal(lag('en_US', '2026-03-11T13:50:00Z', {}, '2026-03-11T13:50:05Z'), ['M.A.X. last synced 10 min ago', null]);
});

test('that it never synced, or has a problem, is said aloud', () => {
    const never = "M.A.X. n'a encore jamais synchronisé. Le service tourne-t-il ?";

    equal(plain(words('fr_FR').lag(null, at(NOW)).loud), never);
    equal(lag('fr_FR', null), ['', never]);
    equal(lag('en_US', null)[1], 'M.A.X. has never synced yet. Is the service running?');
    equal(lag('en_US', null, {problem: 'key refused'})[1], 'M.A.X. reports a problem: key refused');
    equal(lag('fr_FR', '2026-03-11T13:59:48Z', {problem: 'clé refusée'}),
        ['M.A.X. a synchronisé il y a 12 s', 'M.A.X. signale un problème : clé refusée']);
});

test('none, one and many, in French and in English', () => {
    const urgent = (language, n) => sayIn(language).count('labels', 'resolved', n);

    equal([0, 1, 2].map(n => urgent('fr_FR', n)), ['0 traitée', '1 traitée', '2 traitées']);
    equal([0, 1, 2].map(n => sayIn('en_US').count('labels', 'more', n)),
        ['0 more alerts', '1 more alert', '2 more alerts']);
});

test('a text with braces in it is not filled in', () => {
    const say = load('modules/max/dashlet/say')((key, category) => 'a {lead} b {none}', 'en_US');

    equal(say('x', 'y', {lead: '{none} $& $1'}), 'a {none} $& $1 b {none}');
});
