/** `<vouch-code-field>`: a field of a form for a referral code, checked while somebody types it. */

import type { components } from '../api/schema';
import { ask, Base, el, pauseAfter, sheet, Trouble } from './base';
import css from './field.css?inline';
import { forget, keep, kept, USUAL_WINDOW } from './touch';
import type { Reason } from './words';

type Validated = components['schemas']['ValidateAnswer'];
type Campaign = Pick<components['schemas']['CampaignAnswer'], 'rules'>;

/** The knowledge of the code: `unknown` if it could not be checked. */
export type State = 'empty' | 'checking' | 'valid' | 'invalid' | 'unknown';

/** The detail of `vouch-check`. */
export type Checked = {
  readonly code: string;
  readonly state: State;
  /** Why the code cannot be used; `null` unless it is invalid. */
  readonly reason: Reason | null;
  /** Why it could not be checked; `null` unless that is unknown. */
  readonly error: string | null;
};

const FORM = /^[A-HJKMNP-Z2-9]{6,12}$/;
/** Something in it can be in no code, or there is too much of it. */
const HOPELESS = /[^A-HJKMNP-Z2-9]|.{13}/;
/** Milliseconds without typing before the API is asked. */
const PAUSE = 250;
/** Milliseconds after which a check is called slow. */
const SLOW = 1500;
/**
 * Reasons that stay, so that a form may refuse the code. The others end by themselves, or when the installation has read
 * a code that is on chain already.
 */
const LASTING: readonly (string | null)[] = [
  'bad_format',
  'expired',
  'limit_reached',
  'campaign_ended',
  'campaign_closed',
];
/** How the state that a browser restores begins, if somebody has typed the code. */
const TYPED = 'typed ';

const STYLES = sheet(css);

