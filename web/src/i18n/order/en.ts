/** English of orders: what a company's link says besides the code. The shape of every other language. */

type Words = [string, string, string];

export const en = {
  order: 'For the order',
  confirmed: 'Confirmed by the company',
  validUntil: (when: string) => `valid until ${when}`,
  price: 'Price',
  discount: 'Your discount',
  youPay: 'You pay',
  youPayNote: 'And not more: the program refuses a higher price.',
  ofIt: (who: string) => `Of it, to ${who}`,
  ofItPartner: 'Of it, to their partner',
  ofItCompany: 'Of it, to the company',
  pay: 'Sign and pay',
  saved: 'was your discount: you paid that much less.',
  already: [
    'This order has already been counted',
    'Each order counts once here, and you have not paid again. This is the receipt.',
  ] as [string, string],
  broken: [
    'This link is not complete',
    'The company’s order in it cannot be read. Nothing was sent, and nothing was charged.',
    'Go back to the company’s site, and follow its link again.',
  ] as Words,
  errors: {
    already_converted: [
      'This order has already been counted',
      'Nothing was sent, and you have not paid again. The first conversion stays as it is.',
      'Look at the receipt of the wallet that paid it.',
    ],
    invalid_voucher: [
      'The company’s confirmation is not for this',
      'It names another wallet, code or order. Nothing was sent, and nothing was charged.',
      'Connect the wallet that you named on the company’s site, or ask there for a new link.',
    ],
    voucher_expired: [
      'The company’s confirmation has expired',
      'Nothing was sent, and nothing was charged.',
      'Go back to the company’s site: it gives you a new link.',
    ],
    voucher_revoked: [
      'The company has withdrawn its confirmation',
      'Nothing was sent, and nothing was charged.',
      'Ask the company why.',
    ],
    payment_not_accepted: [
      'This campaign takes no payments',
      'Nothing was sent, and nothing was charged.',
      'Follow the link that you got from the company again.',
    ],
    payment_above_maximum: [
      'The price has changed meanwhile',
      'You would pay more than you saw. Nothing was sent, and nothing was charged.',
      'Try again, and look at the new price before you sign.',
    ],
    insufficient_tokens: [
      'Your wallet has too little to pay with',
      'Nothing was sent, and nothing was charged.',
      'Get more of the token that is asked for, then try again.',
    ],
    too_little_sol: [
      'Too little SOL in this wallet',
      'Nothing was sent. Besides a price in SOL, the network needs a fee and a deposit for the record.',
      'Send SOL to your address, then try again.',
    ],
    account_frozen: [
      'The token account is frozen',
      'Its issuer lets nobody move tokens from it. Nothing was sent.',
      'Ask whoever issues the token.',
    ],
    account_not_found: [
      'There is nothing to pay with in this wallet',
      'It has no account for the token. Nothing was sent.',
      'Get the token that is asked for, then try again.',
    ],
    invalid_amount: [
      'This link is not complete',
      'The amount in it cannot be read. Nothing was sent.',
      'Go back to the company’s site, and follow its link again.',
    ],
    invalid_signature: [
      'This link is not complete',
      'The company’s confirmation in it cannot be read. Nothing was sent.',
      'Go back to the company’s site, and follow its link again.',
    ],
  } as Record<string, Words>,
};

export type OrderMessages = typeof en;
