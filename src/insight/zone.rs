//! Where a lead lives, as far as its telephone number tells: hours are its own, not the team's.

use chrono_tz::Tz;

/// Calling codes of countries, and of parts of France, that lie in one time zone (ITU-T E.164). Those of several zones
/// (+1, +7, +55, +61) tell nothing.
const ZONES: [(&str, Tz); 55] = [
    ("262", chrono_tz::Indian::Reunion),
    ("508", chrono_tz::America::Miquelon),
    ("590", chrono_tz::America::Guadeloupe),
    ("594", chrono_tz::America::Cayenne),
    ("596", chrono_tz::America::Martinique),
    ("687", chrono_tz::Pacific::Noumea),
    ("689", chrono_tz::Pacific::Tahiti),
    ("33", chrono_tz::Europe::Paris),
    ("32", chrono_tz::Europe::Brussels),
    ("352", chrono_tz::Europe::Luxembourg),
    ("376", chrono_tz::Europe::Andorra),
    ("377", chrono_tz::Europe::Monaco),
    ("41", chrono_tz::Europe::Zurich),
    ("44", chrono_tz::Europe::London),
    ("353", chrono_tz::Europe::Dublin),
    ("354", chrono_tz::Atlantic::Reykjavik),
    ("39", chrono_tz::Europe::Rome),
    ("49", chrono_tz::Europe::Berlin),
    ("43", chrono_tz::Europe::Vienna),
    ("31", chrono_tz::Europe::Amsterdam),
    ("45", chrono_tz::Europe::Copenhagen),
    ("46", chrono_tz::Europe::Stockholm),
    ("47", chrono_tz::Europe::Oslo),
    ("358", chrono_tz::Europe::Helsinki),
    ("48", chrono_tz::Europe::Warsaw),
    ("420", chrono_tz::Europe::Prague),
    ("421", chrono_tz::Europe::Bratislava),
    ("36", chrono_tz::Europe::Budapest),
    ("40", chrono_tz::Europe::Bucharest),
    ("359", chrono_tz::Europe::Sofia),
    ("30", chrono_tz::Europe::Athens),
    ("90", chrono_tz::Europe::Istanbul),
    ("212", chrono_tz::Africa::Casablanca),
    ("213", chrono_tz::Africa::Algiers),
    ("216", chrono_tz::Africa::Tunis),
    ("20", chrono_tz::Africa::Cairo),
    ("221", chrono_tz::Africa::Dakar),
    ("223", chrono_tz::Africa::Bamako),
    ("225", chrono_tz::Africa::Abidjan),
    ("226", chrono_tz::Africa::Ouagadougou),
    ("228", chrono_tz::Africa::Lome),
    ("229", chrono_tz::Africa::PortoNovo),
    ("230", chrono_tz::Indian::Mauritius),
    ("237", chrono_tz::Africa::Douala),
    ("241", chrono_tz::Africa::Libreville),
    ("261", chrono_tz::Indian::Antananarivo),
    ("27", chrono_tz::Africa::Johannesburg),
    ("961", chrono_tz::Asia::Beirut),
    ("971", chrono_tz::Asia::Dubai),
    ("972", chrono_tz::Asia::Jerusalem),
    ("65", chrono_tz::Asia::Singapore),
    ("81", chrono_tz::Asia::Tokyo),
    ("82", chrono_tz::Asia::Seoul),
    ("86", chrono_tz::Asia::Shanghai),
    ("91", chrono_tz::Asia::Kolkata),
];

/// The time zone of an international number (`+33…`); `None` for another one, or when its country has several.
pub fn of_phone(phone: &str) -> Option<Tz> {
    let digits: String = phone.strip_prefix('+')?.chars().filter(char::is_ascii_digit).collect();
    // No calling code is the beginning of another.
    ZONES.iter().find(|(code, _)| digits.starts_with(code)).map(|(_, zone)| *zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_tells_its_zone_when_its_country_has_one() {
        assert_eq!(of_phone("+33612345678"), Some(chrono_tz::Europe::Paris));
        assert_eq!(of_phone("+262 692 12 34 56"), Some(chrono_tz::Indian::Reunion));
        for none in ["+15145550199", "0612345678", "+", ""] {
            assert_eq!(of_phone(none), None, "{none}");
        }
    }

    #[test]
    fn no_code_is_the_beginning_of_another() {
        for (code, _) in ZONES {
            assert_eq!(ZONES.iter().filter(|(other, _)| other.starts_with(code)).count(), 1, "{code}");
        }
    }
}
