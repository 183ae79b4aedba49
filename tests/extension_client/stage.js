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

    return JSON.stringify({finished, failures, tested: [...tested]});
};

// --- AMD

const definitions = {};
const loaded = {};

const define = (id, dependencies, factory) => definitions[id] = {dependencies, factory};

const find = id => {
    if (!(id in loaded)) {
        if (!(id in definitions)) {
            throw new Error(`There is no module ${id}.`);
        }

        const {dependencies, factory} = definitions[id];

        loaded[id] = factory(...dependencies.map(find));
    }

    return loaded[id];
};

/** What a script loads itself is what it tests. */
const tested = new Set();

const load = id => {
    tested.add(id);

    return find(id);
};

// --- texts, as EspoCRM's `translate` finds them; what is missing is an error here

const LANGUAGES = JSON.parse(TEXTS);
const CLIENT_DEFS = JSON.parse(METADATA);

/** EspoCRM's own, as far as our views ask for them. */
const OWN = {
    en_US: {
        labels: {None: 'None', Yes: 'Yes', Error: 'Error', Today: 'Today', Tomorrow: 'Tomorrow', Yesterday: 'Yesterday'},
        lists: {dayNames: ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']},
    },
    fr_FR: {
        labels: {None: 'Aucun', Yes: 'Oui', Error: 'Erreur', Today: 'Aujourd’hui', Tomorrow: 'Demain', Yesterday: 'Hier'},
        lists: {dayNames: ['Dimanche', 'Lundi', 'Mardi', 'Mercredi', 'Jeudi', 'Vendredi', 'Samedi']},
    },
};

const lookUp = (language, scope, category, key) =>
    (({...LANGUAGES[language], Global: OWN[language]}[scope] || {})[category] || {})[key];

const translator = language => (key, category = 'labels', scope = 'Global') => {
    const text = lookUp(language, scope, category, key);

    if (typeof text !== 'string') {
        throw new Error(`${language} has no ${scope}.${category}.${key}`);
    }

    return text;
};

const sayIn = language => find('modules/max/dashlet/say')(
    (key, category) => translator(language)(key, category, 'MaxDashboard'),
    language
);

// --- time: a calendar one hour ahead of UTC

const at = instant => Date.parse(instant) / 1000;

const calendar = {
    days: (from, to) => Math.floor((to + 3600) / 86400) - Math.floor((from + 3600) / 86400),
    clock: instant => new Date((instant + 3600) * 1000).toISOString().slice(11, 16),
};

/** When it is, for EspoCRM's `DateTime`; null for the real time. */
let moment = null;

const DAY_MS = 86400000;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A Moment.js of the user's time zone, or of UTC; like that, it changes itself. */
class FakeMoment {
    constructor(ms, offset = 3600000) {
        this.ms = ms;
        this.offset = offset;
    }

    get local() {
        return new Date(this.ms + this.offset);
    }

    change(ms) {
        this.ms = ms;

        return this;
    }

    clone() {
        return new FakeMoment(this.ms, this.offset);
    }

    startOf() {
        return this.change(Math.floor((this.ms + this.offset) / DAY_MS) * DAY_MS - this.offset);
    }

    add(n) {
        return this.change(this.ms + n * DAY_MS);
    }

    hours(n) {
        return this.change(this.ms + (n - this.local.getUTCHours()) * 3600000);
    }

    utc() {
        this.offset = 0;

        return this;
    }

    year() {
        return this.local.getUTCFullYear();
    }

    diff(other) {
        return Math.trunc((this.ms - other.ms) / DAY_MS);
    }

    format(format) {
        const iso = this.local.toISOString();
        const parts = {
            YYYY: iso.slice(0, 4),
            MMM: MONTHS[this.local.getUTCMonth()],
            MM: iso.slice(5, 7),
            DD: iso.slice(8, 10),
            HH: iso.slice(11, 13),
            mm: iso.slice(14, 16),
            ss: iso.slice(17, 19),
        };

        return format.replace(/YYYY|MMM|MM|DD|HH|mm|ss/g, part => parts[part]);
    }
}

const fakeDateTime = {
    internalDateTimeFullFormat: 'YYYY-MM-DD HH:mm:ss',
    timeFormat: 'HH:mm',
    getTimeFormat: () => 'HH:mm',
    getReadableDateFormat: () => 'DD MMM',
    getNowMoment: () => new FakeMoment(moment === null ? Date.now() : Date.parse(moment)),
    toMoment: text => new FakeMoment(Date.parse(text.replace(' ', 'T') + 'Z')),
    toDisplay: text => text ? fakeDateTime.toMoment(text).format('DD.MM.YYYY HH:mm') : '',
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

    get firstChild() {
        return this.childNodes[0] || null;
    }

    removeAttribute(name) {
        delete this.attributes[name];
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

// --- templates: as much of Handlebars and of HTML as ours have

const handlebars = (template, data) => {
    const tokens = template.split(/({{{[^}]*}}}|{{[^}]*}})/);
    const escape = value => escapeAttribute(String(value)).replace(/'/g, '&#x27;').replace(/=/g, '&#x3D;');

    const value = (path, context) => {
        if (path === 'this') {
            return context;
        }

        return path.split('.').reduce((it, name) => it === null || it === undefined ? undefined : it[name], context);
    };

    const isTrue = it => !!it && !(Array.isArray(it) && !it.length);

    /** Everything up to the end of the block: for each context once. */
    const block = (start, contexts) => {
        let [html, end, otherwise] = ['', start, null];

        const walk = context => {
            for (let i = start; i < tokens.length; i++) {
                const [, raw, tag] = /^{{({?)(.*?)}*$/.exec(tokens[i]) || [];

                if (tag === undefined) {
                    html += context === SKIP ? '' : tokens[i];
                } else if (tag.startsWith('#')) {
                    const [, kind, path] = /^#(if|each) (\S+)$/.exec(tag);
                    const it = context === SKIP ? undefined : value(path, context);
                    const inner = block(i + 1, kind === 'each' ? it || [] : isTrue(it) ? [context] : []);

                    if (inner.otherwise !== null && context !== SKIP && !isTrue(it)) {
                        inner.html += block(inner.otherwise, [context]).html;
                    }

                    html += context === SKIP ? '' : inner.html;
                    i = inner.end;
                } else if (tag === 'else') {
                    otherwise = i + 1;
                    i = block(i + 1, []).end;
                    end = i;

                    return;
                } else if (tag.startsWith('/')) {
                    end = i;

                    return;
                } else if (context !== SKIP) {
                    const [, label] = /^translate '(\w+)'$/.exec(tag) || [];
                    const it = label ? data.translate(label) : value(tag, context);

                    html += it === undefined || it === null ? '' : raw ? String(it) : escape(it);
                }

                end = i;
            }
        };

        (contexts.length ? contexts : [SKIP]).forEach(walk);

        return {html, end, otherwise};
    };

    return block(0, [data]).html;
};

/** For what a template has and does not show. */
const SKIP = {};

const ENTITIES = {'&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#x27;': "'", '&#x3D;': '='};

const decode = text => text.replace(/&[#\w]+;/g, entity => ENTITIES[entity] || entity);

/** Puts what the HTML says into the element. */
const fill = (root, html) => {
    let at = root;

    root.replaceChildren();

    for (const [token, close, tag, attributes] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)([^>]*)>|[^<]+|</g)) {
        if (!tag) {
            at.appendChild(new FakeText(decode(token)));
        } else if (close) {
            at = at.parentNode;
        } else {
            const child = new FakeElement(tag);

            for (const [, name, value] of attributes.matchAll(/([\w-]+)(?:="([^"]*)")?/g)) {
                child.setAttribute(name, decode(value || ''));
            }

            at.appendChild(child);
            at = child;
        }
    }
};

/** What somebody reads, one by one. */
const texts = (root, selector) => root.querySelectorAll(selector)
    .map(it => it.textContent.replace(/[ \n]+/g, ' ').trim());

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
        warning: text => server.notices.push(`warning: ${text}`),
        error: text => server.notices.push(`error: ${text}`),
    },
    Ajax: {
        getRequest: (url, data) => {
            server.asked.push(data === undefined ? url : {url, data});

            return server.answer(url, data);
        },
        postRequest: (url, data) => {
            server.asked.push(data === undefined ? {post: url} : {post: url, data});

            return server.answer(`POST ${url}`, data);
        },
        deleteRequest: url => {
            server.asked.push({delete: url});

            return server.answer(`DELETE ${url}`);
        },
    },
    loader: {
        requirePromise: async name => find(name),
    },
};

/** As EspoCRM's views and models tell each other things. */
const EVENTS = {
    on(events, run) {
        this.listeners = [...this.listeners || [], ...events.split(' ').map(event => ({event, run}))];
    },

    trigger(event, ...values) {
        (this.listeners || []).filter(it => it.event === event).forEach(it => it.run(...values));
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

    /** Without `wait`, it has the new values whatever the server says. */
    async save(values, options) {
        server.asked.push({save: this.id, values, options});

        if (!options.wait) {
            this.set(values);
        }

        await server.answer('save', values);

        this.set(values);
        this.trigger('sync');
    }
}

Object.assign(FakeModel.prototype, EVENTS);

/** What every view of EspoCRM can do. */
class FakeView {
    constructor({language = 'fr_FR', dashletOptions = {}, options = {}, acl = {}, user = {}, ...more} = {}) {
        this.language = language;
        this.dashletOptions = dashletOptions;
        this.options = options;
        this.acl = acl;
        this.user = user;
        this.onceRemoved = [];
        this.handlers = {};
        this.waits = [];
        this.views = [];
        this.confirmations = [];
        this.buttons = {};
        this.actionList = [{name: 'refresh'}];
        this.element = new FakeElement('div');

        Object.assign(this, more);
    }

    setup() {}

    data() {
        return {};
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

    /** The same, with the view's own template. */
    async open() {
        this.setup();

        await Promise.all(this.waits);

        this.render();

        await settled();
    }

    render() {
        const template = this.templateContent || this.detailTemplateContent;

        this.html = handlebars(template, {...this.data(), translate: label => this.translate(label)});
        this.rendered = true;
        this.drawn = (this.drawn || 0) + 1;

        fill(this.element, this.html);

        if (this.afterRender) {
            this.afterRender();
        }
    }

    async reRender() {
        if (this.rendered) {
            this.render();
        }
    }

    isRendered() {
        return !!this.rendered;
    }

    isRemoved() {
        return !!this.removed;
    }

    translate(key, category, scope) {
        return translator(this.language)(key, category, scope);
    }

    getLanguage() {
        return {
            name: this.language,
            get: (scope, category, key) => lookUp(this.language, scope, category, key),
            translateOption: (value, field, scope) => (lookUp(this.language, scope, 'options', field) || {})[value] || value,
        };
    }

    getOption(name) {
        return this.dashletOptions[name];
    }

    getUser() {
        return {
            id: 'luc',
            isPortal: () => !!this.user.portal,
            isApi: () => !!this.user.api,
            isAdmin: () => !!this.user.admin,
        };
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

    getConfig() {
        return {get: name => (this.config || {})[name]};
    }

    getModelFactory() {
        return {create: async () => new FakeModel()};
    }

    getDateTime() {
        return fakeDateTime;
    }

    wait(promise) {
        this.waits.push(promise);
    }

    once(event, run) {
        this.onceRemoved.push(run);
    }

    listenTo(other, events, run) {
        other.on(events, (...values) => this.removed || run(...values));
    }

    listenToOnce(other, events, run) {
        this.listenTo(other, events, run);
    }

    remove() {
        this.onceRemoved.forEach(run => run());
        this.rendered = false;
        this.removed = true;
        this.element = undefined;
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

    /** Who says no is not answered at all. The message is Markdown: in it, HTML is HTML, unless it is escaped. */
    confirm({message, ...more}) {
        const shown = message.replace(/\\([!-/:-@[-`{-~])|<\/?[a-z][^>]*>|[*_`]/g, (_, escaped) => escaped || '');

        this.confirmations.push({message: shown, ...more});

        return new Promise(resolve => this.declines || resolve());
    }

    /** A person's click. */
    click(action, id) {
        const target = this.element.querySelector(`[data-action="${action}"][data-id="${id}"]`);

        return this.handlers[action]({}, target);
    }

    /** A person's click on the only button of its kind. */
    press(action) {
        const target = this.element.querySelector(`[data-action="${action}"]`);

        if (!target) {
            throw new Error(`There is no button ${action}.`);
        }

        return this.handlers[action]({}, target);
    }
}

Object.assign(FakeView.prototype, EVENTS);

/** What acts for a view. */
class FakeHandler {
    constructor(view) {
        this.view = view;
    }
}

/** A value of a record. */
class FakeField extends FakeView {
    data() {
        return {name: this.name, value: this.model.get(this.name)};
    }
}

/** As EspoCRM decides which mass actions it does in the background, and shows how far it is. */
class FakeMassAction extends FakeHandler {
    checkIsIdle(total) {
        return total === -1 || total > 100;
    }

    async process(id, action) {
        this.view.dialog = Object.assign({id, action}, EVENTS);

        return this.view.dialog;
    }
}

['views/dashlets/abstract/base', 'views/modal', 'view', 'views/record/panels/bottom']
    .forEach(id => define(id, [], () => FakeView));

['action-handler', 'handlers/row-action'].forEach(id => define(id, [], () => FakeHandler));

define('views/fields/base', [], () => FakeField);
define('helpers/mass-action', [], () => FakeMassAction);
