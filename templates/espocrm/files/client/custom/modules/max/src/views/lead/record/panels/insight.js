/**
 * What M.A.X. knows of a lead: its preferred channel with the figures, when it answers best, the last contact
 * each way and the next step. Whoever may read the lead may read it.
 */
define('modules/max/views/lead/record/panels/insight', ['views/record/panels/bottom', 'modules/max/instant'], (Dep, Instant) => {

    // The words are the lead's: who has no right of their own on readings is not sent words of that entity.
    const SCOPE = 'Lead';

    return class extends Dep {

        // language=Handlebars
        templateContent = `
            {{#if isKnown}}
            <div class="row">
                {{#each items}}
                <div class="cell form-group col-sm-6 col-md-12" data-name="{{name}}">
                    <label class="control-label">{{label}}</label>
                    <div class="field">
                        {{#if value}}<span>{{value}}</span>{{else}}<span class="none-value">{{none}}</span>{{/if}}
                        {{#each details}}<div class="text-soft small">{{this}}</div>{{/each}}
                    </div>
                </div>
                {{/each}}
            </div>
            {{else}}<span class="text-soft">{{otherwise}}</span>{{/if}}
        `

        insight = null
        isUnavailable = false

        /** How often it has been asked for. */
        turn = 0

        data() {
            return {
                ...super.data(),
                isKnown: this.insight !== null,
                otherwise: this.translate(
                    this.isUnavailable ? 'unavailable' : 'nothingKnown', 'maxInsightTexts', SCOPE
                ),
                items: this.insight ? this.getItems(this.insight) : [],
            };
        }

        setup() {
            super.setup();

            this.wait(this.load());

            this.listenTo(this.model, 'sync update-all', async () => {
                await this.load();

                if (this.isRendered()) {
                    await this.reRender();
                }
            });
        }

        /** Never rejects: a lead opens without the panel, too. What was asked last counts. */
        async load() {
            const turn = ++this.turn;

            let insight = null;
            let isUnavailable = false;

            try {
                const {list} = await Espo.Ajax.getRequest(`Lead/${this.model.id}/maxInsights`, {maxSize: 1});

                insight = list[0] ?? null;
            } catch (xhr) {
                xhr.errorIsHandled = true;
                isUnavailable = true;
            }

            if (turn === this.turn) {
                this.insight = insight;
                this.isUnavailable = isUnavailable;
            }
        }

        getItems(insight) {
            const items = [
                {
                    name: 'preferredChannel',
                    value: this.sayChannel(insight.preferredChannel),
                    details: this.getFigures(insight.channels ?? []),
                },
                {name: 'bestTime', ...this.getBestTime(insight.bestTime)},
                {name: 'lastInAt', value: this.sayContact(insight.lastInAt, insight.lastInChannel)},
                {name: 'lastOutAt', value: this.sayContact(insight.lastOutAt, insight.lastOutChannel)},
                {name: 'nextStepAt', value: this.sayContact(insight.nextStepAt, insight.nextStepChannel)},
            ];

            return items.map(item => ({
                ...item,
                label: this.translate(item.name, 'maxInsightFields', SCOPE),
                none: this.translate(item.name, 'maxInsightNothing', SCOPE),
            }));
        }

        getFigures(channels) {
            return channels.map(({channel, replied, sent, rate}) =>
                this.fill('channelFigures', {channel: this.sayChannel(channel), replied, sent, rate})
            );
        }

        getBestTime(bestTime) {
            if (!bestTime) {
                return {value: null};
            }

            const {weekday, from, to, answers, of} = bestTime;

            // From 1 for Monday to 7; EspoCRM's list begins with Sunday.
            const day = weekday ?
                this.getLanguage().get('Global', 'lists', 'dayNames')[weekday % 7] :
                this.translate('anyDay', 'maxInsightTexts', SCOPE);

            return {
                value: this.fill('bestTime', {day, from, to}),
                details: [this.fill('bestTimeFigures', {answers, of})],
            };
        }

        sayContact(at, channel) {
            if (!at) {
                return null;
            }

            return [Instant.say(this, at), this.sayChannel(channel)].filter(it => it).join(' · ');
        }

        sayChannel(channel) {
            return channel ? this.translate(channel, 'maxInsightChannels', SCOPE) : null;
        }

        fill(name, values) {
            return this.translate(name, 'maxInsightTexts', SCOPE).replace(/{(\w+)}/g, (_, key) => values[key]);
        }
    };
});
