/** Pages of a wallet that is signed in: nobody sees them before, and nothing of one wallet stays for the next. */

import { useLocation, useNavigate } from '@solidjs/router';
import { createEffect, createSignal, on, Show, type JSX } from 'solid-js';

import { m } from '../../i18n/me';
import { announce } from '../../lib/announce';
import { createConnection, type Connection } from '../../lib/connection';
import { createSession, type Session } from '../../lib/session';
import { SignIn } from './signin';

/** The session and the connection that a page gets. */
export type SignedIn = {
  readonly session: Session;
  readonly connection: Connection;
  /** The server does not know the session any more. */
  readonly ended: () => void;
  readonly signOut: () => void;
};

/** Shows `children` to a wallet that is signed in, and the sign-in to everybody else. */
export function Gate(props: {
  words?: { title: string; text: string };
  children: (signed: SignedIn) => JSX.Element;
}) {
  const { session, open, forget, end } = createSession();
  const [switched, setSwitched] = createSignal(false);
  const location = useLocation();
  const navigate = useNavigate();
  /** The parameters of the address can name what is the first wallet's, a code for example. */
  const forgetQuery = () => {
    if (location.search) navigate(location.pathname, { replace: true, scroll: false });
  };
  const connection = createConnection((account) => {
    // Another account is another person: nothing of the first one stays, here or at the server.
    const current = session();
    if (account && current && account.address !== current.wallet) {
      setSwitched(true);
      announce(m().signIn.switched);
      forgetQuery();
      end();
    }
  });
  let last = session()?.wallet;
  createEffect(
    on(session, (now, before) => {
      // A person who signs out, here or in another tab, leaves the wallet, too.
      if (before && !now && !switched()) connection.leave();
      if (now && last && now.wallet !== last) forgetQuery();
      last = now?.wallet ?? last;
    }),
  );
  // A wallet that was connected before tells whether it still shows the same account.
  createEffect(() => {
    const name = session()?.walletName;
    if (name && connection.state().at === 'start') void connection.resume(name);
  });

  return (
    <Show
      when={session()}
      keyed
      fallback={
        <SignIn
          words={props.words ?? m().signIn}
          connection={connection}
          switched={switched()}
          opened={(session) => {
            setSwitched(false);
            open(session);
          }}
        />
      }
    >
      {(session) => props.children({ session, connection, ended: forget, signOut: end })}
    </Show>
  );
}
