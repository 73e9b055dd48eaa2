import './styles/index.css';

import { Route, Router } from '@solidjs/router';
import { For, lazy } from 'solid-js';
import { render } from 'solid-js/web';

import { preferred, use } from './i18n';
import { Frame } from './ui/frame';

const PAGES = [
  { path: '/', component: lazy(() => import('./pages/home')) },
  { path: '/welcome', component: lazy(() => import('./pages/welcome')) },
  { path: '/c/:campaign', component: lazy(() => import('./pages/landing')) },
  { path: '/r/:code', component: lazy(() => import('./pages/link')) },
  { path: '/me', component: lazy(() => import('./pages/me')) },
  { path: '/console/:campaign?', component: lazy(() => import('./pages/console')) },
  { path: '/leaderboard', component: lazy(() => import('./pages/board')) },
  { path: '/embed', component: lazy(() => import('./pages/embed')) },
  { path: '/conversion/:address', component: lazy(() => import('./pages/conversion')) },
  { path: '*', component: lazy(() => import('./pages/missing')) },
];
const States = import.meta.env.DEV ? lazy(() => import('./pages/states')) : undefined;

// The page comes together with its words, not after them.
const kind = (path: string) => path.split('/')[1];
void PAGES.find(({ path }) => kind(path) === kind(location.pathname))?.component.preload();
await use(preferred(), false);
render(
  () => (
    <Router root={Frame}>
      {States && <Route path="/dev/states" component={States} />}
      <For each={PAGES}>{({ path, component }) => <Route path={path} component={component} />}</For>
    </Router>
  ),
  document.querySelector('#app')!,
);
