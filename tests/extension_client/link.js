// Telegram on a user's profile.

const Link = load('modules/max/views/user/panels/telegram-link');

const BAD = '<b>&"';
const CODE = 'https://t.me/max_bot?start=Ab-9_x';

const NOBODY = {botUsername: 'max_bot', pendingUntil: null, links: []};
const PENDING = {...NOBODY, pendingUntil: '2026-03-11 15:00:00'};
const LINKED = {...NOBODY, links: [{telegramName: 'Luc M.', linkedAt: '2026-03-01 08:00:00'}]};

const codes = [];

define('lib!qrcodejs', [], () => {
    const QRCode = class {
        constructor(container, options) {
            codes.push(options.text);
            container.setAttribute('title', options.text);
            container.appendChild(new FakeElement('canvas'));
        }
    };

    QRCode.CorrectLevel = {M: 0};

    return QRCode;
});

/** `answer` is what the route says: a state for reading, or a function of what is asked. */
const open = async (answer, {own = true, profile = {}, language = 'fr_FR', ...more} = {}) => {
    server.asked.length = 0;
    server.notices.length = 0;
    server.answer = typeof answer === 'function' ? answer : async () => answer;
    timers.length = 0;
    codes.length = 0;

    const hidden = {};
    const view = new Link({
        language,
        model: new FakeModel({id: own ? 'luc' : 'cl/1', name: BAD, type: 'regular', ...profile}),
        options: {
            panelName: 'maxTelegram',
            defs: {},
            recordHelper: {setPanelStateParam: (panel, name, value) => hidden[`${panel}.${name}`] = value},
        },
        hidden,
        ...more,
    });

    await view.open();

    return view;
};

/** The route, of which reading and acting say different things. */
const route = answers => async url => {
    const answer = answers[url.split(/[ ?]/)[0] === 'Max/telegramLink' ? 'GET' : url.split(' ')[0]];

    if (answer.status) {
        throw answer;
    }

    return answer;
};

const buttons = view => view.element.querySelectorAll('button').map(it => [it.dataset.action, it.textContent]);
const anchors = view => view.element.querySelectorAll('a').map(it => it.attributes.href);
const lines = view => texts(view.element, 'p');

const made = {url: CODE, expiresAt: '2026-03-11 15:00:00'};

const link = async (more = {}, options) => {
    const view = await open(route({GET: NOBODY, POST: made, ...more}), options);

    await view.press('linkTelegram');
    await settled();

    return view;
};

test('who is not linked is invited, in both languages', async () => {
    const fr = await open(NOBODY), en = await open(NOBODY, {language: 'en_US'});

    equal(lines(fr), ['M.A.X. vous écrit sur Telegram quand un prospect a besoin de vous. ' +
        'Liez votre compte une fois, avec ce bouton.']);
    equal(buttons(fr), [['linkTelegram', 'Lier Telegram']]);
    equal(fr.element.querySelector('button').matches('.btn-primary'), true);
    equal(lines(en), ['M.A.X. writes to you on Telegram when a lead needs you. Link your account once, with this button.']);
    equal(buttons(en), [['linkTelegram', 'Link Telegram']]);
    equal([anchors(en), server.asked], [[], ['Max/telegramLink']]);
});

test('who is linked sees to whom and since when', async () => {
    const fr = await open(LINKED), en = await open(LINKED, {language: 'en_US'});

    equal(lines(fr), ['Lié à Luc M. depuis le 01.03.2026 09:00.']);
    equal(buttons(fr), [['linkTelegram', 'Lier un autre compte'], ['unlinkTelegram', 'Couper le lien']]);
    equal(fr.element.querySelector('button').matches('.btn-default'), true);
    equal(lines(en), ['Linked as Luc M. since 01.03.2026 09:00.']);
    equal(buttons(en), [['linkTelegram', 'Link another account'], ['unlinkTelegram', 'Unlink']]);
});

