<?php

namespace Espo\Modules\Max\Classes\Record\MaxAlert;

use Espo\Core\Record\Input\Data;
use Espo\Core\Record\Input\Filter;
use Espo\Entities\User;

/**
 * An alert is M.A.X.'s statement of fact. What a person decides about it is its status and, when
 * it is snoozed, until when; whatever else a person sends is left out. API users write every field.
 *
 * @noinspection PhpUnused
 */
class UpdateInputFilter implements Filter
{
    private const ALLOWED_FOR_PEOPLE = [
        'status',
        'snoozedUntil',
    ];

    public function __construct(private User $user) {}

    public function filter(Data $data): void
    {
        if ($this->user->isApi()) {
            return;
        }

        foreach (array_diff($data->getAttributeList(), self::ALLOWED_FOR_PEOPLE) as $attribute) {
            $data->clear($attribute);
        }
    }
}
