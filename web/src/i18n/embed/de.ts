import type { EmbedMessages } from './en';

export const de: EmbedMessages = {
  title: 'In deiner eigenen Seite',
  lead: 'Zwei Elemente für jede Seite: ein Feld, das einen Empfehlungscode beim Tippen prüft, und ein Bereich, der zeigt, was ein Code bezahlt und verdient hat. Ein Skript ohne Abhängigkeiten, keine Cookies, keine Wallet.',
  choose: 'Was sie zeigen',
  campaign: 'Kampagne',
  any: 'Jede Kampagne',
  code: 'Code',
  codeHint: 'Für den Bereich. Ohne Code zeigt er die Kampagne.',
  see: 'So sehen sie in einer fremden Seite aus',
  seeText:
    'Dieser Laden hat eigene, laute Stile. Keiner davon gelangt in die Elemente; Farben, Schrift und Ecken kommen aus den Eigenschaften, die der Laden setzt.',
  shop: 'Schnäppchenscheune',
  shopText: 'Melde dich heute an. Es kostet nichts.',
  email: 'Deine E-Mail',
  signUp: 'Anmelden',
  sent: 'Das Formular würde senden:',
  lines: 'Die Zeilen zum Kopieren',
  linesText: 'Das Skript einmal je Seite, die Elemente dort, wohin sie gehören.',
  chooseFirst:
    'Wähle oben eine Kampagne, um sie zu kopieren: Ohne eine nimmt das Feld Codes jeder Kampagne an, auch von Fremden.',
  copy: 'Zeilen kopieren',
  pinned: 'Mit festem Inhalt',
  pinnedText:
    'Unter dieser Adresse steht immer dasselbe, und der Browser lehnt alles andere ab. Sie bleibt auch nach Aktualisierungen dieser Installation, bekommt deren Verbesserungen aber erst, wenn du die neue Zeile kopierst.',
  copyPinned: 'Diese Zeile kopieren',
  policy: 'Wenn deine Seite eine Content-Security-Policy hat',
  policyText:
    'Sie braucht diese zwei Quellen und sonst nichts: keine Skripte oder Stile im Dokument, keine Ausnahme von Trusted Types.',
  theme: 'Farben und Schrift',
  themeText:
    'Eigenschaften an den Elementen oder an etwas, das sie umgibt. Teile von ihnen erreicht ::part.',
  failed: 'Die Elemente konnten nicht geladen werden. Die Zeilen darunter gelten trotzdem.',
};
