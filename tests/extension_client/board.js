// What the dashlet shows.

const board = load('modules/max/dashlet/board');
const Words = load('modules/max/dashlet/words');

const NOW = '2026-03-11T14:00:00Z';

const alert = (more = {}) => ({
    id: 'a1',
    name: 'sentence',
    type: 'NoReply3d',
    severity: 'medium',
    status: 'Open',
    dueAt: null,
    suggestedAction: 'Relance douce sur WhatsApp',
    draft: 'Bonjour',
    leadId: 'l1',
    leadName: 'Sophie Martin',
    assignedUserId: 'luc',
    assignedUserName: 'Luc Moreau',
    metadata: {
        evidence: {noReply: {lastOut: {channel: 'whatsapp', at: '2026-03-08T10:00:00Z'}}},
        cta: [
            {action: 'openWhatsApp', params: {url: 'https://wa.me/33612345678'}},
            {action: 'draftMessage', params: {}},
        ],
    },
    ...more,
});

const answer = (lists = {}, more = {}) => {
    const of = bucket => lists[bucket] || [];
    const buckets = ['hot', 'toAnswer', 'toFollowUp', 'preferredChannel'];

    return {
        now: NOW,
        sync: {syncedAt: '2026-03-11T13:59:48Z', problem: null},
        today: {opened: 1, resolved: 0},
        total: buckets.reduce((sum, bucket) => sum + of(bucket).length, 0),
        urgent: of('hot').length,
        widgets: buckets.map(bucket => ({bucket, total: of(bucket).length, list: of(bucket)})),
        ...more,
    };
};

const draw = (data, {language = 'fr_FR', edit = true, lead = true, ...more} = {}) => board(document, {
    data,
    failed: false,
    asked: at(NOW),
    widgets: ['hot', 'toAnswer', 'toFollowUp', 'preferredChannel'],
    userId: 'luc',
    words: new Words(sayIn(language), calendar, at(NOW)),
    say: sayIn(language),
    rights: () => ({edit, lead}),
    ...more,
});

const text = (root, selector) => root.querySelectorAll(selector)
    .map(it => it.textContent.replace(/[\u00a0\u202f]/g, ' ').replace(/’/g, "'"));

test('the banner counts', () => {
    const hot = alert({id: 'h', severity: 'urgent'});
    const data = answer({hot: [hot, hot], toFollowUp: [alert()]}, {today: {opened: 2, resolved: 1}});
    const fr = draw(data), en = draw(data, {language: 'en_US'});

    equal(text(fr, '.max-total'), ["Alertes aujourd'hui : 3"]);
    equal(text(fr, '.max-urgent-total'), ['2 urgentes']);
    equal(text(fr, '.max-today'), ['2 nouvelles · 1 traitée']);
    equal(text(fr, '.max-bucket'), ['Prospects chauds2', 'À répondre0', 'À relancer1', 'Canal préféré0']);
    equal(text(en, '.max-total'), ['Alerts today: 3']);
    equal(text(en, '.max-urgent-total'), ['2 urgent']);
    equal(text(en, '.max-today'), ['2 new · 1 handled']);
    equal(text(en, '.max-bucket'), ['Hot leads2', 'To answer0', 'To follow up1', 'Preferred channel0']);
});

test('one urgent alert is one, none is not mentioned', () => {
    equal(text(draw(answer({hot: [alert()]})), '.max-urgent-total'), ['1 urgente']);
    equal(text(draw(answer({toFollowUp: [alert()]})), '.max-urgent-total'), []);
});

test('a row says who, why and what to do', () => {
    const root = draw(answer({toFollowUp: [alert()]}));

    equal(text(root, '.max-lead'), ['Sophie Martin']);
    equal(text(root, '.max-why'), ['3 jours sans réponse']);
    equal(text(root, '.max-suggestion'), ['→ Relance douce sur WhatsApp']);
    equal(root.querySelector('.max-lead').attributes.href, '#Lead/view/l1');
    equal(text(root, '.max-owner'), []);
});

test('whose it is, is said when it is somebody else’s', () => {
    const other = alert({assignedUserId: 'claire', assignedUserName: 'Claire Dubois'});

    equal(text(draw(answer({hot: [other]})), '.max-owner'), ['Claire Dubois']);
    equal(text(draw(answer({hot: [alert({assignedUserId: null, assignedUserName: null})]})), '.max-owner'), []);
});

test('what is overdue is marked', () => {
    equal(text(draw(answer({hot: [alert({dueAt: '2026-03-11 13:00:00'})]})), '.max-overdue'), ['en retard']);
    equal(text(draw(answer({hot: [alert({dueAt: '2026-03-11 15:00:00'})]})), '.max-overdue'), []);
});

