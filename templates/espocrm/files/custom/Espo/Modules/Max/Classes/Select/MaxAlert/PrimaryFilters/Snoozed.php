<?php

namespace Espo\Modules\Max\Classes\Select\MaxAlert\PrimaryFilters;

use Espo\Core\Select\Primary\Filter;
use Espo\ORM\Query\SelectBuilder;

/**
 * Silent for now.
 *
 * @noinspection PhpUnused
 */
class Snoozed implements Filter
{
    public function apply(SelectBuilder $queryBuilder): void
    {
        $queryBuilder->where(['status' => 'Snoozed']);
    }
}
