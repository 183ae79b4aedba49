<?php

namespace Espo\Modules\Max\Api;

use Espo\Core\Api\Action;
use Espo\Core\Api\Request;
use Espo\Core\Api\Response;
use Espo\Core\Api\ResponseComposer;
use Espo\Core\Exceptions\Forbidden;
use Espo\Entities\User;
use Espo\Modules\Max\Tools\TelegramLink\Service;
use Espo\Modules\Max\Tools\TelegramLink\Subject;

/**
 * A one-time link to Telegram for whoever asks. Nobody gets another's: who opens it is told of that
 * user's leads.
 *
 * @noinspection PhpUnused
 */
class PostTelegramLink implements Action
{
    public function __construct(
        private User $user,
        private Subject $subject,
        private Service $service
    ) {}

    public function process(Request $request): Response
    {
        $user = $this->subject->get($request);

        if ($user->getId() !== $this->user->getId()) {
            throw new Forbidden("Only one's own link.");
        }

        return ResponseComposer::json($this->service->create($user));
    }
}
