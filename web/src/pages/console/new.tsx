/** `/console/new`: a campaign, step by step, with what it will pay beside it. */

import { A, useNavigate } from '@solidjs/router';
import { createEffect, createSignal, For, on, onCleanup, Show } from 'solid-js';
import { createStore, unwrap } from 'solid-js/store';

import type { Proof } from '@vouch/client/generated/types/proof.js';
import type { Settings } from '@vouch/client/generated/types/settings.js';
import type { Currency, Opening } from '@vouch/client/opening.js';
import type { Address as Key } from '@solana/kit';

import { answer, api } from '../../api/client';
import { unitsOf } from '../../format/enter';
import { t } from '../../i18n';
import { c } from '../../i18n/console';
import { r } from '../../i18n/run';
import { focusOn } from '../../lib/announce';
import { campaignAt } from '../../lib/campaigns';
import { SOL_MINT } from '../../lib/site';
import { Acting, type Deed } from '../../ui/act';
import { Address, moneyText, short, tokenOf } from '../../ui/format';
import { Title } from '../../ui/frame';
import type { SignedIn } from '../me/gate';
import {
  canCompare,
  dropDraft,
  faultsOf,
  inputOf,
  isPaid,
  keepDraft,
  keptDraft,
  mintOf,
  newDraft,
  NOTHING,
  paymentOf,
  PROOFS,
  settingsOf,
  termsOf,
  usualTokens,
  type Draft,
  type Faults,
  type Field,
  type Tokens,
} from './draft';
import { Choice, faultOf, LimitFields, MoreFields, RewardFields, Text, type Form } from './fields';
import { Preview } from './preview';
import { asTerms, rowsOf } from './terms';
import { Who } from './who';

/** The fields of each step, whose faults keep somebody from the next one. */
const OF_STEP: readonly (readonly Field[])[] = [
  ['name'],
  ['mint', 'funds', 'payment'],
  ['reward', 'max', 'least', 'referee', 'tiers', 'bonuses'],
  [
    ...(['budget', 'holdDays', 'noticeDays', 'ends', 'windowDays', 'ownerLimit'] as const),
    ...(['attestor', 'gateIssuer', 'gateSchema'] as const),
  ],
];

/** The facts that are shown before it is signed: every term, and where the campaign will be. */
type Shown = { readonly rows: readonly [string, string][]; readonly campaign: string };

/** Milliseconds without typing before the API is asked. */
const PAUSE = 500;

