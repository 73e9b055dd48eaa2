/** Where links lead whose campaign has no page of its own: on to the campaign of the code. */

import { useNavigate, useSearchParams } from '@solidjs/router';
import { createEffect, Show } from 'solid-js';

import { answer, api } from '../api/client';
import { t } from '../i18n';
import { poll } from '../lib/poll';
import { Title } from '../ui/frame';
import { Failure, Problem, Skeleton } from '../ui/states';

export default function Welcome() {
  const [query] = useSearchParams<{ ref?: string; campaign?: string }>();
  const navigate = useNavigate();
  const found = poll(
    () => query.ref,
    (code, signal) => {
      const campaign = query.campaign ? { campaign: query.campaign } : {};
      const params = { path: { code }, query: campaign };
      return answer(api.GET('/v1/codes/{code}', { params, signal }));
    },
    0,
  );
  createEffect(() => {
    const code = found.data();
    if (code) navigate(`/c/${code.campaign}?ref=${code.code}`, { replace: true });
  });
  return (
    <div class="narrow">
      <Title of={t().welcome.title} />
      <h1 class="hidden">{t().welcome.title}</h1>
      <Show
        when={query.ref}
        fallback={
          <Problem
            calm
            words={[t().landing.noCode, t().landing.noCodeText, t().home.campaignsMore]}
          />
        }
      >
        <Show when={found.error()} fallback={<Skeleton lines={3} height="2rem" />}>
          {(error) => <Failure error={error()} again={found.again} />}
        </Show>
      </Show>
    </div>
  );
}
