import {
  AccountRole,
  createAddressWithSeed,
  getAddressEncoder,
  getStructEncoder,
  getU32Encoder,
  getU64Encoder,
  getU8Encoder,
  addEncoderSizePrefix,
  getUtf8Encoder,
  type Address,
  type Instruction,
  type TransactionSigner,
} from '@solana/kit';

import {
  ASSOCIATED_TOKEN_PROGRAM_ADDRESS,
  NO_ADDRESS,
  SYSTEM_PROGRAM_ADDRESS,
  TOKEN_PROGRAM_ADDRESS,
  findAssociatedTokenAddress,
} from './addresses.js';
import {
  Funding,
  Proof,
  RewardKind,
  Uniqueness,
  findCampaignPda,
  getCreateCampaignInstruction,
  getFundVaultInstruction,
  type SettingsArgs,
  type TermsArgs,
} from './generated/index.js';

/** Seconds between the announcement of a cut and its effect, unless chosen: 7 days. */
export const NOTICE_SECONDS = 604_800;
/** Decimals of a new mint, unless chosen. */
export const DECIMALS = 6;
/** Bytes of a mint account without extensions. */
export const MINT_SIZE = 82n;

const MOST = 2n ** 64n - 1n;
const WHOLE_BPS = 10_000n;

/** Currency of rewards or payments: lamports, a token that exists, or a new one. */
export type Currency =
  | { kind: 'sol' }
  | { kind: 'token'; mint: Address; program: Address }
  /** `rent` is the lamports that an account of `MINT_SIZE` bytes has to hold. */
  | { kind: 'new'; decimals: number; rent: bigint };

/** A campaign to open. */
export type Opening = {
  /** Pays fee and rent. */
  payer: TransactionSigner;
  /** Becomes the campaign's creator and authority. */
  authority: TransactionSigner;
  /** The creator's own number for the campaign, part of its address. */
  id: bigint;
  /** Terms, which never change: `usualTerms`, or others. */
  terms: TermsArgs;
  /** Settings: those of `fixedReward` or `percentReward`. `usualSettings` says which may be zero. */
  settings: SettingsArgs;
  /** Currency of the rewards. A campaign that mints them needs a token. */
  rewards: Currency;
  /** Currency of the payments, if it is no split; lamports when absent. */
  payments?: Currency;
  /** Whether `authority` is still the mint authority of an existing token that the campaign mints. */
  handsOver?: boolean;
  /** Base units that a campaign with a vault starts with; none when absent. */
  funds?: bigint;
};

/** An opening, with what follows from it. */
export type Opened = {
  /** The campaign's address. */
  campaign: Address;
  /** Mint of the rewards; absent for lamports. */
  mint?: Address;
  /** The campaign's vault, if it has one. */
  vault?: Address;
  /** The settings as they will stand. */
  settings: SettingsArgs;
  /** Everything that the opening takes, for one transaction. */
  instructions: Instruction[];
};

/** A setting that has to be chosen, because buyers pay in another token than rewards are. */
export class MissingSetting extends Error {
  constructor(readonly setting: 'minAmount' | 'rewardMax') {
    super(`choose ${setting}, at least 1: buyers pay in another token than rewards are`);
    this.name = 'MissingSetting';
  }
}

/**
 * The usual terms for this source of rewards: a wallet counts once, an order where buyers pay; a cut
 * waits for a week.
 */
export function usualTerms(funding: Funding): TermsArgs {
  const pays = funding === Funding.PaymentSplit;
  return {
    funding,
    proof: pays ? Proof.Payment : Proof.Open,
    uniqueness: pays ? Uniqueness.Order : Uniqueness.Wallet,
    perOwner: false,
    noticeSeconds: NOTICE_SECONDS,
  };
}

/** The mint that `authority` creates for its campaign `id`. It needs no key pair. */
export async function findNewMintAddress(authority: Address, id: bigint): Promise<Address> {
  return createAddressWithSeed({
    baseAddress: authority,
    programAddress: TOKEN_PROGRAM_ADDRESS,
    seed: `vouch-mint-${id}`,
  });
}

type Token = { mint: Address; program: Address } | undefined;

