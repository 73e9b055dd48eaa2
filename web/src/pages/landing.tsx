/** `/c/{campaign}?ref=CODE`: an invitation, from the link to the receipt. */

import { A, useParams, useSearchParams } from '@solidjs/router';
import { createEffect, createMemo, createSignal, on, Show } from 'solid-js';

import { answer, api, type Campaign, type CodeInfo } from '../api/client';
import { formatBps } from '../format/money';
import { formatDuration } from '../format/time';
import { locale, t } from '../i18n';
import { poll } from '../lib/poll';
import { firstTouch, keepTouch } from '../lib/touch';
import { Address, moneyText, short, Time, tokenOf } from '../ui/format';
import { Title } from '../ui/frame';
import { Rule } from '../ui/rule';
import { Failure, Problem, Skeleton } from '../ui/states';
import { Panel } from './panel';

/** What an owner's input becomes a code by; the API has the last word. */
const CODE = /^[A-HJKMNP-Z2-9]{6,12}$/;

export default function Landing() {
  const params = useParams<{ campaign: string }>();
  const [query, setQuery] = useSearchParams<{ ref?: string | string[] }>();
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
  const code = poll(
    () => (asked() ? { code: asked()!, campaign: params.campaign } : undefined),
    async ({ code, campaign }, signal) => {
      const params = { path: { code }, query: { campaign } };
      const validity = await answer(api.GET('/v1/codes/{code}/validate', { params, signal }));
      if (validity.reason === 'not_found') return { reason: validity.reason, info: undefined };
      const info = await answer(api.GET('/v1/codes/{code}', { params, signal }));
      return { reason: validity.reason ?? undefined, info };
    },
    5000,
  );

  return (
    <Show
      when={campaign.data()}
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
                        when={!found().reason && found().info}
                        fallback={<NotNow reason={found().reason ?? 'not_found'} />}
                      >
                        {(info) => (
                          <Show
                            when={campaign().proof === 'open'}
                            fallback={<Elsewhere campaign={campaign()} />}
                          >
                            <Panel campaign={campaign()} code={info()} />
                          </Show>
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

function nameOf(campaign: Campaign): string {
  return campaign.name ?? t().home.unnamed;
}

/** What the referee and the referrer get of a fixed reward, in base units. */
function partsOf(campaign: Campaign): { referee: bigint; referrer: bigint } | undefined {
  if (campaign.reward.kind !== 'fixed' || !campaign.rules) return undefined;
  const all = BigInt(campaign.reward.fixed);
  const fixed = BigInt(campaign.rules.referee_fixed);
  const share = (all * BigInt(campaign.rules.referee_share_bps)) / 10_000n;
  const referee = fixed > 0n ? (fixed < all ? fixed : all) : share;
  return { referee, referrer: all - referee };
}

/** Who invites, and what both sides get. */
function Pitch(props: { campaign: Campaign; code: CodeInfo | undefined }) {
  const who = () => (props.code ? short(props.code.owner) : undefined);
  const parts = () => partsOf(props.campaign);
  const token = () => tokenOf(props.campaign);
  const lead = () => {
    const name = nameOf(props.campaign);
    const hold = props.campaign.rules?.hold_seconds ?? 0;
    if (hold > 0) return t().landing.leadHeld(name, formatDuration(hold, locale()));
    const both = props.campaign.rules?.referee_share_bps || parts()?.referee;
    return both ? t().landing.leadBoth(name) : t().landing.leadOne(name);
  };
  return (
    <section>
      <p class="by">
        <span>{nameOf(props.campaign)}</span>
        <Show when={props.code}>
          {(code) => (
            <span>
              {t().landing.code} <code>{code().code}</code>
            </span>
          )}
        </Show>
      </p>
      <h1>{who() ? t().landing.headline(who()!) : t().landing.headlinePlain}</h1>
      <p class="lead">{lead()}</p>
      <dl class="gets">
        <Show
          when={parts()}
          fallback={
            <div>
              <dt>{t().landing.theyGet(who() ?? t().board.referrer)}</dt>
              <dd>
                <Show
                  when={props.campaign.reward.kind === 'percent'}
                  fallback={<Rule campaign={props.campaign} />}
                >
                  {t().landing.ofAmount(formatBps(props.campaign.reward.bps, locale()))}
                </Show>
              </dd>
            </div>
          }
        >
          {(parts) => (
            <>
              <Show when={parts().referee > 0n}>
                <div>
                  <dt>{t().landing.youGet}</dt>
                  <dd class="num">{moneyText(parts().referee, token())}</dd>
                </div>
              </Show>
              <div>
                <dt>{t().landing.theyGet(who() ?? t().board.referrer)}</dt>
                <dd class="num">{moneyText(parts().referrer, token())}</dd>
              </div>
            </>
          )}
        </Show>
      </dl>
    </section>
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
    </section>
  );
}

/** Says that the code of this link is not the one that the visitor came with first. */
function Swapped(props: { campaign: Campaign; code: string; use: (code: string) => void }) {
  const window = () => props.campaign.rules?.attribution_window ?? null;
  const [before, setBefore] = createSignal(firstTouch(props.campaign.address, window()));
  createEffect(
    on(
      () => props.code,
      (code) => {
        const kept = firstTouch(props.campaign.address, window());
        if (!kept) keepTouch(props.campaign.address, code);
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
            <strong>
              {t().landing.other(other().code, new Date(other().at).toLocaleDateString(locale()))}
            </strong>{' '}
            {t().landing.otherText(props.code)}
          </p>
          <button type="button" class="button quiet" onClick={() => props.use(other().code)}>
            {t().landing.keepFirst(other().code)}
          </button>
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
        </div>
      )}
    </Show>
  );
}

function NoCode(props: { malformed: string | undefined; use: (code: string) => void }) {
  const [wrong, setWrong] = createSignal(props.malformed !== undefined);
  return (
    <form
      class="panel-form"
      onSubmit={(event) => {
        event.preventDefault();
        const text = String(new FormData(event.currentTarget).get('code')).trim().toUpperCase();
        if (CODE.test(text)) props.use(text);
        else setWrong(true);
      }}
    >
      <h2>{t().landing.noCode}</h2>
      <p>{t().landing.noCodeText}</p>
      <div class="field">
        <label for="code">{t().landing.typeCode}</label>
        <input
          id="code"
          name="code"
          value={props.malformed ?? ''}
          autocomplete="off"
          autocapitalize="characters"
          spellcheck={false}
          maxlength="12"
          aria-invalid={wrong()}
          aria-describedby="code-hint"
        />
        <p id="code-hint" class="hint" classList={{ wrong: wrong() }} role="status">
          {wrong() ? t().landing.badCode : ''}
        </p>
      </div>
      <button class="button primary full">{t().landing.useCode}</button>
    </form>
  );
}

/** The code is right, but nothing counts through it now. */
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
      <Show when={props.campaign.landing_url}>
        {(url) => (
          <a class="button primary full" href={url()} rel="noreferrer">
            {t().landing.toSite}
          </a>
        )}
      </Show>
    </>
  );
}
