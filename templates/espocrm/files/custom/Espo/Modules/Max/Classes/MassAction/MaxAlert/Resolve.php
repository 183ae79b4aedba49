<?php

namespace Espo\Modules\Max\Classes\MassAction\MaxAlert;

use Espo\Core\Acl;
use Espo\Core\Acl\Table;
use Espo\Core\Exceptions\Forbidden;
use Espo\Core\MassAction\Data;
use Espo\Core\MassAction\MassAction;
use Espo\Core\MassAction\Params;
use Espo\Core\MassAction\QueryBuilder;
use Espo\Core\MassAction\Result;
use Espo\Core\ORM\Repository\Option\SaveOption;
use Espo\Core\Record\ActionHistory\Action;
use Espo\Core\Record\ServiceContainer;
use Espo\Entities\User;
use Espo\ORM\EntityManager;

/**
 * Sets the selected alerts to Resolved: those that wait and that the user may edit. They are saved one by
 * one, so that webhooks leave and M.A.X. hears of it. The permission of mass updates is not asked for: what
 * can be done to each of them by a button can be done to all of them.
 *
 * @noinspection PhpUnused
 */
class Resolve implements MassAction
{
    public function __construct(
        private QueryBuilder $queryBuilder,
        private Acl $acl,
        private EntityManager $entityManager,
        private ServiceContainer $serviceContainer,
        private User $user,
    ) {}

    public function process(Params $params, Data $data): Result
    {
        $entityType = $params->getEntityType();

        if (!$this->acl->check($entityType, Table::ACTION_EDIT)) {
            throw new Forbidden("No edit access for '$entityType'.");
        }

        if (in_array('status', $this->acl->getScopeForbiddenFieldList($entityType, Table::ACTION_EDIT))) {
            throw new Forbidden("No edit access to the field 'status'.");
        }

        $service = $this->serviceContainer->get($entityType);

        $collection = $this->entityManager
            ->getRDBRepository($entityType)
            ->clone($this->queryBuilder->build($params))
            ->where(['status' => ['Open', 'Snoozed']])
            ->sth()
            ->find();

        $ids = [];

        foreach ($collection as $entity) {
            $service->loadAdditionalFields($entity);

            if (!$this->acl->check($entity, Table::ACTION_EDIT)) {
                continue;
            }

            $entity->set([
                'status' => 'Resolved',
                'snoozedUntil' => null,
            ]);

            $this->entityManager->saveEntity($entity, [
                SaveOption::MODIFIED_BY_ID => $this->user->getId(),
            ]);

            $service->processActionHistoryRecord(Action::UPDATE, $entity);

            $ids[] = $entity->getId();
        }

        return new Result(count($ids), $ids);
    }
}
