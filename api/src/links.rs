//! Share links and landing pages.

use url::Url;
use uuid::Uuid;
use vouch_client::Code;

use crate::{
    error::{ApiError, ApiResult},
    types::Address,
};

/// Query parameters that a redirect adds to the landing page's own.
const ADDED: [&str; 3] = ["ref", "click_id", "campaign"];
/// Most bytes of a landing URL.
const MAX_LANDING_URL: usize = 2048;

/// The base URLs of share links and landing pages.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    /// Without a slash at the end.
    public_url: String,
    default_landing: Url,
}

impl Links {
    pub(crate) fn new(public_url: &Url, default_landing: Option<Url>) -> anyhow::Result<Self> {
        let public_url = public_url.as_str().trim_end_matches('/').to_owned();
        let default_landing = match default_landing {
            Some(url) => url,
            None => Url::parse(&format!("{public_url}/welcome"))?,
        };
        Ok(Self {
            public_url,
            default_landing,
        })
    }

    /// The address of a path of this service, which begins with a slash.
    pub(crate) fn absolute(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }

    /// The link to share. A referral that does not own the short link names its campaign.
    pub(crate) fn share(&self, code: &str, campaign: &str, owns_short_link: bool) -> String {
        let base = &self.public_url;
        if owns_short_link {
            format!("{base}/r/{code}")
        } else {
            format!("{base}/r/{code}?campaign={campaign}")
        }
    }

    /// The link in a QR code: the share link with `src=qr`.
    pub(crate) fn qr(&self, code: &str, campaign: &str, owns_short_link: bool) -> String {
        let mut link = self.share(code, campaign, owns_short_link);
        link.push(if owns_short_link { '?' } else { '&' });
        link.push_str("src=qr");
        link
    }

    /// The URL of the code's QR code, as `png` or `svg`.
    pub(crate) fn qr_image(
        &self,
        code: &str,
        campaign: &str,
        owns_short_link: bool,
        kind: &str,
    ) -> String {
        let base = &self.public_url;
        let query = if owns_short_link {
            String::new()
        } else {
            format!("?campaign={campaign}")
        };
        format!("{base}/v1/codes/{code}/qr.{kind}{query}")
    }

    /// The path of the code's Action.
    pub(crate) fn action_path(code: &str, campaign: &str, owns_short_link: bool) -> String {
        if owns_short_link {
            format!("/v1/actions/codes/{code}")
        } else {
            format!("/v1/actions/codes/{code}?campaign={campaign}")
        }
    }

    /// The code's Action as a link for wallets:
    /// <https://github.com/solana-developers/solana-actions/blob/main/packages/actions-spec/README.md#url-scheme>.
    pub(crate) fn action(&self, code: &str, campaign: &str, owns_short_link: bool) -> String {
        let path = Self::action_path(code, campaign, owns_short_link);
        wallet_link("solana-action:", &self.absolute(&path))
    }

    /// The code's transaction request of Solana Pay: the Action with `src=pay`.
    /// <https://docs.solanapay.com/spec#specification-transaction-request>
    pub(crate) fn pay(&self, code: &str, campaign: &str, owns_short_link: bool) -> String {
        let mut path = Self::action_path(code, campaign, owns_short_link);
        path.push(if owns_short_link { '?' } else { '&' });
        path.push_str("src=pay");
        wallet_link("solana:", &self.absolute(&path))
    }

    /// The target of a click: the campaign's landing page with its own query, the code
    /// and the click's id. From the request it takes only `campaign`, a parsed address,
    /// so this is not an open redirect.
    pub(crate) fn landing(
        &self,
        landing_url: Option<&str>,
        code: &Code,
        click: Uuid,
        campaign: Option<&Address>,
    ) -> Url {
        let mut url = landing_url
            .and_then(|url| landing_url_of(url).ok())
            .unwrap_or_else(|| self.default_landing.clone());
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("ref", code.as_str());
            query.append_pair("click_id", &click.to_string());
            if let Some(campaign) = campaign {
                query.append_pair("campaign", &campaign.to_string());
            }
        }
        url
    }
}

/// A link that wallets open. Both specifications want the URL encoded if and only if it has a query.
fn wallet_link(scheme: &str, url: &str) -> String {
    let mut link = scheme.to_owned();
    if url.contains('?') {
        link.extend(url::form_urlencoded::byte_serialize(url.as_bytes()));
    } else {
        link.push_str(url);
    }
    link
}

