// The selected alerts, settled at once.

const Mass = load('modules/max/handlers/alert-mass-actions');

const PARAMS = {entityType: 'MaxAlert', action: 'resolve', params: {ids: ['a', 'b']}};
const ALL = {...PARAMS, params: {searchParams: {where: []}}};

const start = (answer, {total = 2, ...more} = {}) => {
    server.asked.length = 0;
    server.notices.length = 0;
    server.answer = answer;

    const view = new FakeView({
        collection: {total, fetch: async () => server.asked.push('fetch')},
        ...more,
    });

    return {view, handler: new Mass(view)};
};

test('the action of the metadata is there', () => {
    const {handler, acl} = CLIENT_DEFS.MaxAlert.massActionDefs.resolve;

    equal([handler, acl], ['modules/max/handlers/alert-mass-actions', 'edit']);
    equal(typeof Mass.prototype.actionResolve, 'function');
});

test('after a question it is sent, the list comes anew, and the number is said', async () => {
    const said = async (language, count) => {
        const {view, handler} = start(async () => ({count}), {language});

        await handler.actionResolve(PARAMS);

        return [...view.confirmations.map(it => [it.message, it.confirmText]), ...server.notices];
    };

    equal(await said('fr_FR', 2), [
        ['Marquer les alertes sélectionnées comme traitées\u00a0?', 'Oui'],
        'wait',
        'success: Alertes marquées comme traitées\u00a0: 2.',
    ]);
    equal(server.asked, [{post: 'MassAction', data: {...PARAMS, idle: false}}, 'fetch']);
    equal(await said('en_US', 1), [
        ['Mark the selected alerts as handled?', 'Yes'], 'wait', 'success: Alerts marked as handled: 1.',
    ]);
    equal((await said('en_US', 0))[2], 'success: Alerts marked as handled: 0.');
});

test('who says no sends nothing', async () => {
    const {handler} = start(async () => ({count: 2}), {declines: true});

    handler.actionResolve(PARAMS);
    await settled();

    equal([server.asked, server.notices], [[], []]);
});

test('everything that was found is done in the background when it is much', async () => {
    const idle = async (params, total) => {
        await start(async () => ({count: 1}), {total}).handler.actionResolve(params);

        return server.asked[0].data.idle;
    };

    equal(await idle(ALL, 101), true);
    equal(await idle(ALL, -1), true);
    equal(await idle(ALL, 100), false);
    equal(await idle(PARAMS, 101), false);
});

test('what goes on in the background is shown, and told when it is done', async () => {
    const {view, handler} = start(async () => ({id: 'job'}), {total: 500, language: 'en_US'});

    await handler.actionResolve(ALL);
    equal([view.dialog.id, view.dialog.action], ['job', 'resolve']);
    equal(server.notices, ['wait']);
    equal(server.asked.length, 1);

    view.dialog.trigger('close:success', {count: 480});
    await settled();
    equal(server.asked[1], 'fetch');
    equal(server.notices[1], 'success: Alerts marked as handled: 480.');
});

test('a refusal is EspoCRM’s to say: nothing is fetched, nothing is called a success', async () => {
    const refusal = {status: 403};
    let error = null;

    await start(async () => { throw refusal; }).handler.actionResolve(PARAMS).catch(it => error = it);

    equal(error === refusal, true);
    equal(refusal.errorIsHandled, undefined);
    equal(server.asked.length, 1);
    equal(server.notices, ['wait']);
});
