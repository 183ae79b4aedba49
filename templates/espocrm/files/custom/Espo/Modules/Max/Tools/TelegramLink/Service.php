<?php

namespace Espo\Modules\Max\Tools\TelegramLink;

use DateInterval;
use Espo\Core\Exceptions\Conflict;
use Espo\Core\Field\DateTime;
use Espo\Core\Utils\Metadata;
use Espo\Entities\User;
use Espo\ORM\Collection;
use Espo\ORM\Entity;
use Espo\ORM\EntityManager;

/**
 * Links a user to a Telegram account: makes the one-time code that the user carries to M.A.X.'s bot,
 * shows what came of it, and cuts it. The code itself is given out once and stored nowhere.
 */
class Service
{
    private const ENTITY_TYPE = 'MaxLink';
    private const STATUS_PENDING = 'Pending';
    private const STATUS_LINKED = 'Linked';
    private const STATUS_CUT = 'Cut';

    private const CODE_BYTES = 24;
    private const LIFETIME = 'PT1H';
    /** So many codes within their lifetime. */
    private const MAX_COUNT = 10;
    private const KEPT = 'P1D';

    public function __construct(
        private EntityManager $entityManager,
        private Metadata $metadata
    ) {}

    /**
     * @return array{
     *     botUsername: ?string,
     *     pendingUntil: ?string,
     *     links: array{telegramName: ?string, linkedAt: ?string}[],
     * } Instants as records have them.
     */
    public function getState(User $user): array
    {
        $pendingUntil = null;
        $links = [];

        foreach ($this->find($user) as $link) {
            if ($link->get('status') === self::STATUS_LINKED) {
                $links[] = [
                    'telegramName' => $link->get('telegramName'),
                    'linkedAt' => $link->get('linkedAt'),
                ];
            } else if ($link->get('expiresAt') > DateTime::createNow()->toString()) {
                $pendingUntil = $link->get('expiresAt');
            }
        }

        return [
            'botUsername' => $this->getBot(),
            'pendingUntil' => $pendingUntil,
            'links' => $links,
        ];
    }

    /**
     * Makes a link; the one before it is worthless from now on.
     *
     * @return array{url: string, expiresAt: string}
     * @throws Conflict
     */
    public function create(User $user): array
    {
        $bot = $this->getBot();

        if (!$bot) {
            throw new Conflict("M.A.X. has not reported yet.");
        }

        $code = rtrim(strtr(base64_encode(random_bytes(self::CODE_BYTES)), '+/', '-_'), '=');
        $expiresAt = DateTime::createNow()->add(new DateInterval(self::LIFETIME))->toString();

        $this->entityManager
            ->getTransactionManager()
            ->run(fn () => $this->replacePending($user, hash('sha256', $code), $expiresAt));

        return [
            'url' => "https://t.me/$bot?start=$code",
            'expiresAt' => $expiresAt,
        ];
    }

    /**
     * Cuts whatever links the user to Telegram. M.A.X. learns of it and writes there no more.
     */
    public function cut(User $user): void
    {
        foreach ($this->find($user) as $link) {
            $this->cutOne($link);
        }
    }

    /**
     * @throws Conflict
     */
    private function replacePending(User $user, string $codeHash, string $expiresAt): void
    {
        $this->lock($user);
        $this->checkCount($user);
        $this->forget($user);

        foreach ($this->find($user) as $link) {
            if ($link->get('status') === self::STATUS_PENDING) {
                $this->cutOne($link);
            }
        }

        $this->entityManager->createEntity(self::ENTITY_TYPE, [
            'name' => $user->getName() ?? $user->getUserName(),
            'status' => self::STATUS_PENDING,
            'userId' => $user->getId(),
            'codeHash' => $codeHash,
            'expiresAt' => $expiresAt,
            'dedupKey' => 'profile-' . bin2hex(random_bytes(12)),
        ]);
    }

    /**
     * Two requests at once must not leave two links behind.
     */
    private function lock(User $user): void
    {
        $query = $this->entityManager
            ->getQueryBuilder()
            ->select(['id'])
            ->from(User::ENTITY_TYPE)
            ->where(['id' => $user->getId()])
            ->forUpdate()
            ->build();

        $this->entityManager->getQueryExecutor()->execute($query);
    }

    /**
     * @throws Conflict
     */
    private function checkCount(User $user): void
    {
        $count = $this->entityManager
            ->getRDBRepository(self::ENTITY_TYPE)
            ->where([
                'userId' => $user->getId(),
                'expiresAt>' => DateTime::createNow()->toString(),
            ])
            ->count();

        if ($count >= self::MAX_COUNT) {
            throw new Conflict("Too many links within an hour.");
        }
    }

    /**
     * Removes what has long been cut or never was used.
     */
    private function forget(User $user): void
    {
        $old = $this->entityManager
            ->getRDBRepository(self::ENTITY_TYPE)
            ->where([
                'userId' => $user->getId(),
                'status!=' => self::STATUS_LINKED,
                'modifiedAt<' => DateTime::createNow()->subtract(new DateInterval(self::KEPT))->toString(),
            ])
            ->find();

        foreach ($old as $link) {
            $this->entityManager->removeEntity($link);
        }
    }

    private function cutOne(Entity $link): void
    {
        $link->set([
            'status' => self::STATUS_CUT,
            'codeHash' => null,
        ]);

        $this->entityManager->saveEntity($link);
    }

    /**
     * @return Collection<Entity> Pending and linked ones.
     */
    private function find(User $user): Collection
    {
        return $this->entityManager
            ->getRDBRepository(self::ENTITY_TYPE)
            ->where([
                'userId' => $user->getId(),
                'status!=' => self::STATUS_CUT,
            ])
            ->order('linkedAt')
            ->find();
    }

    /**
     * The bot's user name, as M.A.X. last reported it.
     */
    private function getBot(): ?string
    {
        if (!$this->metadata->get(['entityDefs', 'MaxStatus'])) {
            return null;
        }

        $status = $this->entityManager
            ->getRDBRepository('MaxStatus')
            ->where(['dedupKey' => 'sync'])
            ->findOne();

        return $status?->get('botUsername') ?: null;
    }
}
