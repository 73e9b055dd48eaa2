/** The fields of a campaign's terms, in a new one and in a change. */

import { createEffect, For, Show, untrack, type JSX } from 'solid-js';

import { r } from '../../i18n/run';
import { TIERS, type Faults, type Field, type Terms } from './draft';

/** The draft that a form shows, and the ways to change it. */
export type Form<T extends Terms> = {
  readonly draft: T;
  readonly set: <K extends keyof T>(name: K, value: T[K]) => void;
  /** Faults that are shown. */
  readonly faults: Faults;
};

/** A field with its label, its hint, and what is wrong with it. */
export function Text(props: {
  id: string;
  label: string;
  hint?: string;
  value: string;
  set: (value: string) => void;
  fault?: string | undefined;
  /** The unit, shown behind the number. */
  unit?: string | undefined;
  type?: 'text' | 'date';
  numeric?: boolean;
  most?: number;
}) {
  return (
    <div class="field">
      <label for={props.id}>{props.label}</label>
      <span class="with-unit">
        <input
          id={props.id}
          type={props.type ?? 'text'}
          value={props.value}
          onInput={(event) => props.set(event.currentTarget.value)}
          autocomplete="off"
          spellcheck={false}
          maxlength={props.most ?? 64}
          inputmode={props.numeric ? 'decimal' : undefined}
          aria-invalid={props.fault !== undefined}
          aria-describedby={`${props.id}-hint`}
        />
        <Show when={props.unit}>{(unit) => <span aria-hidden="true">{unit()}</span>}</Show>
      </span>
      <p class="hint" classList={{ wrong: props.fault !== undefined }} id={`${props.id}-hint`}>
        {props.fault ?? props.hint ?? ''}
      </p>
    </div>
  );
}

/** One of a few choices, each with a sentence. */
export function Choice(props: {
  name: string;
  label: string;
  value: string;
  set: (value: string) => void;
  choices: readonly (readonly [value: string, words: readonly [string, string?]])[];
}) {
  return (
    <fieldset class="choices">
      <legend>{props.label}</legend>
      <For each={props.choices}>
        {([value, [title, text]]) => (
          <label class="choice">
            <input
              type="radio"
              name={props.name}
              value={value}
              checked={props.value === value}
              onChange={() => props.set(value)}
            />
            <span>
              <strong>{title}</strong>
              <Show when={text}>{(text) => <small>{text()}</small>}</Show>
            </span>
          </label>
        )}
      </For>
    </fieldset>
  );
}

const faultOf = (faults: Faults, field: Field): string | undefined => {
  const fault = faults.get(field);
  return fault && r().open.faults[fault];
};
export { faultOf };

