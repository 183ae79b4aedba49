/**
 * Phrases in the user's language, with their figures filled in. Texts come from the language files, so that
 * an administrator can change them and EspoCRM falls back to English.
 */
define('modules/max/dashlet/say', [], () => {

    /** French counts none as one. */
    const isOne = (n, language) => n === 1 || n === 0 && (language || '').startsWith('fr');

    /**
     * @param {function(string, string): string} translate By key and category.
     * @param {string} language As `fr_FR`.
     */
    return (translate, language) => {
        const say = (category, key, values = {}) => translate(key, category)
            .replace(/{(\w+)}/g, (match, name) => name in values ? String(values[name]) : match);

        /** The phrase for one or that for any other number. */
        say.count = (category, key, n, values = {}) =>
            say(category, `${key}_${isOne(n, language) ? 'one' : 'other'}`, {...values, n});

        return say;
    };
});