/** The code in what was typed or pasted, which may be a link. */
function codeIn(text: string): string {
  const link = /[?&]ref=([^&#\s]+)/.exec(text) ?? /\/r\/([^/?#\s]+)/.exec(text);
  return (link?.[1] ?? text).trim().toUpperCase();
}

export class CodeField extends Base {
  static readonly formAssociated = true;
  static readonly observedAttributes = [
    'api',
    'campaign',
    'lang',
    'label',
    'hint',
    'placeholder',
    'required',
    'readonly',
    'value',
  ];

  readonly #internals = this.attachInternals();
  readonly #label = el('label', { part: 'label', for: 'code' });
  readonly #input = el('input', {
    part: 'input',
    id: 'code',
    autocomplete: 'off',
    autocapitalize: 'characters',
    spellcheck: 'false',
    'aria-describedby': 'hint',
  });
  readonly #hint = el('p', { part: 'hint', id: 'hint', role: 'status' });
  readonly #swapText = el('p');
  readonly #swapButton = el('button', { part: 'button', type: 'button' });
  readonly #swap = el('div', { part: 'swap', hidden: '' }, this.#swapText, this.#swapButton);

  #checked: Checked = { code: '', state: 'empty', reason: null, error: null };
  /** Whether a person has typed the text. A code from a link never stops a form. */
  #isTyped = false;
  /** Whether it may be called wrong: somebody has left the field, or wanted to send the form. */
  #isLeft = false;
  #isSlow = false;
  #begun = false;
  /** The code of the link, if another one is kept. */
  #other = '';
  /** The code that was kept for this visit, until it is known whether it is one. */
  #brought = '';
  #timer: number | undefined;
  #slowTimer: number | undefined;
  #asking: AbortController | undefined;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open', delegatesFocus: true });
    root.adoptedStyleSheets = [STYLES];
    root.append(el('div', {}, this.#label, this.#input, this.#hint, this.#swap));
    this.#input.addEventListener('input', () => this.#wrote());
    this.#input.addEventListener('change', () => {
      this.#leave();
      // Unlike `input`, this event does not leave a shadow by itself.
      this.dispatchEvent(new Event('change', { bubbles: true }));
    });
    this.#input.addEventListener('blur', () => this.#leave());
    this.#input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.isComposing || event.repeat) return;
      // The page hears of the key after this element, and may refuse it.
      window.setTimeout(() => {
        if (!event.defaultPrevented) this.#send();
      });
    });
    this.#swapButton.addEventListener('click', () => this.#useOther());
    this.addEventListener('invalid', () => this.#leave());
  }

  override connectedCallback(): void {
    super.connectedCallback();
    for (const name of ['value', 'disabled', 'required'] as const) this.upgrade(name);
    window.addEventListener('online', this.#isBack);
    if (!this.#begun) this.#begin();
    else this.#check(0);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener('online', this.#isBack);
    this.#stop();
  }

  attributeChangedCallback(name: string, before: string | null, value: string | null): void {
    if (!this.#begun || before === value) return;
    if (name === 'value') {
      if (!this.#isTyped) this.#put(value ?? '');
    } else if (name === 'campaign' || name === 'api') {
      this.#check(0);
    } else {
      this.render();
    }
  }

  formDisabledCallback(isDisabled: boolean): void {
    this.#input.disabled = isDisabled;
    this.#swapButton.disabled = isDisabled;
  }

  formResetCallback(): void {
    this.#isTyped = this.#isLeft = false;
    this.#begin();
  }

  formStateRestoreCallback(value: unknown): void {
    if (typeof value !== 'string') return;
    this.#begun = true;
    this.#isTyped = value.startsWith(TYPED);
    this.#put(value.slice(value.indexOf(' ') + 1));
  }

  /** The code in upper case, as the form sends it; empty if there is none. */
  get value(): string {
    return codeIn(this.#input.value);
  }
  set value(text: string) {
    this.#begun = this.#isTyped = true;
    this.#put(String(text ?? ''));
  }

  get state(): State {
    return this.#checked.state;
  }
  get reason(): Reason | null {
    return this.#checked.reason;
  }
  get name(): string {
    return this.getAttribute('name') ?? '';
  }
  set name(name: string) {
    this.setAttribute('name', name);
  }
  get required(): boolean {
    return this.hasAttribute('required');
  }
  set required(is: boolean) {
    this.toggleAttribute('required', is);
  }
  get disabled(): boolean {
    return this.hasAttribute('disabled');
  }
  set disabled(is: boolean) {
    this.toggleAttribute('disabled', is);
  }
  get type(): string {
    return this.localName;
  }
  get form(): HTMLFormElement | null {
    return this.#internals.form;
  }
  get labels(): NodeList {
    return this.#internals.labels;
  }
  get validity(): ValidityState {
    return this.#internals.validity;
  }
  get validationMessage(): string {
    return this.#internals.validationMessage;
  }
  get willValidate(): boolean {
    return this.#internals.willValidate;
  }
  checkValidity(): boolean {
    return this.#internals.checkValidity();
  }
  reportValidity(): boolean {
    return this.#internals.reportValidity();
  }

  get #campaign(): string {
    return this.getAttribute('campaign') ?? '';
  }
  get #stores(): boolean {
    return !this.hasAttribute('no-store');
  }

  /** The page's own value, else the code that the visitor first came with, else that of the link. */
  #begin(): void {
    this.#begun = true;
    this.#other = this.#brought = '';
    const own = this.getAttribute('value');
    if (own !== null) return this.#put(own);
    const parameter = this.getAttribute('param') ?? 'ref';
    const text = codeIn(new URLSearchParams(location.search).get(parameter) ?? '');
    const link = FORM.test(text) ? text : '';
    const first = this.#stores ? kept(this.#campaign) : undefined;
    if (first && link && first !== link) this.#other = link;
    if (!first && link) this.#keep(link);
    this.#put(first ?? link);
  }

  /** Keeps the code that the visitor came with at once: the page may be left before it is checked. */
  #keep(code: string): void {
    if (!this.#stores) return;
    this.#brought = code;
    const campaign = this.#campaign;
    keep(campaign, code, USUAL_WINDOW);
    if (!campaign) return;
    const url = this.route(`/v1/campaigns/${encodeURIComponent(campaign)}`);
    ask<Campaign>(url, new AbortController().signal).then(
      ({ rules }) => {
        const seconds = rules?.attribution_window;
        if (seconds && kept(campaign) === code) keep(campaign, code, seconds);
      },
      // Then it is kept for the usual time.
      () => {},
    );
  }

  #useOther(): void {
    const code = this.#other;
    this.#other = '';
    this.#keep(code);
    this.#isTyped = false;
    this.#put(code);
    this.#input.focus();
    this.dispatchEvent(new Event('change', { bubbles: true }));
  }

  #put(text: string): void {
    this.#input.value = codeIn(text);
    this.#check(0);
  }

  #wrote(): void {
    this.#isTyped = true;
    this.#isLeft = false;
    this.#check(PAUSE);
  }

  /** Does what Enter does in an `input`: presses the default button, unless that is disabled. */
  #send(): void {
    const { form } = this.#internals;
    const button = [...(form?.elements ?? [])].find(
      (it): it is HTMLButtonElement | HTMLInputElement =>
        (it instanceof HTMLButtonElement || it instanceof HTMLInputElement) && it.type === 'submit',
    );
    if (!button) form?.requestSubmit();
    // A disabled button hears no click.
    else button.click();
  }

  #leave(): void {
    this.#isLeft = true;
    this.render();
  }

  readonly #isBack = (): void => {
    if (this.state === 'unknown') this.#check(0);
    else if (this.#canPass) void this.#ask(this.value, 0);
  };

  /** Whether the code cannot be used now, but perhaps later. */
  get #canPass(): boolean {
    return this.state === 'invalid' && !LASTING.includes(this.reason);
  }

  #stop(): void {
    window.clearTimeout(this.#timer);
    window.clearTimeout(this.#slowTimer);
    this.#asking?.abort();
    this.#isSlow = false;
  }

  /** Asks for what is there now; nothing that was asked before is listened to any more. */
  #check(pause: number): void {
    this.#stop();
    const code = this.value;
    if (code === '') {
      this.#settle({ code, state: 'empty', reason: null, error: null });
    } else if (!FORM.test(code)) {
      this.#settle({ code, state: 'invalid', reason: 'bad_format', error: null });
    } else {
      this.#settle({ code, state: 'checking', reason: null, error: null });
      this.#timer = window.setTimeout(() => void this.#ask(code, 0), pause);
    }
  }

  /** Asks for this code, and again as long as another answer may come; `times` were before. */
  async #ask(code: string, times: number): Promise<void> {
    this.#stop();
    const { signal } = (this.#asking = new AbortController());
    this.#slowTimer = window.setTimeout(() => {
      this.#isSlow = true;
      this.render();
    }, SLOW);
    const path = `/v1/codes/${code}/validate`;
    try {
      const url = this.route(path, { campaign: this.#campaign });
      const found = await ask<Validated>(url, signal);
      if (found.code !== code || typeof found.valid !== 'boolean') {
        throw new Trouble('unexpected', true);
      }
      const state = found.valid ? 'valid' : 'invalid';
      this.#settle({ code, state, reason: found.reason ?? null, error: null });
      if (signal.aborted || !this.#canPass) return;
    } catch (trouble) {
      if (signal.aborted) return;
      const { code: error, passes } =
        trouble instanceof Trouble ? trouble : new Trouble('unexpected', false);
      this.#settle({ code, state: 'unknown', reason: null, error });
      if (!passes) return;
    } finally {
      if (!signal.aborted) window.clearTimeout(this.#slowTimer);
    }
    const again = () => void this.#ask(code, times + 1);
    this.#timer = window.setTimeout(again, pauseAfter(times + 1));
  }

  #settle(checked: Checked): void {
    const before = this.#checked;
    this.#checked = checked;
    this.#isSlow = false;
    const { code, state, reason } = checked;
    const isLasting = state === 'invalid' && LASTING.includes(reason);
    if (isLasting) forget(this.#campaign, code);
    // The link's code counts if the one from before does not any more.
    if (isLasting && this.#other && !this.#isTyped) return this.#useLink();
    // Nobody keeps a code that never was; one that turns out to be there was brought all the same.
    if (code === this.#brought && reason === 'not_found') forget(this.#campaign, code);
    if (code === this.#brought && state === 'valid' && !kept(this.#campaign)) this.#keep(code);
    this.#internals.setFormValue(code, `${this.#isTyped ? TYPED : 'brought '}${code}`);
    this.render();
    const isSame = (['code', 'state', 'reason', 'error'] as const).every(
      (name) => before[name] === checked[name],
    );
    if (!isSame) this.tell('vouch-check', checked);
  }

  #useLink(): void {
    const code = this.#other;
    this.#other = '';
    this.#keep(code);
    this.#put(code);
  }

  protected render(): void {
    const { words } = this;
    const { code, state, reason } = this.#checked;
    // As in an `input`: what nobody can fill in is not asked for.
    const isRequired = this.required && !this.disabled && !this.hasAttribute('readonly');
    const own = this.getAttribute('label') ?? words.label;
    // A label of the page is read instead of the field's own.
    const outer = [...this.#internals.labels].map((label) => label.textContent?.trim() ?? '');
    const named = outer.filter(Boolean).join(' ');
    this.#label.textContent = own;
    this.#label.hidden = named !== '';
    if (named) this.#input.setAttribute('aria-label', named);
    else this.#input.removeAttribute('aria-label');
    this.#input.placeholder = this.getAttribute('placeholder') ?? '';
    this.#input.readOnly = this.hasAttribute('readonly');
    this.#input.setAttribute('aria-required', String(isRequired));

    const fault = state === 'invalid' ? ((reason && words.reasons[reason]) ?? words.unusable) : '';
    // Somebody who has only begun to type is not told that it is wrong.
    const isBeginning = reason === 'bad_format' && !this.#isLeft && !HOPELESS.test(code);
    const isMissing = state === 'empty' && isRequired && this.#isLeft;
    const hint = {
      empty: isMissing ? words.required : (this.getAttribute('hint') ?? words.hint),
      checking: this.#isSlow ? words.slow : '',
      valid: words.valid,
      invalid: isBeginning ? words.form : fault,
      unknown: words.unknown,
    }[state];
    const looks = isMissing ? 'invalid' : isBeginning ? 'empty' : state;
    // The same text again would be read out again.
    if (this.#hint.textContent !== hint) this.#hint.textContent = hint;
    this.#hint.dataset['state'] = looks;
    this.#input.setAttribute('aria-invalid', String(looks === 'invalid'));

    this.#swap.hidden = this.#other === '';
    this.#swapText.textContent = this.#other && words.swapped(code, this.#other);
    this.#swapButton.textContent = this.#other && words.use(this.#other);

    if (state === 'empty' && isRequired) {
      this.#internals.setValidity({ valueMissing: true }, words.required, this.#input);
    } else if (fault && this.#isTyped && LASTING.includes(reason)) {
      const flag = reason === 'bad_format' ? 'patternMismatch' : 'customError';
      this.#internals.setValidity({ [flag]: true }, fault, this.#input);
    } else {
      this.#internals.setValidity({});
    }
    for (const each of ['empty', 'checking', 'valid', 'invalid', 'unknown']) {
      try {
        if (each === state) this.#internals.states.add(each);
        else this.#internals.states.delete(each);
      } catch {
        // Chrome before 125 refuses such names, and has no `:state()`.
      }
    }
  }
}
