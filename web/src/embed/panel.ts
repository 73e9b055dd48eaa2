/**
 * `<vouch-panel>`: what a code, or a campaign, pays to both sides, the link to share, and its public numbers. It has no
 * wallet: its links open pages of the installation in a new tab.
 */

import type { components } from '../api/schema';
import { formatBps, formatUnits } from '../format/money';
import { formatDuration } from '../format/time';
import { partsOf } from '../lib/parts';
import { ask, Base, el, pauseAfter, sheet, Trouble } from './base';
import css from './panel.css?inline';
import { follow } from './stream';

type Schemas = components['schemas'];
type Campaign = Schemas['CampaignAnswer'];
type Code = Schemas['CodeAnswer'];
type Stats = Schemas['StatsAnswer'];
type Validated = Schemas['ValidateAnswer'];
type Board = Schemas['LeaderboardAnswer'];

/** The things shown. Of a campaign without a code there are neither a code nor its numbers. */
type Shown = {
  readonly campaign: Campaign;
  readonly code?: Code;
  readonly stats?: Stats;
  readonly validated?: Validated;
  readonly referrers?: number | undefined;
};

/** Milliseconds between two questions where no events arrive, and where they do. */
const EVERY = 15_000;
const SELDOM = 60_000;
/** Milliseconds between two questions that events cause; the first waits less, so that not all pages ask at once. */
const BETWEEN = 2000;
const SPREAD = 300;
/** Milliseconds that a button says what it has done. */
const SAID = 2000;
const SOL_MINT = '1'.repeat(32);
const SOL_DECIMALS = 9;

const STYLES = sheet(css);

export class Panel extends Base {
  static readonly observedAttributes = ['api', 'campaign', 'code', 'lang', 'heading'];

