/**
 * The message that M.A.X. has prepared: to be read, changed, copied, or taken along into a mail.
 */
define('modules/max/views/modals/draft', ['views/modal', 'modules/max/dashlet/offers'], (Dep, Offers) => {

    return class extends Dep {

        templateContent = `
            <textarea class="form-control auto-height max-draft" rows="12" aria-label="{{label}}">{{draft}}</textarea>
        `

        backdrop = true
        isDraggable = true

        data() {
            return {
                label: this.headerText,
                draft: this.options.alert.draft,
            };
        }

        setup() {
            const alert = this.options.alert;
            const say = key => this.translate(key, 'actions', 'MaxDashboard');

            this.headerText = say('draftMessage') + (alert.leadName ? ` · ${alert.leadName}` : '');

            this.addButton({
                name: 'copy',
                text: say('copy'),
                style: 'primary',
                onClick: () => this.copy(),
            });

            this.addButton({
                name: 'compose',
                text: say('composeEmail'),
                hidden: true,
                onClick: () => this.compose(),
            });

            this.addButton({
                name: 'cancel',
                label: 'Close',
                onClick: () => this.close(),
            });

            this.offerEmail();
        }

        textarea() {
            return this.element.querySelector('textarea.max-draft');
        }

        /** When there is an address, it may be written to, and the user may write. */
        async offerEmail() {
            const id = this.options.alert.leadId;

            if (!id || !this.getAcl().checkScope('Email', 'create') || !this.getAcl().checkScope('Lead', 'read')) {
                return;
            }

            try {
                this.lead = await Espo.Ajax.getRequest(`Lead/${encodeURIComponent(id)}`);
            } catch (xhr) {
                // The alert may be seen and the lead may not: then there is no mail to be written either.
                xhr.errorIsHandled = true;

                return;
            }

            if (this.lead.emailAddress && !this.lead.emailAddressIsOptedOut) {
                this.showButton('compose');
            }
        }

        async copy() {
            const textarea = this.textarea();

            try {
                await navigator.clipboard.writeText(textarea.value);
            } catch (e) {
                // Without HTTPS the browser gives no clipboard to scripts, only to a selection.
                textarea.select();
                document.execCommand('copy');
            }

            Espo.Ui.success(this.translate('copied', 'actions', 'MaxDashboard'));
        }

        async compose() {
            const {id, name, emailAddress} = this.lead;
            const text = this.textarea().value;
            const parent = this.getParentView();

            this.close();

            Espo.Ui.notifyWait();

            const viewName = this.getMetadata().get('clientDefs.Email.modalViews.compose') ||
                'views/modals/compose-email';

            const view = await parent.createView('compose', viewName, {
                attributes: {
                    status: 'Draft',
                    isHtml: true,
                    body: Offers.toHtml(text),
                    to: emailAddress,
                    nameHash: {[emailAddress]: name},
                    parentType: 'Lead',
                    parentId: id,
                    parentName: name,
                },
            });

            await view.render();

            Espo.Ui.notify(false);
        }
    };
});
