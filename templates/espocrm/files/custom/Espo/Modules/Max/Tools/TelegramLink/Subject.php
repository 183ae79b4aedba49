<?php

namespace Espo\Modules\Max\Tools\TelegramLink;

use Espo\Core\Api\Request;
use Espo\Core\Exceptions\Forbidden;
use Espo\Core\Exceptions\NotFound;
use Espo\Entities\User;
use Espo\ORM\EntityManager;

/**
 * Whose link a request is about: everybody's own, and for admins that of the user they name.
 */
class Subject
{
    public function __construct(
        private User $user,
        private EntityManager $entityManager
    ) {}

    /**
     * @throws Forbidden
     * @throws NotFound
     */
    public function get(Request $request): User
    {
        $userId = $request->getQueryParam('userId') ?? $this->user->getId();

        if ($userId === $this->user->getId()) {
            return self::person($this->user);
        }

        if (!$this->user->isAdmin()) {
            throw new Forbidden("Only one's own link.");
        }

        $user = $this->entityManager
            ->getRDBRepositoryByClass(User::class)
            ->getById($userId);

        if (!$user) {
            throw new NotFound("No such user.");
        }

        return self::person($user);
    }

    /**
     * @throws Forbidden
     */
    private static function person(User $user): User
    {
        if (!$user->isRegular() && !$user->isAdmin()) {
            throw new Forbidden("Only people of the company are on Telegram.");
        }

        return $user;
    }
}
