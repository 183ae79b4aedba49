<?php

use Espo\Core\Container;
use Espo\Core\InjectableFactory;
use Espo\Core\Utils\Config;
use Espo\Core\Utils\Config\ConfigWriter;

/**
 * Takes our entities out of the settings that name them. It does not run on an upgrade. Records, roles and
 * dashboards are left as they are: EspoCRM passes over what it does not know, and a later installation
 * finds them again.
 */
class AfterUninstall
{
    private const ENTITIES = ['MaxAlert', 'MaxActivity', 'MaxInsight', 'MaxStatus', 'MaxLink'];

    private const LISTS = [
        'tabList',
        'quickCreateList',
        'globalSearchEntityList',
        'historyEntityList',
        'activitiesEntityList',
        'calendarEntityList',
        'assignmentNotificationsEntityList',
        'assignmentEmailNotificationsEntityList',
        'streamEmailNotificationsEntityList',
    ];

    public function run(Container $container): void
    {
        $config = $container->getByClass(Config::class);

        $configWriter = $container
            ->getByClass(InjectableFactory::class)
            ->create(ConfigWriter::class);

        foreach (self::LISTS as $name) {
            $list = $config->get($name);

            if (is_array($list)) {
                $configWriter->set($name, self::without($list));
            }
        }

        $configWriter->remove('maxPlacedList');
        $configWriter->save();
    }

    /**
     * @param array<string|object{itemList?: string[]}> $list Groups of tabs hold a list of their own.
     * @return array<string|object>
     */
    private static function without(array $list): array
    {
        $remaining = [];

        foreach ($list as $item) {
            if (is_object($item) && isset($item->itemList)) {
                $item->itemList = self::without($item->itemList);
            }

            if (!is_string($item) || !in_array($item, self::ENTITIES, true)) {
                $remaining[] = $item;
            }
        }

        return $remaining;
    }
}
