<?php

namespace Espo\Modules\Max\Classes\Select\MaxAlert\PrimaryFilters;

use Espo\Core\Select\Primary\Filter;
use Espo\ORM\Query\SelectBuilder;

/**
 * Settled by a person.
 *
 * @noinspection PhpUnused
 */
class Resolved implements Filter
{
    public function apply(SelectBuilder $queryBuilder): void
    {
        $queryBuilder->where(['status' => 'Resolved']);
    }
}
