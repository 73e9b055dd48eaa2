import { describe, expect, it } from 'vitest';

import { de } from '../../src/i18n/de';
import { formatBps, formatUnits, share } from '../../src/format/money';
import { formatDuration, formatTime } from '../../src/format/time';

describe('money', () => {
  it.each([
    ['0', 6, '0'],
    ['1', 6, '0.000001'],
    ['2500000', 6, '2.5'],
    ['5000000', 6, '5'],
    ['1234567890', 6, '1,234.56789'],
    // The largest amount; a floating point number would change its last digits.
    ['18446744073709551615', 6, '18,446,744,073,709.551615'],
    ['18446744073709551615', 0, '18,446,744,073,709,551,615'],
    ['18446744073709551615', 18, '18.446744073709551615'],
    ['100', 2, '1'],
    ['-1', 2, '-0.01'],
    ['-150', 2, '-1.5'],
  ])('shows %s base units with %i decimals as %s', (units, decimals, expected) => {
    expect(formatUnits(units, decimals, 'en')).toBe(expected);
  });

  it('uses the separators of the language', () => {
    expect(formatUnits('1234567890', 6, 'de')).toBe('1.234,56789');
  });

  it('shows basis points as a percentage', () => {
    expect([1, 250, 10_000].map((bps) => formatBps(bps, 'en'))).toEqual(['0.01%', '2.5%', '100%']);
    expect(formatBps(250, 'de')).toBe('2,5\u00a0%');
  });

  it('has no share of nothing', () => {
    expect([share('1', '4'), share('3', '0'), share('9', '9')]).toEqual([0.25, 0, 1]);
  });
});

describe('time', () => {
  const now = Date.UTC(2026, 0, 31, 12);

  it.each([
    [-12, '12 seconds ago'],
    [-90, '1 minute ago'],
    [-86_399, '23 hours ago'],
    [3600, 'in 1 hour'],
    [-86_400, 'Jan 30, 2026'],
  ])('shows %i seconds as %s', (seconds, expected) => {
    expect(formatTime(now + seconds * 1000, now, 'en')).toBe(expected);
  });

  it('puts a date, and only a date, into a sentence', () => {
    expect(formatTime(now - 86_400_000, now, 'de', de.common.on)).toBe('am 30.01.2026');
    expect(formatTime(now + 3_600_000, now, 'de', de.common.on)).toBe('in 1 Stunde');
  });

  it('has German cases', () => {
    expect(de.campaign.held(formatDuration(7 * 86_400, 'de'))).toBe('Bezahlt nach 7 Tagen');
    expect(de.campaign.held(formatDuration(86_400, 'de'))).toBe('Bezahlt nach 1 Tag');
    expect(de.landing.later(formatDuration(7200, 'de'))).toBe('nach 2 Stunden');
  });

  it('shows a duration in its largest whole unit', () => {
    const shown = [86_400, 5400, 90].map((seconds) => formatDuration(seconds, 'en'));
    expect(shown).toEqual(['1 day', '90 minutes', '90 seconds']);
  });
});
