//! Categories and regions of referrers.

use std::{fmt, str::FromStr};

use vouch_db::api::choices::CATEGORIES;

use crate::error::ApiError;

/// The countries of ISO 3166-1 alpha-2, and XK, by which everybody means Kosovo.
const REGIONS: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO \
    BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ \
    DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP \
    GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG \
    KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML \
    MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE \
    PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL \
    SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM \
    US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// One of the categories of a closed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Category(&'static str);

impl FromStr for Category {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let known = CATEGORIES.into_iter().find(|known| *known == text);
        known.map(Self).ok_or_else(|| {
            let all = CATEGORIES.join(", ");
            ApiError::unknown_category()
                .saying(format!("category must be one of {all}"))
                .of_field("category")
        })
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A country.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Region(&'static str);

impl FromStr for Region {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let known = REGIONS.split(' ').find(|known| *known == text);
        known
            .map(Self)
            .ok_or_else(|| ApiError::unknown_region().of_field("region"))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_the_countries_of_the_standard() {
        // Given the standard's 249 codes and XK, then each is two letters, once and in order
        let all: Vec<&str> = REGIONS.split(' ').collect();
        assert_eq!(all.len(), 250);
        assert!(all.is_sorted_by(|one, next| one < next));
        assert!(all.iter().all(|code| code.len() == 2));
        // And others are refused
        for bad in ["", "de", "DEU", "UK", "EU", "ZZ", "DE ", " ", "AD AE"] {
            let refusal = bad.parse::<Region>().unwrap_err();
            assert_eq!(refusal.code, "unknown_region", "{bad}");
        }
    }
}
