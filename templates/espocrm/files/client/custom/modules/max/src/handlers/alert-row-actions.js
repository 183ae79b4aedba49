define('modules/max/handlers/alert-row-actions', ['handlers/row-action', 'modules/max/alert'], (Dep, Alert) => {

    return class extends Dep {

        isAvailable(model, action) {
            return action === 'snooze' ?
                Alert.isOpen(model) :
                Alert.isPending(model);
        }

        process(model, action) {
            return Alert[action](this.view, model);
        }
    };
});
