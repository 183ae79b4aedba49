<?php

namespace Espo\Modules\Max\Classes\Select\MaxAlert\PrimaryFilters;

use Espo\Core\Select\Primary\Filter;
use Espo\ORM\Query\SelectBuilder;

/**
 * Awaiting action: neither snoozed, nor resolved, nor closed.
 *
 * @noinspection PhpUnused
 */
class Open implements Filter
{
    public function apply(SelectBuilder $queryBuilder): void
    {
        $queryBuilder->where(['status' => 'Open']);
    }
}
