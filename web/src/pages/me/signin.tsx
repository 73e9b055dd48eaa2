/** Sign-in: connect a wallet, read the message, sign it. */

import { createEffect, createSignal, Match, on, onCleanup, Show, Switch } from 'solid-js';

import { answer, api, Refusal, type Challenge } from '../../api/client';
import { m } from '../../i18n/me';
import { announce, focusOn } from '../../lib/announce';
import type { Connection } from '../../lib/connection';
import type { Session } from '../../lib/session';
import { Title } from '../../ui/frame';
import { Failure, Skeleton } from '../../ui/states';
import { Choose, Connected } from '../../ui/wallets';
import type { WalletAccount } from '../../wallet/wallets';

type Stage =
  | { at: 'asking' }
  | { at: 'review'; challenge: Challenge }
  | { at: 'signing'; challenge: Challenge }
  | { at: 'opening' }
  | { at: 'problem'; refusal: unknown };

export function SignIn(props: {
  /** The purpose of the sign-in. */
  words: { title: string; text: string };
  connection: Connection;
  /** The wallet showed another account than the one that was signed in. */
  switched: boolean;
  opened: (session: Session) => void;
}) {
  const [stage, setStage] = createSignal<Stage>({ at: 'asking' });
  let turn = 0;
  onCleanup(() => (turn += 1));

  const ask = async (account: WalletAccount) => {
    const mine = ++turn;
    setStage({ at: 'asking' });
    try {
      const body = { wallet: account.address };
      const challenge = await answer(api.POST('/v1/auth/challenge', { body }));
      // A message of another site would sign in there.
      const begin = `${location.host} wants you to sign in with your Solana account:\n${account.address}\n`;
      if (!challenge.message.startsWith(begin)) throw new Refusal('not_as_shown', undefined);
      if (mine === turn) setStage({ at: 'review', challenge });
    } catch (refusal) {
      if (mine === turn) setStage({ at: 'problem', refusal });
    }
  };
  // Each account gets a message of its own.
  createEffect(
    on(props.connection.account, (account) => {
      turn += 1;
      if (account) void ask(account);
    }),
  );

  const sign = async () => {
    const current = stage();
    const [wallet, account] = [props.connection.wallet(), props.connection.account()];
    if (current.at !== 'review' || !wallet || !account) return;
    const mine = ++turn;
    setStage({ at: 'signing', challenge: current.challenge });
    announce(m().signIn.signing(wallet.name));
    try {
      const { signIn } = await import('../../wallet');
      const body = await signIn(wallet, account, current.challenge);
      if (mine !== turn) return;
      setStage({ at: 'opening' });
      const opened = await answer(
        api.POST('/v1/auth/sessions', { body: { ...body, token: 'cookie' } }),
      );
      if (mine === turn) props.opened({ wallet: opened.wallet, walletName: wallet.name });
      // The wallet has changed meanwhile, so nobody wants this session any more.
      else void api.DELETE('/v1/auth/sessions/current').catch(() => {});
    } catch (refusal) {
      if (mine === turn) setStage({ at: 'problem', refusal });
    }
  };

  const here = <A extends Stage['at']>(at: A) => {
    const current = stage();
    const isConnected = props.connection.account() !== undefined;
    return isConnected && current.at === at ? (current as Extract<Stage, { at: A }>) : undefined;
  };
  const state = () => props.connection.state();
  let body: HTMLDivElement | undefined;
  createEffect(
    on(
      () => [state().at, stage().at],
      () => queueMicrotask(() => focusOn(body?.querySelector('h2'))),
      { defer: true },
    ),
  );

  return (
    <div class="narrow">
      <Title of={props.words.title} />
      <div class="head">
        <h1>{props.words.title}</h1>
        <p>{props.words.text}</p>
      </div>
      <Show when={props.switched}>
        <p class="notice" role="status">
          {m().signIn.switched}
        </p>
      </Show>
      <div class="panel sheet lifted spaced" ref={body}>
        <Switch>
          <Match when={state().at === 'start'}>
            <button
              type="button"
              class="button primary full"
              onClick={() => props.connection.look()}
            >
              {m().signIn.button}
            </button>
          </Match>
          <Match when={state().at === 'choose' || state().at === 'connecting'}>
            <Choose connection={props.connection} />
          </Match>
          <Match when={state().at === 'failed'}>
            <Failure
              error={(state() as { refusal?: Refusal }).refusal}
              again={() => props.connection.look()}
            />
          </Match>
          <Match when={here('asking')}>
            <h2>{m().signIn.message}</h2>
            <Skeleton lines={4} height="1.25rem" />
          </Match>
          <Match when={here('review') ?? here('signing')}>
            {(stage) => (
              <>
                <h2>{m().signIn.message}</h2>
                <p>{m().signIn.messageText}</p>
                <pre class="message" tabindex="0">
                  {stage().challenge.message}
                </pre>
                <Show
                  when={stage().at === 'review'}
                  fallback={
                    <p class="signing">
                      {m().signIn.signing(props.connection.wallet()?.name ?? '')}
                    </p>
                  }
                >
                  <button type="button" class="button primary full" onClick={() => void sign()}>
                    {m().signIn.sign}
                  </button>
                </Show>
              </>
            )}
          </Match>
          <Match when={here('opening')}>
            <p class="signing">{m().signIn.opening}</p>
          </Match>
          <Match when={here('problem')}>
            {(stage) => (
              <Failure
                error={stage().refusal}
                words={m().errors}
                again={() => void ask(props.connection.account()!)}
              />
            )}
          </Match>
        </Switch>
        <Show when={props.connection.account()}>
          {(account) => (
            <Connected address={account().address} leave={() => props.connection.leave()} />
          )}
        </Show>
      </div>
    </div>
  );
}