/** The reward, who gets what of it, tiers and bonuses. */
export function RewardFields<T extends Terms>(props: {
  form: Form<T>;
  prefix: string;
  /** Whether conversions have a price. */
  isPaid: boolean;
  symbol: string;
  /** The symbol of the payments' token. */
  payment: string;
  leastHint: string;
  maxHint: string;
}) {
  const draft = () => props.form.draft;
  const id = (name: string) => `${props.prefix}-${name}`;
  const text = (name: 'reward' | 'max' | 'least' | 'referee', value: string) =>
    props.form.set(name, value as T[typeof name]);
  const isPercent = () => draft().kind === 'percent';
  const fault = (field: Field) => faultOf(props.form.faults, field);
  const setTiers = (tiers: Terms['tiers']) => props.form.set('tiers', tiers as T['tiers']);
  const setBonuses = (all: Terms['bonuses']) => props.form.set('bonuses', all as T['bonuses']);
  return (
    <>
      <Show when={props.isPaid}>
        <Choice
          name={id('kind')}
          label={r().open.kind}
          value={draft().kind}
          set={(kind) => props.form.set('kind', kind as T['kind'])}
          choices={[
            ['fixed', [r().open.kinds['fixed']!]],
            ['percent', [r().open.kinds['percent']!]],
          ]}
        />
      </Show>
      <Text
        id={id('reward')}
        label={isPercent() ? r().open.percent : r().open.reward}
        hint={r().open.rewardHint}
        value={draft().reward}
        set={(value) => text('reward', value)}
        unit={isPercent() ? '%' : props.symbol}
        fault={fault('reward')}
        numeric
      />
      <Show when={isPercent()}>
        <Text
          id={id('max')}
          label={r().open.max}
          hint={props.maxHint}
          value={draft().max}
          set={(value) => text('max', value)}
          unit={props.symbol}
          fault={fault('max')}
          numeric
        />
      </Show>
      <Show when={props.isPaid}>
        <Text
          id={id('least')}
          label={r().open.least}
          hint={props.leastHint}
          value={draft().least}
          set={(value) => text('least', value)}
          unit={props.payment}
          fault={fault('least')}
          numeric
        />
      </Show>
      <Text
        id={id('referee')}
        label={r().open.referee}
        hint={r().open.refereeHint}
        value={draft().referee}
        set={(value) => text('referee', value)}
        unit="%"
        fault={fault('referee')}
        numeric
      />
      <Pairs
        id={id('tiers')}
        label={r().open.tiers}
        hint={r().open.tiersHint}
        names={[r().open.tierFrom, r().open.tierTimes]}
        pairs={draft().tiers.map(({ from, times }) => [from, times])}
        set={(pairs) => setTiers(pairs.map(([from, times]) => ({ from, times })))}
        add={r().open.addTier}
        fault={fault('tiers')}
      />
      <Pairs
        id={id('bonuses')}
        label={r().open.bonuses}
        hint={r().open.bonusesHint}
        names={[r().open.bonusAt, r().open.bonusAmount]}
        pairs={draft().bonuses.map(({ at, amount }) => [at, amount])}
        set={(pairs) => setBonuses(pairs.map(([at, amount]) => ({ at, amount })))}
        add={r().open.addBonus}
        fault={fault('bonuses')}
      />
    </>
  );
}

type Pair = [string, string];

/** Up to four rows of two numbers. */
function Pairs(props: {
  id: string;
  label: string;
  hint: string;
  names: Pair;
  pairs: Pair[];
  set: (pairs: Pair[]) => void;
  add: string;
  fault: string | undefined;
}) {
  const write = (row: number, column: 0 | 1, value: string) =>
    props.set(
      props.pairs.map((pair, at) => {
        if (at !== row) return pair;
        return column === 0 ? [value, pair[1]] : [pair[0], value];
      }),
    );
  const rows = () => Array.from({ length: props.pairs.length }, (_, row) => row);
  return (
    <fieldset class="pairs">
      <legend>{props.label}</legend>
      <p class="hint" classList={{ wrong: props.fault !== undefined }}>
        {props.fault ?? props.hint}
      </p>
      <For each={rows()}>
        {(row) => (
          <div class="pair">
            <For each={[0, 1] as const}>
              {(column) => (
                <div class="field">
                  <label for={`${props.id}-${row}-${column}`}>{props.names[column]}</label>
                  <input
                    id={`${props.id}-${row}-${column}`}
                    value={props.pairs[row]?.[column] ?? ''}
                    onInput={(event) => write(row, column, event.currentTarget.value)}
                    inputmode="decimal"
                    autocomplete="off"
                    maxlength="24"
                  />
                </div>
              )}
            </For>
            <button
              type="button"
              class="button quiet"
              aria-label={r().open.remove(`${props.label} ${row + 1}`)}
              onClick={() => props.set(props.pairs.filter((_, at) => at !== row))}
            >
              ×
            </button>
          </div>
        )}
      </For>
      <Show when={props.pairs.length < TIERS}>
        <button type="button" class="button" onClick={() => props.set([...props.pairs, ['', '']])}>
          {props.add}
        </button>
      </Show>
    </fieldset>
  );
}

