<?php

namespace Espo\Modules\Max\Classes\Select\MaxAlert\OrderItemConverters;

use Espo\Core\Select\Order\Item;
use Espo\Core\Select\Order\ItemConverter;
use Espo\Core\Select\SearchParams;
use Espo\ORM\Query\Part\Expression as Expr;
use Espo\ORM\Query\Part\Order;
use Espo\ORM\Query\Part\OrderList;

/**
 * The most pressing first, and among equals the one that has waited longest; descending, the reverse.
 *
 * @noinspection PhpUnused
 */
class Severity implements ItemConverter
{
    private const MOST_PRESSING_FIRST = ['urgent', 'high', 'medium', 'low', 'info'];

    public function convert(Item $item): OrderList
    {
        $list = $item->getOrder() === SearchParams::ORDER_DESC ?
            array_reverse(self::MOST_PRESSING_FIRST) :
            self::MOST_PRESSING_FIRST;

        return OrderList::create([
            Order::createByPositionInList(Expr::column('severity'), $list),
            Order::fromString('openedAt')->withDirection($item->getOrder()),
        ]);
    }
}
