/** The values that the server wrote into the document. */

function meta(name: string): string {
  const content = document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? '';
  // The development server leaves the placeholders.
  return content.startsWith('%') ? '' : content;
}

/** The cluster, as wallets name it. */
export const CHAIN = (meta('vouch-chain') || 'solana:localnet') as `solana:${string}`;
/** The node that browsers may ask; empty if there is none. */
export const RPC_URL = meta('vouch-rpc') || (import.meta.env.DEV ? 'http://127.0.0.1:8899' : '');

/** The code of the error that this page has to explain; empty if it has none. */
export const REFUSAL = meta('vouch-refusal');

/** The page of a block explorer about a transaction or an address. */
export function explorer(kind: 'tx' | 'address', id: string): string {
  const url = new URL(`https://explorer.solana.com/${kind}/${id}`);
  const cluster = CHAIN.slice('solana:'.length);
  if (cluster === 'localnet') {
    url.searchParams.set('cluster', 'custom');
    url.searchParams.set('customUrl', RPC_URL || 'http://127.0.0.1:8899');
  } else if (cluster !== 'mainnet') {
    url.searchParams.set('cluster', cluster);
  }
  return url.href;
}

/** The zero address, which stands for SOL where a mint is named. */
export const SOL_MINT = '11111111111111111111111111111111';
