// What a person does with an alert.

const Alert = load('modules/max/alert');

const open = (more = {}) => new FakeModel({id: 'a1', status: 'Open', ...more});

const act = async (name, model, {language = 'fr_FR', answer = async () => null} = {}) => {
    server.asked.length = 0;
    server.notices.length = 0;
    server.answer = answer;

    await Alert[name](new FakeView({language}), model);
};

test('what is open may be settled or snoozed, what is snoozed may be settled, what is over is over', () => {
    const may = status => [Alert.isPending(open({status})), Alert.isOpen(open({status}))];

    equal(may('Open'), [true, true]);
    equal(may('Snoozed'), [true, false]);
    equal(may('Resolved'), [false, false]);
    equal(may('Closed'), [false, false]);
    equal(may(undefined), [false, false]);
});

test('handled: the status is sent, and no snooze is left', async () => {
    const model = open({status: 'Snoozed', snoozedUntil: '2026-03-12 08:00:00', name: 'sentence'});

    await act('resolve', model);

    equal(server.asked, [
        {save: 'a1', values: {status: 'Resolved', snoozedUntil: null}, options: {patch: true, wait: true}},
    ]);
    equal(server.notices, ['wait', 'success: Traitée']);
    equal(model.get('status'), 'Resolved');
});

test('snoozed until nine tomorrow morning, where the user is', async () => {
    const until = async now => {
        moment = now;
        await act('snooze', open());

        return server.asked[0].values;
    };

    equal(await until('2026-03-11T14:00:00Z'), {status: 'Snoozed', snoozedUntil: '2026-03-12 08:00:00'});
    equal((await until('2026-03-11T22:59:00Z')).snoozedUntil, '2026-03-12 08:00:00');
    equal((await until('2026-03-11T23:01:00Z')).snoozedUntil, '2026-03-13 08:00:00');
    equal((await until('2026-12-31T12:00:00Z')).snoozedUntil, '2027-01-01 08:00:00');
    moment = null;
});

test('what has been done is said in the user’s language', async () => {
    await act('resolve', open(), {language: 'en_US'});
    equal(server.notices, ['wait', 'success: Resolved']);

    await act('snooze', open());
    equal(server.notices, ['wait', 'success: En pause']);

    await act('snooze', open(), {language: 'en_US'});
    equal(server.notices, ['wait', 'success: Snoozed']);
});

test('what the server refuses is as it was, and nobody hears of a success', async () => {
    const refusal = {status: 403};
    const model = open();
    let error = null;

    await act('resolve', model, {answer: async () => { throw refusal; }}).catch(it => error = it);

    equal(error === refusal, true);
    equal(refusal.errorIsHandled, undefined);
    equal(model.attributes, {id: 'a1', status: 'Open'});
    equal(server.notices, ['wait']);
});
