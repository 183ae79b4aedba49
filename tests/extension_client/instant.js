// An instant in words.

const Instant = load('modules/max/instant');

const say = (instant, {language = 'fr_FR', relative, config} = {}) => {
    moment = '2026-03-11T14:00:00Z';

    const text = Instant.say(new FakeView({language, config}), instant, relative);

    moment = null;

    return text;
};

test('yesterday, today and tomorrow have names', () => {
    equal(say('2026-03-10T17:30:00Z'), 'Hier 18:30');
    equal(say('2026-03-11T08:00:00Z'), 'Aujourd’hui 09:00');
    equal(say('2026-03-12T08:00:00Z'), 'Demain 09:00');
    equal(say('2026-03-10T17:30:00Z', {language: 'en_US'}), 'Yesterday 18:30');
    equal(say('2026-03-11T08:00:00Z', {language: 'en_US'}), 'Today 09:00');
    equal(say('2026-03-12T08:00:00Z', {language: 'en_US'}), 'Tomorrow 09:00');
});

test('a day begins at midnight where the user is', () => {
    equal(say('2026-03-10T22:59:00Z'), 'Hier 23:59');
    equal(say('2026-03-10T23:00:00Z'), 'Aujourd’hui 00:00');
    equal(say('2026-03-11T22:59:59Z'), 'Aujourd’hui 23:59');
    equal(say('2026-03-11T23:00:00Z'), 'Demain 00:00');
});

test('other days have a date, those of another year their year', () => {
    equal(say('2026-03-09T08:00:00Z'), '09 Mar 09:00');
    equal(say('2026-03-13T08:00:00Z'), '13 Mar 09:00');
    equal(say('2025-12-31T22:00:00Z'), '31 Dec, 2025 23:00');
    equal(say('2025-12-31T23:00:00Z'), '01 Jan 00:00');
});

test('after "until", the day is named', () => {
    equal(say('2026-03-12T08:00:00Z', {relative: false}), '12 Mar 09:00');
    equal(say('2026-03-11T08:00:00Z', {relative: false}), '11 Mar 09:00');
});

test('an instant as the CRM writes it, and one with fractions', () => {
    equal(say('2026-03-11 08:00:00'), 'Aujourd’hui 09:00');
    equal(say('2026-03-11T08:00:00.250Z'), 'Aujourd’hui 09:00');
});

test('who wants plain dates gets them', () => {
    equal(say('2026-03-11T08:00:00Z', {config: {readableDateFormatDisabled: true}}), '11.03.2026 09:00');
});
