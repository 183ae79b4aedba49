<?php

namespace Espo\Modules\Max\Api;

use Espo\Core\Api\Action;
use Espo\Core\Api\Request;
use Espo\Core\Api\Response;
use Espo\Core\Api\ResponseComposer;
use Espo\Modules\Max\Tools\TelegramLink\Service;
use Espo\Modules\Max\Tools\TelegramLink\Subject;

/**
 * Whether a user is linked to Telegram.
 *
 * @noinspection PhpUnused
 */
class GetTelegramLink implements Action
{
    public function __construct(
        private Subject $subject,
        private Service $service
    ) {}

    public function process(Request $request): Response
    {
        return ResponseComposer::json($this->service->getState($this->subject->get($request)));
    }
}
