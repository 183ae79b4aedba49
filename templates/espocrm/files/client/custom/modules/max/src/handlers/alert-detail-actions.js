define('modules/max/handlers/alert-detail-actions', ['action-handler', 'modules/max/alert'], (Dep, Alert) => {

    return class extends Dep {

        resolve() {
            return Alert.resolve(this.view, this.view.model);
        }

        snooze() {
            return Alert.snooze(this.view, this.view.model);
        }

        canResolve() {
            return Alert.isPending(this.view.model);
        }

        canSnooze() {
            return Alert.isOpen(this.view.model);
        }
    };
});
