// What the lead's page says of it.

const Insight = load('modules/max/views/lead/record/panels/insight');

const INSIGHT = {
    preferredChannel: 'whatsapp',
    channels: [
        {channel: 'whatsapp', replied: 17, sent: 20, rate: 85},
        {channel: 'email', replied: 1, sent: 8, rate: 13},
    ],
    bestTime: {weekday: 2, from: '09:00', to: '12:00', answers: 5, of: 8},
    lastInAt: '2026-03-11T08:00:00Z',
    lastInChannel: 'whatsapp',
    lastOutAt: '2026-03-10T17:30:00Z',
    lastOutChannel: 'call',
    nextStepAt: '2026-03-12T09:00:00Z',
    nextStepChannel: 'email',
};

const open = async (answer, {language = 'fr_FR'} = {}) => {
    server.asked.length = 0;
    server.notices.length = 0;
    server.answer = typeof answer === 'function' ? answer : async () => ({list: answer ? [answer] : []});
    moment = '2026-03-11T14:00:00Z';

    const view = new Insight({language, model: new FakeModel({id: 'l1', name: '<b>&"'})});

    await view.open();

    return view;
};

const NAMES = ['preferredChannel', 'bestTime', 'lastInAt', 'lastOutAt', 'nextStepAt'];

/** Label, value, details: by name. */
const shown = view => Object.fromEntries(view.element.querySelectorAll('.cell').map(cell =>
    [cell.dataset.name, [...texts(cell, 'label'), ...texts(cell, 'span'), ...texts(cell, '.small')]]));

const of = async (more, name, options) => shown(await open({...INSIGHT, ...more}, options))[name].slice(1);

test('one reading is asked for, of this lead', async () => {
    await open(INSIGHT);

    equal(server.asked, [{url: 'Lead/l1/maxInsights', data: {maxSize: 1}}]);
});

test('everything that is known, in French', async () => {
    equal(shown(await open(INSIGHT)), {
        preferredChannel: [
            'Canal préféré', 'WhatsApp',
            'WhatsApp\u00a0: 17 sur 20 avec réponse (85\u00a0%)', 'E-mail\u00a0: 1 sur 8 avec réponse (13\u00a0%)',
        ],
        bestTime: ['Meilleur moment', 'Mardi, 09:00–12:00', 'Réponses à ce moment\u00a0: 5 sur 8'],
        lastInAt: ['Dernier message du prospect', 'Aujourd’hui 09:00 · WhatsApp'],
        lastOutAt: ['Dernier contact de notre part', 'Hier 18:30 · Appel'],
        nextStepAt: ['Prochaine étape', 'Demain 10:00 · E-mail'],
    });
});

test('and in English', async () => {
    equal(shown(await open(INSIGHT, {language: 'en_US'})), {
        preferredChannel: [
            'Preferred Channel', 'WhatsApp', 'WhatsApp: 17 of 20 answered (85%)', 'Email: 1 of 8 answered (13%)',
        ],
        bestTime: ['Best Time to Reach', 'Tuesday, 09:00–12:00', '5 of 8 answers came then'],
        lastInAt: ['Last from the Lead', 'Today 09:00 · WhatsApp'],
        lastOutAt: ['Last from Us', 'Yesterday 18:30 · Call'],
        nextStepAt: ['Next Step', 'Tomorrow 10:00 · Email'],
    });
});

test('of what is not known it says so', async () => {
    const nothing = Object.fromEntries(Object.keys(INSIGHT).map(name => [name, null]));
    const values = async (insight, language) => {
        const view = await open(insight, {language});

        equal(view.element.querySelectorAll('.none-value').length, 5);
        equal(Object.keys(shown(view)), NAMES);

        return Object.values(shown(view)).map(it => it.slice(1));
    };
    const fr = [['Aucun ne se distingue'], ['Pas encore connu'], ['Jamais'], ['Jamais'], ['Aucune de prévue']];
    const en = [['None stands out'], ['Not known yet'], ['Never'], ['Never'], ['None is planned']];

    equal(await values(nothing, 'fr_FR'), fr);
    equal(await values(nothing, 'en_US'), en);
    equal(await values({}, 'en_US'), en);
});

