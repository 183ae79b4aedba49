// Which actions a row offers, by what M.A.X. says, by the rights of the user, and by the state of the alert.

const Offers = load('modules/max/dashlet/offers');

const WHATSAPP = 'https://wa.me/33612345678?text=Bonjour%20Sophie%2C';

const alert = (more = {}, url = WHATSAPP) => ({
    id: 'x',
    status: 'Open',
    draft: 'Bonjour',
    metadata: {cta: [
        {label: 'ignored', action: 'openWhatsApp', params: {leadId: 'l', url}},
        {label: 'ignored', action: 'draftMessage', params: {leadId: 'l'}},
        {label: 'ignored', action: 'scheduleCall', params: {leadId: 'l'}},
        {label: 'ignored', action: 'resolveAlert', params: {}},
        {label: 'ignored', action: 'snoozeAlert', params: {}},
    ]},
    ...more,
});

const names = (it, rights = {edit: true}) => Offers.of(it, rights).map(({action}) => action);

test('all there is, in its order', () => {
    equal(names(alert()), ['openWhatsApp', 'draftMessage', 'resolveAlert', 'snoozeAlert']);
    equal(Offers.of(alert(), {edit: true})[0].url, WHATSAPP);
});

test('who may not edit may still write', () => {
    equal(names(alert(), {edit: false}), ['openWhatsApp', 'draftMessage']);
});

test('to write is offered only when M.A.X. offers it', () => {
    equal(names(alert({metadata: {cta: []}})), ['resolveAlert', 'snoozeAlert']);
    equal(names(alert({metadata: {}})), ['resolveAlert', 'snoozeAlert']);
    equal(names(alert({metadata: null})), ['resolveAlert', 'snoozeAlert']);
    equal(names(alert({metadata: {cta: 'none'}})), ['resolveAlert', 'snoozeAlert']);
    equal(names(alert({metadata: {cta: [null, {action: 'openWhatsApp'}]}})), ['resolveAlert', 'snoozeAlert']);
    equal(names(alert({draft: null})), ['openWhatsApp', 'resolveAlert', 'snoozeAlert']);
});

test('a snoozed alert can be settled, a settled one offers nothing', () => {
    equal(names(alert({status: 'Snoozed'})), ['openWhatsApp', 'draftMessage', 'resolveAlert']);
    equal(names(alert({status: 'Resolved'})), []);
    equal(names(alert({status: 'Closed'})), []);
});

test('only a number on wa.me is opened', () => {
    [
        'javascript:alert(1)',
        'http://wa.me/33612345678',
        'https://wa.me.example/33612345678',
        'https://example/https://wa.me/33612345678',
        ' https://wa.me/33612345678',
        'https://wa.me/33612345678\n',
        'https://wa.me/33612345678?text=a b',
        'https://wa.me/33612345678?text="onclick=',
        'https://wa.me/33612345678?text=a&app_absent=1',
        'https://wa.me/33612345678#x',
        'https://wa.me@example/33612345678',
        'https://wa.me/message/ABCDEFG',
        'https://wa.me/',
        '',
        null,
        42,
        ['https://wa.me/33612345678'],
    ].forEach(url => equal([url, names(alert({}, url)).includes('openWhatsApp')], [url, false]));

    ['https://wa.me/33612345678', WHATSAPP, 'https://wa.me/15145550199?text=']
        .forEach(url => equal([url, names(alert({}, url)).includes('openWhatsApp')], [url, true]));
});

test('a plain text becomes HTML that shows it', () => {
    equal(Offers.toHtml('<b>&"\r\nligne 2\n'), '&lt;b&gt;&amp;&quot;<br>ligne 2<br>');
});
