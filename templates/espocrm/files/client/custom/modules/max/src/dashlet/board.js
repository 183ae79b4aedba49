/**
 * What the dashlet shows, as elements. Texts are set as texts, never parsed: a lead may be called `<b>&"`.
 */
define('modules/max/dashlet/board', ['modules/max/dashlet/offers'], Offers => {

    const ICONS = {
        hot: 'fas fa-fire',
        toAnswer: 'fas fa-reply',
        toFollowUp: 'fas fa-clock',
        preferredChannel: 'fas fa-comments',
        openWhatsApp: 'fab fa-whatsapp',
        draftMessage: 'fas fa-pen',
        resolveAlert: 'fas fa-check',
        snoozeAlert: 'fas fa-moon',
    };

    /**
     * @param {Document} document
     * @param {{
     *   data: Object|null, The answer of the route, `null` before there is one.
     *   failed: boolean, Whether it could not be asked again.
     *   asked: number, When it was asked, in Unix seconds.
     *   widgets: string[], Those to be shown.
     *   userId: string,
     *   words: Object, See `words.js`.
     *   say: function, See `say.js`.
     *   rights: function(Object): {edit: boolean, lead: boolean}, The user's, by an alert's attributes.
     * }} state
     * @return {HTMLElement}
     */
    return (document, state) => {
        const {data, say, words} = state;

        const element = (tag, attributes, ...children) => {
            const it = document.createElement(tag);

            for (const name in attributes) {
                it.setAttribute(name, attributes[name]);
            }

            for (const child of children.flat()) {
                if (child !== null && child !== undefined && child !== false) {
                    it.appendChild(typeof child === 'object' ? child : document.createTextNode(String(child)));
                }
            }

            return it;
        };

        const icon = name => element('span', {class: ICONS[name], 'aria-hidden': 'true'});

        const loud = (text, style) => element('div', {class: `alert alert-${style} max-loud`, role: 'status'}, text);

        const banner = () => element('div', {class: 'max-banner'},
            element('div', {class: 'max-figures'},
                element('span', {class: 'max-total'},
                    say('labels', 'alerts', {n: data.total})
                ),
                data.urgent > 0 && element('span', {class: 'label label-md label-danger max-urgent-total'},
                    say.count('labels', 'urgent', data.urgent)
                ),
                element('span', {class: 'text-muted max-today', title: say('labels', 'sinceMidnight')}, [
                    say.count('labels', 'opened', data.today.opened),
                    say.count('labels', 'resolved', data.today.resolved),
                ].join(' · '))
            ),
            element('ul', {class: 'max-buckets list-unstyled'}, data.widgets.map(({bucket, total}) =>
                element('li', {class: `max-bucket max-${bucket}` + (total ? '' : ' max-none')},
                    icon(bucket),
                    element('span', {class: 'max-bucket-name'}, say('labels', bucket)),
                    element('span', {class: 'max-bucket-total'}, total)
                )
            ))
        );

        const button = (alert, lead, {action, url}) => {
            const title = say('actions', 'of', {action: say('actions', action), lead});

            const attributes = {
                class: `btn btn-default btn-sm btn-icon max-${action}`,
                title: say('actions', action),
                'aria-label': title,
                'data-action': action,
                'data-id': alert.id,
            };

            return url ?
                element('a', {...attributes, href: url, target: '_blank', rel: 'noopener noreferrer'}, icon(action)) :
                element('button', {...attributes, type: 'button'}, icon(action));
        };

        const row = alert => {
            const rights = state.rights(alert);
            const lead = alert.leadName || say('labels', 'nameless');
            const owner = alert.assignedUserId !== state.userId && alert.assignedUserName;

            const name = alert.leadId && rights.lead ?
                element('a', {
                    class: 'max-lead',
                    href: `#Lead/view/${encodeURIComponent(alert.leadId)}`,
                    title: say('actions', 'openLead'),
                    'data-action': 'openLead',
                    'data-id': alert.id,
                }, lead) :
                element('span', {class: 'max-lead'}, lead);

            return element('li', {class: `list-group-item max-row max-${alert.severity}`, 'data-id': alert.id},
                element('div', {},
                    name,
                    owner && element('span', {class: 'text-muted max-owner'}, owner)
                ),
                element('div', {},
                    element('a', {
                        class: 'max-why',
                        href: `#MaxAlert/view/${encodeURIComponent(alert.id)}`,
                        title: say('actions', 'openAlert'),
                        'data-action': 'openAlert',
                        'data-id': alert.id,
                    }, words.reason(alert)),
                    words.isOverdue(alert) &&
                        element('span', {class: 'text-danger max-overdue'}, say('labels', 'overdue'))
                ),
                element('div', {class: 'max-next'},
                    element('div', {class: 'max-suggestion'},
                        alert.suggestedAction && `→ ${alert.suggestedAction}`
                    ),
                    element('div', {class: 'max-actions', role: 'group', 'aria-label': lead},
                        Offers.of(alert, rights).map(offer => button(alert, lead, offer))
                    )
                )
            );
        };

        const widget = ({bucket, total, list}) => element('section', {
                class: `max-widget max-${bucket}`,
                'aria-label': say('labels', bucket),
            },
            element('h5', {class: 'max-title'},
                icon(bucket),
                element('span', {class: 'max-bucket-name'}, say('labels', bucket)),
                element('span', {class: 'badge max-count'}, total)
            ),
            element('ul', {class: 'list-group'}, list.map(row)),
            total > list.length && element('a', {class: 'max-more', href: '#MaxAlert/list/primaryFilter=open'},
                say.count('labels', 'more', total - list.length)
            )
        );

        const nothing = () => data.total ?
            element('div', {class: 'max-clear text-muted'}, say('labels', 'noneShown')) :
            element('div', {class: 'max-clear text-muted'},
                element('span', {class: 'fas fa-check-circle text-success', 'aria-hidden': 'true'}),
                say('labels', 'allClear')
            );

        const lag = () => {
            const {text, loud: shout} = words.lag(data.sync, state.asked);

            return [
                shout && loud(shout, data.sync && data.sync.problem ? 'danger' : 'warning'),
                text && element('div', {class: 'text-muted max-lag'}, text),
            ];
        };

        if (!data) {
            return element('div', {class: 'max-board'},
                state.failed && loud(say('labels', 'unreachable'), 'warning')
            );
        }

        const shown = data.widgets.filter(item => state.widgets.includes(item.bucket) && item.total);
        const [shout, footer] = lag();

        return element('div', {class: 'max-board'},
            state.failed && loud(say('labels', 'stillShown'), 'warning'),
            shout,
            banner(),
            shown.length ?
                element('div', {class: 'max-widgets'}, shown.map(widget)) :
                nothing(),
            footer
        );
    };
});