test('each of several accounts has its line, also one without a name', async () => {
    const links = [...LINKED.links, {telegramName: null, linkedAt: '2026-03-02 08:00:00'}];

    equal(lines(await open({...NOBODY, links}, {language: 'en_US'})),
        ['Linked as Luc M. since 01.03.2026 09:00.', 'Linked since 02.03.2026 09:00.']);
    equal(lines(await open({...NOBODY, links}))[1], 'Lié depuis le 02.03.2026 09:00.');
});

test('a link that waits is told, though it is shown no more', async () => {
    const fr = await open(PENDING), en = await open(PENDING, {language: 'en_US'});

    equal(lines(fr), ['Un lien a été créé et attend d’être ouvert, jusqu’à 11.03.2026 16:00. ' +
        'Il n’a été montré qu’une fois\u00a0: créez-en un nouveau si vous ne l’avez plus.']);
    equal(lines(en), ['A link was made and waits to be opened, until 11.03.2026 16:00. ' +
        'It was shown once; make a new one if you no longer have it.']);
    equal(buttons(en), [['linkTelegram', 'New link']]);
    equal(anchors(en), []);
});

test('as long as M.A.X. has not reported there is nothing to link with', async () => {
    const silent = {...NOBODY, botUsername: null};

    equal(lines(await open(silent)), ['M.A.X. ne s’est pas encore manifesté. Dès qu’il tourne, Telegram se lie ici.']);
    equal(lines(await open(silent, {language: 'en_US'})),
        ['M.A.X. has not reported yet. As soon as it runs, Telegram can be linked here.']);
    equal(buttons(await open(silent)), []);
    equal(buttons(await open({...LINKED, botUsername: null})), [['unlinkTelegram', 'Couper le lien']]);
});

test('nobody’s name is taken for HTML, nor for a place to fill in', async () => {
    for (const telegramName of [BAD, '{date} $& $1', '{name}']) {
        const view = await open({...NOBODY, links: [{...LINKED.links[0], telegramName}]}, {language: 'en_US'});

        equal(lines(view), [`Linked as ${telegramName} since 01.03.2026 09:00.`]);
        equal(view.element.querySelectorAll('b').length, 0);
    }

    lacks((await open(NOBODY)).templateContent, '{{{');
});

test('before the answer is there it says nothing, and there is nothing to press', async () => {
    const view = await open(() => new Promise(() => {}));

    equal(texts(view.element, '.text-muted'), ['…']);
    equal(buttons(view), []);
});

test('an administrator sees another’s and can cut it, not make one', async () => {
    const view = await open(LINKED, {own: false, user: {admin: true}, language: 'en_US'});

    equal(server.asked, ['Max/telegramLink?userId=cl%2F1']);
    equal(lines(view), ['Linked as Luc M. since 01.03.2026 09:00.']);
    equal(buttons(view), [['unlinkTelegram', 'Unlink']]);

    const none = await open(PENDING, {own: false, user: {admin: true}, language: 'en_US'});

    equal(lines(none), ['Not linked: M.A.X. does not write on Telegram.']);
    equal(buttons(none), []);
    equal(timers.length, 0);
});

test('nobody else sees it: it is hidden before it is drawn, and nothing is asked', async () => {
    const isHidden = async more => {
        const view = await open(NOBODY, more);

        equal(server.asked.length, view.options.defs.hidden ? 0 : 1);
        equal(view.hidden, view.options.defs.hidden ?
            {'maxTelegram.hidden': true, 'maxTelegram.hiddenLocked': true} : {});

        return !!view.options.defs.hidden;
    };

    equal(await isHidden({own: false}), true);
    equal(await isHidden({user: {portal: true}}), true);
    equal(await isHidden({user: {api: true}}), true);
    equal(await isHidden({own: false, user: {admin: true}, profile: {type: 'api'}}), true);
    equal(await isHidden({own: false, user: {admin: true}, profile: {type: 'portal'}}), true);
    equal(await isHidden({own: false, user: {admin: true}, profile: {type: 'admin'}}), false);
    equal(await isHidden({profile: {type: 'super-admin'}}), false);
    equal(await isHidden({profile: {type: undefined}}), false);
});

