/** Writes what the browser measures of the pages of a running product, whose address is in `VOUCH_ADDRESS`. */

import { writeFileSync } from 'node:fs';

import { it } from 'vitest';

import { DESKTOP, launch, PHONE } from './browser';
import { timings, type Timings } from './timings';

/** Each page is opened so often; the figures of the middle one by its largest paint count. */
const ROUNDS = 5;

it('the pages are timed', async () => {
  const address = process.env['VOUCH_ADDRESS'] ?? 'http://127.0.0.1:8080';
  const ask = async (path: string) => (await fetch(address + path)).json();
  const { campaigns } = await ask('/v1/campaigns?limit=1');
  const { conversions } = await ask('/v1/conversions?limit=1');
  const [conversion, campaign] = [conversions[0], campaigns[0]];
  const paths = ['/', '/leaderboard', '/me', '/console', '/embed'];
  if (conversion) {
    paths.push(`/c/${conversion.campaign}?ref=${conversion.code}`);
    paths.push(`/conversion/${conversion.address}`);
  } else if (campaign) paths.push(`/c/${campaign.address}`);
  const browser = await launch();
  const found: Record<string, Timings> = {};
  for (const look of [PHONE, DESKTOP]) {
    for (const path of paths) {
      const rounds: Timings[] = [];
      while (rounds.length < ROUNDS) rounds.push(await timings(browser, look, address + path));
      rounds.sort((one, other) => (one.largestPaint ?? 0) - (other.largestPaint ?? 0));
      found[`${look.name} ${path.split('?')[0]}`] = rounds[Math.floor(ROUNDS / 2)]!;
    }
  }
  await browser.close();
  console.table(found);
  const file = process.env['VOUCH_TIMINGS'];
  if (file) writeFileSync(file, `${JSON.stringify(found, null, 2)}\n`);
});
