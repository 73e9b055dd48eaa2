/** English of charts and figures over time, and the shape of every other language. */

const number = (count: number) => new Intl.NumberFormat('en').format(count);

export const en = {
  /** Words for a wallet's numbers. */
  mine: {
    title: 'Earnings over time',
    earned: 'Earned',
    note: 'Your parts as a referred wallet or as a partner are not among them, but what former owners of your codes were paid is.',
  },
  /** Words for a campaign's numbers. */
  campaign: {
    title: 'How it goes',
    earned: 'Rewards of referrers',
    note: 'Parts of the wallets that were referred, and of partners, are not among them. The budget above counts all of it.',
  },
  period: 'Period',
  periods: { '7d': '7 days', '30d': '30 days', '12m': '12 months' },
  token: 'Token',
  code: 'Code',
  allCodes: 'All codes',
  notYours: 'All codes are shown. This wallet does not have the code',
  newest: (counted: number, all: number) =>
    `The newest ${number(counted)} of ${number(all)} codes are counted.`,
  shortened:
    'These are too many codes for twelve months, so only the last 73 days are counted. One code alone has all twelve.',
  soFar: (day: string) => `${day}, so far`,
  unknownToken: 'What was earned cannot be shown yet: the decimals of the token are not known.',
  paid: 'Paid',
  waiting: 'Waiting',
  clicks: 'Clicks of people',
  conversions: 'Conversions',
  rate: 'Conversion rate',
  beyond:
    'Where there are more conversions than counted clicks, no rate is shown: some came without a click, by a typed code for example.',
  earnedBoth: 'Earned, paid and waiting',
  spentBoth: 'Rewards of referrers, paid and waiting',
  perClick: 'For each click',
  day: 'Day',
  month: 'Month',
  sum: 'Sum',
  table: 'Show as a table',
  read: (title: string) => `${title}: read each column with the arrow keys`,
  zone: (zone: string) => `Days of ${zone}. Clicks of bots and suspicious ones are left out.`,
  empty: {
    earned: 'Nothing was earned in these days.',
    clicks: 'Nobody has clicked in these days.',
    conversions: 'Nobody has converted in these days.',
  },
  compare: {
    title: 'Compared with before',
    today: 'Today so far',
    week: '7 days with today',
    month: '30 days with today',
    yesterday: (before: string) => `yesterday ${before}`,
    before: (before: string) => `before: ${before}`,
    up: (before: string) => `up from ${before}`,
    down: (before: string) => `down from ${before}`,
    same: 'as before',
    unknown: 'nothing before',
  },
  by: {
    source: 'By source',
    device: 'By device',
    country: 'By country',
    code: 'By code',
    value: { source: 'Source', device: 'Device', country: 'Country', code: 'Code' },
    clicks: 'Clicks',
    conversions: 'Conversions',
    rate: 'Rate',
    share: 'Share',
    other: 'All others',
    unsaid: {
      source: 'Link without a source',
      device: 'Not known',
      country: 'Not known',
      code: '–',
    },
    devices: {
      phone: 'Phone',
      tablet: 'Tablet',
      desktop: 'Desktop',
      other: 'Other device',
    } as Record<string, string>,
    none: 'No clicks in these days.',
    sourceHint: 'Add ?utm_source=newsletter to a link, and its clicks are counted apart.',
    utc: 'Counted in days of UTC.',
    only: (code: string) => `Show ${code} alone`,
  },
  held: {
    more: 'Show more held conversions',
    most: (count: number) => `The ${count} whose holds end first are shown.`,
  },
  errors: {
    invalid_query: [
      'These days cannot be added up',
      'The server does not count the days of this period. Nothing is lost.',
      'Choose another period.',
    ],
  } as Record<string, [string, string, string]>,
};

export type NumbersMessages = typeof en;
