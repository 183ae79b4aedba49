<?php

namespace Espo\Modules\Max\Classes\Select\MaxAlert\PrimaryFilters;

use Espo\Core\Exceptions\BadRequest;
use Espo\Core\Select\Helpers\UserTimeZoneProvider;
use Espo\Core\Select\Primary\Filter;
use Espo\Core\Select\Where\ConverterFactory;
use Espo\Core\Select\Where\Item;
use Espo\Entities\User;
use Espo\ORM\Query\Part\Condition as Cond;
use Espo\ORM\Query\Part\Expression as Expr;
use Espo\ORM\Query\Part\WhereItem;
use Espo\ORM\Query\SelectBuilder;
use LogicException;

/**
 * Settled by a person today, where the user is. Until M.A.X. has heard of what was done here and has noted
 * when, the instant of the change counts.
 *
 * @noinspection PhpUnused
 */
class ResolvedToday implements Filter
{
    public function __construct(
        private User $user,
        private UserTimeZoneProvider $userTimeZoneProvider,
        private ConverterFactory $converterFactory,
    ) {}

    public function apply(SelectBuilder $queryBuilder): void
    {
        $queryBuilder
            ->where(['status' => 'Resolved'])
            ->where(
                Cond::or(
                    $this->today('resolvedAt', $queryBuilder),
                    Cond::and(
                        Cond::equal(Expr::column('resolvedAt'), null),
                        $this->today('modifiedAt', $queryBuilder),
                    ),
                )
            );
    }

    private function today(string $attribute, SelectBuilder $queryBuilder): WhereItem
    {
        $item = Item::fromRaw([
            'type' => Item\Type::TODAY,
            'attribute' => $attribute,
            'timeZone' => $this->userTimeZoneProvider->get(),
            'dateTime' => true,
        ]);

        try {
            return $this->converterFactory
                ->create('MaxAlert', $this->user)
                ->convert($queryBuilder, $item);
        } catch (BadRequest $e) {
            throw new LogicException($e->getMessage());
        }
    }
}
