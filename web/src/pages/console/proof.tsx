/** That the numbers are the chain's, and how to check it. */

import { Show } from 'solid-js';

import { answer, api } from '../../api/client';
import { locale } from '../../i18n';
import { c } from '../../i18n/console';
import { poll } from '../../lib/poll';
import { Copy, Lit } from '../../ui/format';

export function Proof(props: { campaign: string }) {
  const coverage = poll(
    () => true,
    (_, signal) => answer(api.GET('/v1/coverage', { signal })),
    10_000,
  );
  const digest = poll(
    () => true,
    (_, signal) => answer(api.GET('/v1/digest', { signal })),
    30_000,
  );
  const uncertain = () =>
    coverage.data()?.uncertain.filter(({ campaign }) => campaign === props.campaign).length;
  /** Nothing is said before there is an answer. */
  const unless = (asked: { data: () => unknown; error: () => { code: string } | undefined }) =>
    asked.data() !== undefined || asked.error()?.code === 'digest_not_found' ? c().proof.none : '–';
  const number = (slot: number) => new Intl.NumberFormat(locale()).format(slot);
  const command = () => `vouch-indexer verify --api ${location.origin} --rpc-url ${c().proof.node}`;
  return (
    <section class="section" aria-labelledby="proof">
      <header>
        <h2 id="proof">{c().proof.title}</h2>
        <p>{c().proof.text}</p>
      </header>
      <dl class="rows">
        <div>
          <dt>{c().proof.proven}</dt>
          <dd>
            <Show when={coverage.data()?.finalized_slot} fallback={unless(coverage)}>
              {(slot) => <Lit value={number(slot())} />}
            </Show>
          </dd>
        </div>
        <div>
          <dt>{c().proof.counted}</dt>
          <dd>
            <Show when={coverage.data()?.indexed_slot} fallback={unless(coverage)}>
              {(slot) => <Lit value={number(slot())} />}
            </Show>
          </dd>
          <Show when={uncertain()}>
            {(count) => <dd class="note">{c().proof.uncertain(count())}</dd>}
          </Show>
        </div>
        <div>
          <dt>{c().proof.digest}</dt>
          <dd>
            <Show when={digest.data()} fallback={unless(digest)}>
              {(digest) => (
                <Copy class="address" text={digest().root}>
                  {digest().root.slice(0, 16)}…
                </Copy>
              )}
            </Show>
          </dd>
        </div>
        <div>
          <dt>{c().proof.command}</dt>
          <dd>
            <Copy class="address" text={command()}>
              {command()}
            </Copy>
          </dd>
        </div>
      </dl>
    </section>
  );
}
