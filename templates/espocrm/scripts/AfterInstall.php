<?php

use Espo\Core\Container;
use Espo\Core\InjectableFactory;
use Espo\Core\Utils\Config;
use Espo\Core\Utils\Config\ConfigWriter;

/**
 * Puts the alerts into the navigation bar, in the visible part, and the activities into the history of
 * leads. Each of them once: it is noted what was placed, so that an administrator who moves it or takes it
 * away again is not overruled by an upgrade.
 */
class AfterInstall
{
    /** The setting that notes what was placed. AfterUninstall removes it. */
    private const PLACED = 'maxPlacedList';

    private const TAB = 'MaxAlert';
    private const DELIMITER = '_delimiter_';
    private const ACTIVITY = 'MaxActivity';

    /**
     * @param array{isUpgrade?: bool} $params
     */
    public function run(Container $container, array $params = []): void
    {
        $config = $container->getByClass(Config::class);

        $configWriter = $container
            ->getByClass(InjectableFactory::class)
            ->create(ConfigWriter::class);

        // Versions that noted nothing placed the tab.
        $placed = $config->get(self::PLACED) ?? (empty($params['isUpgrade']) ? [] : ['tabList']);

        if (!in_array('tabList', $placed, true)) {
            $configWriter->set('tabList', self::withTab($config->get('tabList') ?? []));
        }

        if (!in_array('historyEntityList', $placed, true)) {
            $list = $config->get('historyEntityList') ?? ['Meeting', 'Call', 'Email'];

            $configWriter->set('historyEntityList', array_values(array_unique([...$list, self::ACTIVITY])));
        }

        $configWriter->set(self::PLACED, ['tabList', 'historyEntityList']);
        $configWriter->save();
    }

    /**
     * @param array<string|object{itemList?: string[]}> $tabList Groups hold a list of their own.
     * @return array<string|object>
     */
    private static function withTab(array $tabList): array
    {
        foreach ($tabList as $item) {
            $list = is_object($item) ? ($item->itemList ?? []) : [$item];

            if (in_array(self::TAB, $list, true)) {
                return $tabList;
            }
        }

        $position = array_search(self::DELIMITER, $tabList, true);

        array_splice($tabList, $position === false ? count($tabList) : $position, 0, [self::TAB]);

        return $tabList;
    }
}
