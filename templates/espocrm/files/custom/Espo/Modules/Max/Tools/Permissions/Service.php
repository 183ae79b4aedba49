<?php

namespace Espo\Modules\Max\Tools\Permissions;

use Espo\Core\Acl\AssignmentChecker\AssignmentCheckerManager;
use Espo\Core\Acl\Table;
use Espo\Core\AclManager;
use Espo\Core\Select\SelectBuilderFactory;
use Espo\Entities\User;
use Espo\Modules\Crm\Entities\Lead;
use Espo\ORM\EntityManager;

/**
 * What a user may do with leads, by the CRM's own access control.
 */
class Service
{
    private const READ = 'read';
    private const EDIT = 'edit';
    /** The user may make himself the lead's owner. */
    private const ASSIGN = 'assign';

    private const OWNER_FIELD = 'assignedUser';
    private const OWNER_ATTRIBUTE = 'assignedUserId';
    private const TEAMS_ATTRIBUTE = 'teamsIds';

    public function __construct(
        private EntityManager $entityManager,
        private SelectBuilderFactory $selectBuilderFactory,
        private AclManager $aclManager,
        private AssignmentCheckerManager $assignmentCheckerManager
    ) {}

    /**
     * @param string[] $leadIds
     * @return array<string, string[]> Rights by lead; leads without any are left out.
     */
    public function find(User $user, array $leadIds): array
    {
        if (!$user->isActive() || $user->isPortal() || $leadIds === []) {
            return [];
        }

        if (!$this->aclManager->checkScope($user, Lead::ENTITY_TYPE, Table::ACTION_READ)) {
            return [];
        }

        $mayTake = $this->aclManager->checkField($user, Lead::ENTITY_TYPE, self::OWNER_FIELD, Table::ACTION_EDIT);

        $rights = [];

        foreach ($this->readable($user, $leadIds) as $lead) {
            if (!$this->aclManager->checkEntityRead($user, $lead)) {
                continue;
            }

            $ofLead = [self::READ];

            if ($this->aclManager->checkEntityEdit($user, $lead)) {
                $ofLead[] = self::EDIT;

                if ($mayTake && $this->mayTake($user, $lead)) {
                    $ofLead[] = self::ASSIGN;
                }
            }

            $rights[$lead->getId()] = $ofLead;
        }

        return $rights;
    }

    /**
     * @param string[] $leadIds
     * @return Lead[] With their teams, so that no check has to fetch them one by one.
     */
    private function readable(User $user, array $leadIds): array
    {
        $query = $this->selectBuilderFactory
            ->create()
            ->from(Lead::ENTITY_TYPE)
            ->forUser($user)
            ->withAccessControlFilter()
            ->buildQueryBuilder()
            ->where(['id' => $leadIds])
            ->build();

        $leads = [];

        foreach ($this->entityManager->getRDBRepositoryByClass(Lead::class)->clone($query)->find() as $lead) {
            $leads[$lead->getId()] = $lead;
        }

        $teams = $this->teamsOf(array_keys($leads));

        foreach ($leads as $id => $lead) {
            $lead->set(self::TEAMS_ATTRIBUTE, $teams[$id] ?? []);
            $lead->setFetched(self::TEAMS_ATTRIBUTE, $teams[$id] ?? []);
        }

        return $leads;
    }

    /**
     * @param string[] $leadIds
     * @return array<string, string[]>
     */
    private function teamsOf(array $leadIds): array
    {
        if ($leadIds === []) {
            return [];
        }

        $query = $this->entityManager
            ->getQueryBuilder()
            ->select(['entityId', 'teamId'])
            ->from('EntityTeam')
            ->where([
                'entityType' => Lead::ENTITY_TYPE,
                'entityId' => $leadIds,
                'deleted' => false,
            ])
            ->build();

        $teams = [];

        foreach ($this->entityManager->getQueryExecutor()->execute($query)->fetchAll() as $row) {
            $teams[$row['entityId']][] = $row['teamId'];
        }

        return $teams;
    }

    /**
     * The lead is never saved: it only shows the checker what would be asked for.
     */
    private function mayTake(User $user, Lead $lead): bool
    {
        $lead->set(self::OWNER_ATTRIBUTE, $user->getId());

        return $this->assignmentCheckerManager->check($user, $lead);
    }
}
