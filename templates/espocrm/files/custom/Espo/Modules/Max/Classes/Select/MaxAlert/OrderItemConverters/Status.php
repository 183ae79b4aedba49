<?php

namespace Espo\Modules\Max\Classes\Select\MaxAlert\OrderItemConverters;

use Espo\Core\Select\Order\Item;
use Espo\Core\Select\Order\ItemConverter;
use Espo\Core\Select\SearchParams;
use Espo\ORM\Query\Part\Expression as Expr;
use Espo\ORM\Query\Part\Order;
use Espo\ORM\Query\Part\OrderList;

/**
 * What waits first, then what is past, the latest first in each; descending, the reverse.
 *
 * @noinspection PhpUnused
 */
class Status implements ItemConverter
{
    private const WAITING_FIRST = ['Open', 'Snoozed', 'Resolved', 'Closed'];

    public function convert(Item $item): OrderList
    {
        $isReverse = $item->getOrder() === SearchParams::ORDER_DESC;

        return OrderList::create([
            Order::createByPositionInList(
                Expr::column('status'),
                $isReverse ? array_reverse(self::WAITING_FIRST) : self::WAITING_FIRST
            ),
            Order::fromString('openedAt')
                ->withDirection($isReverse ? SearchParams::ORDER_ASC : SearchParams::ORDER_DESC),
        ]);
    }
}
