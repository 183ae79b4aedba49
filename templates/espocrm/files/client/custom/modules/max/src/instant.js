/**
 * An instant in words, as EspoCRM's own date-time fields say it: "Today 18:39", "15 Nov 18:39".
 */
define('modules/max/instant', [], () => {

    const FROM_TODAY = {
        '-1': 'Yesterday',
        '0': 'Today',
        '1': 'Tomorrow',
    };

    /** The day and the time, in the user's time zone. */
    const sayAbsolute = (view, moment) => {
        const dateTime = view.getDateTime();

        const isThisYear = moment.year() === dateTime.getNowMoment().year();

        return moment.format(isThisYear ? dateTime.getReadableDateFormat() : dateTime.getReadableDateFormat() + ', YYYY') +
            ' ' + moment.format(dateTime.timeFormat);
    };

    return {
        /**
         * @param {string} instant In UTC: RFC 3339, or as EspoCRM writes it.
         * @param {boolean} [isRelative] False where "until today" would be said: names the day instead.
         */
        say: (view, instant, isRelative = true) => {
            const dateTime = view.getDateTime();
            const value = instant.slice(0, 19).replace('T', ' ');

            if (view.getConfig().get('readableDateFormatDisabled')) {
                return dateTime.toDisplay(value);
            }

            const moment = dateTime.toMoment(value);

            const days = moment.clone().startOf('day').diff(dateTime.getNowMoment().startOf('day'), 'days');
            const day = FROM_TODAY[days];

            return isRelative && day ?
                `${view.translate(day)} ${moment.format(dateTime.timeFormat)}` :
                sayAbsolute(view, moment);
        },
    };
});
