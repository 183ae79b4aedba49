<?php

namespace Espo\Modules\Max\Tools;

use DateTimeImmutable;
use DateTimeZone;
use Espo\Core\Record\ServiceContainer;
use Espo\Core\Select\Helpers\UserTimeZoneProvider;
use Espo\Core\Select\SelectBuilderFactory;
use Espo\Entities\User;
use Espo\ORM\Entity;
use Espo\ORM\EntityManager;
use Espo\ORM\Query\Part\Expression;
use Espo\ORM\Query\Part\Order;
use Espo\ORM\Query\SelectBuilder;
use PDO;
use stdClass;

/**
 * Figures and rows for the dashlet. The figures are those of M.A.X.'s own statistics: what is open
 * and not snoozed. Counting is left to the database: three statements, whatever their number, and
 * one more for every widget that has something to show.
 */
class Dashboard
{
    private const ENTITY_TYPE = 'MaxAlert';
    private const FORMAT = 'Y-m-d H:i:s';

    /** The most pressing first. */
    private const BUCKETS = [
        'hot' => ['HotLead24h'],
        'toAnswer' => ['AwaitingReply24h'],
        'toFollowUp' => ['NoContact7d', 'NoReply3d', 'NoFollowup7d', 'StaleLead30d'],
        'preferredChannel' => ['PreferredChannel'],
    ];

    private const SEVERITIES = ['urgent', 'high', 'medium', 'low', 'info'];

    private const ATTRIBUTES = [
        'id',
        'name',
        'type',
        'severity',
        'status',
        'snoozedUntil',
        'openedAt',
        'dueAt',
        'suggestedAction',
        'draft',
        'metadata',
        'leadId',
        'leadName',
        'assignedUserId',
        'assignedUserName',
    ];

    public function __construct(
        private User $user,
        private EntityManager $entityManager,
        private SelectBuilderFactory $selectBuilderFactory,
        private ServiceContainer $serviceContainer,
        private UserTimeZoneProvider $timeZoneProvider
    ) {}

    /**
     * @param bool $mine Only what is assigned to the user; else all that the user may see.
     * @param int $size How many rows a widget has at most.
     */
    public function get(bool $mine, int $size): stdClass
    {
        $counts = $this->countOpen($mine);
        $byType = [];

        foreach (array_merge(...array_values(self::BUCKETS)) as $type) {
            $byType[$type] = array_sum($counts[$type] ?? []);
        }

        $buckets = array_map(
            fn (array $types) => array_sum(array_map(fn (string $type) => $byType[$type], $types)),
            self::BUCKETS
        );

        return (object) [
            // By its own clock a computer would be wrong about how long ago something was.
            'now' => gmdate('Y-m-d\TH:i:s\Z'),
            'sync' => $this->sync(),
            'today' => $this->today($mine),
            'total' => array_sum($byType),
            'urgent' => array_sum(array_column($counts, 'urgent')),
            'byType' => $byType,
            'buckets' => $buckets,
            'widgets' => array_map(
                fn (string $bucket) => [
                    'bucket' => $bucket,
                    'total' => $buckets[$bucket],
                    'list' => $buckets[$bucket] ? $this->rows($mine, self::BUCKETS[$bucket], $size) : [],
                ],
                array_keys(self::BUCKETS)
            ),
        ];
    }

    private function sync(): ?stdClass
    {
        $status = $this->entityManager
            ->getRDBRepository('MaxStatus')
            ->where(['dedupKey' => 'sync'])
            ->findOne();

        if (!$status) {
            return null;
        }

        $syncedAt = $status->get('syncedAt');

        return (object) [
            'syncedAt' => $syncedAt ? str_replace(' ', 'T', $syncedAt) . 'Z' : null,
            'version' => $status->get('version'),
            'problem' => $status->get('problem'),
            'botUsername' => $status->get('botUsername'),
            'lag' => $status->get('lag'),
        ];
    }

