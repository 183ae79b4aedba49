<?php

namespace Espo\Modules\Max\Classes\AssignmentNotificators;

use Espo\Core\Notification\AssignmentNotificator\Params;
use Espo\Core\Notification\DefaultAssignmentNotificator;
use Espo\ORM\Entity;

/**
 * The bell rings for the owner of an alert that waits: when it opens, when it waits again after a snooze,
 * and when it comes to another owner. What is past changes hands without a sound. Whether it rings at all
 * is for the administrator and for each user to choose, as with every other entity.
 *
 * @noinspection PhpUnused
 */
class MaxAlert extends DefaultAssignmentNotificator
{
    public function process(Entity $entity, Params $params): void
    {
        $ownerId = $entity->get('assignedUserId');

        if (!$ownerId || $entity->get('status') !== 'Open') {
            return;
        }

        if (!$entity->isAttributeChanged('assignedUserId') && !$entity->isAttributeChanged('status')) {
            return;
        }

        $this->processForUser($entity, $ownerId);
    }
}
