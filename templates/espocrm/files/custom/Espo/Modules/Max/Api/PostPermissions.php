<?php

namespace Espo\Modules\Max\Api;

use Espo\Core\Acl;
use Espo\Core\Api\Action;
use Espo\Core\Api\Request;
use Espo\Core\Api\Response;
use Espo\Core\Api\ResponseComposer;
use Espo\Core\Exceptions\BadRequest;
use Espo\Core\Exceptions\Forbidden;
use Espo\Core\Exceptions\NotFound;
use Espo\Entities\User;
use Espo\Modules\Crm\Entities\Lead;
use Espo\Modules\Max\Tools\Permissions\Service;
use Espo\ORM\EntityManager;
use stdClass;

/**
 * Tells what a user may do with each of the given leads: what M.A.X. shows a person outside the CRM,
 * and does in a person's name, never goes beyond what the CRM itself would allow.
 *
 * @noinspection PhpUnused
 */
class PostPermissions implements Action
{
    private const MAX_COUNT = 1000;

    public function __construct(
        private User $user,
        private Acl $acl,
        private EntityManager $entityManager,
        private Service $service
    ) {}

    public function process(Request $request): Response
    {
        if (!$this->user->isApi() && !$this->user->isAdmin()) {
            throw new Forbidden("Only for API users.");
        }

        if (!$this->acl->checkScope(Lead::ENTITY_TYPE, Acl\Table::ACTION_READ)) {
            throw new Forbidden("No read access to leads.");
        }

        [$userId, $leadIds] = self::read($request->getParsedBody());

        $user = $this->entityManager
            ->getRDBRepositoryByClass(User::class)
            ->getById($userId);

        if (!$user) {
            throw new NotFound("No such user.");
        }

        // An object also when it is empty: PHP knows lists and maps as one.
        return ResponseComposer::json(['leads' => (object) $this->service->find($user, $leadIds)]);
    }

    /**
     * @return array{string, string[]}
     */
    private static function read(stdClass $body): array
    {
        $userId = $body->userId ?? null;
        $leadIds = $body->leadIds ?? null;

        if (!is_string($userId) || !is_array($leadIds) || array_filter($leadIds, 'is_string') !== $leadIds) {
            throw new BadRequest("A userId and a list of leadIds are needed.");
        }

        if (count($leadIds) > self::MAX_COUNT) {
            throw new BadRequest("More than " . self::MAX_COUNT . " leadIds.");
        }

        return [$userId, $leadIds];
    }
}
