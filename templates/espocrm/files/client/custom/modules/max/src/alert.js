/**
 * What a person does with an alert, wherever it is shown.
 */
define('modules/max/alert', [], () => {

    const save = async (view, model, attributes) => {
        Espo.Ui.notifyWait();

        // What the server refuses does not look as if it had been done.
        await model.save(attributes, {patch: true, wait: true});

        Espo.Ui.success(view.getLanguage().translateOption(attributes.status, 'status', model.entityType));
    };

    return {
        isPending: model => ['Open', 'Snoozed'].includes(model.get('status')),

        isOpen: model => model.get('status') === 'Open',

        resolve: (view, model) => save(view, model, {
            status: 'Resolved',
            snoozedUntil: null,
        }),

        /** Until 9:00 tomorrow, where the user is. */
        snooze: (view, model) => {
            const dateTime = view.getDateTime();

            const until = dateTime.getNowMoment()
                .add(1, 'days')
                .startOf('day')
                .hours(9)
                .utc()
                .format(dateTime.internalDateTimeFullFormat);

            return save(view, model, {
                status: 'Snoozed',
                snoozedUntil: until,
            });
        },
    };
});
