import './styles/index.css';

import { Route, Router } from '@solidjs/router';
import { lazy } from 'solid-js';
import { render } from 'solid-js/web';

import { preferred, use } from './i18n';
import { Frame } from './ui/frame';

const Home = lazy(() => import('./pages/home'));
const Landing = lazy(() => import('./pages/landing'));
const Welcome = lazy(() => import('./pages/welcome'));
const Board = lazy(() => import('./pages/board'));
const Conversion = lazy(() => import('./pages/conversion'));
const Missing = lazy(() => import('./pages/missing'));
const States = import.meta.env.DEV ? lazy(() => import('./pages/states')) : undefined;

await use(preferred(), false);
render(
  () => (
    <Router root={Frame}>
      <Route path="/" component={Home} />
      <Route path="/welcome" component={Welcome} />
      <Route path="/c/:campaign" component={Landing} />
      <Route path="/leaderboard" component={Board} />
      <Route path="/conversion/:address" component={Conversion} />
      {States && <Route path="/dev/states" component={States} />}
      <Route path="*" component={Missing} />
    </Router>
  ),
  document.querySelector('#app')!,
);