test('a link is made, shown, opened in another window, and drawn for a phone', async () => {
    const view = await link({GET: PENDING}, {language: 'en_US'});

    equal(server.asked[1], {post: 'Max/telegramLink'});
    equal(lines(view), ['Open this link on the phone or computer where you use Telegram, or scan the code, ' +
        'then press “Start”. It works once, until 11.03.2026 16:00.']);
    equal(anchors(view), [CODE]);

    const {target, rel} = view.element.querySelector('a').attributes;

    equal([target, rel], ['_blank', 'noopener noreferrer']);
    equal(texts(view.element, 'a'), ['Open Telegram']);
    equal(buttons(view), [['linkTelegram', 'New link']]);
    equal(codes, [CODE]);
    equal('title' in view.element.querySelector('.max-qr-code').attributes, false);
    equal(server.notices, ['wait', false]);
});

test('only a link to a bot of Telegram is shown, drawn and opened', async () => {
    for (const url of [
        'javascript:alert(1)',
        'http://t.me/max_bot?start=Ab-9_x',
        'https://t.me.example/max_bot?start=Ab-9_x',
        'https://t.me@example/max_bot?start=Ab-9_x',
        'https://example/https://t.me/max_bot?start=Ab-9_x',
        ' https://t.me/max_bot?start=Ab-9_x',
        'https://t.me/max_bot?start=Ab-9_x\n',
        'https://t.me/max_bot?start="onclick=',
        'https://t.me/max_bot',
        'https://t.me/joinchat/x?start=Ab-9_x',
        '',
        null,
        42,
        [CODE],
    ]) {
        const view = await link({POST: {...made, url}}, {language: 'en_US'});

        equal([url, anchors(view), codes], [url, [], []]);
        equal(view.element.querySelectorAll('.max-qr-code').length, 0);
        equal(server.notices, ['wait', 'error: Error']);
        equal(buttons(view), [['linkTelegram', 'Link Telegram']]);
    }
});

test('whether it has been opened is asked until it is, and then it is told', async () => {
    let state = NOBODY;
    const view = await open(async url => url.startsWith('POST') ? made : state, {language: 'en_US'});

    equal(timers.length, 0);
    await view.press('linkTelegram');
    equal(timers.length, 1);

    state = PENDING;
    tick();
    await settled();
    equal([anchors(view), server.asked.length], [[CODE], 3]);

    state = LINKED;
    tick();
    await settled();
    equal(anchors(view), []);
    equal(lines(view), ['Linked as Luc M. since 01.03.2026 09:00.']);
    equal(server.notices.slice(2), ['success: Linked']);

    tick();
    await settled();
    equal(server.asked.length, 4);
});

test('the same account, linked anew, is linked', async () => {
    let state = LINKED;
    const view = await open(async url => url.startsWith('POST') ? made : state);

    await view.press('linkTelegram');
    state = {...NOBODY, links: [{...LINKED.links[0], linkedAt: '2026-03-11 14:00:00'}]};
    tick();
    await settled();

    equal(server.notices.slice(2), ['success: Lié']);
    equal(anchors(view), []);
});

test('a link that nobody opens expires, and another can be made', async () => {
    const state = {...LINKED};
    const view = await open(async url => url.startsWith('POST') ? made : state, {language: 'en_US'});

    await view.press('linkTelegram');
    tick();
    await settled();

    equal(server.notices.slice(2), ['warning: The link has expired.']);
    equal(anchors(view), []);
    equal(buttons(view), [['linkTelegram', 'Link another account'], ['unlinkTelegram', 'Unlink']]);
});

test('what has not changed is not drawn again', async () => {
    const view = await open(async () => ({...PENDING}));
    const before = view.drawn;

    tick();
    await settled();
    equal(server.asked.length, 2);
    equal(view.drawn, before);
});

