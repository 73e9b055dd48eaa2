/** Money, addresses, times and states, each shown in one way. */

import { createEffect, createSignal, on, Show, type JSX } from 'solid-js';

import type { Campaign } from '../api/client';
import { formatUnits, type Token } from '../format/money';
import { exactTime, formatTime } from '../format/time';
import { locale, t } from '../i18n';
import { announce } from '../lib/announce';
import { now } from '../lib/clock';
import { SOL_MINT } from '../lib/site';

const SOL_DECIMALS = 9;

/** The token in which a campaign pays. */
export function tokenOf(
  of: { mint: string; symbol?: string | null } & (
    Pick<Campaign, 'mint_decimals'> | { decimals: number }
  ),
): Token {
  const decimals = 'decimals' in of ? of.decimals : of.mint_decimals;
  // The mirror has the decimals of mints, and lamports have none.
  if (of.mint === SOL_MINT) return { decimals: SOL_DECIMALS, symbol: t().common.sol };
  return { decimals, symbol: of.symbol ?? null, mint: of.mint };
}

/** An amount as text, with its symbol. */
export function moneyText(units: string | bigint, token: Token): string {
  return `${formatUnits(units, token.decimals, locale())} ${token.symbol ?? t().common.tokens}`;
}

/** An amount with its symbol. It lights up once when it changes. */
export function Money(props: { units: string | bigint; token: Token }) {
  return (
    <span class="money">
      <Lit value={formatUnits(props.units, props.token.decimals, locale())} />
      <Unit token={props.token} />
    </span>
  );
}

/** A symbol. Campaigns choose theirs, so it is marked, and never taken for a known token. */
export function Unit(props: { token: Token }) {
  return (
    <Show
      when={props.token.mint}
      fallback={<span class="unit">{props.token.symbol ?? t().common.tokens}</span>}
    >
      {(mint) => (
        <span
          class="unit"
          classList={{ chosen: props.token.symbol !== null }}
          title={
            props.token.symbol
              ? t().common.chosenSymbol(short(mint()))
              : t().common.unknownSymbol(short(mint()))
          }
        >
          {props.token.symbol ?? t().common.tokens}
        </span>
      )}
    </Show>
  );
}

/** A figure that lights up once when it changes. */
export function Lit(props: { value: string }) {
  const [changed, setChanged] = createSignal(false);
  createEffect(
    on(
      () => props.value,
      () => setChanged(true),
      { defer: true },
    ),
  );
  return (
    <span class="num" classList={{ changed: changed() }} onAnimationEnd={() => setChanged(false)}>
      {props.value}
    </span>
  );
}

/** The first four and the last four characters. */
export function short(address: string): string {
  return `${address.slice(0, 4)}…${address.slice(-4)}`;
}

/** An address; a click copies all of it. */
export function Address(props: { address: string }) {
  return (
    <Copy
      class="address"
      text={props.address}
      label={t().common.copyAddress(short(props.address), props.address)}
    >
      {short(props.address)}
    </Copy>
  );
}

/** Milliseconds that a button says that it has copied. */
const COPIED = 1500;

/** A button that copies a text, and says so. */
export function Copy(props: {
  text: string;
  class?: string;
  label?: string;
  children: JSX.Element;
}) {
  const [copied, setCopied] = createSignal(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(props.text);
    } catch {
      // Not allowed: the text stands there to be selected.
      return announce(t().common.notCopied);
    }
    announce(t().common.copied);
    setCopied(true);
    window.setTimeout(() => setCopied(false), COPIED);
  };
  return (
    <button
      type="button"
      class={props.class ?? 'button'}
      title={props.text}
      aria-label={props.label}
      onClick={() => void copy()}
    >
      {props.children}
      <Show when={copied()}>
        <span class="said" aria-hidden="true">
          {' '}
          {t().common.copied}
        </span>
      </Show>
    </button>
  );
}

/** A person as the page calls them: by the name that they chose, which is marked, or the address. */
export function Who(props: { wallet: string; name?: string | null | undefined }) {
  return (
    <Show when={props.name} fallback={short(props.wallet)}>
      {(name) => (
        <span class="chosen" title={t().common.chosenName(short(props.wallet))}>
          <bdi>{name()}</bdi>
        </span>
      )}
    </Show>
  );
}

/** A time: relative within a day, the exact one on hover. */
export function Time(props: { at: string | number }) {
  const at = () => (typeof props.at === 'number' ? props.at : Date.parse(props.at));
  return (
    <time datetime={new Date(at()).toISOString()} title={exactTime(at(), locale())}>
      {formatTime(at(), now(), locale())}
    </time>
  );
}

export type Kind = 'paid' | 'wait' | 'act' | 'plain';

const SHAPES: Record<Kind, () => JSX.Element> = {
  paid: () => <path d="M1.5 6.5 5 10l5.5-8" />,
  wait: () => <path d="M6 1.2a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6Zm0 2v3l1.9 1.3" />,
  act: () => <path d="M6 1.5v5.2M6 9.7v.6" />,
  plain: () => <path d="M1.8 6h8.4" />,
};

/** The shape that stands for a kind, beside its word. */
export function Shape(props: { kind: Kind }) {
  return (
    <svg
      viewBox="0 0 12 12"
      fill="none"
      stroke="currentColor"
      stroke-width="1.9"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {SHAPES[props.kind]()}
    </svg>
  );
}

/** A time in a sentence: "in 3 hours", "on 3 May". */
export function when(at: number): string {
  return formatTime(at, now(), locale(), t().common.on);
}

/** A word for a state, with a shape and a colour. */
export function Status(props: { kind: Kind; children: JSX.Element }) {
  return (
    <span class={`status ${props.kind}`}>
      <Shape kind={props.kind} />
      {props.children}
    </span>
  );
}

/** The kind of a conversion's status. */
export function kindOf(status: string): Kind {
  return status === 'paid'
    ? 'paid'
    : status === 'pending'
      ? 'wait'
      : status === 'cancelled'
        ? 'act'
        : 'plain';
}

export function ConversionStatus(props: { status: string }) {
  const words = () => t().status as Record<string, string>;
  return <Status kind={kindOf(props.status)}>{words()[props.status] ?? props.status}</Status>;
}
