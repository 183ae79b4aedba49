/**
 * What happened to an alert, the latest first, in words.
 */
define('modules/max/views/fields/alert-history', ['views/fields/base', 'modules/max/instant'], (Dep, Instant) => {

    const ICONS = {
        opened: 'fas fa-bell text-primary',
        reopened: 'fas fa-bell text-primary',
        announced: 'fas fa-paper-plane text-info',
        snoozed: 'fas fa-moon text-info',
        unsnoozed: 'fas fa-bell text-primary',
        snooze_over: 'fas fa-bell text-primary',
        resolved: 'fas fa-check text-success',
        unresolved: 'fas fa-undo text-warning',
        closed: 'fas fa-times text-muted',
        owner_changed: 'fas fa-user text-muted',
    };

    // language=Handlebars
    const TEMPLATE = `
        {{#if steps.length}}
        <ul class="list-unstyled" style="margin: 0;">
            {{#each steps}}
            <li style="padding: 2px 0;">
                <span class="{{icon}}" style="display: inline-block; width: 1.6em;"></span>
                <span>{{text}}</span>
                {{#if at}}<span class="text-soft small">· {{at}}</span>{{/if}}
            </li>
            {{/each}}
        </ul>
        {{else}}<span class="none-value">{{translate 'None'}}</span>{{/if}}
    `;

    return class extends Dep {

        type = 'jsonArray'
        readOnly = true

        detailTemplateContent = TEMPLATE
        editTemplateContent = TEMPLATE
        listTemplateContent = TEMPLATE

        data() {
            return {
                ...super.data(),
                steps: this.getSteps().reverse(),
            };
        }

        getSteps() {
            return (this.model.get(this.name) ?? []).map(item => ({
                icon: ICONS[item.step] ?? 'fas fa-circle text-muted',
                text: this.say(item),
                at: item.at ? Instant.say(this, item.at) : null,
            }));
        }

        /** "Snoozed until 13 Mar 09:00 by Luc Moreau on Telegram". */
        say({step, who, via, until, reason}) {
            const words = [this.word(step, 'historySteps')];

            if (until) {
                words.push(this.word('until', 'historyParts').replace('{until}', () => Instant.say(this, until, false)));
            }

            if (who) {
                const part = ['announced', 'owner_changed'].includes(step) ? 'to' : 'by';

                words.push(this.word(part, 'historyParts').replace('{who}', () => who));
            }

            if (via) {
                words.push(this.word(via, 'historyVia'));
            }

            const text = words.join(' ');

            if (!reason) {
                return text;
            }

            const why = this.getLanguage().translateOption(reason, 'closeReason', this.model.entityType);

            const values = {what: text, why: why.charAt(0).toLowerCase() + why.slice(1)};

            return this.word('because', 'historyParts').replace(/{(\w+)}/g, (_, key) => values[key]);
        }

        word(name, category) {
            return this.translate(name, category, this.model.entityType);
        }
    };
});
