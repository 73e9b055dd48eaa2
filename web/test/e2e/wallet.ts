/** A wallet for tests: it implements the Wallet Standard in the page, and signs with a real key. */

import { createPrivateKey, sign } from 'node:crypto';

import { getBase58Decoder } from '@solana/kit';
import type { BrowserContext } from 'playwright-core';

/** The first bytes of an Ed25519 key in PKCS #8, before its 32 secret bytes. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const ICON =
  'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="%23355"/></svg>';

export type TestWallet = {
  readonly address: string;
  /** What it does when it is asked to sign. */
  behaviour: 'signs' | 'refuses' | 'tampers';
};

/** Puts a wallet with these 64 secret bytes into every page of the context. */
export async function giveWallet(context: BrowserContext, secret: number[]): Promise<TestWallet> {
  const publicKey = secret.slice(32);
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8, Buffer.from(secret.slice(0, 32))]),
    format: 'der',
    type: 'pkcs8',
  });
  const wallet: TestWallet = {
    address: getBase58Decoder().decode(new Uint8Array(publicKey)),
    behaviour: 'signs',
  };
  // The transaction has one signature, so its message begins at byte 65.
  await context.exposeFunction('vouchTestSign', (transaction: number[]) => {
    if (wallet.behaviour === 'refuses') return null;
    const wire = Buffer.from(transaction);
    // Another amount, in the last bytes of the data of the last instruction.
    if (wallet.behaviour === 'tampers') wire[wire.length - 1]! ^= 1;
    sign(null, wire.subarray(65), key).copy(wire, 1);
    return [...wire];
  });
  await context.addInitScript(install, { address: wallet.address, publicKey, icon: ICON });
  return wallet;
}

/** Runs in the page. */
function install(given: { address: string; publicKey: number[]; icon: string }): void {
  type Sign = (transaction: number[]) => Promise<number[] | null>;
  const { vouchTestSign } = globalThis as unknown as { vouchTestSign: Sign };
  const chains = ['solana:localnet'];
  const account = {
    address: given.address,
    publicKey: new Uint8Array(given.publicKey),
    chains,
    features: ['solana:signTransaction'],
  };
  const wallet = {
    version: '1.0.0',
    name: 'Test Wallet',
    icon: given.icon,
    chains,
    accounts: [] as (typeof account)[],
    features: {
      'standard:connect': {
        version: '1.0.0',
        connect: async () => {
          wallet.accounts = [account];
          return { accounts: wallet.accounts };
        },
      },
      'standard:events': { version: '1.0.0', on: () => () => {} },
      'solana:signTransaction': {
        version: '1.0.0',
        supportedTransactionVersions: ['legacy', 0],
        signTransaction: async (...inputs: { transaction: Uint8Array }[]) =>
          Promise.all(
            inputs.map(async ({ transaction }) => {
              const signed = await vouchTestSign([...transaction]);
              if (!signed) throw new Error('User rejected the request.');
              return { signedTransaction: new Uint8Array(signed) };
            }),
          ),
      },
    },
  };
  type Register = (api: { register: (wallet: unknown) => void }) => void;
  const register: Register = (api) => api.register(wallet);
  window.addEventListener('wallet-standard:app-ready', (event) =>
    register((event as CustomEvent).detail),
  );
  window.dispatchEvent(new CustomEvent('wallet-standard:register-wallet', { detail: register }));
}