export default function New(props: { signed: SignedIn }) {
  const wallet = () => props.signed.session.wallet;
  const navigate = useNavigate();
  const kept = keptDraft(wallet());
  const [draft, set] = createStore<Draft>(kept ?? newDraft());
  const [shown, setShown] = createSignal<Faults>(new Map());
  const [tokens, setTokens] = createSignal<Tokens>();
  const [deed, setDeed] = createSignal<Deed<string, Shown>>();
  const decimals = () => tokens() ?? usualTokens(draft);

  createEffect(() => keepDraft(wallet(), { ...draft, tiers: draft.tiers, bonuses: draft.bonuses }));
  // A wallet that is left takes its draft along.
  onCleanup(() =>
    queueMicrotask(() => {
      if (!hasSession()) dropDraft();
    }),
  );
  // The node knows what a token is.
  createEffect(
    on(
      () => [draft.source, draft.mint, draft.payment, isPaid(draft)],
      () => {
        setTokens(undefined);
        let isWanted = true;
        const timer = window.setTimeout(async () => {
          const known = await facts(draft).catch(() => undefined);
          if (isWanted && known) setTokens({ reward: known.reward, payment: known.payment });
        }, PAUSE);
        onCleanup(() => {
          isWanted = false;
          window.clearTimeout(timer);
        });
      },
    ),
  );

  /** Everything that is wrong with the draft, or what it means. */
  const meaning = (of: Tokens = decimals()) => {
    const faults = new Map(faultsOf(draft));
    const found = settingsOf(draft, NOTHING, of, isPaid(draft));
    if ('faults' in found) found.faults.forEach((why, field) => faults.set(field, why));
    if (draft.source === 'vault' && draft.funds.trim() !== '') {
      if (unitsOf(draft.funds, of.reward) === undefined) faults.set('funds', 'number');
    }
    return 'settings' in found && faults.size === 0
      ? { settings: found.settings, faults }
      : { settings: undefined, faults };
  };
  /** The settings for the preview, which needs no name. */
  const settings = (): Settings | undefined => {
    // Guessed decimals would show amounts of another size under the right symbol.
    if (!tokens() && (mintOf(draft) || paymentOf(draft))) return undefined;
    const found = settingsOf(draft, NOTHING, decimals(), isPaid(draft));
    return 'settings' in found && draft.source !== 'vault' ? found.settings : meaning().settings;
  };
  const body = (settings: Settings, of: Tokens) => bodyOf(draft, wallet(), settings, of);

  let steps: HTMLFormElement | undefined;
  const go = (step: number) => {
    set('step', step);
    queueMicrotask(() => focusOn(steps?.querySelector('h2')));
  };
  const next = () => {
    const { faults } = meaning();
    const wrong = OF_STEP[draft.step]!.filter((field) => faults.has(field));
    setShown(new Map(wrong.map((field) => [field, faults.get(field)!])));
    if (wrong.length > 0) {
      queueMicrotask(() => steps?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus());
      return;
    }
    if (draft.step < OF_STEP.length - 1) return go(draft.step + 1);
    // An earlier step can have become wrong by a later one.
    const bad = OF_STEP.findIndex((fields) => fields.some((field) => faults.has(field)));
    if (bad < 0) return setDeed(opening());
    setShown(faults);
    go(bad);
  };
  const change = <K extends keyof Draft>(name: K, value: Draft[K]) => {
    set(name, value as never);
    if (shown().has(name)) {
      setShown((before) => new Map([...before].filter(([field]) => field !== name)));
    }
  };
  const setGoal = (goal: Draft['goal']) => {
    change('goal', goal);
    if (goal === 'signup') {
      change('kind', 'fixed');
      if (draft.source === 'split') change('source', 'new');
    }
  };
  const form: Form<Draft> = {
    get draft() {
      return draft;
    },
    set: change,
    get faults() {
      return shown();
    },
  };
  /** Whether rewards, and so payments, are lamports. */
  const isSol = () => draft.source === 'split' && mintOf(draft) === '';
  const symbol = () => (isSol() ? t().common.sol : draft.symbol || t().common.tokens);
  const payment = () => {
    if (draft.source === 'split') return symbol();
    return paymentOf(draft) ? short(paymentOf(draft)) : t().common.sol;
  };
  const leastHint = () => {
    if (draft.kind === 'percent') return r().open.leastAny;
    return canCompare(draft) ? r().open.leastHint : r().open.leastNeeded;
  };
  const fault = (field: Field) => faultOf(shown(), field);

  const opening = (): Deed<string, Shown> => {
    // The draft at the time of the request is shown and signed, even if it is edited meanwhile.
    const asked = structuredClone(unwrap(draft));
    const mints = [
      [r().open.mint, mintOf(asked)],
      [r().open.payment, paymentOf(asked)],
    ].filter((row): row is [string, string] => row[1] !== '');
    return {
      title: r().open.title,
      sentence: r().open.sentence(asked.name.trim()),
      button: r().open.sign,
      prepare: async (wallet) => {
        const acting = await import('../../wallet/acting');
        const known = await facts(asked);
        const found = settingsOf(asked, NOTHING, known, isPaid(asked));
        if (!('settings' in found)) throw new Error('the draft was checked before');
        const of: Omit<Opening, 'payer' | 'authority'> = {
          id: BigInt(asked.id),
          terms: termsOf(asked),
          settings: found.settings,
          rewards: known.rewards,
          ...(known.payments && { payments: known.payments }),
          funds: fundsOf(asked, known),
        };
        const { address, settings: stands } = await acting.opened(of, wallet);
        // The example is for the preview: below the least amount that counts, it would refuse the campaign.
        const { example_amount: _, ...request } = bodyOf(asked, wallet, found.settings, known);
        const built = await answer(api.POST('/v1/transactions/create-campaign', { body: request }));
        const doing = await acting.prepareAct(built, { act: 'open', opening: of }, wallet, {
          creates: address,
        });
        const token = tokenOf({
          mint: asked.source === 'new' ? 'new' : mintOf(asked) || SOL_MINT,
          decimals: known.reward,
          symbol: asked.symbol || null,
        });
        const payment = canCompare(asked)
          ? token
          : tokenOf({ mint: paymentOf(asked) || SOL_MINT, decimals: known.payment, symbol: null });
        const terms = asTerms(stands, of.terms.noticeSeconds);
        const rows: [string, string][] = [
          [r().open.pays, r().open.payFrom[asked.source]!],
          ...(of.funds ? [[r().open.putIn, moneyText(of.funds, token)] as [string, string]] : []),
          [r().open.proves, r().open.proofOf[PROOFS[of.terms.proof as Proof]]!],
          [r().open.once, r().open.onceFor[Number(of.terms.uniqueness)]!],
          ...rowsOf(token, payment, terms).map(([name, text]): [string, string] => [name, text]),
        ];
        if (!(await acting.isGateKnown(stands))) {
          rows.push([c().terms.credential, r().open.gateUnknown]);
        }
        return { doing, shown: { rows, campaign: address } };
      },
      rows: ({ rows, campaign }) => (
        <>
          <For each={rows}>
            {([name, text]) => (
              <div>
                <dt>{name}</dt>
                <dd>{text}</dd>
              </div>
            )}
          </For>
          <For each={mints}>
            {([name, mint]) => (
              <div>
                <dt>{name}</dt>
                <dd>
                  <Address address={mint} />
                </dd>
              </div>
            )}
          </For>
          <div>
            <dt>{r().open.opens}</dt>
            <dd>
              <Address address={campaign} />
            </dd>
          </div>
        </>
      ),
      arrived: async ({ campaign }) => {
        await campaignAt(campaign);
        await name(campaign, asked);
        dropDraft();
        return campaign;
      },
      done: r().open.done,
      after: (address) => (
        <p>
          <A class="button primary" href={`/console/${address}`}>
            {r().open.toConsole}
          </A>
        </p>
      ),
    };
  };
  let opened: string | undefined;
  const watched = (deed: Deed<string, Shown>): Deed<string, Shown> => ({
    ...deed,
    arrived: async (shown) => (opened = await deed.arrived(shown)),
  });

  return (
    <>
      <Title of={r().open.title} />
      <Who signed={props.signed} />
      <p class="back">
        <A href="/console">← {c().back}</A>
      </p>
      <div class="head">
        <h1>{r().open.title}</h1>
        <p>{r().open.lead}</p>
      </div>
      <div class="builder">
        <form
          class="panel-form sheet card"
          novalidate
          ref={steps}
          onSubmit={(event) => {
            event.preventDefault();
            next();
          }}
        >
          <ol class="steps">
            <For each={r().open.steps}>
              {(name, at) => (
                <li
                  classList={{ done: at() < draft.step }}
                  aria-current={at() === draft.step ? 'step' : undefined}
                >
                  {name}
                </li>
              )}
            </For>
          </ol>
          <h2 tabindex="-1">{r().open.steps[draft.step]}</h2>
          <Show when={draft.step === 0}>
            <Text
              id="new-name"
              label={r().open.name}
              hint={r().open.nameHint}
              value={draft.name}
              set={(value) => change('name', value)}
              fault={fault('name')}
              most={100}
            />
            <Choice
              name="new-goal"
              label={r().open.goal}
              value={draft.goal}
              set={(value) => setGoal(value as Draft['goal'])}
              choices={[
                ['signup', r().open.goals['signup']!],
                ['purchase', r().open.goals['purchase']!],
              ]}
            />
            <Show when={!isPaid(draft)}>
              <Choice
                name="new-proof"
                label={r().open.proof}
                value={draft.attested ? 'attested' : 'open'}
                set={(value) => change('attested', value === 'attested')}
                choices={[
                  ['open', r().open.proofs['open']!],
                  ['attested', r().open.proofs['attested']!],
                ]}
              />
            </Show>
          </Show>
          <Show when={draft.step === 1}>
            <Choice
              name="new-source"
              label={r().open.source}
              value={draft.source}
              set={(value) => change('source', value as Draft['source'])}
              choices={[
                ['new', r().open.sources['new']!],
                ['vault', r().open.sources['vault']!],
                ...(isPaid(draft) ? [['split', r().open.sources['split']!] as const] : []),
              ]}
            />
            <Show when={draft.source !== 'new'}>
              <Text
                id="new-mint"
                label={draft.source === 'split' ? r().open.payment : r().open.mint}
                hint={draft.source === 'split' ? r().open.paymentHint : r().open.mintHint}
                value={draft.mint}
                set={(value) => change('mint', value)}
                fault={fault('mint')}
              />
            </Show>
            <Show when={draft.source === 'vault'}>
              <Text
                id="new-funds"
                label={r().open.funds}
                hint={r().open.fundsHint}
                value={draft.funds}
                set={(value) => change('funds', value)}
                unit={symbol()}
                fault={fault('funds')}
                numeric
              />
            </Show>
            <Show when={!isSol()}>
              <Text
                id="new-symbol"
                label={r().open.symbol}
                hint={r().open.symbolHint}
                value={draft.symbol}
                set={(value) => change('symbol', value.toUpperCase())}
                most={10}
              />
            </Show>
            <Show when={isPaid(draft) && draft.source !== 'split'}>
              <Text
                id="new-payment"
                label={r().open.payment}
                hint={r().open.paymentHint}
                value={draft.payment}
                set={(value) => change('payment', value)}
                fault={fault('payment')}
              />
            </Show>
          </Show>
          <Show when={draft.step === 2}>
            <RewardFields
              form={form}
              prefix="new"
              isPaid={isPaid(draft)}
              symbol={symbol()}
              payment={payment()}
              leastHint={leastHint()}
              maxHint={canCompare(draft) ? r().open.maxHint : r().open.maxNeeded}
            />
          </Show>
          <Show when={draft.step === 3}>
            <LimitFields form={form} prefix="new" symbol={symbol()}>
              <Text
                id="new-notice"
                label={r().open.notice}
                hint={r().open.noticeHint}
                value={draft.noticeDays}
                set={(value) => change('noticeDays', value)}
                fault={fault('noticeDays')}
                numeric
              />
            </LimitFields>
            <MoreFields form={form} prefix="new" perOwner attestorHint={r().open.attestorHint} />
          </Show>
          <p class="actions">
            <button class="button primary">
              {draft.step === OF_STEP.length - 1 ? r().open.review : r().open.next}
            </button>
            <Show when={draft.step > 0}>
              <button type="button" class="button" onClick={() => go(draft.step - 1)}>
                {r().open.before}
              </button>
            </Show>
            <button
              type="button"
              class="button quiet"
              onClick={() => {
                set(newDraft());
                setShown(new Map());
                go(0);
              }}
            >
              {r().open.discard}
            </button>
          </p>
          <p class="small">{r().open.kept}</p>
        </form>
        <Preview
          asked={() => {
            const found = settings();
            return found && body(found, decimals());
          }}
          symbol={isSol() ? t().common.sol : draft.symbol || null}
          isSol={isSol()}
          isPaid={isPaid(draft)}
          payment={payment()}
          example={draft.example}
          setExample={(value) => change('example', value)}
        />
      </div>
      <Show when={deed()} keyed>
        {(deed) => (
          <Acting
            deed={watched(deed)}
            connection={props.signed.connection}
            close={() => {
              setDeed(undefined);
              if (opened) navigate(`/console/${opened}`);
            }}
          />
        )}
      </Show>
    </>
  );
}

