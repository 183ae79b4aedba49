<?php

namespace Espo\Modules\Max\Controllers;

use Espo\Core\Controllers\Record;

class MaxInsight extends Record
{}
