/** `/c/{campaign}?ref=CODE`: an invitation, from the link to the receipt. */

import { A, useParams, useSearchParams } from '@solidjs/router';
import {
  createEffect,
  createMemo,
  createResource,
  createSignal,
  Match,
  on,
  Show,
  Switch,
} from 'solid-js';

import { answer, api, type Campaign, type CodeInfo } from '../api/client';
import { formatBps } from '../format/money';
import { formatDuration } from '../format/time';
import { locale, t } from '../i18n';
import { live } from '../lib/live';
import type { OrderQuery } from '../lib/order';
import { poll } from '../lib/poll';
import { firstTouch, keepTouch } from '../lib/touch';
import { partsOf } from '../lib/parts';
import { Address, Money, moneyText, Time, tokenOf, Unit, when, Who } from '../ui/format';
import { CODE, CodeField } from '../ui/code';
import { Title } from '../ui/frame';
import { Rule } from '../ui/rule';
import { Failure, Problem, Skeleton } from '../ui/states';
import { Panel, type Ordering } from './panel';

/** Reasons that pass: the code is right, and is kept for when it counts again. */
const PASSING = ['campaign_paused', 'campaign_not_started'];

export default function Landing() {
  const params = useParams<{ campaign: string }>();
  const [query, setQuery] = useSearchParams<{ ref?: string | string[] } & OrderQuery>();
  /** A link may name a code twice: the first counts. */
  const named = () => (Array.isArray(query.ref) ? query.ref[0] : query.ref);
  const campaign = poll(
    () => params.campaign,
    (address, signal) =>
      answer(api.GET('/v1/campaigns/{address}', { params: { path: { address } }, signal })),
    10_000,
  );
  const asked = createMemo(() => {
    const code = named()?.toUpperCase();
    return code && CODE.test(code) ? code : undefined;
  });
  const malformed = () => (asked() ? undefined : named());
  /** The code, once it is known to be there. */
  const [known, setKnown] = createSignal<string>();
  const code = poll(
    () => (asked() ? { code: asked()!, campaign: params.campaign } : undefined),
    async ({ code, campaign }, signal) => {
      const params = { path: { code }, query: { campaign } };
      const validity = await answer(api.GET('/v1/codes/{code}/validate', { params, signal }));
      if (validity.reason === 'not_found') return { reason: validity.reason, info: undefined };
      const info = await answer(api.GET('/v1/codes/{code}', { params, signal }));
      setKnown(code);
      return { reason: validity.reason ?? undefined, info };
    },
    5000,
    live(
      () =>
        known() && known() === asked() && `/v1/codes/${known()}/live?campaign=${params.campaign}`,
    ),
  );

  /** A visitor who has connected a wallet stays with the code, also when this was its last conversion. */
  const [engaged, setEngaged] = createSignal(false);
  const usable = createMemo<CodeInfo | undefined>((before) => {
    const found = code.data();
    if (!found) return undefined;
    if (found.info && (engaged() || !found.reason)) return found.info;
    return engaged() ? before : undefined;
  });
  /** The code is one of this campaign, so it is worth to be remembered. */
  const counts = () => {
    const found = code.data();
    return Boolean(found?.info && (!found.reason || PASSING.includes(found.reason)));
  };
  const who = () => nameOfOwner(code.data()?.info);
  /** What a company's link says besides the code, with the parts of the page that only such a link needs. */
  const [kit] = createResource(
    () => {
      const proof = campaign.data()?.proof;
      const isOrder = proof !== 'open' && Object.keys(query).some((name) => name !== 'ref');
      // A text, which stays the same while the campaign is asked for again.
      return proof && isOrder && `${proof} ${locale()}`;
    },
    async (of) => (await import('./order')).withOrder({ ...query }, of.split(' ')[0]!),
  );
  const ordering = (): Ordering | undefined => {
    const found = kit.error ? undefined : kit.latest;
    const order = found?.order;
    return order && order !== 'broken' ? { order, kit: found } : undefined;
  };

  return (
    <Show
      // Both at once, so that nothing moves when the second one comes.
      when={(!asked() || code.data() || code.error()) && campaign.data()}
      fallback={
        <div class="narrow">
          <Title of={t().landing.invited} />
          <h1 class="hidden">{t().landing.invited}</h1>
          <Show when={campaign.error()} fallback={<Skeleton lines={4} height="2.5rem" />}>
            {(error) => <Failure error={error()} again={campaign.again} />}
          </Show>
        </div>
      }
    >
      {(campaign) => (
        <div class="landing">
          <Title of={t().landing.title(nameOf(campaign()))} />
          <Pitch campaign={campaign()} code={code.data()?.info} />
          <div class="panel sheet lifted">
            <Show
              when={asked()}
              fallback={<NoCode malformed={malformed()} use={(code) => setQuery({ ref: code })} />}
            >
              {(asked) => (
                <>
                  <Swapped
                    campaign={campaign()}
                    code={asked()}
                    counts={counts()}
                    use={(code) => setQuery({ ref: code })}
                  />
                  <Show
                    when={code.data()}
                    fallback={
                      <Show when={code.error()} fallback={<Skeleton lines={3} height="2.25rem" />}>
                        {(error) => <Failure error={error()} again={code.again} />}
                      </Show>
                    }
                  >
                    {(found) => (
                      <Show
                        when={usable()}
                        fallback={<NotNow reason={found().reason ?? 'not_found'} />}
                      >
                        {(info) => (
                          <Switch fallback={<Elsewhere campaign={campaign()} />}>
                            <Match when={campaign().proof === 'open' || ordering()}>
                              <Panel
                                campaign={campaign()}
                                code={info()}
                                who={who()}
                                ordering={ordering()}
                                engaged={setEngaged}
                              />
                            </Match>
                            <Match when={kit.error as unknown}>
                              {(error) => <Failure error={error()} />}
                            </Match>
                            <Match when={kit.loading}>
                              <Skeleton lines={3} height="2.25rem" />
                            </Match>
                            <Match when={kit()?.order && kit()}>
                              {(kit) => (
                                <Problem calm words={kit().words().broken}>
                                  <ToSite campaign={campaign()} />
                                </Problem>
                              )}
                            </Match>
                          </Switch>
                        )}
                      </Show>
                    )}
                  </Show>
                </>
              )}
            </Show>
          </div>
          <SmallPrint campaign={campaign()} />
        </div>
      )}
    </Show>
  );
}

