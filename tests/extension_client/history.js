// What happened to an alert.

const History = load('modules/max/views/fields/alert-history');

const BAD = '<b>&"';

const open = async (history, {language = 'fr_FR'} = {}) => {
    moment = '2026-03-11T14:00:00Z';

    const view = new History({language, name: 'history', model: new FakeModel({history})});

    await view.open();
    moment = null;

    return view;
};

const lines = async (history, more) => texts((await open(history, more)).element, 'li');

const AT = '2026-03-11T08:00:00Z';

const both = async (step, fr, en) => {
    equal(await lines([{at: AT, ...step}]), [`${fr} · Aujourd’hui 09:00`]);
    equal(await lines([{at: AT, ...step}], {language: 'en_US'}), [`${en} · Today 09:00`]);
};

test('the latest comes first', async () => {
    const history = [
        {at: '2026-03-09T08:00:00Z', step: 'opened'},
        {at: '2026-03-10T08:00:00Z', step: 'announced', who: 'Luc Moreau', via: 'telegram'},
        {at: AT, step: 'resolved', who: 'Luc Moreau', via: 'crm'},
    ];

    equal(await lines(history, {language: 'en_US'}), [
        'Handled by Luc Moreau in the CRM · Today 09:00',
        'Announced to Luc Moreau on Telegram · Yesterday 09:00',
        'Opened · 09 Mar 09:00',
    ]);
    equal(history[0].step, 'opened');
});

test('every step has words in both languages', async () => {
    await both({step: 'opened'}, 'Ouverte', 'Opened');
    await both({step: 'reopened'}, 'Rouverte', 'Opened again');
    await both({step: 'announced', who: 'Luc', via: 'telegram'},
        'Annoncée à Luc sur Telegram', 'Announced to Luc on Telegram');
    await both({step: 'snoozed', who: 'Luc', via: 'telegram', until: '2026-03-13T08:00:00Z'},
        'Mise en pause jusqu’au 13 Mar 09:00 par Luc sur Telegram', 'Snoozed until 13 Mar 09:00 by Luc on Telegram');
    await both({step: 'unsnoozed', who: 'Luc', via: 'crm'}, 'Pause levée par Luc dans le CRM', 'Snooze ended by Luc in the CRM');
    await both({step: 'snooze_over'}, 'Pause terminée', 'Snooze over');
    await both({step: 'resolved', who: 'Luc', via: 'api'}, 'Traitée par Luc par l’API', 'Handled by Luc by API');
    await both({step: 'unresolved', who: 'Luc'}, 'Finalement non traitée par Luc', 'Marked as not handled after all by Luc');
    await both({step: 'owner_changed', who: 'Claire'}, 'Confiée à Claire', 'Handed over to Claire');
});

test('a closed alert says why', async () => {
    const closed = (reason, fr, en) => both({step: 'closed', reason}, `Close\u00a0: ${fr}`, `Closed: ${en}`);

    await closed('lead_deleted', 'le prospect a été supprimé', 'the lead was deleted');
    await closed('lead_closed', 'le prospect n’est plus actif', 'the lead is no longer active');
    await closed('planned', 'une prochaine étape est prévue', 'a next step is planned');
    await closed('cleared', 'la situation s’est réglée', 'the situation has settled');
    await closed('superseded', 'une autre alerte a pris le relais', 'another alert took over');
});

test('every step has its sign', async () => {
    const steps = Object.keys(LANGUAGES.en_US.MaxAlert.historySteps);
    const view = await open(steps.map(step => ({at: AT, step})));
    const signs = view.element.querySelectorAll('span').filter(it => 'style' in it.attributes).map(it => it.attributes.class);

    equal(signs.length, steps.length);
    equal(signs.filter(it => !it || it.includes('fa-circle')), []);
});

test('the pause ends on a day that has a date, also when it is tomorrow', async () => {
    equal(await lines([{at: AT, step: 'snoozed', until: '2026-03-12T08:00:00Z'}], {language: 'en_US'}),
        ['Snoozed until 12 Mar 09:00 · Today 09:00']);
});

test('nobody’s name is taken for HTML, nor for a place to fill in', async () => {
    const view = await open([{at: AT, step: 'closed', who: BAD, reason: 'planned'}], {language: 'en_US'});

    equal(texts(view.element, 'li'), [`Closed by ${BAD}: a next step is planned · Today 09:00`]);
    equal(view.element.querySelectorAll('b').length, 0);

    for (const who of ['{why} $& $1', '{what}', '{until}', '{who}']) {
        equal(await lines([{at: AT, step: 'closed', who, reason: 'planned'}], {language: 'en_US'}),
            [`Closed by ${who}: a next step is planned · Today 09:00`]);
    }
});

test('no history is none', async () => {
    for (const history of [[], null, undefined]) {
        equal(texts((await open(history)).element, '.none-value'), ['Aucun']);
        equal(texts((await open(history, {language: 'en_US'})).element, '.none-value'), ['None']);
    }

    equal(texts((await open([{at: AT, step: 'opened'}])).element, '.none-value'), []);
});

test('a step of which it is not known when has no time', async () => {
    equal(await lines([{step: 'opened'}]), ['Ouverte']);
});

test('it is read only, and the same in a list, in a record and when that is edited', async () => {
    const view = await open([]);

    equal(view.readOnly, true);
    equal([view.editTemplateContent, view.listTemplateContent], [view.detailTemplateContent, view.detailTemplateContent]);
    lacks(view.detailTemplateContent, '{{{');
});