async function tokenOf(currency: Currency, { authority, id }: Opening): Promise<Token> {
  if (currency.kind === 'sol') return undefined;
  if (currency.kind === 'token') return { mint: currency.mint, program: currency.program };
  const mint = await findNewMintAddress(authority.address, id);
  return { mint, program: TOKEN_PROGRAM_ADDRESS };
}

/**
 * The settings as they will stand. These get their usual values where they are zero: `attestor` (the
 * authority, where conversions or codes need one), `treasury` (the authority, or its associated token
 * account, where buyers pay), `rewardMax` (as much as fits, for a percentage) and `minAmount` (the
 * largest reward, where buyers pay and the reward is fixed).
 * @throws {MissingSetting} if one of the last two is zero where buyers pay in another token than rewards are.
 */
export async function usualSettings(opening: Opening): Promise<SettingsArgs> {
  const { terms, authority } = opening;
  const settings = { ...opening.settings };
  const pays = terms.proof === Proof.Payment;
  const attests = terms.proof === Proof.Attested || settings.attestedCodes;
  if (attests && settings.attestor === NO_ADDRESS) settings.attestor = authority.address;
  const payment = await paymentToken(opening);
  if (pays && settings.treasury === NO_ADDRESS) {
    settings.treasury = await ownAccount(opening, payment);
  }
  const reward = await tokenOf(opening.rewards, opening);
  const isIncomparable = pays && payment?.mint !== reward?.mint;
  const bonuses = settings.bonuses.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
  if (settings.rewardKind === RewardKind.Percent && BigInt(settings.rewardMax) === 0n) {
    if (isIncomparable) throw new MissingSetting('rewardMax');
    settings.rewardMax = bonuses > MOST ? 0n : MOST - bonuses;
  }
  const isFixed = settings.rewardKind === RewardKind.Fixed;
  if (pays && isFixed && BigInt(settings.minAmount) === 0n) {
    if (isIncomparable) throw new MissingSetting('minAmount');
    const multipliers = settings.tiers.map((tier) => BigInt(tier.multiplierBps));
    const most = multipliers.reduce((one, other) => (other > one ? other : one), WHOLE_BPS);
    const largest = (BigInt(settings.rewardFixed) * most) / WHOLE_BPS;
    settings.minAmount = largest > MOST ? MOST : largest;
  }
  return settings;
}

async function paymentToken(opening: Opening): Promise<Token> {
  const { terms, rewards, payments } = opening;
  if (terms.proof !== Proof.Payment) return undefined;
  if (terms.funding === Funding.PaymentSplit) return tokenOf(rewards, opening);
  return tokenOf(payments ?? { kind: 'sol' }, opening);
}

/** The authority's account for a token; the authority itself for lamports. */
async function ownAccount({ authority }: Opening, token: Token): Promise<Address> {
  if (!token) return authority.address;
  return findAssociatedTokenAddress(authority.address, token.mint, token.program);
}

/**
 * Every instruction of an opening, for one transaction: the new mint, or the handing over of its
 * authority; the treasury's token account, if it is the authority's; the vault; the campaign; and the
 * first funds of the vault.
 */
export async function openCampaign(opening: Opening): Promise<Opened> {
  const { payer, authority, id, terms, rewards } = opening;
  const [campaign] = await findCampaignPda({ authority: authority.address, id });
  const settings = await usualSettings(opening);
  const reward = await tokenOf(rewards, opening);
  const payment = await paymentToken(opening);
  const mints = terms.funding === Funding.MintAuthority;
  const instructions: Instruction[] = [];
  if (reward && rewards.kind === 'new') {
    const minter = mints ? campaign : authority.address;
    instructions.push(...createMint(opening, reward.mint, minter, rewards));
  } else if (reward && mints && opening.handsOver) {
    instructions.push(handOver(reward, authority, campaign));
  }
  if (payment && settings.treasury === (await ownAccount(opening, payment))) {
    instructions.push(createAccount(payer, settings.treasury, authority.address, payment));
  }
  const hasVault = reward && !mints;
  const vault = hasVault
    ? await findAssociatedTokenAddress(campaign, reward.mint, reward.program)
    : undefined;
  if (hasVault && vault) instructions.push(createAccount(payer, vault, campaign, reward));
  instructions.push(
    getCreateCampaignInstruction({
      payer,
      authority,
      campaign,
      mint: reward?.mint ?? NO_ADDRESS,
      paymentMint: payment?.mint ?? NO_ADDRESS,
      tokenProgram: reward?.program ?? NO_ADDRESS,
      vault,
      id,
      terms,
      settings,
    }),
  );
  const funds = opening.funds ?? 0n;
  if (hasVault && vault && funds > 0n) {
    instructions.push(
      rewards.kind === 'new'
        ? mintTo(reward, vault, authority, funds)
        : getFundVaultInstruction({
            funder: authority,
            campaign,
            mint: reward.mint,
            source: await ownAccount(opening, reward),
            vault,
            tokenProgram: reward.program,
            amount: funds,
          }),
    );
  }
  return { campaign, mint: reward?.mint, vault, settings, instructions };
}

