<?php

use Espo\Core\Container;
use Espo\Core\InjectableFactory;
use Espo\Core\Utils\Config;
use Espo\Core\Utils\Config\ConfigWriter;

/**
 * Puts the alerts into the navigation bar, in the visible part. Does nothing when they are already
 * there, at whatever place, so that it leaves an administrator's own order alone on an upgrade.
 */
class AfterInstall
{
    private const TAB = 'MaxAlert';
    private const DELIMITER = '_delimiter_';

    public function run(Container $container): void
    {
        $tabList = $container->getByClass(Config::class)->get('tabList') ?? [];

        if (self::has($tabList)) {
            return;
        }

        $position = array_search(self::DELIMITER, $tabList, true);

        array_splice($tabList, $position === false ? count($tabList) : $position, 0, [self::TAB]);

        $configWriter = $container
            ->getByClass(InjectableFactory::class)
            ->create(ConfigWriter::class);

        $configWriter->set('tabList', $tabList);
        $configWriter->save();
    }

    /**
     * @param array<string|object{itemList?: string[]}> $tabList Groups hold a list of their own.
     */
    private static function has(array $tabList): bool
    {
        foreach ($tabList as $item) {
            $list = is_object($item) ? ($item->itemList ?? []) : [$item];

            if (in_array(self::TAB, $list, true)) {
                return true;
            }
        }

        return false;
    }
}
