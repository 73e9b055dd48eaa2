/** Deutsch der Befehlsleiste. */

import type { FindMessages } from './en';

export const de: FindMessages = {
  title: 'Alles finden',
  label: 'Code, Wallet, Bestellung, Signatur oder Kampagne',
  hint: 'Füg es hier ein. Pfeiltasten wählen, Enter öffnet, Escape schließt.',
  searching: 'Wird nachgesehen',
  none: 'Nichts hat diesen Namen, diese Nummer oder Adresse',
  count: (count) => (count === 1 ? '1 Treffer' : `${count} Treffer`),
  page: {
    home: 'Startseite',
    me: 'Meine Empfehlungen',
    console: 'Deine Kampagnen',
    new: 'Eine Kampagne eröffnen',
    board: 'Rangliste',
    api: 'API',
  },
  kinds: {
    page: 'Seite',
    campaign: 'Kampagne',
    console: 'Konsole',
    code: 'Code',
    conversion: 'Abschluss',
    wallet: 'Wallet',
  },
  of: (name) => `Konsole von ${name}`,
  place: 'Platz auf der Rangliste',
  failed: 'Der Server ist nicht erreichbar. Tipp weiter, um es noch einmal zu versuchen.',
};
