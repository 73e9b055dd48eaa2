/** The wallet that is signed in. A session that the server does not know any more ends here, too. */

import { createEffect } from 'solid-js';

import { answer, api } from '../../api/client';
import { m } from '../../i18n/me';
import { poll } from '../../lib/poll';
import { FindButton } from '../../ui/finder';
import { Address } from '../../ui/format';
import type { SignedIn } from '../me/gate';

export function Who(props: { signed: SignedIn }) {
  const wallet = () => props.signed.session.wallet;
  const me = poll(wallet, (_, signal) => answer(api.GET('/v1/me', { signal })), 15_000);
  createEffect(() => {
    const code = me.error()?.code;
    const isOther = me.data() !== undefined && me.data()!.wallet !== wallet();
    if (isOther || code === 'unauthenticated' || code === 'session_required') props.signed.ended();
  });
  return (
    <p class="small">
      {m().signedInAs} <Address address={wallet()} />
      <button type="button" class="button quiet" onClick={() => props.signed.signOut()}>
        {m().signOut}
      </button>
      <FindButton />
    </p>
  );
}