/** The name of a code's owner on a page: the one that they chose, or the code, which people know. */
function nameOfOwner(code: CodeInfo | undefined): string {
  return code?.profile?.nickname ?? code?.code ?? '';
}

function nameOf(campaign: Campaign): string {
  return campaign.name ?? t().home.unnamed;
}

/** The referrer's invitation, and the gains of both sides: the visitor's own first. */
function Pitch(props: { campaign: Campaign; code: CodeInfo | undefined }) {
  const who = () => nameOfOwner(props.code);
  const parts = () => partsOf(props.campaign);
  const token = () => tokenOf(props.campaign);
  const lead = () => {
    const name = nameOf(props.campaign);
    const hold = props.campaign.rules?.hold_seconds ?? 0;
    if (props.campaign.proof === 'payment') return t().landing.leadPays(name);
    if (hold > 0) return t().landing.leadHeld(name, formatDuration(hold, locale()));
    const both = props.campaign.rules?.referee_share_bps || parts()?.referee;
    return both ? t().landing.leadBoth(name) : t().landing.leadOne(name);
  };
  return (
    <section>
      <p class="by">
        <span class="chosen" title={t().landing.chosenCampaign}>
          <bdi>{nameOf(props.campaign)}</bdi>
        </span>
        <Show when={props.code}>
          {(code) => (
            <span>
              {t().landing.code} <code>{code().code}</code>
            </span>
          )}
        </Show>
      </p>
      <h1>
        <Show when={props.code} fallback={t().landing.headlinePlain}>
          <bdi>{who()}</bdi> {t().landing.headline}
        </Show>
      </h1>
      <p class="lead">{lead()}</p>
      <dl class="gets">
        <Show
          when={parts()}
          fallback={
            <div>
              <dt>{t().landing.bothGet}</dt>
              <dd>
                <Rule campaign={props.campaign} />
              </dd>
            </div>
          }
        >
          {(parts) => (
            <>
              <Show when={parts().referee > 0n}>
                <div>
                  <dt>
                    {props.campaign.funding === 'payment_split'
                      ? t().landing.youSave
                      : t().landing.youGet}
                  </dt>
                  <dd>
                    <Share units={parts().referee} kind={parts().kind} token={token()} />
                  </dd>
                </div>
              </Show>
              <div>
                <dt>
                  <bdi>{t().landing.theyGet(who() || t().landing.referrer)}</bdi>
                </dt>
                <dd>
                  <Share units={parts().referrer} kind={parts().kind} token={token()} />
                </dd>
              </div>
            </>
          )}
        </Show>
      </dl>
      <Show when={props.code}>
        {(code) => (
          <figure class="words">
            <Show when={code().profile?.message}>
              {(message) => (
                <blockquote>
                  <bdi>{message()}</bdi>
                </blockquote>
              )}
            </Show>
            <figcaption>
              <Show when={code().profile?.nickname}>
                {(name) => (
                  <>
                    <Who wallet={code().owner} name={name()} />{' '}
                    <span class="small">{t().landing.chosenByThem}</span>{' '}
                  </>
                )}
              </Show>
              <Address address={code().owner} />
            </figcaption>
          </figure>
        )}
      </Show>
    </section>
  );
}

