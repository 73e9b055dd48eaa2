/** English of refusals that no page expects, and the shape of every other language. */

type Words = [string, string, string];
/** The page, the API and the program disagree about what is asked for. */

const MISMATCH: Words = [
  'This page and the server do not fit together',
  'One of them is of another version. Nothing was sent, and nothing was charged.',
  'Reload the page. If it stays so, tell whoever runs this site.',
];

export const en = {
  errors: {
    missing_field: MISMATCH,
    wrong_type: MISMATCH,
    invalid_time: MISMATCH,
    conflicting_fields: MISMATCH,
    invalid_transaction: ['The transaction was damaged', 'Nothing was sent.', 'Start again.'],
    invalid_sponsorship: [
      'The transaction was changed after it was made',
      'Nothing was sent, and nothing was charged.',
      'Start again. If it stays so, your wallet changes transactions: pay the fee yourself.',
    ],
    missing_signature: [
      'A signature is missing',
      'Nothing was sent.',
      'Start again, and sign with every wallet that is asked.',
    ],
    attestor_off: [
      'Vouchers are not signed here',
      'Nothing was signed.',
      'Ask the company, which signs them itself.',
    ],
    attestor_changed: [
      'The campaign has another attestor now',
      'Nothing was signed.',
      'Give the service the key of the new attestor.',
    ],
    no_attestation_rules: [
      'There are no rules for vouchers yet',
      'Nothing was signed.',
      'The owner of the campaign has to set them first.',
    ],
    amount_out_of_bounds: [
      'The rules allow no such amount',
      'Nothing was signed.',
      'Check the amount, or let the owner of the campaign change the rules.',
    ],
    order_attested: [
      'This order has another voucher',
      'Nothing new was signed.',
      'Use the same details as before, or wait until that voucher has expired.',
    ],
    attestation_limit_reached: [
      'No more vouchers today',
      'Nothing was signed.',
      'Try again tomorrow (UTC), or let the owner of the campaign change the rules.',
    ],
    invalid_rules: [
      'These rules do not work',
      'The old rules still hold.',
      'The least amount is not above the largest, and a voucher lives for a minute to 30 days.',
    ],
    sponsorship_pending: [
      'Your last transaction is still under way',
      'This one was not sent, and nothing was charged.',
      'Wait a few seconds, and try again.',
    ],
    already_bound: [
      'This wallet is bound already',
      'The code that it signed first still counts. Nothing was sent.',
      'Convert through that code, or wait until its time is over.',
    ],
    binding_not_needed: [
      'Nobody has to be bound here',
      'The campaign takes each code as it comes. Nothing was sent.',
      'Convert directly: follow the link again.',
    ],
    body_too_large: MISMATCH,
    bucket_not_found: [
      'There is no such part of the digest',
      'Nothing was changed.',
      'Ask for one of the parts that the digest lists.',
    ],
    campaign_not_writable: MISMATCH,
    click_not_found: [
      'There is no such click',
      'It was deleted, or never counted. Nothing was changed.',
      'Compare its number with the one in your link.',
    ],
    invalid_action: [
      'There is no such action',
      'Nothing was sent.',
      'Go back to where this link comes from, and follow it again.',
    ],
    invalid_expiry: [
      'This end cannot be',
      'It lies in the past. Nothing was sent.',
      'Choose a later day, or none.',
    ],
    invalid_overlap: [
      'The old key cannot last so long',
      'Nothing was changed.',
      'Choose at most seven days.',
    ],
    invalid_partner: [
      'This wallet cannot be the partner',
      'It owns the code, or is no wallet. Nothing was sent.',
      'Name another wallet.',
    ],
    invalid_reference: [
      'This order cannot be read',
      'Nothing was sent.',
      'Go back to where this link comes from, and follow it again.',
    ],
    invalid_usage_limit: [
      'This limit cannot be',
      'The code has counted more often already. Nothing was sent.',
      'Choose a higher number, or none.',
    ],
    malformed_json: MISMATCH,
    method_not_allowed: MISMATCH,
    missing_account: MISMATCH,
    missing_scope: [
      'This key may not do that',
      'Nothing was changed.',
      'Make a key with that right on the console.',
    ],
    no_offer: [
      'Nothing was offered to this wallet',
      'Nothing was sent.',
      'Ask the present owner to offer it again.',
    ],
    no_partner: ['This code has no partner', 'Nothing was sent.', 'Reload the page.'],
    not_partner: [
      'This wallet is not the partner',
      'Nothing was sent.',
      'Sign with the wallet that agreed to be the partner.',
    ],
    not_pending: [
      'This conversion does not wait any more',
      'It is paid, cancelled or lapsed. Nothing was sent.',
      'Look at its page.',
    ],
    not_pending_authority: [
      'The campaign was not offered to this wallet',
      'Nothing was sent.',
      'Sign with the wallet that it was offered to.',
    ],
    not_pending_owner: [
      'The code was not offered to this wallet',
      'Nothing was sent.',
      'Sign with the wallet that it was offered to.',
    ],
    not_per_owner: [
      'This campaign counts for each code by itself',
      'Its owners have nothing to register. Nothing was sent.',
      'Go on without it.',
    ],
    not_referral_owner: [
      'This code belongs to another wallet',
      'Nothing was sent.',
      'Sign with the wallet that owns it.',
    ],
    partner_exists: [
      'This code has a partner already',
      'Nothing was sent.',
      'End that partnership first.',
    ],
    referrer_exists: [
      'This wallet is registered already',
      'Nothing was sent.',
      'Go on with your code.',
    ],
    revocation_not_found: [
      'This confirmation was not withdrawn',
      'Nothing was sent.',
      'Compare it with the one that you mean.',
    ],
    route_not_found: [
      'There is nothing at this address',
      'Nothing happened to your money.',
      'Compare the address, or begin on the front page.',
    ],
    session_not_found: ['This session is over already', 'Nothing was changed.', 'Reload the page.'],
    unauthorized: MISMATCH,
    unknown_field: MISMATCH,
    unsupported_media_type: MISMATCH,
    voucher_not_expired: [
      'The withdrawn confirmation has not expired',
      'Its record has to stay until then. Nothing was sent.',
      'Come back after it has expired.',
    ],
    wrong_attestor: [
      'This key may not confirm here',
      'The campaign names another one. Nothing was sent.',
      'Sign with the key that the campaign names.',
    ],
    wrong_beneficiary: MISMATCH,
    wrong_mint: MISMATCH,
    wrong_referral: MISMATCH,
    wrong_referrer: MISMATCH,
    wrong_rent_payer: MISMATCH,
    wrong_revocation: MISMATCH,
    wrong_token_program: MISMATCH,
    wrong_treasury: MISMATCH,
    wrong_vault: MISMATCH,
  } as Record<string, Words>,
};

export type RestMessages = typeof en;
