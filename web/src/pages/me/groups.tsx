/** The category and the region in which the wallet is ranked, and from when a choice of others counts. */

import { A } from '@solidjs/router';
import { batch, createEffect, createSignal, For, on, Show } from 'solid-js';

import { answer, api } from '../../api/client';
import { numbers } from '../../format/intl';
import { locale } from '../../i18n';
import { b } from '../../i18n/board';
import { m } from '../../i18n/me';
import { announce } from '../../lib/announce';
import { now } from '../../lib/clock';
import {
  begins,
  CATEGORIES,
  chosenLast,
  formatDay,
  isCategory,
  regions,
  type Choice,
} from '../../lib/groups';
import { poll } from '../../lib/poll';
import { Known } from '../../ui/known';
import { Failure } from '../../ui/states';

const KINDS = ['category', 'region'] as const;
type Kind = (typeof KINDS)[number];
type Chosen = Record<Kind, string>;

/** The name of a category or a country. */
function nameOf(kind: Kind, group: string): string {
  if (kind === 'category') return isCategory(group) ? b().categories[group] : group;
  return new Intl.DisplayNames(locale(), { type: 'region' }).of(group) ?? group;
}

export function Groups(props: { wallet: string }) {
  const wallet = () => props.wallet;
  const found = poll(
    wallet,
    (_, signal) => answer(api.GET('/v1/me/profile', { signal })),
    // Only this page changes it; a new day can begin what was chosen.
    600_000,
  );
  const ranks = poll(
    wallet,
    (wallet, signal) =>
      answer(api.GET('/v1/referrers/{wallet}/ranks', { params: { path: { wallet } }, signal })),
    30_000,
  );
  /** The answer to the last saving, until a newer one. */
  const [kept, setKept] = createSignal<NonNullable<ReturnType<typeof found.data>>>();
  createEffect(on(found.data, () => setKept(undefined)));
  /** The choice in the form, before it is saved. */
  const [changed, setChanged] = createSignal<Partial<Chosen>>({});
  /** The choice before the last saving. */
  const [before, setBefore] = createSignal<Chosen>();
  const [saving, setSaving] = createSignal(false);
  const [failure, setFailure] = createSignal<unknown>();

  const save = async (wanted: Chosen, last: Chosen | undefined) => {
    if (saving()) return;
    setSaving(true);
    setFailure(undefined);
    try {
      const body = { category: wanted.category || null, region: wanted.region || null };
      const saved = await answer(api.PUT('/v1/me/profile', { body }));
      batch(() => {
        setKept(saved);
        setBefore(last);
        setChanged({});
      });
      announce(last ? m().groups.saved : m().groups.undone);
    } catch (error) {
      setFailure(error);
    } finally {
      setSaving(false);
    }
  };

  return (
    <section class="section" aria-labelledby="groups">
      <header>
        <h2 id="groups">{m().groups.title}</h2>
        <p>{m().groups.text}</p>
      </header>
      <Known of={found} height="10rem" sheet words={m().errors}>
        {(found) => {
          const profile = () => kept() ?? found();
          const last = (): Chosen => ({
            category: chosenLast(profile().category),
            region: chosenLast(profile().region),
          });
          const wanted = (): Chosen => ({ ...last(), ...changed() });
          const differs = (kind: Kind) => wanted()[kind] !== last()[kind];
          return (
            <form
              class="panel-form sheet card groups"
              onSubmit={(event) => {
                event.preventDefault();
                if (KINDS.some(differs)) void save(wanted(), last());
                else announce(m().groups.same);
              }}
            >
              <For each={KINDS}>
                {(kind) => (
                  <Group
                    kind={kind}
                    choice={profile()[kind]}
                    wanted={wanted()[kind]}
                    differs={differs(kind)}
                    choose={(group) => setChanged((changed) => ({ ...changed, [kind]: group }))}
                    wallet={wallet()}
                    rank={ranks.data()?.[kind]}
                  />
                )}
              </For>
              <p class="small">{m().groups.publicNote}</p>
              <p>
                <button class="button primary" aria-disabled={saving() ? 'true' : undefined}>
                  {m().groups.save}
                </button>{' '}
                <Show when={before() && !KINDS.some(differs) && before()}>
                  {(before) => (
                    <>
                      <span class="small">{m().groups.saved}</span>{' '}
                      <button
                        type="button"
                        class="button quiet"
                        onClick={() => void save(before(), undefined)}
                      >
                        {m().groups.undo}
                      </button>
                    </>
                  )}
                </Show>
              </p>
              <Show when={failure()}>
                {(error) => <Failure error={error()} words={m().errors} />}
              </Show>
            </form>
          );
        }}
      </Known>
    </section>
  );
}

/** One of the two, with what counts now, what is to come, and what a change would do. */
function Group(props: {
  kind: Kind;
  choice: Choice;
  wanted: string;
  /** Whether it is another one than was chosen last. */
  differs: boolean;
  choose: (group: string) => void;
  wallet: string;
  rank: { total_entries: number; own?: { rank: number } | null } | null | undefined;
}) {
  const id = () => `group-${props.kind}`;
  const options = () =>
    props.kind === 'category'
      ? CATEGORIES.map((code) => ({ code, name: nameOf('category', code) })).sort((one, other) =>
          one.name.localeCompare(other.name, locale()),
        )
      : regions(locale());
  const name = (group: string | null | undefined) =>
    group ? nameOf(props.kind, group) : m().groups.none;
  const number = (value: number) => numbers(locale()).format(value);
  const from = () => begins(props.choice, now()).map((day) => formatDay(day, locale()));
  return (
    <div class="field">
      <label for={id()}>{b()[props.kind]}</label>
      <select
        id={id()}
        aria-describedby={`${id()}-hint`}
        onChange={(event) => props.choose(event.currentTarget.value)}
      >
        <option value="" selected={props.wanted === ''}>
          {m().groups.none}
        </option>
        <For each={options()}>
          {({ code, name }) => (
            <option value={code} selected={props.wanted === code}>
              {name}
            </option>
          )}
        </For>
      </select>
      <div class="hint" id={`${id()}-hint`}>
        <p>
          {m().groups.today(name(props.choice.value))}
          <Show when={props.choice.value}>
            {(group) => (
              <>
                {' '}
                <Show when={props.rank?.own && props.rank}>
                  {(rank) => (
                    <>{m().groups.rank(number(rank().own!.rank), number(rank().total_entries))} </>
                  )}
                </Show>
                <A
                  href={`/leaderboard?${new URLSearchParams({ [props.kind]: group(), wallet: props.wallet })}`}
                >
                  {m().groups.board(name(group()))}
                </A>
              </>
            )}
          </Show>
        </p>
        <Show when={props.choice.next_from}>
          {(day) => <p>{m().groups.next(formatDay(day(), locale()), name(props.choice.next))}</p>}
        </Show>
        <div aria-live="polite">
          <Show when={props.differs}>
            <p class="wait">
              <strong>
                {from().length > 1
                  ? m().groups.fromEither(from()[0]!, from()[1]!)
                  : m().groups.from(name(props.wanted), from()[0]!)}
              </strong>{' '}
              {m().groups.stays}
            </p>
          </Show>
        </div>
      </div>
    </div>
  );
}
