/** German of orders. */

import type { OrderMessages } from './en';

export const de: OrderMessages = {
  order: 'Für die Bestellung',
  confirmed: 'Vom Unternehmen bestätigt',
  validUntil: (when) => `gültig bis ${when}`,
  price: 'Preis',
  discount: 'Dein Rabatt',
  youPay: 'Du zahlst',
  youPayNote: 'Und nicht mehr: Einen höheren Preis lehnt das Programm ab.',
  ofIt: (who) => `Davon an ${who}`,
  ofItPartner: 'Davon an den Partner',
  ofItCompany: 'Davon an das Unternehmen',
  pay: 'Unterschreiben und zahlen',
  saved: 'war dein Rabatt: So viel weniger hast du bezahlt.',
  already: [
    'Diese Bestellung hat schon gezählt',
    'Jede Bestellung zählt hier einmal, und du hast nicht noch einmal bezahlt. Das ist die Quittung.',
  ],
  broken: [
    'Dieser Link ist unvollständig',
    'Die Bestellung des Unternehmens darin ist nicht lesbar. Nichts wurde gesendet oder berechnet.',
    'Geh zurück zur Seite des Unternehmens und folge dem Link noch einmal.',
  ],
  errors: {
    already_converted: [
      'Diese Bestellung hat schon gezählt',
      'Nichts wurde gesendet, und du hast nicht noch einmal bezahlt. Der erste Abschluss bleibt, wie er ist.',
      'Sieh dir die Quittung der Wallet an, die bezahlt hat.',
    ],
    invalid_voucher: [
      'Die Bestätigung des Unternehmens gilt nicht hierfür',
      'Sie nennt eine andere Wallet, eine andere Bestellung oder einen anderen Code. Nichts wurde gesendet oder berechnet.',
      'Verbinde die Wallet, die du auf der Seite des Unternehmens genannt hast, oder hol dir dort einen neuen Link.',
    ],
    voucher_expired: [
      'Die Bestätigung des Unternehmens ist abgelaufen',
      'Nichts wurde gesendet oder berechnet.',
      'Geh zurück zur Seite des Unternehmens: Dort bekommst du einen neuen Link.',
    ],
    voucher_revoked: [
      'Das Unternehmen hat seine Bestätigung zurückgezogen',
      'Nichts wurde gesendet oder berechnet.',
      'Frag das Unternehmen nach dem Grund.',
    ],
    payment_not_accepted: [
      'Diese Kampagne nimmt keine Zahlungen an',
      'Nichts wurde gesendet oder berechnet.',
      'Folge dem Link des Unternehmens noch einmal.',
    ],
    payment_above_maximum: [
      'Der Preis hat sich inzwischen geändert',
      'Du würdest mehr zahlen, als du gesehen hast. Nichts wurde gesendet oder berechnet.',
      'Versuch es noch einmal und sieh dir den neuen Preis an, bevor du unterschreibst.',
    ],
    insufficient_tokens: [
      'Deine Wallet hat zu wenig, um damit zu zahlen',
      'Nichts wurde gesendet oder berechnet.',
      'Besorg dir mehr von dem verlangten Token und versuch es noch einmal.',
    ],
    too_little_sol: [
      'Zu wenig SOL in dieser Wallet',
      'Nichts wurde gesendet. Neben einem Preis in SOL braucht das Netz Gebühr und Pfand für den Eintrag.',
      'Sende SOL an deine Adresse und versuch es noch einmal.',
    ],
    account_frozen: [
      'Das Konto für dieses Token ist eingefroren',
      'Der Herausgeber lässt nichts heraus. Nichts wurde gesendet.',
      'Frag den Herausgeber des Tokens.',
    ],
    account_not_found: [
      'In dieser Wallet ist nichts, womit du zahlen könntest',
      'Sie hat kein Konto für das Token. Nichts wurde gesendet.',
      'Besorg dir das verlangte Token und versuch es noch einmal.',
    ],
    invalid_amount: [
      'Dieser Link ist unvollständig',
      'Der Betrag darin ist nicht lesbar. Nichts wurde gesendet.',
      'Geh zurück zur Seite des Unternehmens und folge dem Link noch einmal.',
    ],
    invalid_signature: [
      'Dieser Link ist unvollständig',
      'Die Bestätigung des Unternehmens darin ist nicht lesbar. Nichts wurde gesendet.',
      'Geh zurück zur Seite des Unternehmens und folge dem Link noch einmal.',
    ],
  },
};