/// Reads a landing page's address.
///
/// # Errors
/// `invalid_landing_url` for anything but an absolute http(s) URL without
/// credentials and without the parameters that a redirect adds.
pub(crate) fn landing_url_of(text: &str) -> ApiResult<Url> {
    let refused = ApiError::invalid_landing_url;
    if text.len() > MAX_LANDING_URL || text.chars().any(char::is_control) {
        return Err(refused());
    }
    let url = Url::parse(text).map_err(|_| refused())?;
    let good = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
        && url.as_str().len() <= MAX_LANDING_URL
        && !url.query_pairs().any(|(name, _)| ADDED.contains(&&*name));
    if good { Ok(url) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMPAIGN: &str = "4P9LqUjQAnspnDpVTXfX1GKWdQQDNgaB27b5E495akBb";

    fn links() -> Links {
        Links::new(&"https://vouch.example/".parse().unwrap(), None).unwrap()
    }

    #[test]
    fn a_referral_that_does_not_own_the_short_link_names_its_campaign() {
        // Given a code that two campaigns use
        let links = links();
        // Then only the older campaign's link is short
        let short = "https://vouch.example/r/STARTER7";
        assert_eq!(links.share("STARTER7", CAMPAIGN, true), short);
        assert_eq!(
            links.share("STARTER7", CAMPAIGN, false),
            format!("{short}?campaign={CAMPAIGN}")
        );
        // And the links of both QR codes contain `src=qr`
        assert_eq!(
            links.qr("STARTER7", CAMPAIGN, true),
            format!("{short}?src=qr")
        );
        assert_eq!(
            links.qr("STARTER7", CAMPAIGN, false),
            format!("{short}?campaign={CAMPAIGN}&src=qr")
        );
    }

    #[test]
    fn links_for_wallets_are_encoded_if_and_only_if_they_have_a_query() {
        // Given a code that two campaigns use
        let links = links();
        // Then the older campaign's Action is short, and nothing of it is encoded
        let action = "https://vouch.example/v1/actions/codes/STARTER7";
        assert_eq!(
            links.action("STARTER7", CAMPAIGN, true),
            format!("solana-action:{action}")
        );
        // And URLs with a query are encoded as `encodeURIComponent` does
        let encoded = "https%3A%2F%2Fvouch.example%2Fv1%2Factions%2Fcodes%2FSTARTER7%3F";
        assert_eq!(
            links.action("STARTER7", CAMPAIGN, false),
            format!("solana-action:{encoded}campaign%3D{CAMPAIGN}")
        );
        assert_eq!(
            links.pay("STARTER7", CAMPAIGN, true),
            format!("solana:{encoded}src%3Dpay")
        );
        assert_eq!(
            links.pay("STARTER7", CAMPAIGN, false),
            format!("solana:{encoded}campaign%3D{CAMPAIGN}%26src%3Dpay")
        );
    }

    #[test]
    fn a_landing_page_keeps_its_query_and_fragment() {
        // Given landing pages with and without a query
        let code = "STARTER7".parse().unwrap();
        let click = Uuid::nil();
        let id = "00000000-0000-0000-0000-000000000000";
        let landing = |url| links().landing(url, &code, click, None).to_string();
        // Then they keep their query and fragment, and code and click are added
        assert_eq!(
            landing(Some("https://shop.example/a%20b?x=1&x=%26#top")),
            format!("https://shop.example/a%20b?x=1&x=%26&ref=STARTER7&click_id={id}#top")
        );
        assert_eq!(
            landing(None),
            format!("https://vouch.example/welcome?ref=STARTER7&click_id={id}")
        );
        // And a URL that is not http(s) is never a target, even if it is stored
        assert_eq!(landing(Some("javascript:alert(1)")), landing(None));
    }

    #[test]
    fn only_web_pages_are_landing_pages() {
        // Given URLs that people and attackers enter
        for bad in [
            "",
            "shop.example",
            "//shop.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://shop.example/",
            "https://",
            "https://user:secret@shop.example/",
            "https://shop.example/?ref=MINE",
            "https://shop.example/?click_id=1",
            "https://shop.example/\r\nx",
            &format!("https://shop.example/{}", "a".repeat(2048)),
        ] {
            // Then each is refused with the same code
            let refusal = landing_url_of(bad).unwrap_err();
            assert_eq!(refusal.code, "invalid_landing_url", "{bad}");
        }
    }
}
