/**
 * Why an alert is there, and how long ago things were, in words that are true now.
 */
define('modules/max/dashlet/words', [], () => {

    const MINUTE = 60;
    const HOUR = 60 * MINUTE;
    const DAY = 24 * HOUR;

    /** From this lag on (seconds) it is said aloud that M.A.X. stands still. */
    const LOUD = 5 * MINUTE;

    const seconds = instant => Math.floor(Date.parse(instant) / 1000);

    /** Rounded half up, as everywhere in M.A.X. */
    const percent = ({answered, attempts}) => Math.floor((200 * answered + attempts) / (2 * Math.max(attempts, 1)));

    const REASONS = {
        hotLead: (words, {inbound, waiting}) => {
            if (waiting > 1) {
                return words.say('reasons', 'hotLeadMany', {since: words.since(inbound.at), n: waiting});
            }

            return words.say('reasons', inbound.channel === 'call' ? 'hotLeadCall' : 'hotLead', {
                when: words.when(inbound.at),
            });
        },
        awaitingReply: (words, {first, waiting}) => {
            if (waiting > 1) {
                return words.say('reasons', 'awaitingReplyMany', {since: words.since(first.at), n: waiting});
            }

            return first.channel === 'call' ?
                words.say('reasons', 'awaitingReplyCall', {when: words.when(first.at)}) :
                words.say('reasons', 'awaitingReply', {since: words.since(first.at)});
        },
        noContact: (words, {createdAt}) =>
            words.say('reasons', 'noContact', {duration: words.duration(createdAt)}),
        stale: (words, {since}) =>
            words.say('reasons', 'stale', {duration: words.duration(since)}),
        noFollowup: (words, {last}) =>
            words.say('reasons', 'noFollowup', {duration: words.duration(last.at)}),
        noReply: (words, {lastOut}) =>
            words.say('reasons', lastOut.channel === 'call' ? 'noReplyCall' : 'noReply', {
                duration: words.duration(lastOut.at),
            }),
        preferredChannel: (words, {best, second}) => {
            const values = {best: words.say('channels', best.channel), rate: percent(best)};

            return second && second.attempts ?
                words.say('reasons', 'preferredChannelThan', {
                    ...values,
                    second: words.say('channels', second.channel),
                    secondRate: percent(second),
                }) :
                words.say('reasons', 'preferredChannel', values);
        },
    };

    return class {

        /**
         * @param {function} say See `say.js`.
         * @param {{days: function(number, number): number, clock: function(number): string}} calendar The user's:
         *   how many days lie between the dates of two instants, and the time of day. Instants in Unix seconds.
         * @param {number} now In Unix seconds.
         */
        constructor(say, calendar, now) {
            this.say = say;
            this.calendar = calendar;
            this.now = now;
        }

        /** In the largest unit, rounded down. */
        span(length) {
            length = Math.max(Math.floor(length), 0);

            if (length < MINUTE) {
                return this.say('spans', 'seconds', {n: length});
            }

            if (length < HOUR) {
                return this.say('spans', 'minutes', {n: Math.floor(length / MINUTE)});
            }

            if (length < DAY) {
                return this.say('spans', 'hours', {n: Math.floor(length / HOUR)});
            }

            return this.say.count('spans', 'days', Math.floor(length / DAY));
        }

        /** Alerts are about minutes at least. */
        duration(instant) {
            return this.span(Math.max(this.now - seconds(instant), MINUTE));
        }

        when(instant) {
            const at = seconds(instant);
            const length = this.now - at;

            if (length < MINUTE) {
                return this.say('moments', 'justNow');
            }

            if (length < HOUR) {
                return this.say('moments', 'ago', {duration: this.span(length)});
            }

            const days = this.calendar.days(at, this.now);

            if (days <= 1) {
                return this.say('moments', days < 1 ? 'today' : 'yesterday', {time: this.calendar.clock(at)});
            }

            return this.say('moments', 'ago', {duration: this.span(length)});
        }

        since(instant) {
            const at = seconds(instant);

            if (this.now - at >= HOUR && this.calendar.days(at, this.now) === 1) {
                return this.say('moments', 'sinceYesterday');
            }

            return this.say('moments', 'since', {duration: this.duration(instant)});
        }

        /**
         * @param {Object} alert Attributes of the record.
         * @return {string} The record's own sentence, when it does not say what it rests on.
         */
        reason(alert) {
            const [kind, facts] = Object.entries((alert.metadata || {}).evidence || {})[0] || [];
            const tell = Object.hasOwn(REASONS, kind) && facts ? REASONS[kind] : null;

            try {
                return tell && tell(this, facts) || alert.name || '';
            } catch (e) {
                return alert.name || '';
            }
        }

        isOverdue(alert) {
            return !!alert.dueAt && seconds(alert.dueAt.replace(' ', 'T') + 'Z') < this.now;
        }

        /**
         * How M.A.X. itself is. `loud` is what has to be said aloud, if anything.
         *
         * @param {Object|null} sync As the route gives it.
         * @param {number} asked When it was asked for, in Unix seconds: a page that was asleep knows nothing of
         *   what came since, and must not cry wolf.
         * @return {{text: string, loud: string|null}}
         */
        lag(sync, asked) {
            if (!sync || !sync.syncedAt) {
                const never = this.say('sync', 'never');

                return {text: '', loud: sync && sync.problem ? this.problem(sync) : never};
            }

            const at = seconds(sync.syncedAt);
            const length = Math.max(this.now - at, 0);

            const text = length < 1 ?
                this.say('sync', 'justNow') :
                this.say('sync', 'fresh', {duration: this.span(length)});

            if (sync.problem) {
                return {text, loud: this.problem(sync)};
            }

            return {
                text,
                loud: asked - at >= LOUD ? this.say('sync', 'stopped', {duration: this.span(length)}) : null,
            };
        }

        problem(sync) {
            return this.say('sync', 'problem', {problem: sync.problem});
        }
    };
});