test('figures are shown also when no channel stands out, and a rate of none', async () => {
    const channels = [{channel: 'call', replied: 0, sent: 1, rate: 0}];

    equal(await of({preferredChannel: null, channels}, 'preferredChannel', {language: 'en_US'}),
        ['None stands out', 'Call: 0 of 1 answered (0%)']);
    equal(await of({channels: []}, 'preferredChannel'), ['WhatsApp']);
});

test('the days of the week are those of EspoCRM, which begins on Sunday; or every day', async () => {
    const day = async (weekday, language) =>
        (await of({bestTime: {...INSIGHT.bestTime, weekday}}, 'bestTime', {language}))[0].split(',')[0];

    equal([await day(1, 'en_US'), await day(6, 'en_US'), await day(7, 'en_US')], ['Monday', 'Saturday', 'Sunday']);
    equal([await day(1, 'fr_FR'), await day(7, 'fr_FR')], ['Lundi', 'Dimanche']);
    equal([await day(null, 'en_US'), await day(null, 'fr_FR')], ['Any day', 'Tous les jours']);
});

test('a contact on a channel that is not known has its time', async () => {
    equal(await of({lastInChannel: null}, 'lastInAt'), ['Aujourd’hui 09:00']);
    equal(await of({lastInAt: null}, 'lastInAt'), ['Jamais']);
});

test('of a lead that it does not know, it says that', async () => {
    const text = async language => texts((await open(null, {language})).element, '.text-soft');

    equal(await text('fr_FR'), ['M.A.X. ne sait encore rien de ce prospect.']);
    equal(await text('en_US'), ['M.A.X. knows nothing of this lead yet.']);
    equal(shown(await open(null)), {});
});

test('the lead’s page opens without the panel, too', async () => {
    const failure = {status: 403};
    const text = async (answer, language) => texts((await open(answer, {language})).element, '.text-soft');
    const fail = async () => { throw failure; };

    equal(await text(fail, 'fr_FR'), ['Indisponible pour le moment.']);
    equal(await text(fail, 'en_US'), ['Not available right now.']);
    equal(failure.errorIsHandled, true);
    equal(await text(async () => null, 'en_US'), ['Not available right now.']);
    equal(server.notices, []);
});

test('what comes from the record is never HTML', async () => {
    const bad = '<b>&"';
    const view = await open({...INSIGHT, bestTime: {weekday: 1, from: bad, to: bad, answers: bad, of: '{from}'}}, {language: 'en_US'});

    equal(shown(view).bestTime.slice(1), [`Monday, ${bad}–${bad}`, `${bad} of {from} answers came then`]);
    equal(view.element.querySelectorAll('b').length, 0);
    lacks(view.templateContent, '{{{');
});

test('when the lead is saved or renewed, it is read again', async () => {
    let insight = INSIGHT;
    const view = await open(async () => ({list: [insight]}), {language: 'en_US'});

    for (const [event, channel] of [['sync', 'Call'], ['update-all', 'Other']]) {
        insight = {...INSIGHT, preferredChannel: channel === 'Call' ? 'call' : 'manual'};
        view.model.trigger(event);
        await settled();
        equal(shown(view).preferredChannel[1], channel);
    }

    equal(server.asked.length, 3);
});

test('what could not be read once is read the next time', async () => {
    let works = false;
    const view = await open(async () => {
        if (!works) {
            throw {status: 500};
        }

        return {list: [INSIGHT]};
    });

    works = true;
    view.model.trigger('sync');
    await settled();

    equal(Object.keys(shown(view)), NAMES);
});

test('a late answer does not undo a later one', async () => {
    const answers = [];
    const view = await open(INSIGHT, {language: 'en_US'});

    server.answer = () => new Promise(resolve => answers.push(resolve));
    view.model.trigger('sync');
    view.model.trigger('sync');
    answers[1]({list: [{...INSIGHT, preferredChannel: 'call'}]});
    await settled();
    answers[0]({list: [{...INSIGHT, preferredChannel: 'email'}]});
    await settled();

    equal(shown(view).preferredChannel[1], 'Call');
});

test('removed, it asks and draws no more', async () => {
    const view = await open(INSIGHT);

    view.model.trigger('sync');
    view.remove();
    view.model.trigger('sync');
    await settled();

    equal(server.asked.length, 2);
    equal(view.drawn, 1);
});
