/** German of charts and figures over time. */

import type { NumbersMessages } from './en';

const number = (count: number) => new Intl.NumberFormat('de').format(count);

export const de: NumbersMessages = {
  mine: { title: 'Verdienst im Verlauf', earned: 'Verdient' },
  campaign: {
    title: 'Wie es läuft',
    earned: 'Belohnungen der Werbenden',
    note: 'Die Teile der geworbenen Wallets und der Partner gehören nicht dazu. Das Budget oben zählt alles.',
  },
  period: 'Zeitraum',
  periods: { '7d': '7 Tage', '30d': '30 Tage', '12m': '12 Monate' },
  token: 'Token',
  code: 'Code',
  allCodes: 'Alle Codes',
  newest: (counted, all) =>
    `Gezählt sind die neuesten ${number(counted)} von ${number(all)} Codes.`,
  paid: 'Ausgezahlt',
  waiting: 'Wartet',
  clicks: 'Klicks von Menschen',
  conversions: 'Abschlüsse',
  rate: 'Abschlussquote',
  earnedBoth: 'Verdient, ausgezahlt und wartend',
  spentBoth: 'Belohnungen der Werbenden, ausgezahlt und wartend',
  perClick: 'Je Klick',
  day: 'Tag',
  month: 'Monat',
  sum: 'Summe',
  table: 'Als Tabelle zeigen',
  read: (title) => `${title}: jede Spalte mit den Pfeiltasten lesen`,
  zone: (zone) => `Tage in ${zone}. Klicks von Bots und verdächtige sind nicht dabei.`,
  empty: {
    earned: 'In diesen Tagen wurde nichts verdient.',
    clicks: 'In diesen Tagen hat niemand geklickt.',
    conversions: 'In diesen Tagen gab es keinen Abschluss.',
  },
  compare: {
    title: 'Verglichen mit vorher',
    today: 'Heute',
    week: '7 Tage',
    month: '30 Tage',
    yesterday: (before) => `gestern ${before}`,
    up: (before) => `gestiegen von ${before}`,
    down: (before) => `gefallen von ${before}`,
    same: 'wie zuvor',
    unknown: 'zuvor nichts',
  },
  by: {
    source: 'Nach Quelle',
    device: 'Nach Gerät',
    country: 'Nach Land',
    code: 'Nach Code',
    value: { source: 'Quelle', device: 'Gerät', country: 'Land', code: 'Code' },
    clicks: 'Klicks',
    conversions: 'Abschlüsse',
    rate: 'Quote',
    share: 'Anteil',
    other: 'Alle anderen',
    unsaid: { source: 'Link ohne Quelle', device: 'Unbekannt', country: 'Unbekannt', code: '–' },
    devices: { phone: 'Telefon', tablet: 'Tablet', desktop: 'Computer', other: 'Anderes Gerät' },
    none: 'Keine Klicks in diesen Tagen.',
    sourceHint:
      'Hänge ?utm_source=newsletter an einen Link, und seine Klicks werden für sich gezählt.',
    only: (code) => `Nur ${code} zeigen`,
  },
  held: {
    more: 'Mehr gehaltene Abschlüsse zeigen',
    most: (count) => `Gezeigt werden die ${count}, deren Haltefrist zuerst endet.`,
  },
  errors: {
    invalid_query: [
      'Diese Tage lassen sich nicht zusammenzählen',
      'Nichts ist verloren. Eine Wallet mit mehr als zehn Codes hat in zwölf Monaten zu viele Tage.',
      'Wähle einen kürzeren Zeitraum oder einen Code.',
    ],
  },
};
