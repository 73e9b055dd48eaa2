/** Sends transactions to a validator, and tells why one was refused. */

import assert from 'node:assert/strict';

import {
  appendTransactionMessageInstructions,
  assertIsTransactionWithBlockhashLifetime,
  createSolanaRpc,
  createSolanaRpcSubscriptions,
  createTransactionMessage,
  pipe,
  sendAndConfirmTransactionFactory,
  setTransactionMessageFeePayerSigner,
  setTransactionMessageLifetimeUsingBlockhash,
  signTransactionMessageWithSigners,
  type Instruction,
  type TransactionSigner,
} from '@solana/kit';

import { refusal, type ProgramError } from '../src/index.js';

/** Everything is read and confirmed at this commitment. */
export const commitment = 'confirmed';

type Instructions = readonly (Instruction | undefined)[];

/** A validator whose fees `payer` pays. */
export function connect(rpcUrl: string, wsUrl: string, payer: () => TransactionSigner) {
  const rpc = createSolanaRpc(rpcUrl);
  const rpcSubscriptions = createSolanaRpcSubscriptions(wsUrl);
  const sendAndConfirm = sendAndConfirmTransactionFactory({ rpc, rpcSubscriptions });

  async function messageOf(instructions: Instructions) {
    const { value: blockhash } = await rpc.getLatestBlockhash({ commitment }).send();
    const present = instructions.filter((instruction) => instruction !== undefined);
    return pipe(
      createTransactionMessage({ version: 0 }),
      (message) => setTransactionMessageFeePayerSigner(payer(), message),
      (message) => setTransactionMessageLifetimeUsingBlockhash(blockhash, message),
      (message) => appendTransactionMessageInstructions(present, message),
    );
  }

  async function sendMessage(message: Awaited<ReturnType<typeof messageOf>>) {
    const transaction = await signTransactionMessageWithSigners(message);
    assertIsTransactionWithBlockhashLifetime(transaction);
    await sendAndConfirm(transaction, { commitment });
  }

  return {
    rpc,

    /** Sends the instructions in one transaction, and waits until it is confirmed. */
    async send(...instructions: Instructions) {
      await sendMessage(await messageOf(instructions));
    },

    /** Sends the instructions in one transaction, which the program has to refuse with `error`. */
    async refuses(error: ProgramError['name'], ...instructions: Instructions) {
      const message = await messageOf(instructions);
      await assert.rejects(sendMessage(message), (thrown) => {
        assert.equal(refusal(thrown, message)?.name, error);
        return true;
      });
    },
  };
}
