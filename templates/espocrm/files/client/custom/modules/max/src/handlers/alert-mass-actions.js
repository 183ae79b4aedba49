define('modules/max/handlers/alert-mass-actions', ['action-handler', 'helpers/mass-action'], (Dep, MassActionHelper) => {

    return class extends Dep {

        /** Marks the selected alerts as handled. As many as EspoCRM deems too many are done in the background. */
        async actionResolve({entityType, action, params}) {
            const list = this.view;
            const helper = new MassActionHelper(list);

            await list.confirm({
                message: list.translate('confirmMassResolve', 'messages', entityType),
                confirmText: list.translate('Yes'),
            });

            Espo.Ui.notifyWait();

            const result = await Espo.Ajax.postRequest('MassAction', {
                entityType,
                action,
                params,
                idle: !!params.searchParams && helper.checkIsIdle(list.collection.total),
            });

            if (!result.id) {
                return this.finish(entityType, result.count);
            }

            const dialog = await helper.process(result.id, action);

            list.listenToOnce(dialog, 'close:success', ({count}) => this.finish(entityType, count));
        }

        async finish(entityType, count) {
            await this.view.collection.fetch();

            Espo.Ui.success(
                this.view.translate('massResolved', 'messages', entityType).replace('{count}', count)
            );
        }
    };
});
