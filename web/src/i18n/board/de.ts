/** German of the leaderboard. */

import type { BoardMessages } from './en';

const plural = (count: number, one: string, other: string) =>
  `${new Intl.NumberFormat('de').format(count)} ${count === 1 ? one : other}`;

export const de: BoardMessages = {
  title: 'Rangliste',
  lead: 'Wer am meisten empfohlen hat. Es zählt, was endgültig ist und nicht mehr storniert werden kann.',
  periods: { all: 'Gesamt', year: 'Jahr', quarter: 'Quartal', month: 'Monat', week: 'Woche' },
  period: 'Zeitraum',
  campaign: 'Kampagne',
  everyCampaign: 'Alle Kampagnen',
  category: 'Kategorie',
  everyCategory: 'Alle Kategorien',
  categories: {
    art: 'Kunst',
    business: 'Wirtschaft',
    education: 'Bildung',
    fashion: 'Mode',
    finance: 'Finanzen',
    food: 'Essen',
    gaming: 'Spiele',
    health: 'Gesundheit',
    home: 'Wohnen',
    media: 'Medien',
    music: 'Musik',
    science: 'Wissenschaft',
    society: 'Gesellschaft',
    software: 'Software',
    sports: 'Sport',
    travel: 'Reisen',
  },
  region: 'Region',
  everyRegion: 'Alle Regionen',
  groups:
    'Ein Abschluss zählt in der Kategorie und Region, die der Empfehlende an dessen Tag hatte.',
  change: 'Veränderung',
  up: (places) => `Um ${places} gestiegen`,
  down: (places) => `Um ${places} gefallen`,
  same: 'Unverändert',
  fresh: 'Neu',
  since: (when) => `Verglichen mit dem Stand ${when}.`,
  around: 'Rund um deinen Platz',
  find: 'Adresse deiner Wallet',
  findButton: 'Meinen Platz zeigen',
  rank: 'Platz',
  referrer: 'Wer',
  conversions: 'Abschlüsse',
  rewards: 'Belohnung',
  own: 'Dein Platz',
  ownRank: (rank, total) => `Platz ${rank} von ${total}`,
  noOwn: 'Diese Wallet hat noch keinen Platz',
  noOwnText: 'Sie bekommt einen, sobald ihr erster Abschluss endgültig ist.',
  none: 'Noch niemand hat einen Platz',
  noneText: 'Der erste endgültige Abschluss dieses Zeitraums bekommt den ersten Platz.',
  toCampaigns: 'Offene Kampagnen',
  badWallet: 'Das ist nicht die Adresse einer Wallet.',
  mixed:
    'Token verschiedener Kampagnen werden nicht zusammengezählt. Wähle eine Kampagne, um Belohnungen zu sehen.',
  newest: (count) =>
    `Hier stehen die ${new Intl.NumberFormat('de').format(count)} neuesten Kampagnen. Von der Seite jeder anderen führt ein Link zu ihrer Rangliste.`,
  count: (count) => plural(count, 'Empfehlender', 'Empfehlende'),
};
