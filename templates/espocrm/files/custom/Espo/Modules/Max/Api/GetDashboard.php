<?php

namespace Espo\Modules\Max\Api;

use Espo\Core\Acl;
use Espo\Core\Api\Action;
use Espo\Core\Api\Request;
use Espo\Core\Api\Response;
use Espo\Core\Api\ResponseComposer;
use Espo\Core\Exceptions\BadRequest;
use Espo\Core\Exceptions\Forbidden;
use Espo\Modules\Max\Tools\Dashboard;

/**
 * What the dashlet shows: figures and rows of the alerts that the caller may read, nothing more.
 *
 * @noinspection PhpUnused
 */
class GetDashboard implements Action
{
    private const ENTITY_TYPE = 'MaxAlert';
    private const DEFAULT_SIZE = 5;
    private const MAX_SIZE = 20;

    public function __construct(
        private Acl $acl,
        private Dashboard $dashboard
    ) {}

    public function process(Request $request): Response
    {
        if (!$this->acl->checkScope(self::ENTITY_TYPE, Acl\Table::ACTION_READ)) {
            throw new Forbidden("No read access to alerts.");
        }

        $ownership = $request->getQueryParam('ownership') ?? 'team';

        if (!in_array($ownership, ['mine', 'team'], true)) {
            throw new BadRequest("The ownership is either mine or team.");
        }

        $size = filter_var(
            $request->getQueryParam('maxSize') ?? self::DEFAULT_SIZE,
            FILTER_VALIDATE_INT,
            ['options' => ['min_range' => 1, 'max_range' => self::MAX_SIZE]]
        );

        if ($size === false) {
            throw new BadRequest("The maxSize is a number from 1 to " . self::MAX_SIZE . ".");
        }

        return ResponseComposer::json($this->dashboard->get($ownership === 'mine', $size));
    }
}
