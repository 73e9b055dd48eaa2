/** German of the page of a conversion. */

import type { ConversionMessages } from './en';

export const de: ConversionMessages = {
  title: 'Ein Abschluss',
  verdictPaid: (referee, code) =>
    `${referee} kam über ${code}, und jeder Teil der Belohnung ist bezahlt.`,
  verdictPending: (referee, code, when) =>
    `${referee} kam über ${code}. Die Belohnung ist eingetragen und fällig ${when}.`,
  verdictOwed: (referee, code) =>
    `${referee} kam über ${code}. Ein Teil der Belohnung ist fällig und kann abgeholt werden.`,
  verdictCancelled: (referee, code) =>
    `${referee} kam über ${code}, doch die Kampagne hat es innerhalb der Frist storniert.`,
  verdictLapsed: (referee, code) =>
    `${referee} kam über ${code}. Ein Teil der Belohnung wurde nie abgeholt, und die Zeit dafür ist vorbei.`,
  referrer: 'Empfehlend',
  referee: 'Empfohlene Wallet',
  partner: 'Partner',
  gets: {
    referrer: 'für die Empfehlung',
    referee: 'für die empfohlene Wallet',
    partner: 'für den Partner',
  },
  copyLink: 'Link kopieren',
  share: 'Teilen',
  timeline: 'Was geschehen ist',
  converted: 'Abgeschlossen',
  convertedText: (action) =>
    `Aktion: ${action}. Das Programm hat die Regeln geprüft und den Eintrag geschrieben.`,
  heldUntil: 'Frist läuft',
  heldText: 'Bis dahin kann die Kampagne stornieren.',
  holdOver: 'Die Frist ist vorbei',
  paid: {
    referrer: 'Empfehlung bezahlt',
    referee: 'Empfohlene Wallet bezahlt',
    partner: 'Partner bezahlt',
  },
  released: 'Freigegeben',
  cancelled: 'Von der Kampagne storniert',
  lapsed: 'Abholfrist vorbei',
  forgone: (amount) => `${amount} werden nicht mehr geschuldet.`,
  waits: 'Wartet auf die Zahlung',
  waitsText: 'Jeder darf die Auszahlung senden. Der Keeper dieser Installation tut es.',
  check: 'Selbst prüfen',
  checkText:
    'Dieser Eintrag ist ein Account in der Chain. Seine Adresse folgt aus dem, was nur einmal zählen darf, also kann es keinen zweiten geben.',
  account: 'Account',
  campaign: 'Kampagne',
  actions: {
    signup: 'Anmeldung',
    mint: 'Mint',
    purchase: 'Kauf',
    booking: 'Buchung',
    enrollment: 'Einschreibung',
    loan: 'Kredit',
    rental: 'Miete',
    subscription: 'Abo',
    custom: 'eigene',
  },
};
