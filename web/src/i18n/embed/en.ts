/** English words of `/embed`, and their shape in every other language. */

export const en = {
  title: 'In your own site',
  lead: 'Two elements for any page: a field that checks a referral code while somebody types it, and a panel that shows what a code pays and has earned. One script without dependencies, no cookies, no wallet.',
  choose: 'What they show',
  campaign: 'Campaign',
  any: 'Any campaign',
  code: 'Code',
  codeHint: 'For the panel. Without a code, it shows the campaign.',
  see: 'How they look in somebody else’s page',
  seeText:
    'This shop has styles of its own, loud ones. None of them gets into the elements; colours, font and corners come from the custom properties that the shop sets.',
  shop: 'Bargain Barn',
  shopText: 'Sign up today. It is free.',
  email: 'Your e-mail',
  signUp: 'Sign up',
  sent: 'The form would send:',
  lines: 'The lines to copy',
  linesText: 'The script once for each page, the elements wherever they belong.',
  chooseFirst:
    'Choose a campaign above to copy them: without one, the field takes codes of every campaign, also of strangers.',
  copy: 'Copy the lines',
  pinned: 'With a fixed content',
  pinnedText:
    'This address never changes what it serves, and the browser refuses anything else. It stays after updates of this installation, but gets none of their mends until you copy the new line.',
  copyPinned: 'Copy this line',
  policy: 'If your page has a Content-Security-Policy',
  policyText:
    'It needs these two sources and nothing else: no inline scripts, no inline styles, no exception from Trusted Types.',
  theme: 'Colours and font',
  themeText:
    'Custom properties on the elements, or on anything around them. Parts of them can be reached by ::part.',
  failed: 'The elements could not be loaded. The lines below work all the same.',
};

export type EmbedMessages = typeof en;
