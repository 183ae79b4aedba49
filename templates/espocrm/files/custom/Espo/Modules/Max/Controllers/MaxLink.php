<?php

namespace Espo\Modules\Max\Controllers;

use Espo\Core\Controllers\Record;

class MaxLink extends Record
{}
