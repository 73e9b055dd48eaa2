/** How far the wallet is, and the badges that it has earned. */

import { createSignal, Show } from 'solid-js';

import { answer, api, type Award, type Milestone } from '../../api/client';
import { locale, t } from '../../i18n';
import { b } from '../../i18n/board';
import { m } from '../../i18n/me';
import { announce } from '../../lib/announce';
import { createCampaigns } from '../../lib/campaigns';
import { isCategory, type Category } from '../../lib/groups';
import { poll } from '../../lib/poll';
import { Shape } from '../../ui/format';
import { Keyed } from '../../ui/keyed';
import { Empty, Failure, Skeleton } from '../../ui/states';

export function Badges(props: { wallet: string }) {
  const wallet = () => props.wallet;
  const params = (wallet: string) => ({ path: { wallet }, query: { limit: 20 } });
  const progress = poll(
    wallet,
    (wallet, signal) =>
      answer(api.GET('/v1/referrers/{wallet}/milestones', { params: params(wallet), signal })),
    15_000,
  );
  const awards = poll(
    wallet,
    (wallet, signal) =>
      answer(api.GET('/v1/referrers/{wallet}/badges', { params: params(wallet), signal })),
    15_000,
  );
  const campaign = createCampaigns(() => [
    ...(progress.data()?.milestones.map((it) => it.campaign) ?? []),
    ...(awards.data()?.awards.flatMap((it) => it.campaign ?? []) ?? []),
  ]);
  const name = (address: string) => campaign(address)?.name ?? t().home.unnamed;
  /** The deed that it is a badge of. */
  const of = ({ campaign, category }: Award) => {
    if (campaign) return name(campaign);
    return isCategory(category ?? undefined) ? b().categories[category as Category] : category;
  };
  const [failure, setFailure] = createSignal<unknown>();
  const claim = async (award: Award) => {
    setFailure(undefined);
    try {
      await answer(api.POST('/v1/badges/{id}/claim', { params: { path: { id: award.id } } }));
      announce(m().badges.claimed);
      awards.again();
    } catch (error) {
      setFailure(error);
    }
  };

  return (
    <section class="section" aria-labelledby="badges">
      <header>
        <h2 id="badges">{m().badges.title}</h2>
        <p>{m().badges.counts}</p>
      </header>
      <Show when={failure()}>{(error) => <Failure error={error()} words={m().errors} />}</Show>
      <Show
        when={awards.data() && progress.data()}
        fallback={
          <Show when={awards.error() ?? progress.error()} fallback={<Skeleton height="6rem" />}>
            {(error) => <Failure error={error()} words={m().errors} again={awards.again} />}
          </Show>
        }
      >
        <div class="cards">
          <Keyed each={progress.data()?.milestones} by={(it) => it.campaign}>
            {(milestone) => (
              <Progress milestone={milestone()} campaign={name(milestone().campaign)} />
            )}
          </Keyed>
          <Keyed each={awards.data()?.awards} by={(it) => String(it.id)}>
            {(award) => (
              <article class="sheet card badge">
                <h3>
                  <Shape kind="paid" /> {award().title}
                </h3>
                <p class="small">
                  {of(award())}
                  <Show when={award().month}>{(month) => <> {m().badges.of(month())}</>}</Show>
                </p>
                <p class="small">{award().description}</p>
                <Show
                  when={award().claimed}
                  fallback={
                    <button type="button" class="button" onClick={() => void claim(award())}>
                      {m().badges.claim}
                      <span class="hidden"> {award().title}</span>
                    </button>
                  }
                >
                  <p class="small">{m().badges.claimed}</p>
                </Show>
              </article>
            )}
          </Keyed>
        </div>
        <Show when={awards.data()?.awards.length === 0 && progress.data()?.milestones.length === 0}>
          <div class="sheet">
            <Empty title={m().badges.none} text={m().badges.noneText} />
          </div>
        </Show>
      </Show>
    </section>
  );
}

function Progress(props: { milestone: Milestone; campaign: string }) {
  const number = (value: number) => new Intl.NumberFormat(locale()).format(value);
  return (
    <article class="sheet card badge">
      <h3>{props.campaign}</h3>
      <Show
        when={props.milestone.next?.conversions}
        fallback={<p class="small">{m().badges.last}</p>}
      >
        {(goal) => (
          <>
            <p>
              {m().badges.next(props.milestone.next!.title, goal() - props.milestone.conversions)}
            </p>
            <meter
              min="0"
              max={goal()}
              value={props.milestone.conversions}
              aria-label={m().badges.progress(number(props.milestone.conversions), number(goal()))}
            />
            <p class="small">
              {m().badges.progress(number(props.milestone.conversions), number(goal()))}
            </p>
          </>
        )}
      </Show>
    </article>
  );
}
