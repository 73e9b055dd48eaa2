/** German of charts and figures over time. */

import type { NumbersMessages } from './en';

const number = (count: number) => new Intl.NumberFormat('de').format(count);

export const de: NumbersMessages = {
  mine: {
    title: 'Verdienst im Verlauf',
    earned: 'Verdient',
    note: 'Deine Teile als geworbene Wallet oder als Partner gehören nicht dazu, wohl aber, was frühere Besitzer deiner Codes bekommen haben.',
  },
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
  notYours: 'Gezeigt sind alle Codes. Diese Wallet hat diesen Code nicht:',
  newest: (counted, all) =>
    `Gezählt sind die neuesten ${number(counted)} von ${number(all)} Codes.`,
  shortened:
    'Für zwölf Monate sind es zu viele Codes, deshalb sind nur die letzten 73 Tage gezählt. Ein Code allein hat alle zwölf.',
  soFar: (day) => `${day}, bisher`,
  unknownToken:
    'Was verdient wurde, lässt sich noch nicht zeigen: Die Nachkommastellen des Tokens sind nicht bekannt.',
  paid: 'Ausgezahlt',
  waiting: 'Wartet',
  clicks: 'Klicks von Menschen',
  conversions: 'Abschlüsse',
  rate: 'Abschlussquote',
  beyond:
    'Wo es mehr Abschlüsse als gezählte Klicks gibt, steht keine Quote: Manche kamen ohne Klick, zum Beispiel mit eingetipptem Code.',
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
    today: 'Heute bisher',
    week: '7 Tage mit heute',
    month: '30 Tage mit heute',
    yesterday: (before) => `gestern ${before}`,
    before: (before) => `zuvor: ${before}`,
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
    utc: 'Gezählt in Tagen der UTC.',
    only: (code) => `Nur ${code} zeigen`,
  },
  held: {
    more: 'Mehr gehaltene Abschlüsse zeigen',
    most: (count) => `Gezeigt werden die ${count}, deren Haltefrist zuerst endet.`,
  },
  errors: {
    invalid_query: [
      'Diese Tage lassen sich nicht zusammenzählen',
      'Der Server zählt die Tage dieses Zeitraums nicht. Nichts ist verloren.',
      'Wähle einen anderen Zeitraum.',
    ],
  },
};
