/**
 * On a user's own profile: links Telegram, shows what it is linked to, and cuts it. Admins see it on every profile
 * and can cut it there.
 */
define('modules/max/views/user/panels/telegram-link', ['view'], Dep => {

    const URL = 'Max/telegramLink';

    /** What is opened and drawn is a start of a bot in Telegram, and nothing else. */
    const INVITATION = /^https:\/\/t\.me\/[A-Za-z0-9_]+\?start=[A-Za-z0-9_-]+$/;

    /** How often, in milliseconds, it is asked whether the link has been opened. */
    const INTERVAL = 3000;

    /** In pixels: large enough for a phone's camera. */
    const QR_SIZE = 168;

    /** A plain text as Markdown that shows just that: questions are Markdown. */
    const toMarkdown = text => text.replace(/[!-/:-@[-`{-~]/g, '\\$&');

    return class extends Dep {

        templateContent = `
            {{#if isLoaded}}
                {{#each lines}}<p style="overflow-wrap: anywhere;">{{this}}</p>{{/each}}
                {{#if url}}
                    <div
                        class="max-qr-code margin-bottom"
                        style="background: #fff; padding: 12px; width: max-content; max-width: 100%;"
                    ></div>
                {{/if}}
                <div class="button-container" style="display: flex; flex-wrap: wrap; gap: 6px;">
                    {{#if url}}
                        <a
                            class="btn btn-primary"
                            href="{{url}}"
                            target="_blank"
                            rel="noopener noreferrer"
                        ><span class="fab fa-telegram-plane"></span> {{openLabel}}</a>
                    {{/if}}
                    {{#if linkLabel}}
                        <button
                            type="button"
                            class="btn btn-{{linkStyle}}"
                            data-action="linkTelegram"
                        >{{linkLabel}}</button>
                    {{/if}}
                    {{#if unlinkLabel}}
                        <button
                            type="button"
                            class="btn btn-default"
                            data-action="unlinkTelegram"
                        >{{unlinkLabel}}</button>
                    {{/if}}
                </div>
            {{else}}
                <span class="text-muted">…</span>
            {{/if}}
        `

        /** What the CRM answered last. */
        state = null

        /** The link, which is shown once, and until when it serves. */
        invitation = null

        timer = null

        /** Whether a link is being made or cut, and how often that has been done. */
        isActing = false
        acts = 0

        setup() {
            this.isOwn = this.model.id === this.getUser().id;

            if (!this.isForThisProfile()) {
                this.hide();

                return;
            }

            this.addActionHandler('linkTelegram', () => this.makeLink());
            this.addActionHandler('unlinkTelegram', () => this.unlink());

            this.once('remove', () => this.stopWaiting());

            this.refresh();
        }

        isForThisProfile() {
            const user = this.getUser();

            return !user.isPortal() &&
                !user.isApi() &&
                (this.isOwn || user.isAdmin()) &&
                ['regular', 'admin', 'super-admin'].includes(this.model.get('type') || 'regular');
        }

        /** Before the panels are rendered: afterwards it would have been seen. */
        hide() {
            this.options.defs.hidden = true;

            this.options.recordHelper.setPanelStateParam(this.options.panelName, 'hidden', true);
            this.options.recordHelper.setPanelStateParam(this.options.panelName, 'hiddenLocked', true);
        }

        data() {
            const state = this.state;

            if (!state) {
                return {};
            }

            const isLinked = state.links.length > 0;

            return {
                isLoaded: true,
                lines: this.getLines(),
                url: this.invitation ? this.invitation.url : null,
                openLabel: this.translate('Open Telegram', 'labels', 'MaxLink'),
                linkLabel: this.isOwn && state.botUsername ? this.getLinkLabel(isLinked) : null,
                linkStyle: isLinked || this.invitation ? 'default' : 'primary',
                unlinkLabel: isLinked ? this.translate('Unlink', 'labels', 'MaxLink') : null,
            };
        }

        getLinkLabel(isLinked) {
            if (this.invitation || this.state.pendingUntil) {
                return this.translate('New Link', 'labels', 'MaxLink');
            }

            return this.translate(isLinked ? 'Link Another Account' : 'Link Telegram', 'labels', 'MaxLink');
        }

        getLines() {
            const say = (message, values = {}) => this.translate(message, 'messages', 'MaxLink')
                .replace(/{(\w+)}/g, (_, key) => values[key]);

            const lines = this.state.links.map(link => {
                const values = {name: link.telegramName, date: this.toDisplay(link.linkedAt)};

                return say(link.telegramName ? 'linkedAs' : 'linkedSince', values);
            });

            if (this.invitation) {
                lines.push(say('open', {time: this.toDisplay(this.invitation.expiresAt)}));
            } else if (this.isOwn && this.state.pendingUntil) {
                lines.push(say('pending', {time: this.toDisplay(this.state.pendingUntil)}));
            } else if (this.isOwn && !this.state.botUsername) {
                lines.push(say('notReported'));
            } else if (!lines.length) {
                lines.push(say(this.isOwn ? 'invitation' : 'notLinked'));
            }

            return lines;
        }

        toDisplay(instant) {
            return this.getDateTime().toDisplay(instant);
        }

        afterRender() {
            const element = this.element || this.$el.get(0);
            const container = element ? element.querySelector('.max-qr-code') : null;

            if (!container || !this.invitation) {
                return;
            }

            const {url} = this.invitation;

            // The library that EspoCRM itself brings for barcode fields.
            Espo.loader.requirePromise('lib!qrcodejs').then(QRCode => {
                if (!this.invitation || this.invitation.url !== url || container.firstChild) {
                    return;
                }

                new QRCode(container, {
                    text: url,
                    width: QR_SIZE,
                    height: QR_SIZE,
                    colorDark: '#000000',
                    colorLight: '#ffffff',
                    correctLevel: QRCode.CorrectLevel.M,
                });

                // Its title would show the link to whoever passes by.
                container.removeAttribute('title');
            });
        }

        /** A profile of another is asked about by its id; one's own by none. */
        getUrl() {
            return this.isOwn ? URL : `${URL}?userId=${encodeURIComponent(this.model.id)}`;
        }

        async refresh() {
            const acts = this.acts;

            let state;

            try {
                state = await Espo.Ajax.getRequest(this.getUrl());
            } catch (xhr) {
                // Asked again soon; a message every three seconds would help nobody but one who is logged out.
                if (this.state && xhr && xhr.status !== 401) {
                    xhr.errorIsHandled = true;
                }

                return;
            }

            // What was read before an act, or meanwhile, no longer holds after it.
            if (!this.isActing && acts === this.acts) {
                this.take(state);
            }
        }

        /** One act at a time: of two links that are made, one is worthless. */
        async act(request) {
            this.isActing = true;

            try {
                return await request();
            } finally {
                this.isActing = false;
                this.acts++;
            }
        }

        take(state) {
            if (this.isRemoved()) {
                return;
            }

            const known = this.state;

            this.state = state;

            if (this.invitation && !state.pendingUntil) {
                this.invitation = null;

                // As many as before, when the same account was linked anew.
                const [before, now] = [known.links, state.links].map(links => links.map(it => JSON.stringify(it)));

                if (now.some(link => !before.includes(link))) {
                    Espo.Ui.success(this.translate('linked', 'messages', 'MaxLink'));
                } else {
                    Espo.Ui.warning(this.translate('expired', 'messages', 'MaxLink'));
                }
            }

            if (state.pendingUntil && this.isOwn) {
                this.wait();
            } else {
                this.stopWaiting();
            }

            if (JSON.stringify(known) !== JSON.stringify(state)) {
                this.reRender();
            }
        }

        async makeLink() {
            if (this.isActing) {
                return;
            }

            Espo.Ui.notifyWait();

            let invitation;

            try {
                invitation = await this.act(() => Espo.Ajax.postRequest(URL));
            } catch (xhr) {
                if (xhr && xhr.status === 409) {
                    xhr.errorIsHandled = true;

                    const reason = xhr.getResponseHeader('X-Status-Reason') || '';
                    const message = reason.startsWith('Too many') ? 'tooMany' : 'notReported';

                    Espo.Ui.error(this.translate(message, 'messages', 'MaxLink'));
                }

                return;
            }

            if (this.isRemoved()) {
                return;
            }

            if (typeof invitation.url !== 'string' || !INVITATION.test(invitation.url)) {
                Espo.Ui.error(this.translate('Error'));

                return;
            }

            Espo.Ui.notify(false);

            this.invitation = invitation;

            // Shown anew whatever the state: the link itself is another.
            this.state = {...this.state, pendingUntil: this.invitation.expiresAt};

            this.wait();
            this.reRender();
        }

        async unlink() {
            const message = this.translate(this.isOwn ? 'confirmUnlink' : 'confirmUnlinkOther', 'messages', 'MaxLink');

            await this.confirm({
                message: message.replace('{name}', () => toMarkdown(this.model.get('name') || '')),
                confirmText: this.translate('Unlink', 'labels', 'MaxLink'),
            });

            if (this.isActing) {
                return;
            }

            Espo.Ui.notifyWait();

            const state = await this.act(() => Espo.Ajax.deleteRequest(this.getUrl()));

            this.invitation = null;

            this.take(state);

            Espo.Ui.success(this.translate('unlinked', 'messages', 'MaxLink'));
        }

        wait() {
            if (this.timer === null) {
                this.timer = setInterval(() => this.refresh(), INTERVAL);
            }
        }

        stopWaiting() {
            clearInterval(this.timer);

            this.timer = null;
        }
    };
});