test('while it waits, an answer that fails is no news, unless one is no longer logged in', async () => {
    let failure = null;
    const view = await open(async () => {
        if (failure) {
            throw failure;
        }

        return PENDING;
    });
    const before = lines(view);

    failure = {status: 500};
    tick();
    await settled();
    equal(failure.errorIsHandled, true);
    equal(lines(view), before);

    failure = {status: 401};
    tick();
    await settled();
    equal(failure.errorIsHandled, undefined);
});

test('the first answer that fails is EspoCRM’s to say', async () => {
    const failure = {status: 500};
    const view = await open(async () => { throw failure; });

    equal(failure.errorIsHandled, undefined);
    equal(buttons(view), []);
});

test('why no link is made is said, and what was shown stays', async () => {
    const conflict = reason => ({status: 409, getResponseHeader: name => name === 'X-Status-Reason' ? reason : null});
    const notices = async (reason, language) => {
        const error = conflict(reason);
        const view = await link({POST: error}, {language});

        equal(error.errorIsHandled, true);
        equal(buttons(view).length, 1);

        return server.notices.slice(1);
    };

    equal(await notices('Too many links within an hour.', 'en_US'),
        ['error: That was many links within an hour. Please try again later.']);
    equal(await notices('Too many links within an hour.', 'fr_FR'),
        ['error: Cela fait beaucoup de liens en une heure. Réessayez un peu plus tard.']);
    equal(await notices('M.A.X. has not reported yet.', 'en_US'),
        ['error: M.A.X. has not reported yet. As soon as it runs, Telegram can be linked here.']);
    equal(await notices(null, 'fr_FR'),
        ['error: M.A.X. ne s’est pas encore manifesté. Dès qu’il tourne, Telegram se lie ici.']);

    const refusal = {status: 403};

    await link({POST: refusal});
    equal(refusal.errorIsHandled, undefined);
    equal(server.notices, ['wait']);
});

test('a link that is shown stays when no other is made', async () => {
    const answers = {GET: PENDING, POST: made};
    const view = await open(route(answers));

    await view.press('linkTelegram');
    answers.POST = {status: 500};
    await view.press('linkTelegram');
    await settled();

    equal(anchors(view), [CODE]);
});

test('a link is cut after a question', async () => {
    const answers = {GET: LINKED, DELETE: NOBODY};
    const view = await open(route(answers));

    await view.press('unlinkTelegram');
    await settled();

    equal(view.confirmations, [
        {message: 'M.A.X. ne vous écrira plus sur Telegram. Couper le lien\u00a0?', confirmText: 'Couper le lien'},
    ]);
    equal(server.asked[1], {delete: 'Max/telegramLink'});
    equal(buttons(view), [['linkTelegram', 'Lier Telegram']]);
    equal(server.notices, ['wait', 'success: Lien coupé']);
});

test('who says no cuts nothing', async () => {
    const view = await open(LINKED, {declines: true});

    view.press('unlinkTelegram');
    await settled();

    equal(view.confirmations.length, 1);
    equal([server.asked.length, server.notices], [1, []]);
    equal(buttons(view).length, 2);
});

test('an administrator is asked about the person by name, whatever it is', async () => {
    for (const name of [BAD, '*Luc* _M_ {name} $& \\', '[a](http://x) `c`']) {
        const view = await open(route({GET: LINKED, DELETE: NOBODY}),
            {own: false, user: {admin: true}, profile: {name}, language: 'en_US'});

        await view.press('unlinkTelegram');
        await settled();

        equal(view.confirmations[0],
            {message: `M.A.X. will write to ${name} on Telegram no more. Unlink?`, confirmText: 'Unlink'});
        equal(server.asked[1], {delete: 'Max/telegramLink?userId=cl%2F1'});
        equal(lines(view), ['Not linked: M.A.X. does not write on Telegram.']);
    }
});

