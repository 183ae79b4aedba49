<?php

namespace Espo\Modules\Max\Classes\Acl\MaxLink;

use Espo\Core\Acl\AccessEntityCREDChecker;
use Espo\Core\Acl\DefaultAccessChecker;
use Espo\Core\Acl\ScopeData;
use Espo\Entities\User;
use Espo\ORM\Entity;

/**
 * Whoever may write these records decides who is told of leads on Telegram: API users, as their role
 * says, and admins. Everybody else has the button on the own profile, whatever the role says.
 *
 * @implements AccessEntityCREDChecker<Entity>
 * @noinspection PhpUnused
 */
class AccessChecker implements AccessEntityCREDChecker
{
    public function __construct(private DefaultAccessChecker $defaultAccessChecker) {}

    public function check(User $user, ScopeData $data): bool
    {
        return self::isTrusted($user) && $this->defaultAccessChecker->check($user, $data);
    }

    public function checkCreate(User $user, ScopeData $data): bool
    {
        return self::isTrusted($user) && $this->defaultAccessChecker->checkCreate($user, $data);
    }

    public function checkRead(User $user, ScopeData $data): bool
    {
        return self::isTrusted($user) && $this->defaultAccessChecker->checkRead($user, $data);
    }

    public function checkEdit(User $user, ScopeData $data): bool
    {
        return self::isTrusted($user) && $this->defaultAccessChecker->checkEdit($user, $data);
    }

    public function checkDelete(User $user, ScopeData $data): bool
    {
        return self::isTrusted($user) && $this->defaultAccessChecker->checkDelete($user, $data);
    }

    public function checkEntityCreate(User $user, Entity $entity, ScopeData $data): bool
    {
        return self::isTrusted($user) && $this->defaultAccessChecker->checkEntityCreate($user, $entity, $data);
    }

    public function checkEntityRead(User $user, Entity $entity, ScopeData $data): bool
    {
        return self::isTrusted($user) && $this->defaultAccessChecker->checkEntityRead($user, $entity, $data);
    }

    public function checkEntityEdit(User $user, Entity $entity, ScopeData $data): bool
    {
        return self::isTrusted($user) && $this->defaultAccessChecker->checkEntityEdit($user, $entity, $data);
    }

    public function checkEntityDelete(User $user, Entity $entity, ScopeData $data): bool
    {
        return self::isTrusted($user) && $this->defaultAccessChecker->checkEntityDelete($user, $entity, $data);
    }

    private static function isTrusted(User $user): bool
    {
        return $user->isApi() || $user->isAdmin();
    }
}