    /**
     * @return array<string, array<string, int>> By type and severity.
     */
    private function countOpen(bool $mine): array
    {
        $query = $this->visible($mine, ['status' => 'Open'])
            ->select('type')
            ->select('severity')
            ->select('COUNT:id', 'count')
            ->group('type')
            ->group('severity')
            ->build();

        $counts = [];

        foreach ($this->entityManager->getQueryExecutor()->execute($query)->fetchAll(PDO::FETCH_ASSOC) as $row) {
            $counts[$row['type']][$row['severity']] = (int) $row['count'];
        }

        return $counts;
    }

    /**
     * Since midnight where the user is.
     *
     * @return array{opened: int, resolved: int}
     */
    private function today(bool $mine): array
    {
        $midnight = (new DateTimeImmutable('today', new DateTimeZone($this->timeZoneProvider->get())))
            ->setTimezone(new DateTimeZone('UTC'))
            ->format(self::FORMAT);

        return [
            'opened' => $this->count($mine, ['openedAt>=' => $midnight]),
            'resolved' => $this->count($mine, [
                // Resolving modifies, and the instant of modification has an index. Who resolves in the CRM is
                // there before M.A.X. has written the hour of it.
                'modifiedAt>=' => $midnight,
                'status' => 'Resolved',
                'OR' => [
                    ['resolvedAt>=' => $midnight],
                    ['resolvedAt' => null],
                ],
            ]),
        ];
    }

    /**
     * @param array<string|int, mixed> $where
     */
    private function count(bool $mine, array $where): int
    {
        $query = $this->visible($mine, $where)
            ->select('COUNT:id', 'count')
            ->build();

        return (int) $this->entityManager->getQueryExecutor()->execute($query)->fetchColumn();
    }

    /**
     * Most pressing first, then oldest.
     *
     * @param string[] $types
     * @return stdClass[]
     */
    private function rows(bool $mine, array $types, int $size): array
    {
        $query = $this->visible($mine, ['status' => 'Open', 'type' => $types])
            ->select(self::ATTRIBUTES)
            ->order(Order::createByPositionInList(Expression::column('severity'), self::SEVERITIES))
            ->order('openedAt')
            ->order('id')
            ->limit(0, $size)
            ->build();

        $alerts = iterator_to_array(
            $this->entityManager->getRDBRepository(self::ENTITY_TYPE)->clone($query)->find()
        );

        $this->loadTeams($alerts);

        $service = $this->serviceContainer->get(self::ENTITY_TYPE);

        return array_map(function (Entity $alert) use ($service) {
            $service->prepareEntityForOutput($alert);

            return $alert->getValueMap();
        }, $alerts);
    }

    /**
     * By its teams the client knows whether the user may edit an alert. One statement for all of them.
     *
     * @param Entity[] $alerts
     */
    private function loadTeams(array $alerts): void
    {
        if ($alerts === []) {
            return;
        }

        $query = SelectBuilder::create()
            ->from('EntityTeam')
            ->select(['entityId', 'teamId'])
            ->where([
                'entityType' => self::ENTITY_TYPE,
                'entityId' => array_map(fn (Entity $alert) => $alert->getId(), $alerts),
            ])
            ->build();

        $teams = [];

        foreach ($this->entityManager->getQueryExecutor()->execute($query)->fetchAll(PDO::FETCH_ASSOC) as $row) {
            $teams[$row['entityId']][] = $row['teamId'];
        }

        foreach ($alerts as $alert) {
            $alert->set('teamsIds', $teams[$alert->getId()] ?? []);
        }
    }

    /**
     * The alerts that the user may read. An access filter that joins would count an alert more than
     * once; then the ids are selected first.
     *
     * @param array<string|int, mixed> $where
     */
    private function visible(bool $mine, array $where): SelectBuilder
    {
        $builder = $this->selectBuilderFactory
            ->create()
            ->from(self::ENTITY_TYPE)
            ->withStrictAccessControl()
            ->buildQueryBuilder()
            ->where($where);

        if ($mine) {
            $builder->where(['assignedUserId' => $this->user->getId()]);
        }

        if (!$builder->build()->isDistinct()) {
            return $builder;
        }

        return SelectBuilder::create()
            ->from(self::ENTITY_TYPE)
            ->where(['id=s' => $builder->select('id')->build()]);
    }
}
