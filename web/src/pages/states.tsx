/** `/dev/states`, in development alone: every component in every state, for the eye. */

import { createSignal, For, Show } from 'solid-js';

import { t } from '../i18n';
import { now } from '../lib/clock';
import { Address, ConversionStatus, Money, Status, Time } from '../ui/format';
import { Title } from '../ui/frame';
import { Empty, Problem, Skeleton, wordsFor } from '../ui/states';

const WALLET = '4P9LqUjQAnspnDpVTXfX1GKWdQQDNgaB27b5E495akBb';
const VCH = { decimals: 6, symbol: 'VCH' };

export default function States() {
  const [units, setUnits] = createSignal(2_500_000n);
  let dialog: HTMLDialogElement | undefined;
  return (
    <>
      <Title of="States" />
      <div class="head">
        <h1>Components and their states</h1>
      </div>
      <section class="section">
        <h2>Buttons and fields</h2>
        <p>
          <button class="button primary">Primary</button> <button class="button">Default</button>{' '}
          <button class="button quiet">Quiet</button>{' '}
          <button class="button" aria-disabled="true">
            Busy
          </button>{' '}
          <button class="button" onClick={() => dialog?.showModal()}>
            Dialog
          </button>
        </p>
        <div class="field">
          <label for="a">Field</label>
          <input id="a" value="MYSHARE2" />
          <p class="hint">A hint</p>
        </div>
        <div class="field">
          <label for="b">Wrong field</label>
          <input id="b" value="O0" aria-invalid="true" aria-describedby="b-hint" />
          <p id="b-hint" class="hint wrong">
            {t().landing.badCode}
          </p>
        </div>
        <dialog ref={dialog} aria-labelledby="dialog-title">
          <h2 id="dialog-title">Dialog</h2>
          <p>It closes with Escape, and gives the focus back.</p>
          <form method="dialog">
            <button class="button primary">Close</button>
          </form>
        </dialog>
      </section>
      <section class="section">
        <h2>Money, addresses, times, states</h2>
        <p>
          <button class="button quiet" onClick={() => setUnits((units) => units + 1n)}>
            One more
          </button>
          <Money units={units()} token={VCH} /> <Money units="18446744073709551615" token={VCH} />{' '}
          <Money units="0" token={VCH} /> <Money units="5" token={{ decimals: 0, symbol: null }} />
        </p>
        <p>
          <Address address={WALLET} /> <Time at={now() - 12_000} /> <Time at={now() + 5_400_000} />{' '}
          <Time at="2025-01-31T12:00:00Z" />
        </p>
        <p>
          <For each={['paid', 'pending', 'cancelled', 'lapsed']}>
            {(status) => (
              <>
                <ConversionStatus status={status} />{' '}
              </>
            )}
          </For>
          <Status kind="paid">{t().status.open}</Status>
        </p>
      </section>
      <section class="section">
        <h2>Waiting and empty</h2>
        <Skeleton lines={3} />
        <div class="sheet">
          <Empty title={t().board.none} text={t().board.noneText}>
            <button class="button">{t().board.toCampaigns}</button>
          </Empty>
        </div>
      </section>
      <section class="section">
        <h2>Why a code does not count now</h2>
        <div class="cards">
          <For each={Object.values(t().codeReasons)}>
            {(words) => <Problem calm words={words} />}
          </For>
        </div>
      </section>
      <section class="section">
        <h2>Errors</h2>
        <div class="cards">
          <For each={Object.keys(t().errors)}>
            {(code) => (
              <Problem words={wordsFor(code)} requestId={code === 'internal' ? WALLET : undefined}>
                <Show when={code === 'internal'}>
                  <button class="button">{t().common.again}</button>
                </Show>
              </Problem>
            )}
          </For>
        </div>
      </section>
    </>
  );
}
