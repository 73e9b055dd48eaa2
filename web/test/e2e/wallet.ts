/** A wallet for tests: it implements the Wallet Standard in the page, and signs with real keys. */

import { createPrivateKey, sign } from 'node:crypto';

import { getBase58Decoder } from '@solana/kit';
import type { BrowserContext, Page } from 'playwright-core';

/** The first bytes of an Ed25519 key in PKCS #8, before its 32 secret bytes. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const ICON =
  'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="%23355"/></svg>';

export type TestWallet = {
  /** The address of its first account. */
  readonly address: string;
  /** Its 64 secret bytes. */
  readonly secret: number[];
  /**
   * Its reaction when it is asked to sign. `lies` sends a transaction and reports an error, `strays`
   * sends the transaction in `instead`.
   */
  behaviour: 'signs' | 'refuses' | 'tampers' | 'lies' | 'strays';
  /** The message of another transaction of the same account. */
  instead?: Uint8Array;
  /** Calls `asked` each time that it is asked to sign a transaction. */
  watch: (asked: () => void) => void;
  /** Shows the account of this number in every page that is open, as people do in their wallet. */
  show: (account: number, pages: Page[]) => Promise<void>;
};

type Options = {
  /** The node to which a wallet sends that signs and sends in one step. */
  sendsTo?: string;
};

const keyOfSecret = (secret: number[]) =>
  createPrivateKey({
    key: Buffer.concat([PKCS8, Buffer.from(secret.slice(0, 32))]),
    format: 'der',
    type: 'pkcs8',
  });

/** The transaction with its only signature, by a key of 64 secret bytes. */
export function signedWire(secret: number[], wire: Buffer): Buffer {
  sign(null, wire.subarray(65), keyOfSecret(secret)).copy(wire, 1);
  return wire;
}

/** Puts a wallet with these accounts, of 64 secret bytes each, into every page of the context. */
export async function giveWallet(
  context: BrowserContext,
  secrets: number[][],
  { sendsTo }: Options = {},
): Promise<TestWallet> {
  const keys = secrets.map((secret) => ({
    publicKey: secret.slice(32),
    address: getBase58Decoder().decode(new Uint8Array(secret.slice(32))),
    key: keyOfSecret(secret),
  }));
  let shown = 0;
  let told = () => {};
  const wallet: TestWallet = {
    address: keys[0]!.address,
    secret: secrets[0]!,
    behaviour: 'signs',
    watch: (asked) => (told = asked),
    show: async (account, pages) => {
      shown = account;
      await Promise.all(pages.map((page) => page.evaluate(`vouchTestShow(${account})`)));
    },
  };
  const keyOf = (address: string) => keys.find((it) => it.address === address)!.key;
  // The transaction has one signature, so its message begins at byte 65.
  const signed = (address: string, transaction: number[]): Buffer => {
    told();
    const wire = Buffer.from(transaction);
    // Another amount, in the last bytes of the data of the last instruction.
    if (wallet.behaviour === 'tampers') wire[wire.length - 1]! ^= 1;
    sign(null, wire.subarray(65), keyOf(address)).copy(wire, 1);
    return wire;
  };
  await context.exposeFunction('vouchTestSign', (address: string, transaction: number[]) =>
    wallet.behaviour === 'refuses' ? null : [...signed(address, transaction)],
  );
  await context.exposeFunction('vouchTestMessage', (address: string, message: number[]) =>
    wallet.behaviour === 'refuses' ? null : [...sign(null, Buffer.from(message), keyOf(address))],
  );
  await context.exposeFunction('vouchTestSend', async (address: string, given: number[]) => {
    if (wallet.behaviour === 'refuses') return null;
    const other = wallet.behaviour === 'strays' ? wallet.instead! : undefined;
    const wire = signed(address, other ? [1, ...new Uint8Array(64), ...other] : given);
    const body = {
      jsonrpc: '2.0',
      id: 1,
      method: 'sendTransaction',
      params: [wire.toString('base64'), { encoding: 'base64', preflightCommitment: 'confirmed' }],
    };
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(sendsTo!, { method: 'POST', headers, body: JSON.stringify(body) });
    const { error } = (await answer.json()) as { error?: unknown };
    if (error) throw new Error(JSON.stringify(error));
    return wallet.behaviour === 'lies' ? null : [...wire.subarray(1, 65)];
  });
  await context.exposeFunction('vouchTestBehaviour', () => wallet.behaviour);
  await context.exposeFunction('vouchTestShown', () => shown);
  await context.addInitScript(install, {
    accounts: keys.map(({ address, publicKey }) => ({ address, publicKey })),
    icon: ICON,
    sends: sendsTo !== undefined,
  });
  return wallet;
}

