/** English of the command bar, and the shape of every other language. */

export const en = {
  title: 'Find anything',
  label: 'Code, wallet, order, signature or campaign',
  hint: 'Paste it here. Arrow keys choose, Enter opens, Escape closes.',
  searching: 'Looking it up',
  none: 'Nothing has this name, number or address',
  count: (count: number) => (count === 1 ? '1 result' : `${count} results`),
  page: {
    home: 'Front page',
    me: 'My referrals',
    console: 'Campaigns you run',
    new: 'Open a campaign',
    board: 'Leaderboard',
    api: 'API',
  },
  kinds: {
    page: 'Page',
    campaign: 'Campaign',
    console: 'Console',
    code: 'Code',
    conversion: 'Conversion',
    wallet: 'Wallet',
  },
  of: (name: string) => `Console of ${name}`,
  place: 'Place on the leaderboard',
  failed: 'The server cannot be reached. Type on to try again.',
};

export type FindMessages = typeof en;