/** A part of a reward, as an amount or of the amount. */
function Share(props: { units: bigint; kind: 'units' | 'bps'; token: ReturnType<typeof tokenOf> }) {
  return (
    <Show
      when={props.kind === 'units'}
      fallback={<span class="num">{t().landing.ofAmount(formatBps(props.units, locale()))}</span>}
    >
      <Money units={props.units} token={props.token} />
    </Show>
  );
}

function SmallPrint(props: { campaign: Campaign }) {
  const rules = () => props.campaign.rules;
  const duration = (seconds: number) => formatDuration(seconds, locale());
  const left = () => {
    const budget = rules()?.budget;
    if (!budget) return undefined;
    return moneyText(BigInt(budget) - BigInt(rules()!.committed), tokenOf(props.campaign));
  };
  return (
    <section aria-labelledby="rules">
      <h2 id="rules">{t().landing.smallPrint}</h2>
      <dl class="rows">
        <div>
          <dt>{t().landing.counts}</dt>
          <dd>{t().campaign.uniqueness[props.campaign.uniqueness]}</dd>
        </div>
        <div>
          <dt>{t().landing.needs}</dt>
          <dd>{t().campaign.proof[props.campaign.proof]}</dd>
          <Show when={rules()?.credential_required}>
            <dd class="note">{t().landing.credential}</dd>
          </Show>
        </div>
        <div>
          <dt>{t().landing.ends}</dt>
          <dd>
            <Show when={props.campaign.ends_at} fallback={t().campaign.noEnd}>
              {(at) => <Time at={at()} />}
            </Show>
          </dd>
        </div>
        <Show when={rules()}>
          {(rules) => (
            <>
              <div>
                <dt>{t().campaign.budget}</dt>
                <dd>{left() ?? t().campaign.noBudget}</dd>
              </div>
              <div>
                <dt>{t().landing.hold}</dt>
                <dd>
                  {rules().hold_seconds === 0 ? t().landing.noHold : duration(rules().hold_seconds)}
                </dd>
              </div>
              <div>
                <dt>{t().landing.notice}</dt>
                <dd>
                  {rules().notice_seconds === 0
                    ? t().landing.noNotice
                    : duration(rules().notice_seconds)}
                </dd>
              </div>
              <Show when={rules().attribution_window}>
                {(window) => (
                  <div>
                    <dt>{t().landing.firstTouch}</dt>
                    <dd>{duration(window())}</dd>
                  </div>
                )}
              </Show>
            </>
          )}
        </Show>
        <Show when={tokenOf(props.campaign).mint}>
          {(mint) => (
            <div>
              <dt>
                {t().landing.token} <Unit token={tokenOf(props.campaign)} />
              </dt>
              <dd>
                <Address address={mint()} />
              </dd>
              <dd class="note">{t().landing.tokenNote}</dd>
            </div>
          )}
        </Show>
        <div>
          <dt>{t().landing.address}</dt>
          <dd>
            <Address address={props.campaign.address} />
          </dd>
          <Show when={rules()?.varies}>
            <dd class="note">{t().landing.varies}</dd>
          </Show>
        </div>
      </dl>
      <p class="spaced">
        <A href={`/leaderboard?campaign=${props.campaign.address}`}>{t().landing.board}</A>
      </p>
    </section>
  );
}

