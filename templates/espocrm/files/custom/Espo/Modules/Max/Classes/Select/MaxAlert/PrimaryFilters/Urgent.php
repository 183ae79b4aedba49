<?php

namespace Espo\Modules\Max\Classes\Select\MaxAlert\PrimaryFilters;

use Espo\Core\Select\Primary\Filter;
use Espo\ORM\Query\SelectBuilder;

/**
 * What cannot wait: open and urgent.
 *
 * @noinspection PhpUnused
 */
class Urgent implements Filter
{
    public function apply(SelectBuilder $queryBuilder): void
    {
        $queryBuilder->where([
            'status' => 'Open',
            'severity' => 'urgent',
        ]);
    }
}