/** Whether somebody is signed in, as far as this browser remembers; it need not. */
function hasSession(): boolean {
  try {
    return localStorage.getItem('vouch:session') !== null;
  } catch {
    return false;
  }
}

/** The tokens of a draft, as the node has them. */
async function facts(
  draft: Draft,
): Promise<Tokens & { rewards: Currency; payments?: Currency | undefined }> {
  const usual = usualTokens(draft);
  const acting = await import('../../wallet/acting');
  const named = async (mint: string) => {
    const { program, decimals } = await acting.tokenAt(mint);
    return { currency: { kind: 'token', mint: mint as Key, program } as Currency, decimals };
  };
  const payment = paymentOf(draft);
  const paid = payment ? await named(payment) : undefined;
  const payments = { payment: paid?.decimals ?? usual.payment, payments: paid?.currency };
  const mint = mintOf(draft);
  if (draft.source === 'split' && mint === '') {
    return { reward: usual.reward, rewards: { kind: 'sol' }, ...payments };
  }
  if (draft.source !== 'new') {
    const { currency, decimals } = await named(mint);
    // Payments that are split are in the token of the rewards.
    const isSplit = draft.source === 'split';
    return {
      ...payments,
      reward: decimals,
      rewards: currency,
      ...(isSplit && { payment: decimals }),
    };
  }
  const rent = await acting.mintRent();
  return {
    reward: usual.reward,
    rewards: { kind: 'new', decimals: usual.reward, rent },
    ...payments,
  };
}