const writableSigner = (signer: TransactionSigner) => ({
  address: signer.address,
  role: AccountRole.WRITABLE_SIGNER,
  signer,
});
const readonlySigner = (signer: TransactionSigner) => ({
  address: signer.address,
  role: AccountRole.READONLY_SIGNER,
  signer,
});
const writable = (address: Address) => ({ address, role: AccountRole.WRITABLE });
const readonly = (address: Address) => ({ address, role: AccountRole.READONLY });

/** `CreateAccountWithSeed` of the System program, and `InitializeMint2` of the Token program. */
function createMint(
  { payer, authority, id }: Opening,
  mint: Address,
  minter: Address,
  { decimals, rent }: { decimals: number; rent: bigint },
): Instruction[] {
  const create = getStructEncoder([
    ['instruction', getU32Encoder()],
    ['base', getAddressEncoder()],
    ['seed', addEncoderSizePrefix(getUtf8Encoder(), getU64Encoder())],
    ['lamports', getU64Encoder()],
    ['space', getU64Encoder()],
    ['owner', getAddressEncoder()],
  ]);
  const initialise = getStructEncoder([
    ['instruction', getU8Encoder()],
    ['decimals', getU8Encoder()],
    ['minter', getAddressEncoder()],
    ['hasFreezer', getU8Encoder()],
  ]);
  return [
    {
      programAddress: SYSTEM_PROGRAM_ADDRESS,
      accounts: [writableSigner(payer), writable(mint), readonlySigner(authority)],
      data: create.encode({
        instruction: 3,
        base: authority.address,
        seed: `vouch-mint-${id}`,
        lamports: rent,
        space: MINT_SIZE,
        owner: TOKEN_PROGRAM_ADDRESS,
      }),
    },
    {
      programAddress: TOKEN_PROGRAM_ADDRESS,
      accounts: [writable(mint)],
      data: initialise.encode({ instruction: 20, decimals, minter, hasFreezer: 0 }),
    },
  ];
}

/** `SetAuthority` of a token program, for the authority that mints. */
function handOver(
  { mint, program }: { mint: Address; program: Address },
  authority: TransactionSigner,
  campaign: Address,
): Instruction {
  const data = new Uint8Array(35);
  data.set([6, 0, 1]);
  data.set(getAddressEncoder().encode(campaign), 3);
  return {
    programAddress: program,
    accounts: [writable(mint), readonlySigner(authority)],
    data,
  };
}

/** `MintTo` of a token program. */
function mintTo(
  { mint, program }: { mint: Address; program: Address },
  account: Address,
  authority: TransactionSigner,
  amount: bigint,
): Instruction {
  const data = new Uint8Array(9);
  data.set([7]);
  data.set(getU64Encoder().encode(amount), 1);
  return {
    programAddress: program,
    accounts: [writable(mint), writable(account), readonlySigner(authority)],
    data,
  };
}

/** `CreateIdempotent` of the program of associated token accounts. */
function createAccount(
  payer: TransactionSigner,
  account: Address,
  owner: Address,
  { mint, program }: { mint: Address; program: Address },
): Instruction {
  return {
    programAddress: ASSOCIATED_TOKEN_PROGRAM_ADDRESS,
    accounts: [
      writableSigner(payer),
      writable(account),
      readonly(owner),
      readonly(mint),
      readonly(SYSTEM_PROGRAM_ADDRESS),
      readonly(program),
    ],
    data: new Uint8Array([1]),
  };
}
