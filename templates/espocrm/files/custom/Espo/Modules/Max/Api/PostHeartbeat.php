<?php

namespace Espo\Modules\Max\Api;

use DateTimeImmutable;
use DateTimeZone;
use Espo\Core\Api\Action;
use Espo\Core\Api\Request;
use Espo\Core\Api\Response;
use Espo\Core\Api\ResponseComposer;
use Espo\Core\Exceptions\BadRequest;
use Espo\Core\Exceptions\Forbidden;
use Espo\Core\ORM\Repository\Option\SaveOption;
use Espo\Entities\User;
use Espo\ORM\EntityManager;
use stdClass;

/**
 * M.A.X. tells how it is: when it last knew everything, and what troubles it. It comes several times
 * a minute, so it is kept in one row, and leaves no trace elsewhere.
 *
 * @noinspection PhpUnused
 */
class PostHeartbeat implements Action
{
    private const ENTITY_TYPE = 'MaxStatus';
    private const KEY = 'sync';
    private const INSTANT = '/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/';

    public function __construct(
        private User $user,
        private EntityManager $entityManager
    ) {}

    public function process(Request $request): Response
    {
        if (!$this->user->isApi() && !$this->user->isAdmin()) {
            throw new Forbidden("Only for API users.");
        }

        $body = $request->getParsedBody();

        $values = [
            'syncedAt' => self::instant($body, 'syncedAt'),
            'version' => self::text($body, 'version', 50),
            'botUsername' => self::text($body, 'botUsername', 100),
            'problem' => self::text($body, 'problem', 2000),
            'lag' => self::seconds($body, 'lag'),
        ];

        $repository = $this->entityManager->getRDBRepository(self::ENTITY_TYPE);

        $status = $repository->where(['dedupKey' => self::KEY])->findOne() ?? $repository->getNew();

        $status->set(['dedupKey' => self::KEY] + $values);

        $this->entityManager->saveEntity($status, [
            SaveOption::SILENT => true,
            SaveOption::SKIP_HOOKS => true,
        ]);

        return ResponseComposer::json((object) []);
    }

    /**
     * In UTC, as the database has it.
     */
    private static function instant(stdClass $body, string $name): ?string
    {
        $value = self::text($body, $name, 40);

        if ($value === null) {
            return null;
        }

        $instant = preg_match(self::INSTANT, $value) ? date_create_immutable($value) : false;

        if (!$instant instanceof DateTimeImmutable) {
            throw new BadRequest("$name must be an instant such as 2026-03-01T09:00:00Z.");
        }

        return $instant->setTimezone(new DateTimeZone('UTC'))->format('Y-m-d H:i:s');
    }

    private static function text(stdClass $body, string $name, int $length): ?string
    {
        $value = $body->$name ?? null;

        if ($value !== null && !is_string($value)) {
            throw new BadRequest("$name must be a text or null.");
        }

        return $value === null ? null : mb_substr($value, 0, $length);
    }

    private static function seconds(stdClass $body, string $name): ?int
    {
        $value = $body->$name ?? null;

        if ($value !== null && !is_int($value) && !is_float($value)) {
            throw new BadRequest("$name must be a number of seconds or null.");
        }

        return $value === null ? null : (int) min(max($value, 0), 2147483647);
    }
}
