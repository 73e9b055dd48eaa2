/** The parts that both elements share: where the API is, the language, and how the API is asked. */

import { wordsOf, type Words } from './words';

/** Milliseconds that an answer may take. */
const PATIENCE = 8000;
/** Milliseconds before the first question is asked again, doubled each time up to the second. */
const FIRST_PAUSE = 2000;
const LONGEST_PAUSE = 60_000;

/** Why there is no answer. */
export class Trouble extends Error {
  constructor(
    /** The API's stable code; `offline` if nobody answers, `unexpected` for what is no answer of the API. */
    readonly code: string,
    /** Whether the same question can have another answer soon. */
    readonly passes: boolean,
  ) {
    super(code);
  }
}

/**
 * The answer to a public question, asked without cookies, headers or referrer.
 *
 * Throws a {@link Trouble}, or an `AbortError` if `signal` is aborted.
 */
export async function ask<T extends object>(url: URL, signal: AbortSignal): Promise<T> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(url, {
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
    });
    body = await response.json();
  } catch (error) {
    if (signal.aborted) throw error;
    // An answer that is no JSON comes from a proxy or a captive portal, which may go away.
    throw new Trouble(error instanceof SyntaxError ? 'unexpected' : 'offline', true);
  }
  if (response.ok && typeof body === 'object' && body !== null) return body as T;
  const code = (body as { code?: unknown } | null)?.code;
  const passes = response.status === 429 || response.status >= 500;
  throw new Trouble(typeof code === 'string' ? code : 'unexpected', passes);
}

/** Milliseconds before the next question after so many failures. */
export const pauseAfter = (failures: number): number =>
  Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE) * (1 + Math.random());

/** An element with these attributes and children. Texts stay texts. */
export function el<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    element.setAttribute(attribute, value);
  }
  element.append(...children);
  return element;
}

/** A style sheet that no policy of the page forbids, because no markup has it. */
export function sheet(css: string): CSSStyleSheet {
  const made = new CSSStyleSheet();
  made.replaceSync(css);
  return made;
}

/** The origin that serves this script. */
const HOME = new URL(import.meta.url).origin;

export abstract class Base extends HTMLElement {
  #watch: MutationObserver | undefined;

  /** The API: that of the script, or the attribute `api`. */
  protected get home(): string {
    const named = this.getAttribute('api');
    if (named === null || !URL.canParse(named, document.baseURI)) return HOME;
    const { protocol, origin } = new URL(named, document.baseURI);
    return /^https?:$/.test(protocol) ? origin : HOME;
  }

  /** The URL of a route of the API, with the parameters that are not empty. */
  protected route(path: string, query: Record<string, string | null> = {}): URL {
    const url = new URL(path, this.home);
    for (const [name, value] of Object.entries(query)) {
      if (value) url.searchParams.set(name, value);
    }
    return url;
  }

  protected get words(): Words {
    let at: Element | undefined = this;
    while (at) {
      const named: Element | null = at.closest('[lang]');
      if (named) return wordsOf(named.getAttribute('lang')!);
      const root: Node = at.getRootNode();
      at = root instanceof ShadowRoot ? root.host : undefined;
    }
    return wordsOf(navigator.language);
  }

  /** Shows everything anew in the words of the page's language. */
  protected abstract render(): void;

  connectedCallback(): void {
    this.#watch = new MutationObserver(() => this.render());
    this.#watch.observe(document.documentElement, { attributeFilter: ['lang'] });
  }

  disconnectedCallback(): void {
    this.#watch?.disconnect();
  }

  /** The properties that were set on the element before this script was there. */
  protected upgrade(name: 'value' | 'disabled' | 'required'): void {
    if (!Object.hasOwn(this, name)) return;
    const self = this as unknown as Record<string, unknown>;
    const value = self[name];
    delete self[name];
    self[name] = value;
  }

  protected tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}