/** Fields: who vouches, for how long a first touch counts, and what a wallet needs. Most campaigns need none of it. */
export function MoreFields<T extends Terms>(props: {
  form: Form<T>;
  prefix: string;
  /** Whether the campaign counts all codes of an owner, or can still choose so. */
  perOwner: boolean;
  /** The hint of the attestor's field. */
  attestorHint: string;
}) {
  const draft = () => props.form.draft;
  const id = (name: string) => `${props.prefix}-${name}`;
  type Name = 'attestor' | 'windowDays' | 'ownerLimit' | 'gateIssuer' | 'gateSchema';
  const Line = (of: { name: Name; label: string; hint: string; numeric?: boolean }) => (
    <Text
      id={id(of.name)}
      label={of.label}
      hint={of.hint}
      value={draft()[of.name]}
      set={(value) => props.form.set(of.name, value as T[Name])}
      fault={faultOf(props.form.faults, of.name)}
      numeric={of.numeric ?? false}
    />
  );
  const names: Name[] = ['attestor', 'windowDays', 'ownerLimit', 'gateIssuer', 'gateSchema'];
  const isUsed = () =>
    draft().attestedCodes || names.some((name) => !['', '0'].includes(draft()[name].trim()));
  const words = () => r().open;
  let section: HTMLDetailsElement | undefined;
  // The reader opens and closes it; only a fault, which has to be seen, opens it again.
  createEffect(() => {
    if (section && names.some((name) => props.form.faults.has(name))) section.open = true;
  });
  return (
    <details class="more" ref={section} open={untrack(isUsed)}>
      <summary>{words().more}</summary>
      <Line name="windowDays" label={words().window} hint={words().windowHint} numeric />
      <Show when={props.perOwner}>
        <Line name="ownerLimit" label={words().ownerLimit} hint={words().ownerLimitHint} numeric />
      </Show>
      <Line name="attestor" label={words().attestor} hint={props.attestorHint} />
      <label class="choice">
        <input
          type="checkbox"
          id={id('attestedCodes')}
          checked={draft().attestedCodes}
          onChange={(event) =>
            props.form.set('attestedCodes', event.currentTarget.checked as T['attestedCodes'])
          }
        />
        <span>
          <strong>{words().attestedCodes}</strong>
          <small>{words().attestedCodesHint}</small>
        </span>
      </label>
      <Line name="gateIssuer" label={words().gateIssuer} hint={words().gateHint} />
      <Line name="gateSchema" label={words().gateSchema} hint={words().gateSchemaHint} />
    </details>
  );
}

/** Budget, hold and end. */
export function LimitFields<T extends Terms>(props: {
  form: Form<T>;
  prefix: string;
  symbol: string;
  children?: JSX.Element;
}) {
  const draft = () => props.form.draft;
  const id = (name: string) => `${props.prefix}-${name}`;
  const text = (name: 'budget' | 'holdDays' | 'ends', value: string) =>
    props.form.set(name, value as T[typeof name]);
  const fault = (field: Field) => faultOf(props.form.faults, field);
  return (
    <>
      <Text
        id={id('budget')}
        label={r().open.budget}
        hint={r().open.budgetHint}
        value={draft().budget}
        set={(value) => text('budget', value)}
        unit={props.symbol}
        fault={fault('budget')}
        numeric
      />
      <Text
        id={id('hold')}
        label={r().open.hold}
        hint={r().open.holdHint}
        value={draft().holdDays}
        set={(value) => text('holdDays', value)}
        fault={fault('holdDays')}
        numeric
      />
      {props.children}
      <Text
        id={id('ends')}
        label={r().open.ends}
        hint={r().open.endsHint}
        value={draft().ends}
        set={(value) => text('ends', value)}
        type="date"
        fault={fault('ends')}
      />
    </>
  );
}