test('what could not be cut is still there, and EspoCRM says why', async () => {
    const failure = {status: 500};
    const view = await open(route({GET: LINKED, DELETE: failure}));

    await view.press('unlinkTelegram').catch(() => {});
    await settled();

    equal(failure.errorIsHandled, undefined);
    equal(server.notices, ['wait']);
    equal(lines(view), ['Lié à Luc M. depuis le 01.03.2026 09:00.']);
    equal(buttons(view).length, 2);
});

test('a link that is cut while one waits is not called expired', async () => {
    const answers = {GET: {...LINKED, pendingUntil: PENDING.pendingUntil}, POST: made, DELETE: NOBODY};
    const view = await open(route(answers), {language: 'en_US'});

    await view.press('linkTelegram');
    await view.press('unlinkTelegram');
    await settled();

    equal(server.notices.slice(2), ['wait', 'success: Unlinked']);
    equal(anchors(view), []);

    const before = server.asked.length;

    tick();
    equal(server.asked.length, before);
});

test('what is asked meanwhile does not call it expired either', async () => {
    let cut = null;
    let isCut = false;
    const view = await open(async url => {
        if (url.startsWith('DELETE')) {
            isCut = true;

            return new Promise(resolve => cut = resolve);
        }

        return url.startsWith('POST') ? made : isCut ? NOBODY : {...LINKED, pendingUntil: PENDING.pendingUntil};
    }, {language: 'en_US'});

    await view.press('linkTelegram');
    view.press('unlinkTelegram');
    await settled();
    tick();
    await settled();
    cut(NOBODY);
    await settled();

    equal(server.notices.slice(2), ['wait', 'success: Unlinked']);
});

test('what was asked before an act does not undo it', async () => {
    let late = null;
    let isSlow = false;
    const view = await open(url => {
        if (url.startsWith('DELETE')) {
            return Promise.resolve(NOBODY);
        }

        return isSlow ? new Promise(resolve => late = resolve) : Promise.resolve({...LINKED, ...PENDING, links: LINKED.links});
    });

    isSlow = true;
    tick();
    await view.press('unlinkTelegram');
    late({...PENDING, links: LINKED.links});
    await settled();

    equal(lines(view).length, 1);
    contains(lines(view)[0], 'Liez votre compte');
});

test('an answer that was on its way when the link was made does not take the link away', async () => {
    let late = null;
    let isSlow = false;
    const view = await open(url => {
        if (url.startsWith('POST')) {
            return Promise.resolve(made);
        }

        return isSlow ? new Promise(resolve => late = resolve) : Promise.resolve(PENDING);
    });

    isSlow = true;
    tick();
    await view.press('linkTelegram');
    late(NOBODY);
    await settled();

    equal(anchors(view), [CODE]);
    equal(server.notices, ['wait', false]);
});

test('one who presses twice makes one link', async () => {
    const answers = [];
    const view = await open(url => url.startsWith('POST') ?
        new Promise(resolve => answers.push(resolve)) : Promise.resolve(NOBODY));

    view.press('linkTelegram');
    view.press('linkTelegram');
    equal(answers.length, 1);

    answers[0](made);
    await settled();
    equal(anchors(view), [CODE]);

    view.press('linkTelegram');
    equal(answers.length, 2);
});

test('removed, it asks no more', async () => {
    const view = await open(PENDING);

    equal(timers.length, 1);
    view.remove();
    tick();
    await settled();

    equal(server.asked.length, 1);
});

test('what is answered after it was removed starts nothing', async () => {
    let answer = null;
    const view = await open(() => new Promise(resolve => answer = resolve));

    view.remove();
    answer(PENDING);
    await settled();
    equal(timers.length, 0);

    let make = null;
    const other = await open(url => url.startsWith('POST') ?
        new Promise(resolve => make = resolve) : Promise.resolve(NOBODY));

    other.press('linkTelegram');
    other.remove();
    make(made);
    await settled();
    equal(timers.length, 0);
    equal(other.drawn, 1);
});
