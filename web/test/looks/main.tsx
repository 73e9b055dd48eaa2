/** The page of components alone, as `/dev/states` shows it. */

import '../../src/styles/index.css';

import { Route, Router } from '@solidjs/router';
import { render } from 'solid-js/web';

import { use } from '../../src/i18n';
import { useNumbers } from '../../src/i18n/numbers';
import States from '../../src/pages/states';

await Promise.all([use('en', false), useNumbers('en')]);
render(
  () => (
    <Router>
      <Route path="*" component={States} />
    </Router>
  ),
  document.querySelector('#app')!,
);
