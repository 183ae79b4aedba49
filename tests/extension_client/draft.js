// The prepared message: what is offered with it.

const Draft = load('modules/max/views/modals/draft');

const LEAD = {id: 'l1', name: 'Sophie <b>', emailAddress: 'sophie@example.com', emailAddressIsOptedOut: false};

const navigator = {clipboard: {writeText: async text => server.copied = text}};

const start = async (lead, more = {}) => {
    server.asked.length = 0;
    server.answer = async () => {
        if (lead.status) {
            throw lead;
        }

        return lead;
    };

    const view = new Draft({
        options: {alert: {leadId: 'l1', leadName: 'Sophie <b>', draft: 'Bonjour <Sophie>,\nÀ bientôt'}},
        ...more,
    });

    const textarea = new FakeElement('textarea');

    textarea.setAttribute('class', 'max-draft');
    textarea.value = view.options.alert.draft;

    await view.start(textarea);

    view.parent = new FakeView();

    return view;
};

test('it shows the draft under the lead’s name', async () => {
    const view = await start(LEAD);

    equal(view.data(), {label: 'Préparer un message · Sophie <b>', draft: 'Bonjour <Sophie>,\nÀ bientôt'});
    contains(view.templateContent, '{{draft}}');
    lacks(view.templateContent, '{{{');
});

test('what the person has made of it is copied', async () => {
    const view = await start(LEAD);

    view.textarea().value = 'Mon texte';
    await view.buttons.copy.onClick();

    equal(server.copied, 'Mon texte');
});

test('it is copied also where the browser gives scripts no clipboard', async () => {
    const view = await start(LEAD);
    const {clipboard} = navigator;
    const done = [];

    navigator.clipboard = undefined;
    document.execCommand = command => done.push(command);
    view.textarea().select = () => done.push('select');
    await view.buttons.copy.onClick();
    navigator.clipboard = clipboard;

    equal(done, ['select', 'copy']);
    equal(server.notices.at(-1), 'success: Copié');
});

test('of an alert without a lead, no lead is read', async () => {
    server.asked.length = 0;

    const view = new Draft({options: {alert: {leadId: null, leadName: null, draft: 'Bonjour'}}, language: 'en_US'});

    view.setup();
    await settled();

    equal(server.asked, []);
    equal(view.headerText, 'Prepare message');
    equal(view.buttons.compose.hidden, true);
});

test('a mail is offered when there is an address, it may be written to, and the user may write', async () => {
    equal((await start(LEAD)).buttons.compose.hidden, false);
    equal((await start({...LEAD, emailAddress: null})).buttons.compose.hidden, true);
    equal((await start({...LEAD, emailAddressIsOptedOut: true})).buttons.compose.hidden, true);
    equal((await start(LEAD, {acl: {Email: false}})).buttons.compose.hidden, true);
    equal((await start(LEAD, {acl: {Lead: false}})).buttons.compose.hidden, true);

    const forbidden = {status: 403};

    equal((await start(forbidden)).buttons.compose.hidden, true);
    equal(forbidden.errorIsHandled, true);
});

test('the mail carries the text as it reads, and belongs to the lead', async () => {
    const view = await start(LEAD);

    await view.buttons.compose.onClick();

    const {attributes} = view.parent.views[0].options;

    equal(attributes.body, 'Bonjour &lt;Sophie&gt;,<br>À bientôt');
    equal([attributes.to, attributes.parentType, attributes.parentId], ['sophie@example.com', 'Lead', 'l1']);
    equal(view.closed, true);
});