type Given = {
  accounts: { address: string; publicKey: number[] }[];
  icon: string;
  sends: boolean;
};

/** Runs in the page. */
function install(given: Given): void {
  type Bytes = Promise<number[] | null>;
  type Outside = {
    vouchTestSign: (address: string, transaction: number[]) => Bytes;
    vouchTestSend: (address: string, transaction: number[]) => Bytes;
    vouchTestMessage: (address: string, message: number[]) => Bytes;
    vouchTestBehaviour: () => Promise<string>;
    vouchTestShown: () => Promise<number>;
    vouchTestShow: (account: number) => void;
  };
  const outside = globalThis as unknown as Outside;
  const chains = ['solana:localnet'];
  const all = given.accounts.map(({ address, publicKey }) => ({
    address,
    publicKey: new Uint8Array(publicKey),
    chains,
    features: given.sends
      ? ['solana:signAndSendTransaction', 'solana:signMessage']
      : ['solana:signTransaction', 'solana:signMessage'],
  }));
  type Account = (typeof all)[number];
  type Signing = { account: Account; transaction: Uint8Array };
  const listeners = new Set<(change: { accounts: Account[] }) => void>();
  const rejected = async (): Promise<never> => {
    const behaviour = await outside.vouchTestBehaviour();
    const text = behaviour === 'refuses' ? 'User rejected the request.' : 'Something went wrong.';
    throw new Error(text);
  };
  outside.vouchTestShow = (account) => {
    wallet.accounts = [all[account]!];
    listeners.forEach((listener) => listener({ accounts: wallet.accounts }));
  };
  const signing = {
    'solana:signTransaction': {
      version: '1.0.0',
      supportedTransactionVersions: ['legacy', 0],
      signTransaction: async ({ account, transaction }: Signing) => {
        const signed = await outside.vouchTestSign(account.address, [...transaction]);
        return [{ signedTransaction: new Uint8Array(signed ?? (await rejected())) }];
      },
    },
  };
  const sending = {
    'solana:signAndSendTransaction': {
      version: '1.0.0',
      supportedTransactionVersions: ['legacy', 0],
      signAndSendTransaction: async ({ account, transaction }: Signing) => {
        const signature = await outside.vouchTestSend(account.address, [...transaction]);
        return [{ signature: new Uint8Array(signature ?? (await rejected())) }];
      },
    },
  };
  const wallet = {
    version: '1.0.0',
    name: 'Test Wallet',
    icon: given.icon,
    chains,
    accounts: [] as Account[],
    features: {
      'standard:connect': {
        version: '1.0.0',
        connect: async () => {
          wallet.accounts = [all[await outside.vouchTestShown()]!];
          return { accounts: wallet.accounts };
        },
      },
      'standard:events': {
        version: '1.0.0',
        on: (_: string, listener: (change: { accounts: Account[] }) => void) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      'solana:signMessage': {
        version: '1.0.0',
        signMessage: async ({ account, message }: { account: Account; message: Uint8Array }) => {
          const signature = await outside.vouchTestMessage(account.address, [...message]);
          const bytes = new Uint8Array(signature ?? (await rejected()));
          return [{ signedMessage: message, signature: bytes }];
        },
      },
      ...(given.sends ? sending : signing),
    },
  };
  type Register = (api: { register: (wallet: unknown) => void }) => void;
  const register: Register = (api) => api.register(wallet);
  window.addEventListener('wallet-standard:app-ready', (event) =>
    register((event as CustomEvent).detail),
  );
  window.dispatchEvent(new CustomEvent('wallet-standard:register-wallet', { detail: register }));
}
