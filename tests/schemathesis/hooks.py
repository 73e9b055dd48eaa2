"""What a document cannot say: who asks, what there is, and how strings of our formats look."""

import atexit
import json
import os
from collections import Counter
from copy import deepcopy
from datetime import datetime
from itertools import count

import schemathesis
from hypothesis import strategies as st

with open(os.environ["VOUCH_SEED"], encoding="utf-8") as file:
    SEED = json.load(file)

# --- who asks ------------------------------------------------------------------

# Each of these ends the session that it is sent with.
ENDS_SESSIONS = {"/v1/auth/sessions", "/v1/auth/sessions/current"}
next_session = count()


@schemathesis.auth(refresh_interval=None)
class Session:
    """The company's session; for what ends sessions, each time another one."""

    def get(self, case, context):
        if case.method == "DELETE" and case.operation.path in ENDS_SESSIONS:
            sessions = SEED["sessions_to_end"]
            return sessions[next(next_session) % len(sessions)]
        return SEED["token"][0]

    def set(self, case, token, context):
        if case.operation.definition.raw.get("security"):
            case.headers["Authorization"] = f"Bearer {token}"


# --- how strings look ------------------------------------------------------------

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58(data):
    """The bytes in base58, as Solana writes addresses and signatures."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + text


def bytes_of(length):
    return st.binary(min_size=length, max_size=length).map(base58)


ADDRESSES = bytes_of(32)
# Not before 1970, which no time of a campaign is.
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1)).map(lambda time: time.isoformat() + "Z")
LETTERS = st.characters(categories=("Lu", "Ll", "Nd"), max_codepoint=0x24F)

for name, strategy in {
    "solana-address": ADDRESSES,
    "solana-address-or-none": st.just("none") | ADDRESSES,
    "solana-addresses": st.lists(ADDRESSES, min_size=1, max_size=5).map(",".join),
    # Python's standard library cannot tell which addresses are on the curve.
    "solana-wallet": st.sampled_from(SEED["wallets"]),
    "solana-signature": bytes_of(64),
    "uint64": st.integers(0, 2**64 - 1).map(str),
    "date-time-from-1970": TIMES,
    "date-time-or-at_once": st.just("at_once") | TIMES,
    "date-time-or-never": st.just("never") | TIMES,
    "iana-time-zone": st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"]),
    "country": st.sampled_from(["AD", "BR", "DE", "JP", "XK", "ZW"]),
    "plain-text": st.text(LETTERS, min_size=1, max_size=40),
    "landing-url": st.text(LETTERS, min_size=1, max_size=40).map("https://acme.example/{}".format),
}.items():
    schemathesis.openapi.format(name, strategy)

# --- rules about several fields ------------------------------------------------------
#
# A schema says of each field which values are good. These rules are in the descriptions, in words. They apply to
# valid requests alone: a case that shall be refused is sent as it is.

cursors = {}


def list_of(case):
    """The list that a page belongs to."""
    query = {name: value for name, value in case.query.items() if name not in ("cursor", "limit", "rank")}
    return json.dumps([case.method, case.path, case.path_parameters, query], sort_keys=True, default=str)


def keep_one(fields, *names):
    """Of fields that exclude each other, keeps the first that is there."""
    there = [name for name in names if fields.get(name) is not None]
    for name in there[1:]:
        del fields[name]
    return there[:1]


def a_known_cursor(case):
    # A cursor is `next_cursor` of an earlier answer for the same list.
    if "cursor" in case.query:
        known = cursors.get(list_of(case))
        if known is None:
            del case.query["cursor"]
        else:
            case.query["cursor"] = known


def a_leaderboard(query):
    kept = keep_one(query, "campaign", "category", "region")
    keep_one(query, "cursor", "rank")
    # Campaigns count rewards and amounts in different units.
    if kept != ["campaign"] and query.get("measure") != "conversions":
        query.pop("measure", None)


def conversions(query):
    if "status" in query:
        query["campaign"] = query.get("campaign") or SEED["campaigns"][0]
        for name in set(query) - {"campaign", "status", "limit", "cursor"}:
            del query[name]
    keep_one(query, "referee", "wallet")
    keep_one(query, "order", "reference")


def why(query):
    keep_one(query, "order", "reference")
    if not set(query) & {"wallet", "order", "reference"}:
        query["wallet"] = SEED["wallets"][0]


def days(query):
    # At most 366 days, from 2020 to 2099.
    if "to" in query:
        query["to"] = f"20{20 + int(query['to'][:4]) % 80}{query['to'][4:]}"
    if "from" in query:
        query["from"] = "2026-11-20"
        query["to"] = "2026-11-28"


def rows(query):
    # `after` is the last transaction of a page of the bucket.
    query.pop("after", None)
    query["bucket"] = int(query["bucket"]) % 2


def a_reward(settings):
    reward = settings.get("reward")
    if reward is not None and not keep_one(reward, "fixed", "percent_bps"):
        reward["fixed"] = "5"
    if reward is not None and "fixed" in reward and reward["fixed"] is not None:
        reward.pop("max", None)
    if reward is not None and reward.get("percent_bps") is not None and reward.get("max") is None:
        reward["max"] = "5"


def a_new_campaign(body):
    if not keep_one(body, "id", "name"):
        body["name"] = "Winter"
    settings = body["settings"]
    if settings.get("reward") is None:
        settings["reward"] = {}
    a_reward(settings)
    exists = body.get("mint") is not None
    if exists and body.get("funding") is None:
        body["funding"] = "vault"
    funding = body.get("funding") or "mint_authority"
    if exists and funding == "mint_authority" and settings.get("budget") is None:
        settings["budget"] = "0"
    if exists or funding == "payment_split":
        body.pop("decimals", None)
    if body.get("proof") != "payment" or funding == "payment_split":
        body.pop("payment_mint", None)
    if funding != "vault":
        body.pop("funds", None)
    if settings.get("min_amount") is None:
        settings["min_amount"] = "1000000000"
    an_example(body)


def an_example(body):
    # Nobody asks for an example that is below the least amount.
    least = body["settings"].get("min_amount") or "0"
    if body.get("example_amount") is not None and int(body["example_amount"]) < int(least):
        body["example_amount"] = least


def a_change(body):
    a_reward(body["settings"])
    an_example(body)


def a_claim(body):
    if body.get("conversion") is None and (body.get("campaign") is None or body.get("wallet") is None):
        body["conversion"] = SEED["conversions"][0]
    if body.get("conversion") is not None:
        for name in ("campaign", "wallet"):
            body.pop(name, None)
    # No answer of this route is long enough for a second page.
    body.pop("cursor", None)


def a_partner(body):
    if not keep_one(body, "share_bps", "fixed"):
        body["fixed"] = "5"


def a_signed_challenge(body):
    # Each can be used once. The last ones are refused as used, which is documented.
    signed = SEED["signed_challenges"]
    body.clear()
    body.update(signed[min(next(next_challenge), len(signed) - 1)])


def rules(body):
    least, most = sorted((body["least_amount"], body["most_amount"]), key=int)
    body.update(least_amount=least, most_amount=most)


def a_sponsored_transaction(body):
    # Nobody can invent what a wallet has signed. When it is too old it is refused so, which is documented.
    body.clear()
    body.update(SEED["sponsored"][0])


next_challenge = count()
OF_QUERY = {
    "/v1/leaderboard": a_leaderboard,
    "/v1/conversions": conversions,
    "/v1/why": why,
    "/v1/digest/rows": rows,
    "/v1/codes/{code}/analytics": days,
    "/v1/campaigns/{address}/analytics": days,
    "/v1/me/analytics": days,
}
OF_BODY = {
    "/v1/auth/sessions": a_signed_challenge,
    "/v1/transactions/create-campaign": a_new_campaign,
    "/v1/transactions/update-campaign": a_change,
    "/v1/transactions/claim": a_claim,
    "/v1/campaigns/{address}/attestation-rules": rules,
    "/v1/transactions/set-partner": a_partner,
    "/v1/transactions/sponsor": a_sponsored_transaction,
}


# The system program's address, which is the simplest one that a schema allows, is nobody's wallet.
NOBODY = "1" * 32


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    # Where operations are linked by guesses, a pattern of paths in /actions.json passes for a code.
    if case.path_parameters.get("code") in ("*", "%2A"):
        case.path_parameters["code"] = CODE
    if case.path in OF_QUERY:
        OF_QUERY[case.path](case.query)
    if case.query:
        a_known_cursor(case)
    if case.path in OF_BODY and isinstance(case.body, dict):
        OF_BODY[case.path](case.body)
    if case.path.startswith("/v1/transactions/") and isinstance(case.body, dict):
        for name, value in case.body.items():
            if value == NOBODY:
                case.body[name] = VISITOR


# --- requests that find something ------------------------------------------------------
#
# Random requests rarely do. One of these for each operation succeeds, if its campaign lets it.

CAMPAIGN, VAULT = SEED["campaigns"]
CODE, ANOTHER = SEED["codes"]
COMPANY, _, VISITOR = SEED["wallets"]
OF_CODE = {"path_parameters": {"code": CODE}}
OF_CAMPAIGN = {"path_parameters": {"address": CAMPAIGN}}
OF_WALLET = {"path_parameters": {"wallet": COMPANY}}
OF_CONVERSION = {
    "path_parameters": {"code": CODE, "conversion": SEED["conversions"][-2]},
    "query": {"campaign": CAMPAIGN},
    "body": {"account": SEED["referees"][-2]},
}
OF_KEY = {"address": CAMPAIGN}
KNOWN = {
    "GET /r/{code}": OF_CODE,
    "GET /v1/actions/codes/{code}": OF_CODE,
    "POST /v1/actions/codes/{code}": {**OF_CODE, "body": {"account": VISITOR}},
    "GET /v1/actions/campaigns/{address}": {**OF_CAMPAIGN, "query": {"ref": CODE}},
    "POST /v1/actions/campaigns/{address}": {
        **OF_CAMPAIGN,
        "query": {"ref": CODE},
        "body": {"account": VISITOR},
    },
    "POST /v1/actions/codes/{code}/conversions/{conversion}": OF_CONVERSION,
    "POST /v1/actions/codes/{code}/conversions/{conversion}/check": OF_CONVERSION,
    "DELETE /v1/auth/sessions/{id}": {"path_parameters": {"id": SEED["sessions"][0]}},
    "POST /v1/badges/{id}/claim": {"path_parameters": {"id": SEED["awards"][-1]}},
    "GET /v1/campaigns/{address}": OF_CAMPAIGN,
    "GET /v1/campaigns/{address}/analytics": OF_CAMPAIGN,
    "GET /v1/campaigns/{address}/attestation-rules": OF_CAMPAIGN,
    "PUT /v1/campaigns/{address}/attestation-rules": {
        **OF_CAMPAIGN,
        "body": {
            "per_wallet_per_day": 1,
            "per_day": 1,
            "least_amount": "0",
            "most_amount": "9",
            "valid_seconds": 60,
        },
    },
    "POST /v1/campaigns/{address}/attestations": {
        **OF_CAMPAIGN,
        "body": {"code": CODE, "referee": VISITOR},
    },
    "GET /v1/campaigns/{address}/badges": OF_CAMPAIGN,
    "POST /v1/campaigns/{address}/delegate": {**OF_CAMPAIGN, "body": {"signature": SEED["delegations"][0]}},
    "GET /v1/campaigns/{address}/keys": OF_CAMPAIGN,
    "GET /v1/campaigns/{address}/live": OF_CAMPAIGN,
    "PUT /v1/campaigns/{address}/profile": {
        **OF_CAMPAIGN,
        "body": {"name": "Acme", "landing_url": "https://acme.example/welcome"},
    },
    "DELETE /v1/campaigns/{address}/keys/{id}": {"path_parameters": {**OF_KEY, "id": SEED["keys"][0]}},
    "POST /v1/campaigns/{address}/keys/{id}/rotate": {
        "path_parameters": {**OF_KEY, "id": SEED["keys"][1]},
        "body": {"overlap_seconds": 60},
    },
    "GET /v1/clicks/{id}": {"path_parameters": {"id": SEED["clicks"][0]}},
    "GET /v1/codes/{code}": OF_CODE,
    "GET /v1/codes/{code}/analytics": OF_CODE,
    "GET /v1/codes/{code}/live": OF_CODE,
    "GET /v1/codes/{code}/qr.png": OF_CODE,
    "GET /v1/codes/{code}/qr.svg": OF_CODE,
    "GET /v1/codes/{code}/stats": OF_CODE,
    "PUT /v1/codes/{code}/profile": {**OF_CODE, "body": {"nickname": "Acme", "region": "DE"}},
    "GET /v1/conversions": {"query": {"campaign": CAMPAIGN, "limit": 2}},
    "GET /v1/conversions/{address}": {"path_parameters": {"address": SEED["conversions"][0]}},
    "GET /v1/digest": {"query": {"slot": 2**40}},
    "GET /v1/digest/rows": {"query": {"slot": 2**40, "bucket": 0}},
    "GET /v1/leaderboard": {"query": {"campaign": CAMPAIGN, "limit": 1}},
    "GET /v1/referrers/{wallet}/badges": OF_WALLET,
    "GET /v1/referrers/{wallet}/live": OF_WALLET,
    "GET /v1/referrers/{wallet}/milestones": OF_WALLET,
    "GET /v1/referrers/{wallet}/ranks": OF_WALLET,
    "GET /v1/why": {"query": {"campaign": CAMPAIGN, "wallet": VISITOR}},
}
for act, body in {
    "accept-authority": {"campaign": VAULT},
    "accept-owner": {"code": CODE},
    "cancel-conversion": {"conversion": SEED["conversions"][-1]},
    "close-campaign": {"campaign": CAMPAIGN},
    "close-referral": {"code": CODE},
    "convert": {"code": CODE, "referee": VISITOR, "payer": COMPANY},
    "create-campaign": {"authority": COMPANY, "name": "Winter", "settings": {"reward": {"fixed": "5"}}},
    "create-referral": {"campaign": CAMPAIGN, "owner": COMPANY},
    "delegate": {"campaign": CAMPAIGN, "wallet": VISITOR},
    "end-partnership": {"code": ANOTHER, "by_partner": True},
    "fund-vault": {"campaign": VAULT, "funder": COMPANY, "amount": "5"},
    "propose-authority": {"campaign": CAMPAIGN, "new_authority": VISITOR},
    "propose-owner": {"code": CODE, "new_owner": VISITOR},
    "set-partner": {"code": CODE, "partner": VISITOR, "share_bps": 100},
    "set-paused": {"campaign": CAMPAIGN, "paused": True},
    "sponsor": SEED["sponsored"][0],
    "set-suspended": {"code": CODE, "suspended": True},
    "update-campaign": {"campaign": CAMPAIGN, "settings": {"owner_limit": "7"}},
    "update-referral": {"code": CODE, "active": False},
    "withdraw-vault": {"campaign": VAULT, "amount": "5"},
}.items():
    KNOWN[f"POST /v1/transactions/{act}"] = {"body": body}


@schemathesis.hook
def before_add_examples(context, examples):
    known = KNOWN.get(context.operation.label)
    if known is not None:
        parts = deepcopy(known)
        if "body" in parts:
            parts["media_type"] = "application/json"
        case = context.operation.Case(**parts)
        if context.operation.definition.raw.get("security"):
            # The provider above is not asked for these. The mark says that this token is good.
            case.headers["Authorization"] = f"Bearer {SEED['token'][0]}"
            case._has_explicit_auth = True
        examples.append(case)


# --- what came out -------------------------------------------------------------

answers = {}


@schemathesis.hook
def after_call(context, case, response):
    # Only answers to the operation's own method count.
    if response.request.method == case.operation.method.upper():
        label = f"{case.operation.method.upper()} {case.operation.path}"
        answers.setdefault(label, Counter())[response.status_code] += 1
    if case.method == "GET" and response.status_code == 200 and b'"next_cursor":"' in response.content:
        cursors[list_of(case)] = response.json()["next_cursor"]


@atexit.register
def note():
    with open(os.environ["VOUCH_ANSWERS"], "w", encoding="utf-8") as file:
        json.dump(answers, file)
