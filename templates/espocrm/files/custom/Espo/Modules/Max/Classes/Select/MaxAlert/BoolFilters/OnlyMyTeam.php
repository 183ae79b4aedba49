<?php

namespace Espo\Modules\Max\Classes\Select\MaxAlert\BoolFilters;

use Espo\Core\Select\Bool\Filter;
use Espo\Entities\Team;
use Espo\Entities\User;
use Espo\ORM\Query\Part\Condition as Cond;
use Espo\ORM\Query\Part\Expression as Expr;
use Espo\ORM\Query\Part\Where\OrGroupBuilder;
use Espo\ORM\Query\Part\WhereClause;
use Espo\ORM\Query\SelectBuilder;

/**
 * Of one of the user's teams, or assigned to somebody who is in one of them.
 *
 * @noinspection PhpUnused
 */
class OnlyMyTeam implements Filter
{
    public function __construct(private User $user) {}

    public function apply(SelectBuilder $queryBuilder, OrGroupBuilder $orGroupBuilder): void
    {
        $teamIds = $this->user->getTeamIdList();

        if ($teamIds === []) {
            $orGroupBuilder->add(WhereClause::fromRaw(['id' => null]));

            return;
        }

        $records = SelectBuilder::create()
            ->from(Team::RELATIONSHIP_ENTITY_TEAM)
            ->select('entityId')
            ->where([
                'teamId' => $teamIds,
                'entityType' => 'MaxAlert',
                'deleted' => false,
            ])
            ->build();

        $members = SelectBuilder::create()
            ->from(Team::RELATIONSHIP_TEAM_USER)
            ->select('userId')
            ->where([
                'teamId' => $teamIds,
                'deleted' => false,
            ])
            ->build();

        $orGroupBuilder
            ->add(Cond::in(Expr::column('id'), $records))
            ->add(Cond::in(Expr::column('assignedUserId'), $members));
    }
}
