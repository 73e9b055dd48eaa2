/** `/me`: what belongs to the wallet of the person in front of the page. */

import { createEffect, createResource, createSignal, on, Show } from 'solid-js';

import { locale } from '../../i18n';
import { m, useMe } from '../../i18n/me';
import { announce } from '../../lib/announce';
import { createConnection } from '../../lib/connection';
import { createSession } from '../../lib/session';
import { Title } from '../../ui/frame';
import { Mine } from './mine';
import { SignIn } from './signin';

export default function MePage() {
  const [words] = createResource(locale, async (language) => {
    await useMe(language);
    return true;
  });
  return (
    <Show when={words.latest}>
      <Title of={m().title} />
      <Me />
    </Show>
  );
}

function Me() {
  const { session, open, forget, end } = createSession();
  const [switched, setSwitched] = createSignal(false);
  const connection = createConnection((account) => {
    // Another account is another person: nothing of the first one stays, here or at the server.
    const current = session();
    if (account && current && account.address !== current.wallet) {
      setSwitched(true);
      announce(m().signIn.switched);
      end();
    }
  });
  // A person who signs out, here or in another tab, leaves the wallet, too.
  createEffect(
    on(session, (now, before) => {
      if (before && !now && !switched()) connection.leave();
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
          connection={connection}
          switched={switched()}
          opened={(session) => {
            setSwitched(false);
            open(session);
          }}
        />
      }
    >
      {(session) => <Mine session={session} connection={connection} ended={forget} signOut={end} />}
    </Show>
  );
}
