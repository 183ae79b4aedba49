// What our modules find around them when EspoCRM loads them, as far as they use it: AMD, a document, `Espo`, and the
// base classes. And the means to test: `test`, `equal`, `contains`.

/* eslint-disable no-undef, no-unused-vars */

// --- tests

const tests = [];
const failures = [];
let finished = 0;

const test = (name, run) => tests.push({name, run, state: 'running'});

const show = value => typeof value === 'function' ? 'a function' : JSON.stringify(value);

const equal = (got, expected) => {
    if (show(got) !== show(expected)) {
        throw new Error(`expected ${show(expected)}, got ${show(got)}`);
    }
};

const contains = (text, part) => {
    if (!text.includes(part)) {
        throw new Error(`expected ${show(part)} in ${show(text)}`);
    }
};

const lacks = (text, part) => {
    if (text.includes(part)) {
        throw new Error(`expected no ${show(part)} in ${show(text)}`);
    }
};

/** Lets everything that waits for an answer go on. */
const settled = async (turns = 50) => {
    for (let i = 0; i < turns; i++) {
        await null;
    }
};

globalThis.runTests = () => tests.reduce(
    (before, it) => before.then(async () => {
        const timeout = settled(2000).then(() => 'late');

        try {
            it.state = await Promise.race([Promise.resolve(it.run()).then(() => 'done'), timeout]);
        } catch (error) {
            it.state = 'done';
            it.error = error.message.startsWith('expected ') ? error.message : String(error);
        }
    }),
    Promise.resolve()
);

globalThis.report = () => {
    for (const it of tests) {
        if (it.error) {
            failures.push(`${it.name}: ${it.error}`);
        } else if (it.state !== 'done') {
            failures.push(`${it.name}: not finished`);
        }

        finished += it.state === 'done' ? 1 : 0;
    }

    return JSON.stringify({finished, failures});
};

// --- AMD

const definitions = {};
const loaded = {};

const define = (id, dependencies, factory) => definitions[id] = {dependencies, factory};

const load = id => {
    if (!(id in loaded)) {
        if (!(id in definitions)) {
            throw new Error(`There is no module ${id}.`);
        }

        const {dependencies, factory} = definitions[id];

        loaded[id] = factory(...dependencies.map(load));
    }

    return loaded[id];
};

// --- texts, as EspoCRM's `translate` finds them; what is missing is an error here

const LANGUAGES = JSON.parse(TEXTS);

const translator = language => (key, category, scope) => {
    const text = ((LANGUAGES[language][scope] || {})[category] || {})[key];

    if (typeof text !== 'string') {
        throw new Error(`${language} has no ${scope}.${category}.${key}`);
    }

    return text;
};

const sayIn = language => load('modules/max/dashlet/say')(
    (key, category) => translator(language)(key, category, 'MaxDashboard'),
    language
);

// --- time: a calendar one hour ahead of UTC

const at = instant => Date.parse(instant) / 1000;

const calendar = {
    days: (from, to) => Math.floor((to + 3600) / 86400) - Math.floor((from + 3600) / 86400),
    clock: instant => new Date((instant + 3600) * 1000).toISOString().slice(11, 16),
};

// --- a document

const escapeText = text => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const escapeAttribute = text => escapeText(text).replace(/"/g, '&quot;');

class FakeText {
    constructor(text) {
        this.text = text;
    }

    get outerHTML() {
        return escapeText(this.text);
    }

    get textContent() {
        return this.text;
    }
}

class FakeElement {
    constructor(tag) {
        this.tag = tag;
        this.attributes = {};
        this.childNodes = [];
        this.parentNode = null;
    }

    setAttribute(name, value) {
        this.attributes[name] = String(value);
    }

    appendChild(child) {
        child.parentNode = this;
        this.childNodes.push(child);
    }

    replaceChildren(...children) {
        this.childNodes.forEach(child => child.parentNode = null);
        this.childNodes = [];
        children.forEach(child => this.appendChild(child));
    }

    get children() {
        return this.childNodes.filter(child => child instanceof FakeElement);
    }

    get firstElementChild() {
        return this.children[0] || null;
    }

    get dataset() {
        const entries = Object.entries(this.attributes).filter(([name]) => name.startsWith('data-'));

        return Object.fromEntries(entries.map(([name, value]) => [name.slice(5), value]));
    }

    get textContent() {
        return this.childNodes.map(child => child.textContent).join('');
    }

    set textContent(text) {
        this.replaceChildren(new FakeText(text));
    }

    get outerHTML() {
        const attributes = Object.entries(this.attributes).map(([name, value]) => ` ${name}="${escapeAttribute(value)}"`);
        const inside = this.childNodes.map(child => child.outerHTML).join('');

        return `<${this.tag}${attributes.join('')}>${inside}</${this.tag}>`;
    }

    /** `tag`, `.class`, `[attribute]` and `[attribute="value"]`, also one after another. */
    matches(selector) {
        return selector.match(/^[a-z0-9]+|\.[\w-]+|\[[^\]]+\]/g).every(part => {
            if (part[0] === '.') {
                return (this.attributes.class || '').split(' ').includes(part.slice(1));
            }

            if (part[0] === '[') {
                const [, name, value] = /^\[([\w-]+)(?:="(.*)")?\]$/.exec(part);

                return name in this.attributes && (value === undefined || this.attributes[name] === value);
            }

            return this.tag === part;
        });
    }

    querySelectorAll(selector) {
        return this.children.flatMap(child => [
            ...(child.matches(selector) ? [child] : []),
            ...child.querySelectorAll(selector),
        ]);
    }

    querySelector(selector) {
        return this.querySelectorAll(selector)[0] || null;
    }

    closest(selector) {
        return this.matches(selector) ? this : this.parentNode && this.parentNode.closest(selector);
    }

    contains(other) {
        return !!other && (other === this || this.contains(other.parentNode));
    }

    focus() {
        document.activeElement = this;
    }
}

