<?php

namespace Espo\Modules\Max\Classes\AssignmentNotificators;

use Espo\Core\Notification\AssignmentNotificator;
use Espo\Core\Notification\AssignmentNotificator\Params;
use Espo\Core\Notification\UserEnabledChecker;
use Espo\Core\ORM\Entity as CoreEntity;
use Espo\Entities\Notification;
use Espo\Entities\User;
use Espo\Modules\Crm\Entities\Lead;
use Espo\ORM\Entity;
use Espo\ORM\EntityManager;

/**
 * The bell rings for the owner of an alert that waits: when it opens, when it waits again after a snooze,
 * and when it comes to another owner. What is past changes hands without a sound. Whether it rings at all
 * is for the administrator and for each user to choose, as with every other entity.
 *
 * The words are the lead's name and the alert itself: "was assigned to you" would say nothing of them. The
 * notification is of a stock type, so that it can be read when the extension is gone.
 *
 * @implements AssignmentNotificator<Entity>
 * @noinspection PhpUnused
 */
class MaxAlert implements AssignmentNotificator
{
    public function __construct(
        private User $user,
        private EntityManager $entityManager,
        private UserEnabledChecker $userChecker,
    ) {}

    public function process(Entity $entity, Params $params): void
    {
        if (!$entity instanceof CoreEntity || !$this->isToBeTold($entity)) {
            return;
        }

        $ownerId = $entity->get('assignedUserId');

        if ($ownerId === $this->user->getId() || !$this->userChecker->checkAssignment('MaxAlert', $ownerId)) {
            return;
        }

        $notification = $this->entityManager->getRDBRepositoryByClass(Notification::class)->getNew();

        $notification
            ->setType(Notification::TYPE_MESSAGE)
            ->setUserId($ownerId)
            ->setMessage('M.A.X. · {entity}')
            ->setData([
                'entityType' => 'MaxAlert',
                'entityId' => $entity->getId(),
                'entityName' => $this->say($entity),
                'userId' => $this->user->getId(),
                'userName' => $this->user->getName(),
            ])
            ->setRelatedType('MaxAlert')
            ->setRelatedId($entity->getId());

        $this->entityManager->saveEntity($notification);
    }

    private function isToBeTold(CoreEntity $alert): bool
    {
        return
            $alert->get('assignedUserId') &&
            $alert->get('status') === 'Open' &&
            ($alert->isAttributeChanged('assignedUserId') || $alert->isAttributeChanged('status'));
    }

    private function say(CoreEntity $alert): string
    {
        $lead = $this->entityManager->getEntityById(Lead::ENTITY_TYPE, $alert->get('leadId'));

        return implode(' – ', array_filter([$lead?->get('name'), $alert->get('name')]));
    }
}
