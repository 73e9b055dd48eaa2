/** English of charts and figures over time, and the shape of every other language. */

const number = (count: number) => new Intl.NumberFormat('en').format(count);

export const en = {
  /** Of a wallet. */
  mine: { title: 'Earnings over time', earned: 'Earned' },
  /** Of a campaign. */
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
  newest: (counted: number, all: number) =>
    `The newest ${number(counted)} of ${number(all)} codes are counted.`,
  paid: 'Paid',
  waiting: 'Waiting',
  clicks: 'Clicks of people',
  conversions: 'Conversions',
  rate: 'Conversion rate',
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
    today: 'Today',
    week: '7 days',
    month: '30 days',
    yesterday: (before: string) => `yesterday ${before}`,
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
    only: (code: string) => `Show ${code} alone`,
  },
  held: {
    more: 'Show more held conversions',
    most: (count: number) => `The ${count} whose holds end first are shown.`,
  },
  errors: {
    invalid_query: [
      'These days cannot be added up',
      'Nothing is lost. A wallet with more than ten codes has too many days in twelve months.',
      'Choose a shorter period, or one code.',
    ],
  } as Record<string, [string, string, string]>,
};

export type NumbersMessages = typeof en;
