// The dashlet's view: when it asks, what it sends, and what becomes of the answer.

const Dashlet = load('modules/max/views/dashlets/max');

const row = (id, more = {}) => ({
    id,
    name: `Phrase ${id}`,
    severity: 'medium',
    status: 'Open',
    leadId: `lead-${id}`,
    leadName: `Lead ${id}`,
    assignedUserId: 'luc',
    draft: 'Bonjour',
    metadata: {cta: [{action: 'draftMessage'}]},
    ...more,
});

const answer = (...rows) => ({
    now: new Date().toISOString().slice(0, 19) + 'Z',
    sync: {syncedAt: new Date().toISOString().slice(0, 19) + 'Z', problem: null},
    today: {opened: 0, resolved: 0},
    total: rows.length,
    urgent: 0,
    widgets: [{bucket: 'toFollowUp', total: rows.length, list: rows}],
});

const start = async (reply, more = {}) => {
    server.asked.length = 0;
    server.notices.length = 0;
    server.answer = reply;
    timers.length = 0;
    document.hidden = false;
    document.activeElement = null;

    const view = new Dashlet({
        dashletOptions: {
            autorefreshInterval: 0.5,
            ownership: 'team',
            displayRecords: 5,
            widgets: ['hot', 'toAnswer', 'toFollowUp', 'preferredChannel'],
        },
        ...more,
    });

    const inner = new FakeElement('div');

    inner.setAttribute('class', 'max-dashlet');

    await view.start(inner);

    return view;
};

const shown = view => view.element.querySelectorAll('.max-row').map(it => it.dataset.id);

test('it asks as its options say, and shows what comes', async () => {
    const view = await start(async () => answer(row('a'), row('b')));

    equal(server.asked, [{url: 'Max/dashboard', data: {ownership: 'team', maxSize: 5}}]);
    equal(shown(view), ['a', 'b']);
});

test('handled: the record is saved, and the row leaves', async () => {
    let rows = [row('a'), row('b')];
    const view = await start(async url => {
        if (url === 'save') {
            rows = [row('b')];
        }

        return answer(...rows);
    });

    await view.click('resolveAlert', 'a');

    equal(server.asked[1], {save: 'a', values: {status: 'Resolved', snoozedUntil: null}, options: {patch: true, wait: true}});
    equal(server.asked.length, 3);
    equal(shown(view), ['b']);
});

test('snoozed: until tomorrow', async () => {
    const view = await start(async () => answer(row('a')));

    await view.click('snoozeAlert', 'a');

    equal(server.asked[1].values.status, 'Snoozed');
    equal(/^\d{4}-\d\d-\d\d 08:00:00$/.test(server.asked[1].values.snoozedUntil), true);
});

test('what cannot be saved stands as the server has it', async () => {
    const view = await start(async url => {
        if (url === 'save') {
            throw {status: 403};
        }

        return answer(row('a'));
    });

    await view.click('resolveAlert', 'a');

    equal(shown(view), ['a']);
    equal(server.asked.length, 3);
});

test('who may not edit, or not the status, has no button for it', async () => {
    const other = await start(async () => answer(row('a', {assignedUserId: 'claire'})));

    equal(other.element.querySelectorAll('[data-action="resolveAlert"]').length, 0);

    const forbidden = await start(async () => answer(row('a')), {acl: {forbidden: ['status']}});

    equal(forbidden.element.querySelectorAll('[data-action="resolveAlert"]').length, 0);

    const mine = await start(async () => answer(row('a')));

    equal(mine.element.querySelectorAll('[data-action="resolveAlert"]').length, 1);
});

test('a prepared message is shown', async () => {
    const view = await start(async () => answer(row('a')));

    await view.click('draftMessage', 'a');

    equal(view.views[0].view, 'modules/max/views/modals/draft');
    equal(view.views[0].options.alert.draft, 'Bonjour');
});

test('when EspoCRM does not answer, what was known stays, and nobody is shouted at', async () => {
    const failure = {status: 0};
    let works = true;
    const view = await start(async () => {
        if (!works) {
            throw failure;
        }

        return answer(row('a'));
    });

    works = false;
    view.autoRefresh();
    await settled();

    equal(shown(view), ['a']);
    equal(view.element.querySelectorAll('.max-loud').length, 1);
    equal(failure.errorIsHandled, true);

    works = true;
    view.autoRefresh();
    await settled();

    equal(view.element.querySelectorAll('.max-loud').length, 0);
});

test('who is logged out hears of it from EspoCRM', async () => {
    const failure = {status: 401};

    await start(async () => {
        throw failure;
    });

    equal(failure.errorIsHandled, undefined);
});

test('a late answer does not undo a later one', async () => {
    const answers = [];
    const view = await start(() => new Promise(resolve => answers.push(resolve)));

    view.autoRefresh();
    answers[1](answer(row('new')));
    await settled();
    answers[0](answer(row('old')));
    await settled();

    equal(shown(view), ['new']);
});

test('nobody asks behind a hidden page; it asks when the page is seen again', async () => {
    const view = await start(async () => answer(row('a')));

    document.hidden = true;
    view.autoRefresh();
    await settled();
    equal(server.asked.length, 1);

    document.hidden = false;
    document.listeners.visibilitychange.forEach(listener => listener());
    await settled();
    equal(server.asked.length, document.listeners.visibilitychange.length + 1);

    view.remove();
});

test('what has not changed is not drawn again, though time goes on', async () => {
    const view = await start(async () => answer(row('a')));
    const before = view.element.querySelector('.max-row');

    view.ahead += 30;
    tick();

    equal(view.element.querySelector('.max-row') === before, true);
    equal(view.element.querySelector('.max-lag').textContent.includes('30\u00a0s'), true);
});

test('the keyboard stays where it was', async () => {
    let rows = [row('a'), row('b')];
    const view = await start(async () => answer(...rows));

    view.element.querySelector('[data-action="resolveAlert"][data-id="b"]').focus();
    rows = [row('b'), row('c')];
    view.autoRefresh();
    await settled();

    equal(document.activeElement.dataset, {action: 'resolveAlert', id: 'b'});
    equal(view.element.contains(document.activeElement), true);
});

test('by keyboard one goes on where the settled row was, or at the last one', async () => {
    let rows = [row('a'), row('b'), row('c')];
    const view = await start(async () => answer(...rows));

    rows = [row('a'), row('c')];
    await view.click('resolveAlert', 'b');
    equal(document.activeElement.dataset, {action: 'resolveAlert', id: 'c'});

    rows = [row('a')];
    await view.click('resolveAlert', 'c');
    equal(document.activeElement.dataset, {action: 'resolveAlert', id: 'a'});

    rows = [];
    await view.click('resolveAlert', 'a');
});

test('a clock that is wrong does not change how long ago things were', async () => {
    const view = await start(async () => ({
        ...answer(row('a', {metadata: {evidence: {noReply: {lastOut: {channel: 'email', at: '2030-01-01T09:00:00Z'}}}}})),
        now: '2030-01-04T10:00:00Z',
    }));

    equal(view.element.querySelector('.max-why').textContent, '3\u00a0jours sans réponse');
});

test('removed, it asks no more', async () => {
    const before = (document.listeners.visibilitychange || []).length;
    const view = await start(async () => answer(row('a')));

    view.remove();

    equal(document.listeners.visibilitychange.length, before);
});