const fundsOf = (draft: Draft, tokens: Tokens): bigint =>
  draft.source === 'vault' ? (unitsOf(draft.funds || '0', tokens.reward) ?? 0n) : 0n;

/** The request for a draft. */
function bodyOf(draft: Draft, authority: string, settings: Settings, tokens: Tokens) {
  const funding = { new: 'mint_authority', vault: 'vault', split: 'payment_split' };
  const funds = fundsOf(draft, tokens);
  const example = unitsOf(draft.example, tokens.payment);
  return {
    authority,
    id: draft.id,
    funding: funding[draft.source],
    ...(mintOf(draft) && { mint: mintOf(draft) }),
    ...(isPaid(draft) && draft.source !== 'split' && { proof: 'payment' }),
    ...(!isPaid(draft) && draft.attested && { proof: 'attested' }),
    ...(termsOf(draft).perOwner && { per_owner: true }),
    ...(paymentOf(draft) && { payment_mint: paymentOf(draft) }),
    ...(funds > 0n && { funds: funds.toString() }),
    // A fixed reward is the same for every price.
    ...(isPaid(draft) &&
      draft.kind === 'percent' &&
      example && { example_amount: example.toString() }),
    notice_seconds: termsOf(draft).noticeSeconds,
    settings: inputOf(settings),
  };
}
export type OpenBody = ReturnType<typeof bodyOf>;

/** Names the campaign. If that fails now, its console can do it later. */
async function name(campaign: string, draft: Draft): Promise<void> {
  const body = {
    name: draft.name.trim(),
    landing_url: new URL(`/c/${campaign}`, location.href).href,
    ...(draft.symbol && (draft.source !== 'split' || mintOf(draft)) && { symbol: draft.symbol }),
  };
  const params = { path: { address: campaign } };
  await answer(api.PUT('/v1/campaigns/{address}/profile', { params, body })).catch(() => {});
}
