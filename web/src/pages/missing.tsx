import { A } from '@solidjs/router';

import { t } from '../i18n';
import { Title } from '../ui/frame';

export default function Missing() {
  return (
    <>
      <Title of={t().missing.title} />
      <div class="empty">
        <h1>{t().missing.title}</h1>
        <p>{t().missing.text}</p>
        <A class="button" href="/">
          {t().missing.home}
        </A>
      </div>
    </>
  );
}
