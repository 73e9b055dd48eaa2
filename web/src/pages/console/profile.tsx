/** The profile of a campaign, which people see besides its data on the chain. */

import { A } from '@solidjs/router';
import { createSignal, Show } from 'solid-js';

import { answer, api, type Campaign } from '../../api/client';
import { c, words } from '../../i18n/console';
import { announce } from '../../lib/announce';
import { Failure } from '../../ui/states';

export function Profile(props: { campaign: Campaign; changed: () => void }) {
  const [saved, setSaved] = createSignal(false);
  const [failure, setFailure] = createSignal<unknown>();
  const save = async (form: HTMLFormElement) => {
    const entered = new FormData(form);
    const text = (name: string) => String(entered.get(name) ?? '').trim();
    const body = {
      name: text('name'),
      landing_url: text('landing_url'),
      ...(text('symbol') && { symbol: text('symbol') }),
    };
    setFailure(undefined);
    setSaved(false);
    try {
      const params = { path: { address: props.campaign.address } };
      await answer(api.PUT('/v1/campaigns/{address}/profile', { params, body }));
      setSaved(true);
      announce(c().profile.saved);
      props.changed();
    } catch (error) {
      setFailure(error);
    }
  };
  // The typed text stays, even if the next answer says something else.
  const [name, symbol, landing] = [
    props.campaign.name ?? '',
    props.campaign.symbol ?? '',
    props.campaign.landing_url ?? '',
  ];
  return (
    <section class="section" aria-labelledby="profile">
      <header>
        <h2 id="profile">{c().profile.title}</h2>
      </header>
      <form
        class="panel-form sheet card"
        onSubmit={(event) => {
          event.preventDefault();
          void save(event.currentTarget);
        }}
      >
        <div class="field">
          <label for="profile-name">{c().profile.name}</label>
          <input
            id="profile-name"
            name="name"
            required
            maxlength="100"
            value={name}
            autocomplete="off"
            aria-describedby="profile-name-hint"
          />
          <p class="hint" id="profile-name-hint">
            {c().profile.nameHint}
          </p>
        </div>
        <div class="field">
          <label for="profile-symbol">{c().profile.symbol}</label>
          <input
            id="profile-symbol"
            name="symbol"
            maxlength="10"
            value={symbol}
            autocomplete="off"
            aria-describedby="profile-symbol-hint"
          />
          <p class="hint" id="profile-symbol-hint">
            {c().profile.symbolHint}
          </p>
        </div>
        <div class="field">
          <label for="profile-landing">{c().profile.landing}</label>
          <input
            id="profile-landing"
            name="landing_url"
            type="url"
            required
            maxlength="2048"
            value={landing}
            autocomplete="off"
            aria-describedby="profile-landing-hint"
          />
          <p class="hint" id="profile-landing-hint">
            {c().profile.landingHint}
          </p>
        </div>
        <button class="button">{c().profile.save}</button>
        <Show when={saved()}>
          <p class="small">{c().profile.saved}</p>
        </Show>
        <Show when={failure()}>{(error) => <Failure error={error()} words={words()} />}</Show>
      </form>
      <p>
        <A href={`/embed?campaign=${props.campaign.address}`}>{c().profile.embed}</A>
      </p>
    </section>
  );
}
