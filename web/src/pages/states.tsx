/** `/dev/states`, in development alone: every component in every state, for the eye. */

import { createResource, createSignal, For, Show } from 'solid-js';

import type { Campaign, ConversionDetail } from '../api/client';
import { locale, t } from '../i18n';
import { useNumbers } from '../i18n/numbers';
import { now } from '../lib/clock';
import { Chart } from '../ui/chart';
import { Address, ConversionStatus, Money, moneyText, Status, Time, Who } from '../ui/format';
import { Title } from '../ui/frame';
import { Receipt } from '../ui/receipt';
import { Empty, Problem, Skeleton, wordsFor } from '../ui/states';

const WALLET = '4P9LqUjQAnspnDpVTXfX1GKWdQQDNgaB27b5E495akBb';
const MINT = 'Fh3oK3bRQJ3GVvcYvB2HzF7KjZPBgJkFBuQzoYcCMxxN';
const VCH = { decimals: 6, symbol: 'VCH', mint: MINT };
const UNIT = 1_000_000n;

/** The fields of a campaign and a conversion that a receipt shows. */
const CAMPAIGN = { mint: MINT, mint_decimals: 6, symbol: 'VCH' } as unknown as Campaign;
const CONVERTED = {
  conversion: {
    address: WALLET,
    status: 'paid',
    rewards: { referrer: '4000000', referee: '1000000' },
  },
  outcomes: [
    { kind: 'part_paid', part: 'referee' },
    { kind: 'part_paid', part: 'referrer' },
  ],
} as unknown as ConversionDetail;

/** Thirty days with a wave of what is paid, and some that waits at the end. */
const DAYS = Array.from({ length: 30 }, (_, day) => ({
  label: `${day + 1} Mar`,
  paid: BigInt(Math.round(8 + 7 * Math.sin(day / 3))) * UNIT,
  waiting: day > 22 ? BigInt(day - 22) * UNIT : 0n,
}));

export default function States() {
  const [units, setUnits] = createSignal(2_500_000n);
  const [words] = createResource(locale, async (language) => {
    await useNumbers(language);
    return true;
  });
  let dialog: HTMLDialogElement | undefined;
  return (
    <>
      <Title of="States" />
      <div class="head">
        <h1>Components and their states</h1>
      </div>
      <section class="section" id="controls">
        <header>
          <h2>Buttons and fields</h2>
        </header>
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
      <section class="section" id="values">
        <header>
          <h2>Money, addresses, times, states</h2>
        </header>
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
      <section class="section" id="figures">
        <header>
          <h2>Figures and a table</h2>
        </header>
        <dl class="figures" aria-label="Figures">
          <For
            each={[
              ['Paid', '12402500000'],
              ['Waiting', '4000000'],
              ['Left', '0'],
              ['Vault', '18446744073709551615'],
            ]}
          >
            {([name, units]) => (
              <div>
                <dt>{name}</dt>
                <dd>
                  <Money units={units!} token={VCH} />
                </dd>
              </div>
            )}
          </For>
        </dl>
        <div class="sheet lifted">
          <div class="scroll">
            <table>
              <thead>
                <tr>
                  <th scope="col">Rank</th>
                  <th scope="col">Who</th>
                  <th scope="col">State</th>
                  <th scope="col" class="right">
                    Reward
                  </th>
                </tr>
              </thead>
              <tbody>
                <For each={['40000000', '4000000', '2500000', '1']}>
                  {(units, place) => (
                    <tr classList={{ own: place() === 1 }}>
                      <td class="num">{place() + 1}</td>
                      <td>
                        <Show when={place() === 1}>
                          <Who wallet={WALLET} name="Mira" />{' '}
                        </Show>
                        <Address address={WALLET} />
                      </td>
                      <td>
                        <ConversionStatus status={place() === 2 ? 'pending' : 'paid'} />
                      </td>
                      <td class="right">
                        <Money units={units} token={VCH} />
                      </td>
                    </tr>
                  )}
                </For>
              </tbody>
            </table>
          </div>
        </div>
      </section>
      <section class="section" id="receipt">
        <header>
          <h2>A receipt</h2>
        </header>
        <div class="sheet card">
          <Receipt detail={CONVERTED} before={false} campaign={CAMPAIGN} who="Mira" />
        </div>
      </section>
      <section class="section" id="charts">
        <header>
          <h2>A chart</h2>
        </header>
        <Show when={words()}>
          <div class="sheet lifted charts">
            <Chart
              title="Earned"
              span="1 to 30 March"
              labels={DAYS.map(({ label }) => label)}
              column="Day"
              series={[
                { name: 'Paid', colour: 'paid', values: DAYS.map(({ paid }) => paid) },
                { name: 'Waiting', colour: 'wait', values: DAYS.map(({ waiting }) => waiting) },
              ]}
              decimals={6}
              text={(units) => moneyText(units, VCH)}
              empty="Nothing yet"
              unfinished
            />
          </div>
        </Show>
      </section>
      <section class="section" id="waiting">
        <header>
          <h2>Waiting and empty</h2>
        </header>
        <Skeleton lines={3} />
        <div class="sheet">
          <Empty title={t().home.noCampaigns} text={t().home.noCampaignsMore}>
            <button class="button">{t().home.howToOpen}</button>
          </Empty>
        </div>
      </section>
      <section class="section" id="problems">
        <header>
          <h2>Problems</h2>
        </header>
        <div class="cards">
          <Problem calm words={t().codeReasons['campaign_paused']!} />
          <Problem words={wordsFor('internal')} requestId={WALLET}>
            <button class="button">{t().common.again}</button>
          </Problem>
        </div>
      </section>
      <section class="section" id="reasons">
        <header>
          <h2>Why a code does not count now</h2>
        </header>
        <div class="cards">
          <For each={Object.values(t().codeReasons)}>
            {(words) => <Problem calm words={words} />}
          </For>
        </div>
      </section>
      <section class="section" id="errors">
        <header>
          <h2>Errors</h2>
        </header>
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
