/** Formats of a language, each made once: to make one takes some hundred times as long as to use it. */

const made = new Map<string, unknown>();

function once<T>(name: string, make: () => T): T {
  if (!made.has(name)) made.set(name, make());
  return made.get(name) as T;
}

export function numbers(locale: string, options?: Intl.NumberFormatOptions): Intl.NumberFormat {
  return once(
    `n ${locale} ${JSON.stringify(options)}`,
    () => new Intl.NumberFormat(locale, options),
  );
}

export function dates(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return once(
    `d ${locale} ${JSON.stringify(options)}`,
    () => new Intl.DateTimeFormat(locale, options),
  );
}

export function spans(locale: string): Intl.RelativeTimeFormat {
  return once(`r ${locale}`, () => new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }));
}
