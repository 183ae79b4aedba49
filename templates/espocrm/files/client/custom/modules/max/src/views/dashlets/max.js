/**
 * The dashlet: asks, shows, lets act, and asks again.
 */
define('modules/max/views/dashlets/max', [
    'views/dashlets/abstract/base',
    'modules/max/alert',
    'modules/max/dashlet/board',
    'modules/max/dashlet/say',
    'modules/max/dashlet/words',
], (Dep, Alert, board, newSay, Words) => {

    /** How often (milliseconds) what is said about time is brought up to date. */
    const TICK = 5000;

    return class extends Dep {

        templateContent = '<div class="max-dashlet"></div>'

        setup() {
            this.answer = null;
            this.failed = false;
            this.askedAt = 0;
            this.ahead = 0;

            this.wait(
                this.getModelFactory().create('MaxAlert').then(model => this.seed = model)
            );

            this.say = newSay(
                (key, category) => this.translate(key, category, 'MaxDashboard'),
                this.getLanguage().name
            );

            const timer = setInterval(() => this.show(), TICK);

            const onVisible = () => {
                if (!document.hidden && this.getOption('autorefreshInterval')) {
                    this.load();
                }
            };

            document.addEventListener('visibilitychange', onVisible);

            this.once('remove', () => {
                clearInterval(timer);
                document.removeEventListener('visibilitychange', onVisible);
            });

            this.addActionHandler('resolveAlert', (event, target) => this.settle('resolve', target));
            this.addActionHandler('snoozeAlert', (event, target) => this.settle('snooze', target));
            this.addActionHandler('draftMessage', (event, target) => this.prepare(target));

            this.load();
        }

        setupActionList() {
            this.actionList.unshift({
                name: 'viewList',
                text: this.translate('View'),
                iconClass: 'fas fa-align-justify',
                iconHtml: '<span class="fas fa-align-justify"></span>',
                url: '#MaxAlert',
            });
        }

        actionViewList() {
            this.getRouter().navigate('#MaxAlert', {trigger: true});
        }

        afterRender() {
            this.show();
        }

        async actionRefresh() {
            Espo.Ui.notifyWait();

            await this.load();

            Espo.Ui.notify(false);
        }

        autoRefresh() {
            // Nobody looks. What was missed is asked for when somebody does.
            if (!document.hidden) {
                this.load();
            }
        }

        getColor() {
            return this.getMetadata().get('clientDefs.MaxAlert.color');
        }

        /** What was asked last counts, whatever comes back in between. */
        async load() {
            const turn = this.turn = (this.turn || 0) + 1;

            try {
                const data = await Espo.Ajax.getRequest('Max/dashboard', {
                    ownership: this.getOption('ownership'),
                    maxSize: this.getOption('displayRecords'),
                });

                if (turn !== this.turn) {
                    return;
                }

                this.answer = data;
                this.failed = false;
                this.askedAt = Date.parse(data.now) / 1000;
                this.ahead = this.askedAt - Date.now() / 1000;
            } catch (xhr) {
                // It is said in the dashlet. Only one who is no longer logged in has to hear of it at once.
                if (xhr && xhr.status !== 401) {
                    xhr.errorIsHandled = true;
                }

                if (turn !== this.turn) {
                    return;
                }

                this.failed = true;
            }

            this.show();
        }

        now() {
            return Date.now() / 1000 + this.ahead;
        }

        show() {
            const root = this.element && this.element.querySelector('.max-dashlet');

            if (!root) {
                return;
            }

            const fresh = board(document, {
                data: this.answer,
                failed: this.failed,
                asked: this.askedAt,
                widgets: this.getOption('widgets') || [],
                userId: this.getUser().id,
                words: new Words(this.say, this.calendar(), this.now()),
                say: this.say,
                rights: alert => this.rights(alert),
            });

            // The time passes in the footer alone, and nobody's finger or reading is disturbed by it.
            const [lag, freshLag] = [root, fresh].map(it => it.querySelector('.max-lag'));

            if (lag && freshLag) {
                lag.textContent = freshLag.textContent;
            }

            if (root.firstElementChild && root.firstElementChild.outerHTML === fresh.outerHTML) {
                return;
            }

            const focused = root.contains(document.activeElement) ? document.activeElement.dataset : null;

            root.replaceChildren(fresh);

            if (focused && focused.action) {
                const again = [...root.querySelectorAll('[data-action]')]
                    .find(it => it.dataset.action === focused.action && it.dataset.id === focused.id);

                if (again) {
                    again.focus();
                }
            }
        }

        calendar() {
            const dateTime = this.getDateTime();

            const toMoment = at => dateTime.toMoment(new Date(at * 1000).toISOString().slice(0, 19).replace('T', ' '));

            return {
                days: (from, to) => toMoment(to).startOf('day').diff(toMoment(from).startOf('day'), 'days'),
                clock: at => toMoment(at).format(dateTime.getTimeFormat()),
            };
        }

        rights(alert) {
            const acl = this.getAcl();

            return {
                edit: !!acl.checkModel(this.modelOf(alert), 'edit') &&
                    !acl.getScopeForbiddenAttributeList('MaxAlert', 'edit').includes('status'),
                lead: acl.check('Lead', 'read'),
            };
        }

        modelOf(alert) {
            const model = this.seed.clone();

            model.set(alert);

            return model;
        }

        find(target) {
            const id = target.dataset.id;

            return this.answer.widgets.flatMap(item => item.list).find(alert => alert.id === id);
        }

        async settle(act, target) {
            const alert = this.find(target);
            const action = target.dataset.action;
            const place = this.buttonsOf(action).indexOf(target);

            target.closest('.max-row').querySelectorAll('button').forEach(it => it.disabled = true);

            try {
                await Alert[act](this, this.modelOf(alert));
            } catch (e) {
                // EspoCRM has said why. The row stands as the server has it.
            }

            await this.load();

            // Who works through the list by keyboard goes on where the row was.
            const next = this.buttonsOf(action);

            if (next.length) {
                next[Math.min(place, next.length - 1)].focus({preventScroll: true});
            }
        }

        buttonsOf(action) {
            return [...this.element.querySelectorAll(`[data-action="${action}"]`)];
        }

        async prepare(target) {
            const alert = this.find(target);

            const view = await this.createView('draft', 'modules/max/views/modals/draft', {alert});

            await view.render();
        }
    };
});
