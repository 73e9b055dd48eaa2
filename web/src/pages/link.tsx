/** `/r/{code}` when it leads nowhere: why, and what one can do. */

import { A, useNavigate, useParams } from '@solidjs/router';
import { createSignal } from 'solid-js';

import { t } from '../i18n';
import { REFUSAL } from '../lib/site';
import { Title } from '../ui/frame';
import { CodeField } from '../ui/code';
import { Problem, wordsFor } from '../ui/states';

export default function Link() {
  const params = useParams<{ code: string }>();
  const navigate = useNavigate();
  const [wrong, setWrong] = createSignal(false);
  return (
    <div class="narrow stack">
      <Title of={t().link.title} />
      <h1>{t().link.title}</h1>
      <Problem calm words={wordsFor(REFUSAL || 'code_not_found')} />
      <section class="sheet card">
        <h2>{t().link.other}</h2>
        <CodeField
          value={params.code}
          wrong={wrong()}
          use={(code) => navigate(`/welcome?ref=${code}`)}
          refuse={() => setWrong(true)}
        />
        <p>
          <A href="/#campaigns">{t().home.toCampaigns}</A>
        </p>
      </section>
    </div>
  );
}
