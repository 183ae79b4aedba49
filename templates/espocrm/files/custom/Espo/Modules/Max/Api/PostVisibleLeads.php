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
use Espo\Core\Select\SelectBuilderFactory;
use Espo\Entities\User;
use Espo\Modules\Crm\Entities\Lead;
use Espo\ORM\EntityManager;

/**
 * Tells which of the given leads a user may see: what M.A.X. shows a person outside the CRM never
 * goes beyond what the CRM itself would show.
 *
 * @noinspection PhpUnused
 */
class PostVisibleLeads implements Action
{
    private const MAX_COUNT = 1000;

    public function __construct(
        private User $user,
        private Acl $acl,
        private EntityManager $entityManager,
        private SelectBuilderFactory $selectBuilderFactory
    ) {}

    public function process(Request $request): Response
    {
        if (!$this->user->isApi() && !$this->user->isAdmin()) {
            throw new Forbidden("Only for API users.");
        }

        if (!$this->acl->checkScope(Lead::ENTITY_TYPE, Acl\Table::ACTION_READ)) {
            throw new Forbidden("No read access to leads.");
        }

        $body = $request->getParsedBody();

        $userId = $body->userId ?? null;
        $leadIds = $body->leadIds ?? null;

        if (!is_string($userId) || !is_array($leadIds) || array_filter($leadIds, 'is_string') !== $leadIds) {
            throw new BadRequest("A userId and a list of leadIds are needed.");
        }

        if (count($leadIds) > self::MAX_COUNT) {
            throw new BadRequest("More than " . self::MAX_COUNT . " leadIds.");
        }

        $user = $this->entityManager
            ->getRDBRepositoryByClass(User::class)
            ->getById($userId);

        if (!$user) {
            throw new NotFound("No such user.");
        }

        return ResponseComposer::json([
            'leadIds' => $user->isActive() ? $this->filter($user, $leadIds) : [],
        ]);
    }

    /**
     * @param string[] $leadIds
     * @return string[]
     */
    private function filter(User $user, array $leadIds): array
    {
        if ($leadIds === []) {
            return [];
        }

        $query = $this->selectBuilderFactory
            ->create()
            ->from(Lead::ENTITY_TYPE)
            ->forUser($user)
            ->withAccessControlFilter()
            ->buildQueryBuilder()
            ->select('id')
            ->where(['id' => $leadIds])
            ->build();

        $visible = [];

        foreach ($this->entityManager->getRDBRepositoryByClass(Lead::class)->clone($query)->find() as $lead) {
            $visible[] = $lead->getId();
        }

        return $visible;
    }
}
