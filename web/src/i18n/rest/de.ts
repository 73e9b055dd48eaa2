/** German of refusals that no page expects. */

import type { RestMessages } from './en';

const MISMATCH: [string, string, string] = [
  'Diese Seite und der Server passen nicht zusammen',
  'Eines von beiden hat eine andere Version. Nichts wurde gesendet oder berechnet.',
  'Lade die Seite neu. Wenn es so bleibt, sag es denen, die diese Seite betreiben.',
];

export const de: RestMessages = {
  errors: {
    missing_field: MISMATCH,
    wrong_type: MISMATCH,
    invalid_time: MISMATCH,
    conflicting_fields: MISMATCH,
    invalid_transaction: [
      'Die Transaktion wurde beschädigt',
      'Nichts wurde gesendet.',
      'Fang noch einmal an.',
    ],
    invalid_sponsorship: [
      'Die Transaktion wurde nachträglich verändert',
      'Nichts wurde gesendet und nichts berechnet.',
      'Fang noch einmal an. Bleibt es so, ändert deine Wallet Transaktionen: Zahl die Gebühr selbst.',
    ],
    missing_signature: [
      'Eine Unterschrift fehlt',
      'Nichts wurde gesendet.',
      'Fang noch einmal an und unterschreib mit jeder Wallet, die gefragt wird.',
    ],
    attestor_off: [
      'Nachweise werden hier nicht unterschrieben',
      'Es wurde nichts unterschrieben.',
      'Frag die Firma, die sie selbst unterschreibt.',
    ],
    attestor_changed: [
      'Die Kampagne hat jetzt einen anderen Bürgen',
      'Es wurde nichts unterschrieben.',
      'Gib dem Dienst den Schlüssel des neuen Bürgen.',
    ],
    no_attestation_rules: [
      'Es gibt noch keine Regeln für Nachweise',
      'Es wurde nichts unterschrieben.',
      'Wem die Kampagne gehört, muss sie zuerst festlegen.',
    ],
    amount_out_of_bounds: [
      'Die Regeln erlauben diesen Betrag nicht',
      'Es wurde nichts unterschrieben.',
      'Prüf den Betrag, oder lass die Regeln ändern.',
    ],
    order_attested: [
      'Diese Bestellung hat einen anderen Nachweis',
      'Es wurde nichts Neues unterschrieben.',
      'Nimm dieselben Angaben wie vorher, oder warte, bis jener Nachweis abgelaufen ist.',
    ],
    attestation_limit_reached: [
      'Heute gibt es keine Nachweise mehr',
      'Es wurde nichts unterschrieben.',
      'Versuch es morgen (UTC) noch einmal, oder lass die Regeln ändern.',
    ],
    invalid_rules: [
      'Diese Regeln gehen nicht',
      'Die alten Regeln gelten weiter.',
      'Der kleinste Betrag ist nicht größer als der größte, und ein Nachweis gilt eine Minute bis 30 Tage.',
    ],
    sponsorship_pending: [
      'Deine letzte Transaktion ist noch unterwegs',
      'Diese wurde nicht gesendet, und nichts wurde berechnet.',
      'Warte ein paar Sekunden und versuch es noch einmal.',
    ],
    already_bound: [
      'Diese Wallet ist schon gebunden',
      'Der Code, den sie zuerst unterschrieben hat, zählt noch. Nichts wurde gesendet.',
      'Nimm diesen Code, oder warte, bis seine Zeit vorbei ist.',
    ],
    binding_not_needed: [
      'Hier muss niemand gebunden sein',
      'Die Kampagne nimmt jeden Code, wie er kommt. Nichts wurde gesendet.',
      'Folge dem Link noch einmal und schließ direkt ab.',
    ],
    body_too_large: MISMATCH,
    bucket_not_found: [
      'Diesen Teil der Prüfsumme gibt es nicht',
      'Nichts wurde geändert.',
      'Frag nach einem der Teile, die sie nennt.',
    ],
    campaign_not_writable: MISMATCH,
    click_not_found: [
      'Diesen Klick gibt es nicht',
      'Er wurde gelöscht oder nie gezählt. Nichts wurde geändert.',
      'Vergleiche seine Nummer mit der in deinem Link.',
    ],
    invalid_action: [
      'Diese Handlung gibt es nicht',
      'Nichts wurde gesendet.',
      'Geh dorthin zurück, woher der Link kommt, und folge ihm noch einmal.',
    ],
    invalid_expiry: [
      'Dieses Ende geht nicht',
      'Es liegt in der Vergangenheit. Nichts wurde gesendet.',
      'Wähl einen späteren Tag oder keinen.',
    ],
    invalid_overlap: [
      'So lange kann der alte Schlüssel nicht gelten',
      'Nichts wurde geändert.',
      'Wähl höchstens sieben Tage.',
    ],
    invalid_partner: [
      'Diese Wallet kann nicht Partner sein',
      'Ihr gehört der Code, oder sie ist keine Wallet. Nichts wurde gesendet.',
      'Nenn eine andere Wallet.',
    ],
    invalid_reference: [
      'Diese Bestellung ist nicht lesbar',
      'Nichts wurde gesendet.',
      'Geh dorthin zurück, woher der Link kommt, und folge ihm noch einmal.',
    ],
    invalid_usage_limit: [
      'Diese Grenze geht nicht',
      'Der Code hat schon öfter gezählt. Nichts wurde gesendet.',
      'Wähl eine höhere Zahl oder keine.',
    ],
    malformed_json: MISMATCH,
    method_not_allowed: MISMATCH,
    missing_account: MISMATCH,
    missing_scope: [
      'Dieser Schlüssel darf das nicht',
      'Nichts wurde geändert.',
      'Erzeuge in der Konsole einen Schlüssel mit diesem Recht.',
    ],
    no_offer: [
      'Dieser Wallet wurde nichts angeboten',
      'Nichts wurde gesendet.',
      'Bitte die jetzige Besitzerin um ein neues Angebot.',
    ],
    no_partner: ['Dieser Code hat keinen Partner', 'Nichts wurde gesendet.', 'Lade die Seite neu.'],
    not_partner: [
      'Diese Wallet ist nicht der Partner',
      'Nichts wurde gesendet.',
      'Unterschreib mit der Wallet, die der Partnerschaft zugestimmt hat.',
    ],
    not_pending: [
      'Dieser Abschluss wartet nicht mehr',
      'Er ist bezahlt, storniert oder verfallen. Nichts wurde gesendet.',
      'Sieh dir seine Seite an.',
    ],
    not_pending_authority: [
      'Die Kampagne wurde dieser Wallet nicht angeboten',
      'Nichts wurde gesendet.',
      'Unterschreib mit der Wallet, der sie angeboten wurde.',
    ],
    not_pending_owner: [
      'Der Code wurde dieser Wallet nicht angeboten',
      'Nichts wurde gesendet.',
      'Unterschreib mit der Wallet, der er angeboten wurde.',
    ],
    not_per_owner: [
      'Diese Kampagne zählt jeden Code für sich',
      'Es gibt nichts anzumelden. Nichts wurde gesendet.',
      'Mach ohne das weiter.',
    ],
    not_referral_owner: [
      'Dieser Code gehört einer anderen Wallet',
      'Nichts wurde gesendet.',
      'Unterschreib mit der Wallet, der er gehört.',
    ],
    partner_exists: [
      'Dieser Code hat schon einen Partner',
      'Nichts wurde gesendet.',
      'Beende zuerst diese Partnerschaft.',
    ],
    referrer_exists: [
      'Diese Wallet ist schon angemeldet',
      'Nichts wurde gesendet.',
      'Mach mit deinem Code weiter.',
    ],
    revocation_not_found: [
      'Diese Bestätigung wurde nicht zurückgezogen',
      'Nichts wurde gesendet.',
      'Vergleiche sie mit der, die du meinst.',
    ],
    route_not_found: [
      'Unter dieser Adresse ist nichts',
      'Mit deinem Geld ist nichts passiert.',
      'Vergleiche die Adresse, oder fang auf der Startseite an.',
    ],
    session_not_found: [
      'Diese Sitzung ist schon vorbei',
      'Nichts wurde geändert.',
      'Lade die Seite neu.',
    ],
    unauthorized: MISMATCH,
    unknown_field: MISMATCH,
    unsupported_media_type: MISMATCH,
    voucher_not_expired: [
      'Die zurückgezogene Bestätigung ist noch nicht abgelaufen',
      'Bis dahin muss ihr Eintrag bleiben. Nichts wurde gesendet.',
      'Komm wieder, wenn sie abgelaufen ist.',
    ],
    wrong_attestor: [
      'Dieser Schlüssel darf hier nicht bestätigen',
      'Die Kampagne nennt einen anderen. Nichts wurde gesendet.',
      'Unterschreib mit dem Schlüssel, den die Kampagne nennt.',
    ],
    wrong_beneficiary: MISMATCH,
    wrong_mint: MISMATCH,
    wrong_referral: MISMATCH,
    wrong_referrer: MISMATCH,
    wrong_rent_payer: MISMATCH,
    wrong_revocation: MISMATCH,
    wrong_token_program: MISMATCH,
    wrong_treasury: MISMATCH,
    wrong_vault: MISMATCH,
  },
};