const document = {
    hidden: false,
    activeElement: null,
    listeners: {},
    createElement: tag => new FakeElement(tag),
    createTextNode: text => new FakeText(text),
    addEventListener: (name, listener) => (document.listeners[name] = document.listeners[name] || []).push(listener),
    removeEventListener: (name, listener) =>
        document.listeners[name] = document.listeners[name].filter(it => it !== listener),
};

const timers = [];

const setInterval = run => timers.push(run);
const clearInterval = id => timers[id - 1] = () => {};

/** What a timer does when its time has come. */
const tick = () => timers.forEach(run => run());

// --- EspoCRM

const server = {
    asked: [],
    notices: [],
    answer: async () => null,
};

const Espo = {
    Ui: {
        notify: text => server.notices.push(text),
        notifyWait: () => server.notices.push('wait'),
        success: text => server.notices.push(`success: ${text}`),
    },
    Ajax: {
        getRequest: (url, data) => {
            server.asked.push(data === undefined ? url : {url, data});

            return server.answer(url, data);
        },
    },
};

class FakeModel {
    constructor(attributes = {}) {
        this.entityType = 'MaxAlert';
        this.attributes = attributes;
    }

    get id() {
        return this.attributes.id;
    }

    get(name) {
        return this.attributes[name];
    }

    set(values) {
        Object.assign(this.attributes, values);
    }

    clone() {
        return new FakeModel({...this.attributes});
    }

    async save(values, options) {
        server.asked.push({save: this.id, values, options});

        await server.answer('save', values);
    }
}

/** What every view of EspoCRM can do. */
class FakeView {
    constructor({language = 'fr_FR', dashletOptions = {}, options = {}, acl = {}} = {}) {
        this.language = language;
        this.dashletOptions = dashletOptions;
        this.options = options;
        this.acl = acl;
        this.onceRemoved = [];
        this.handlers = {};
        this.waits = [];
        this.views = [];
        this.buttons = {};
        this.actionList = [{name: 'refresh'}];
        this.element = new FakeElement('div');
    }

    /** As EspoCRM does: set up, wait, render. */
    async start(inner) {
        this.setup();

        await Promise.all(this.waits);

        this.element.appendChild(inner);

        if (this.afterRender) {
            this.afterRender();
        }

        await settled();
    }

    translate(key, category, scope) {
        return translator(this.language)(key, category, scope);
    }

    getLanguage() {
        return {name: this.language, translateOption: value => value};
    }

    getOption(name) {
        return this.dashletOptions[name];
    }

    getUser() {
        return {id: 'luc'};
    }

    getAcl() {
        return {
            check: scope => this.acl[scope] !== false,
            checkScope: scope => this.acl[scope] !== false,
            checkModel: model => model.get('assignedUserId') === 'luc',
            getScopeForbiddenAttributeList: () => this.acl.forbidden || [],
        };
    }

    getMetadata() {
        return {get: () => undefined};
    }

    getModelFactory() {
        return {create: async () => new FakeModel()};
    }

    getDateTime() {
        const moment = ms => ({
            startOf: () => moment(Math.floor((ms + 3600000) / 86400000) * 86400000),
            diff: other => (ms - other.ms) / 86400000,
            format: format => format === 'HH:mm' ? new Date(ms + 3600000).toISOString().slice(11, 16) : 'tomorrow, 9:00',
            add: () => moment(ms),
            hours: () => moment(ms),
            utc: () => moment(ms),
            ms,
        });

        return {
            internalDateTimeFullFormat: 'YYYY-MM-DD HH:mm:ss',
            getTimeFormat: () => 'HH:mm',
            getNowMoment: () => moment(Date.now()),
            toMoment: text => moment(Date.parse(text.replace(' ', 'T') + 'Z')),
        };
    }

    wait(promise) {
        this.waits.push(promise);
    }

    once(event, run) {
        this.onceRemoved.push(run);
    }

    remove() {
        this.onceRemoved.forEach(run => run());
    }

    addActionHandler(name, handler) {
        this.handlers[name] = handler;
    }

    addButton(button) {
        this.buttons[button.name] = button;
    }

    showButton(name) {
        this.buttons[name].hidden = false;
    }

    getParentView() {
        return this.parent;
    }

    close() {
        this.closed = true;
    }

    async createView(name, view, options) {
        this.views.push({name, view, options});

        return {render: async () => {}};
    }

    /** A person's click. */
    click(action, id) {
        const target = this.element.querySelector(`[data-action="${action}"][data-id="${id}"]`);

        return this.handlers[action]({}, target);
    }
}

['views/dashlets/abstract/base', 'views/modal', 'action-handler', 'handlers/row-action']
    .forEach(id => define(id, [], () => FakeView));
