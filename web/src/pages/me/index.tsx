/** `/me`: what belongs to the wallet of the person in front of the page. */

import { createResource, Show } from 'solid-js';

import { locale } from '../../i18n';
import { useBoard } from '../../i18n/board';
import { m, useMe } from '../../i18n/me';
import { useNumbers } from '../../i18n/numbers';
import { useRun } from '../../i18n/run';
import { Title } from '../../ui/frame';
import { Gate } from './gate';
import { Mine } from './mine';
import '../../lib/palette';

export default function MePage() {
  const [words] = createResource(locale, async (language) => {
    await Promise.all([
      useBoard(language),
      useMe(language),
      useRun(language),
      useNumbers(language),
    ]);
    return true;
  });
  return (
    <Show when={words.latest}>
      <Gate>
        {(signed) => (
          <>
            <Title of={m().title} />
            <Mine {...signed} />
          </>
        )}
      </Gate>
    </Show>
  );
}