/** Says that the code of this link is not the one that the visitor came with first. */
function Swapped(props: {
  campaign: Campaign;
  code: string;
  /** The code is one of this campaign. Others are not kept. */
  counts: boolean;
  use: (code: string) => void;
}) {
  const window = () => props.campaign.rules?.attribution_window ?? null;
  const [before, setBefore] = createSignal(firstTouch(props.campaign.address, window()));
  createEffect(
    on(
      () => [props.code, props.counts] as const,
      ([code, counts]) => {
        const kept = firstTouch(props.campaign.address, window());
        if (!kept && counts) keepTouch(props.campaign.address, code);
        setBefore(kept);
      },
    ),
  );
  const other = () => (before() && before()!.code !== props.code ? before() : undefined);
  return (
    <Show when={other()}>
      {(other) => (
        <div class="notice" role="status">
          <p>
            <strong>{t().landing.other(other().code, when(other().at))}</strong>{' '}
            {t().landing.otherText(props.code)}
          </p>
          <button type="button" class="button quiet" onClick={() => props.use(other().code)}>
            {t().landing.keepFirst(other().code)}
          </button>
          <Show when={props.counts}>
            <button
              type="button"
              class="button quiet"
              onClick={() => {
                keepTouch(props.campaign.address, props.code);
                setBefore(undefined);
              }}
            >
              {t().landing.keepThis(props.code)}
            </button>
          </Show>
        </div>
      )}
    </Show>
  );
}

function NoCode(props: { malformed: string | undefined; use: (code: string) => void }) {
  const [wrong, setWrong] = createSignal(props.malformed !== undefined);
  return (
    <div class="stack">
      <h2>{t().landing.noCode}</h2>
      <p>{t().landing.noCodeText}</p>
      <CodeField
        value={props.malformed}
        wrong={wrong()}
        use={props.use}
        refuse={() => setWrong(true)}
      />
    </div>
  );
}

/** Nothing counts through this code now. */
function NotNow(props: { reason: string }) {
  return (
    <Problem calm words={t().codeReasons[props.reason] ?? t().codeReasons['not_found']!}>
      <A class="button" href="/#campaigns">
        {t().home.toCampaigns}
      </A>
    </Problem>
  );
}

/** The campaign counts on the company's own site. */
function Elsewhere(props: { campaign: Campaign }) {
  return (
    <>
      <h2>{t().campaign.proof[props.campaign.proof]}</h2>
      <p>{t().landing.notHere}</p>
      <ToSite campaign={props.campaign} />
    </>
  );
}

/** The way to the company's own site. A company that names this very page has none. */
function ToSite(props: { campaign: Campaign }) {
  const elsewhere = () => {
    const url = props.campaign.landing_url;
    return url && !url.startsWith(location.origin + location.pathname) ? url : undefined;
  };
  return (
    <Show when={elsewhere()}>
      {(url) => (
        <a class="button primary full" href={url()} rel="noreferrer">
          {t().landing.toSite}
        </a>
      )}
    </Show>
  );
}
