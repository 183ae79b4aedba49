// What a record's page and a row of a list offer, as the metadata says, and what that does.

const Detail = load('modules/max/handlers/alert-detail-actions');
const Row = load('modules/max/handlers/alert-row-actions');

const DEFS = CLIENT_DEFS.MaxAlert;
const STATUSES = ['Open', 'Snoozed', 'Resolved', 'Closed'];

const alertOf = (status, owner = 'luc') => new FakeModel({id: 'a1', status, assignedUserId: owner});

const viewOf = model => new FakeView({model});

/** As EspoCRM's record page does, and its dialog. */
const offered = (items, model) => {
    const view = viewOf(model);

    return items
        .filter(item => !item.acl || view.getAcl().checkModel(model, item.acl))
        .filter(item => new (find(item.handler))(view)[item.checkVisibilityFunction](item.name))
        .map(item => item.name);
};

/** As EspoCRM's lists do. */
const offeredInRow = (names, model) => {
    const view = viewOf(model);

    return names
        .filter(name => new (find(DEFS.rowActionDefs[name].handler))(view).isAvailable(model, name))
        .filter(name => view.getAcl().checkModel(model, DEFS.rowActionDefs[name].acl));
};

const LISTS = {
    page: model => offered(DEFS.menu.detail.buttons, model),
    dialog: model => offered(DEFS.modalDetailActionList, model),
    row: model => offeredInRow(DEFS.rowActionList, model),
    rowOfLead: model => offeredInRow(CLIENT_DEFS.Lead.bottomPanels.detail.find(it => it.name === 'maxAlerts').rowActionList, model),
};

test('an open alert can be settled or snoozed, a snoozed one settled, the others nothing', () => {
    Object.entries(LISTS).forEach(([name, list]) => equal(
        [name, STATUSES.map(status => list(alertOf(status)))],
        [name, [['resolve', 'snooze'], ['resolve'], [], []]]
    ));
});

test('who may not edit is offered nothing', () => {
    Object.entries(LISTS).forEach(([name, list]) =>
        equal([name, STATUSES.map(status => list(alertOf(status, 'claire')))], [name, [[], [], [], []]]));
});

test('what is offered has a name in both languages', () => {
    const items = [...DEFS.menu.detail.buttons, ...DEFS.modalDetailActionList, ...Object.values(DEFS.rowActionDefs)];

    equal(items.map(({label}) => translator('fr_FR')(label, 'labels', 'MaxAlert')),
        Array(3).fill(['Marquer comme traitée', 'Mettre en pause jusqu’à demain']).flat());
    equal(items.map(({label}) => translator('en_US')(label, 'labels', 'MaxAlert')),
        Array(3).fill(['Mark as Handled', 'Snooze until Tomorrow']).flat());
});

const sent = async act => {
    server.asked.length = 0;
    server.answer = async () => null;
    moment = '2026-03-11T14:00:00Z';

    await act();

    moment = null;

    return server.asked.map(({save, values}) => [save, values]);
};

const RESOLVED = {status: 'Resolved', snoozedUntil: null};
const SNOOZED = {status: 'Snoozed', snoozedUntil: '2026-03-12 08:00:00'};

test('a button of the page does what it says', async () => {
    const handler = model => new Detail(viewOf(model));
    const functions = [...DEFS.menu.detail.buttons, ...DEFS.modalDetailActionList].map(it => it.actionFunction);

    equal(functions, ['resolve', 'snooze', 'resolve', 'snooze']);
    equal(await sent(() => handler(alertOf('Open')).resolve()), [['a1', RESOLVED]]);
    equal(await sent(() => handler(alertOf('Open')).snooze()), [['a1', SNOOZED]]);
});

test('what has been done on the page is no longer offered there', async () => {
    const model = alertOf('Open');

    await sent(() => new Detail(viewOf(model)).snooze());
    equal(LISTS.page(model), ['resolve']);

    await sent(() => new Detail(viewOf(model)).resolve());
    equal(LISTS.page(model), []);
});

test('a row is what is settled, not the view’s record', async () => {
    const lead = new FakeModel({id: 'l1', status: 'New'});
    const process = action => sent(() => new Row(viewOf(lead)).process(alertOf('Open'), action));

    equal(await process('resolve'), [['a1', RESOLVED]]);
    equal(await process('snooze'), [['a1', SNOOZED]]);
    equal(lead.attributes, {id: 'l1', status: 'New'});
});

test('a row that could not be settled is offered again', async () => {
    const model = alertOf('Open');

    server.answer = async () => { throw {status: 500}; };
    await new Row(viewOf(model)).process(model, 'resolve').catch(() => {});

    equal(LISTS.row(model), ['resolve', 'snooze']);
});
