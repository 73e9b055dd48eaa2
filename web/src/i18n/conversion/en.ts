/** English of the page of a conversion, and the shape of every other language. */

export const en = {
  title: 'A conversion',
  verdictPaid: (referee: string, code: string) =>
    `${referee} came through ${code}, and every part of the reward is paid.`,
  verdictPending: (referee: string, code: string, when: string) =>
    `${referee} came through ${code}. The reward is recorded and due ${when}.`,
  verdictOwed: (referee: string, code: string) =>
    `${referee} came through ${code}. A part of the reward is due and waits to be claimed.`,
  verdictCancelled: (referee: string, code: string) =>
    `${referee} came through ${code}, but the campaign cancelled it within its hold.`,
  verdictLapsed: (referee: string, code: string) =>
    `${referee} came through ${code}. A part of the reward was never claimed, and its time is over.`,
  referrer: 'Referrer',
  referee: 'Referred wallet',
  partner: 'Partner',
  gets: {
    referrer: 'for the referrer',
    referee: 'for the referred wallet',
    partner: 'for the partner',
  },
  copyLink: 'Copy the link',
  share: 'Share',
  timeline: 'What happened',
  converted: 'Converted',
  convertedText: (action: string) =>
    `Action: ${action}. The program checked the rules and wrote the record.`,
  heldUntil: 'Held',
  heldText: 'Until then the campaign can cancel it.',
  holdOver: 'The hold is over',
  paid: {
    referrer: 'Referrer paid',
    referee: 'Referred wallet paid',
    partner: 'Partner paid',
  } as Record<string, string>,
  released: 'Released',
  cancelled: 'Cancelled by the campaign',
  lapsed: 'Claim period over',
  forgone: (amount: string) => `${amount} is no longer owed.`,
  waits: 'Waits to be paid',
  waitsText: 'Anybody may send the claim. The keeper of this installation does.',
  check: 'Check it yourself',
  checkText:
    'This record is an account on chain. Its address follows from what may count once, so there cannot be a second one.',
  account: 'Account',
  campaign: 'Campaign',
  actions: {
    signup: 'sign-up',
    mint: 'mint',
    purchase: 'purchase',
    booking: 'booking',
    enrollment: 'enrolment',
    loan: 'loan',
    rental: 'rental',
    subscription: 'subscription',
    custom: 'custom',
  } as Record<string, string>,
};

export type ConversionMessages = typeof en;
