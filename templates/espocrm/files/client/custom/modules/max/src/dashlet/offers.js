/**
 * What can be done about an alert, for this user, now.
 */
define('modules/max/dashlet/offers', [], () => {

    /** Nothing but a number and a text: the address comes from a record, and opens in the user's browser. */
    const WHATSAPP = /^https:\/\/wa\.me\/[1-9][0-9]{6,14}(\?text=[A-Za-z0-9._~%-]*)?$/;

    const find = (alert, action) => {
        const list = (alert.metadata || {}).cta;

        return Array.isArray(list) ? list.find(item => item && item.action === action) : undefined;
    };

    const whatsAppUrl = alert => {
        const url = ((find(alert, 'openWhatsApp') || {}).params || {}).url;

        return typeof url === 'string' && WHATSAPP.test(url) ? url : null;
    };

    return {
        /**
         * To write to the lead is offered only when M.A.X. says so: it knows who must not be contacted, and how.
         * To settle is offered to whom may edit.
         *
         * @param {Object} alert Attributes of the record.
         * @param {{edit: boolean}} rights The user's, on this record.
         * @return {{action: string, url?: string}[]} In the order in which they are shown.
         */
        of(alert, rights) {
            const url = whatsAppUrl(alert);
            const isPending = ['Open', 'Snoozed'].includes(alert.status);

            return [
                isPending && url && {action: 'openWhatsApp', url},
                isPending && alert.draft && find(alert, 'draftMessage') && {action: 'draftMessage'},
                isPending && rights.edit && {action: 'resolveAlert'},
                alert.status === 'Open' && rights.edit && {action: 'snoozeAlert'},
            ].filter(item => item);
        },

        /** A plain text as HTML that shows just that. */
        toHtml(text) {
            return text
                .replace(/&/g, '&amp;')
                .replace(/</g, '&lt;')
                .replace(/>/g, '&gt;')
                .replace(/"/g, '&quot;')
                .replace(/\r?\n/g, '<br>');
        },
    };
});