  readonly #heading = el('h2', { part: 'heading' });
  readonly #fault = el('p', { part: 'status', role: 'status' });
  readonly #terms = el('dl', { part: 'terms' });
  readonly #paid = el('small', { part: 'note' });
  /** Notes for the reader: a cut to come, and who chose the token's name. */
  readonly #notes = el('div', { part: 'notes' });
  readonly #linkLabel = el('label', { for: 'link' });
  readonly #link = el('input', { part: 'link', id: 'link', readonly: '' });
  readonly #copy = el('button', { part: 'button copy', type: 'button' });
  readonly #share = el('button', { part: 'button', type: 'button' });
  readonly #said = el('p', { role: 'status', part: 'said' });
  readonly #sharing = el(
    'div',
    { part: 'share' },
    this.#linkLabel,
    this.#link,
    this.#copy,
    this.#share,
  );
  readonly #numbers = el('dl', { part: 'numbers' });
  readonly #more = el('nav', { part: 'more' });
  readonly #section = el(
    'section',
    { part: 'panel', 'aria-labelledby': 'heading' },
    this.#heading,
    this.#fault,
    this.#terms,
    this.#paid,
    this.#notes,
    this.#sharing,
    this.#said,
    this.#numbers,
    this.#more,
  );
  /** The figures on the screen by their names, so that one that has changed lights up. */
  readonly #figures = new Map<string, HTMLElement>();

  #shown: Shown | undefined;
  #trouble: Trouble | undefined;
  #failures = 0;
  #next = 0;
  #timer: number | undefined;
  #saidTimer: number | undefined;
  #asking: AbortController | undefined;
  #isMissed = false;
  #isOpen = false;
  #leave: (() => void) | undefined;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [STYLES];
    this.#heading.id = 'heading';
    root.append(this.#section);
    this.#link.addEventListener('focus', () => this.#link.select());
    this.#copy.addEventListener('click', () => void this.#copyLink());
    this.#share.addEventListener('click', () => {
      // A reader who changes their mind has shared nothing, which is no fault.
      navigator.share({ url: this.#link.value }).catch(() => {});
    });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener('visibilitychange', this.#seen);
    this.#begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener('visibilitychange', this.#seen);
    this.#stop();
  }

  attributeChangedCallback(name: string, before: string | null, value: string | null): void {
    if (!this.isConnected || before === value) return;
    if (name === 'lang' || name === 'heading') return this.render();
    this.#shown = undefined;
    this.#begin();
  }

  get #code(): string {
    return (this.getAttribute('code') ?? '').trim().toUpperCase();
  }
  get #campaign(): string {
    return (this.getAttribute('campaign') ?? '').trim();
  }

  readonly #seen = (): void => {
    if (document.hidden) this.#stop();
    else this.#begin();
  };

  #stop(): void {
    window.clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = undefined;
    this.#leave?.();
    this.#leave = undefined;
    this.#isOpen = this.#isMissed = false;
  }

  #begin(): void {
    this.#stop();
    this.#failures = 0;
    this.#trouble = undefined;
    this.render();
    if (!document.hidden && (this.#code || this.#campaign)) void this.#round();
  }

  async #round(): Promise<void> {
    window.clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#asking) {
      // The answer may be older than what has happened.
      this.#isMissed = true;
      return;
    }
    const { signal } = (this.#asking = new AbortController());
    this.#isMissed = false;
    this.#next = Date.now() + BETWEEN;
    const before = this.#shown;
    try {
      const shown = await (this.#code ? this.#askCode(signal) : this.#askCampaign(signal));
      this.#trouble = undefined;
      this.#shown = shown;
      // An API of another version may leave out what is shown.
      this.render();
      this.#failures = 0;
      this.#follow(shown);
    } catch (error) {
      if (signal.aborted) return;
      this.#shown = before;
      this.#failures += 1;
      this.#trouble = error instanceof Trouble ? error : new Trouble('unexpected', true);
    }
    this.#asking = undefined;
    if (this.#trouble) this.render();
    this.tell('vouch-update', {
      code: this.#shown?.code?.code ?? null,
      campaign: this.#shown?.campaign.address ?? null,
      conversions: this.#shown?.stats?.conversions.total ?? null,
      error: this.#trouble?.code ?? null,
    });
    if (this.#isMissed) return this.#soon();
    // A code that does not exist can still be registered, so it is asked for again, though seldom.
    const pause = !this.#trouble
      ? this.#isOpen
        ? SELDOM
        : EVERY
      : this.#trouble.passes
        ? pauseAfter(this.#failures)
        : SELDOM;
    this.#timer = window.setTimeout(() => void this.#round(), pause);
  }

  /** Asks after an event, at most once in {@link BETWEEN}. */
  #soon(): void {
    window.clearTimeout(this.#timer);
    const pause = Math.max(this.#next - Date.now(), Math.random() * SPREAD);
    this.#timer = window.setTimeout(() => void this.#round(), pause);
  }

  async #askCode(signal: AbortSignal): Promise<Shown> {
    const path = `/v1/codes/${encodeURIComponent(this.#code)}`;
    const code = await ask<Code>(this.route(path, { campaign: this.#campaign }), signal);
    const of = { campaign: code.campaign };
    const [campaign, stats, validated] = await Promise.all([
      ask<Campaign>(this.route(`/v1/campaigns/${code.campaign}`), signal),
      ask<Stats>(this.route(`${path}/stats`, of), signal),
      ask<Validated>(this.route(`${path}/validate`, of), signal),
    ]);
    return { campaign, code, stats, validated };
  }

  async #askCampaign(signal: AbortSignal): Promise<Shown> {
    const address = this.#campaign;
    const [campaign, board] = await Promise.all([
      ask<Campaign>(this.route(`/v1/campaigns/${encodeURIComponent(address)}`), signal),
      ask<Board>(this.route('/v1/leaderboard', { campaign: address, limit: '1' }), signal),
    ]);
    return { campaign, referrers: board.total_entries ?? undefined };
  }

  #follow({ campaign, code }: Shown): void {
    if (this.#leave) return;
    const url = code
      ? this.route(`/v1/codes/${code.code}/live`, { campaign: campaign.address })
      : this.route(`/v1/campaigns/${campaign.address}/live`);
    this.#leave = follow(url.href, (isOpen) => {
      this.#isOpen = isOpen;
      if (this.#asking) this.#isMissed = isOpen;
      else if (isOpen && this.#failures === 0) this.#soon();
    });
  }

  async #copyLink(): Promise<void> {
    const words = this.words.panel;
    let said = words.copied;
    try {
      await navigator.clipboard.writeText(this.#link.value);
      this.tell('vouch-copy', { url: this.#link.value });
    } catch {
      this.#link.focus();
      said = words.byHand;
    }
    this.#said.textContent = said;
    window.clearTimeout(this.#saidTimer);
    this.#saidTimer = window.setTimeout(() => (this.#said.textContent = ''), SAID);
  }

  protected render(): void {
    const words = this.words.panel;
    const shown = this.#shown;
    const named = this.#code || this.#campaign;
    this.#heading.textContent = this.getAttribute('heading') ?? words.title;
    if (shown?.campaign.name && !this.hasAttribute('heading')) {
      const name = el('bdi', {}, shown.campaign.name);
      this.#heading.replaceChildren(words.title, ': ', name);
    }
    this.#fault.textContent = this.#faultText(named);
    this.#fault.hidden = this.#fault.textContent === '';
    const parts = [this.#terms, this.#paid, this.#notes, this.#sharing, this.#numbers, this.#more];
    for (const part of parts) part.hidden = !shown;
    if (!shown) return;
    this.#renderTerms(shown);
    const { code } = shown;
    this.#sharing.hidden = !code;
    if (code) {
      this.#linkLabel.textContent = words.link;
      if (this.#link.value !== code.share_url) this.#link.value = code.share_url;
      this.#copy.textContent = words.copy;
      this.#share.textContent = words.share;
      this.#share.hidden = !('share' in navigator);
    }
    this.#renderNumbers(shown);
    this.#renderMore(shown);
  }

  #faultText(named: string): string {
    const { panel: words, reasons, unusable } = this.words;
    if (!named) return words.nothing;
    const trouble = this.#trouble;
    if (!this.#shown) {
      if (!trouble) return words.loading;
      return /_not_found$|^invalid_/.test(trouble.code) ? words.missing : words.failed;
    }
    if (trouble) return words.stale;
    const { validated } = this.#shown;
    if (validated && !validated.valid) {
      return (validated.reason && reasons[validated.reason]) ?? unusable;
    }
    const { closed, paused, ends_at } = this.#shown.campaign;
    if (closed) return reasons.campaign_closed;
    if (ends_at && Date.parse(ends_at) <= Date.now()) return reasons.campaign_ended;
    return paused ? reasons.campaign_paused : '';
  }

  #money(units: string | bigint, campaign: Campaign): Node {
    const { locale, panel } = this.words;
    const isSol = campaign.mint === SOL_MINT;
    const decimals = isSol ? SOL_DECIMALS : campaign.mint_decimals;
    const symbol = isSol ? 'SOL' : (campaign.symbol ?? panel.tokens);
    const unit = el('bdi', isSol ? {} : { title: `${panel.chosen} ${campaign.mint}` }, symbol);
    const amount = document.createDocumentFragment();
    amount.append(`${formatUnits(units, decimals, locale)}\u00a0`, unit);
    return amount;
  }

  #renderTerms({ campaign, code }: Shown): void {
    const { locale, panel: words } = this.words;
    const parts = partsOf(campaign);
    const text = (part: bigint) =>
      parts?.kind === 'units'
        ? this.#money(part, campaign)
        : words.ofAmount(formatBps(part, locale));
    const rows: [string, Node | string][] = [];
    if (parts) {
      if (parts.referrer > 0n) rows.push([words.you, text(parts.referrer)]);
      if (parts.referee > 0n) rows.push([words.friend, text(parts.referee)]);
    } else {
      const { reward } = campaign;
      const all =
        reward.kind === 'fixed'
          ? this.#money(reward.fixed, campaign)
          : words.ofAmount(formatBps(reward.bps, locale));
      rows.push([words.together, all]);
    }
    this.#terms.replaceChildren(
      ...rows.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))),
    );
    const hold = campaign.rules?.hold_seconds ?? 0;
    const when = hold === 0 ? words.atOnce : words.held(formatDuration(hold, locale));
    this.#paid.textContent = campaign.rules?.varies ? `${when} ${words.varies}` : when;
    const { announced, mint, symbol } = campaign;
    const { max_partner_fixed: fixed, max_partner_share_bps: bps } = campaign.rules ?? {};
    const notes: string[] = [];
    if (code && (bps || (fixed && fixed !== '0'))) notes.push(words.partner);
    if (announced?.takes_effect_at) {
      const day = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' });
      notes.push(words.announced(day.format(Date.parse(announced.takes_effect_at))));
    }
    if (symbol && mint !== SOL_MINT) notes.push(`${symbol}: ${words.chosen} ${mint}`);
    this.#notes.replaceChildren(...notes.map((note) => el('small', { part: 'note' }, note)));
  }

  #renderNumbers({ campaign, stats, referrers }: Shown): void {
    const { locale, panel: words } = this.words;
    const number = (value: number) => new Intl.NumberFormat(locale).format(value);
    const rows: [id: string, name: string, value: Node | string][] = [];
    if (stats) {
      const { total, bots, suspicious } = stats.clicks;
      rows.push(
        ['visits', words.visits, number(total - bots - suspicious)],
        ['conversions', words.conversions, number(stats.conversions.total)],
        ['paid', words.paid, this.#money(stats.rewards.paid, campaign)],
      );
      if (stats.rewards.pending !== '0') {
        rows.push(['pending', words.pending, this.#money(stats.rewards.pending, campaign)]);
      }
    } else {
      if (referrers !== undefined) rows.push(['referrers', words.referrers, number(referrers)]);
      const { budget, committed } = campaign.rules ?? {};
      const vault = campaign.funding === 'vault' ? campaign.vault : undefined;
      if (budget && committed) {
        const left = (BigInt(budget) - BigInt(committed)).toString();
        rows.push(['left', words.left, this.#money(left, campaign)]);
      } else if (!vault) {
        rows.push(['left', words.left, words.noLimit]);
      }
      // A vault is a limit of its own.
      if (vault?.seen) rows.push(['vault', words.vault, this.#money(vault.seen.balance, campaign)]);
    }
    this.#numbers.setAttribute('aria-label', words.numbers);
    this.#numbers.replaceChildren(
      ...rows.map(([id, name, value]) => {
        const figure = el('dd', { part: `number ${id}` }, value);
        const before = this.#figures.get(id)?.textContent;
        if (before !== undefined && before !== figure.textContent) figure.className = 'changed';
        this.#figures.set(id, figure);
        return el('div', {}, el('dt', {}, name), figure);
      }),
    );
  }

  #renderMore({ campaign, code }: Shown): void {
    const words = this.words.panel;
    const rules = this.route(`/c/${campaign.address}`, { ref: code?.code ?? null });
    const links: [string, string][] = [
      [code ? words.mine : words.getLink, this.route('/me').href],
      [words.rules, rules.href],
    ];
    this.#more.setAttribute('aria-label', this.#heading.textContent ?? '');
    const focused = this.shadowRoot?.activeElement?.getAttribute('href');
    this.#more.replaceChildren(
      ...links.map(([text, href]) => {
        const hidden = el('span', {}, ` ${words.newTab}`);
        return el('a', { href, target: '_blank', rel: 'noopener', part: 'action' }, text, hidden);
      }),
    );
    // The focus stays where it was.
    const again = [...this.#more.querySelectorAll('a')];
    if (focused) again.find((link) => link.getAttribute('href') === focused)?.focus();
  }
}