test('actions are real buttons and links that say what they do, and to whom', () => {
    const root = draw(answer({toFollowUp: [alert()]}));
    const actions = root.querySelector('.max-actions').children;

    equal(actions.map(it => [it.tag, it.dataset.action, it.dataset.id]), [
        ['a', 'openWhatsApp', 'a1'],
        ['button', 'draftMessage', 'a1'],
        ['button', 'resolveAlert', 'a1'],
        ['button', 'snoozeAlert', 'a1'],
    ]);
    equal(actions.map(it => it.attributes.title),
        ['Répondre sur WhatsApp', 'Préparer un message', 'Marquer comme traitée', 'Mettre en pause jusqu’à demain']);
    equal(actions[2].attributes['aria-label'], 'Marquer comme traitée\u00a0: Sophie Martin');
    equal(actions[2].attributes.type, 'button');
    equal([actions[0].attributes.target, actions[0].attributes.rel], ['_blank', 'noopener noreferrer']);
    equal(actions[0].attributes.href, 'https://wa.me/33612345678');
});

test('who may not edit cannot settle, who may not read leads gets no link', () => {
    const root = draw(answer({toFollowUp: [alert()]}), {edit: false, lead: false});

    equal(root.querySelectorAll('[data-action="resolveAlert"]').length, 0);
    equal(root.querySelectorAll('[data-action="snoozeAlert"]').length, 0);
    equal(root.querySelector('.max-lead').tag, 'span');
});

test('nothing that a record holds is taken for HTML', () => {
    const bad = '<img src=x onerror=alert(1)>&"\'';
    const root = draw(answer({hot: [alert({
        id: `"${bad}`,
        name: bad,
        severity: `urgent" onclick="`,
        leadName: bad,
        leadId: `l"${bad}`,
        suggestedAction: bad,
        assignedUserId: 'x',
        assignedUserName: bad,
        metadata: {cta: [{action: 'openWhatsApp', params: {url: 'javascript:alert(1)'}}]},
    })]}, {sync: {syncedAt: '2026-03-11T13:59:48Z', problem: bad}}));

    equal(text(root, '.max-lead'), [bad]);
    equal(text(root, '.max-why'), [bad]);
    lacks(root.outerHTML, '<img');
    lacks(root.outerHTML, 'javascript:');
    lacks(root.outerHTML, 'onclick="');
    contains(root.outerHTML, '&lt;img src=x onerror=alert(1)&gt;&amp;');
});

test('a lead without a name has a row all the same', () => {
    equal(text(draw(answer({hot: [alert({leadName: null, leadId: null})]})), '.max-lead'), ['Prospect sans nom']);
});

test('what does not fit is counted', () => {
    const data = answer({toFollowUp: [alert()]});

    data.widgets[2].total = 2;
    equal(text(draw(data), '.max-more'), ['1 autre alerte']);
    data.widgets[2].total = 7;
    equal(text(draw(data), '.max-more'), ['6 autres alertes']);
    equal(text(draw(answer({toFollowUp: [alert()]})), '.max-more'), []);
});

test('only what the user wants to see is shown, and what is empty is not', () => {
    const data = answer({hot: [alert()], toFollowUp: [alert()]});

    equal(draw(data).querySelectorAll('.max-widget').length, 2);
    equal(draw(data, {widgets: ['hot']}).querySelectorAll('.max-widget').length, 1);
});

test('nothing to do is good news', () => {
    equal(text(draw(answer()), '.max-clear'), ['Rien en attente : tout est traité.']);
    equal(text(draw(answer({hot: [alert()]})), '.max-clear'), []);
    equal(text(draw(answer({hot: [alert()]}), {widgets: ['toAnswer']}), '.max-clear'),
        ['Aucune alerte dans les rubriques choisies.']);
});

test('the lag stands below, and above when it must be heard', () => {
    equal(text(draw(answer(), {language: 'en_US'}), '.max-lag'), ['M.A.X. last synced 12 s ago']);
    equal(text(draw(answer()), '.max-loud'), []);

    const still = draw(answer({}, {sync: {syncedAt: '2026-03-11T13:30:00Z', problem: null}}), {language: 'en_US'});

    equal(text(still, '.max-loud'), ['M.A.X. has not synced for 30 min: the alerts below may be out of date.']);
    equal(still.firstElementChild.attributes.role, 'status');
    equal(text(draw(answer({}, {sync: null}), {language: 'en_US'}), '.max-loud'),
        ['M.A.X. has never synced yet. Is the service running?']);
});

test('what could not be asked is said, with what is known or without', () => {
    equal(text(draw(null, {failed: true, language: 'en_US'}), '.max-loud'),
        ['The alerts could not be loaded. They will be asked for again shortly.']);
    equal(draw(null).childNodes.length, 0);

    const known = draw(answer({hot: [alert()]}), {failed: true, language: 'en_US'});

    equal(text(known, '.max-loud'), ['Not refreshed: EspoCRM does not answer. What you see may be out of date.']);
    equal(known.querySelectorAll('.max-row').length, 1);
});
