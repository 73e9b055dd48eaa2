/** The states of a place without content: it waits, it is empty, or something failed. */

import { createSignal, For, onCleanup, Show, type JSX } from 'solid-js';

import { Refusal } from '../api/client';
import { t } from '../i18n';
import { rest } from '../i18n/rest';
import { Shape } from './format';

/** Lines of the size of what comes. After five seconds, words say what is waited for. */
export function Skeleton(props: { lines?: number; height?: string }) {
  const [long, setLong] = createSignal(false);
  const timer = window.setTimeout(() => setLong(true), 5000);
  onCleanup(() => window.clearTimeout(timer));
  return (
    <div aria-busy="true">
      <For each={Array.from({ length: props.lines ?? 1 })}>
        {() => (
          <span
            class="skeleton"
            ref={(element) => {
              element.style.height = props.height ?? '1.25rem';
              element.style.marginBlock = '0.5rem';
            }}
          />
        )}
      </For>
      <p class="small" role="status">
        {long() ? t().common.waiting : ''}
      </p>
    </div>
  );
}

/** An empty place: its later content, and the action that brings it. */
export function Empty(props: { title: string; text?: string; children?: JSX.Element }) {
  return (
    <div class="empty">
      <h2>{props.title}</h2>
      <Show when={props.text}>{(text) => <p>{text()}</p>}</Show>
      {props.children}
    </div>
  );
}

/** An error where it arose: what happened, what it means for your money, what to do. */
export function Problem(props: {
  words: [string, string, string];
  requestId?: string | undefined;
  calm?: boolean;
  children?: JSX.Element;
}) {
  return (
    <div class="problem" classList={{ calm: props.calm ?? false }} role="alert">
      <h2>
        <Shape kind={props.calm ? 'wait' : 'act'} />
        {props.words[0]}
      </h2>
      <p>{props.words[1]}</p>
      <p class="todo">{props.words[2]}</p>
      <Show when={props.children}>{(children) => <div class="actions">{children()}</div>}</Show>
      <Show when={props.requestId}>
        {(id) => (
          <small>
            {t().common.request} {id()}
          </small>
        )}
      </Show>
    </div>
  );
}

/** The words for a code of the API or of a wallet. */
export function wordsFor(code: string): [string, string, string] {
  return t().errors[code] ?? rest(code) ?? t().errors['unexpected']!;
}

/** The words for any error that was thrown, with a way to try again and what else helps. */
export function Failure(props: {
  error: unknown;
  /** Words of this page, by the code. Others are those of every page. */
  words?: Record<string, [string, string, string]>;
  again?: () => void;
  children?: JSX.Element;
}) {
  const refusal = () => (props.error instanceof Refusal ? props.error : undefined);
  const words = (): [string, string, string] => {
    const code = refusal()?.code ?? 'unexpected';
    const [what, meaning, todo] = props.words?.[code] ?? wordsFor(code);
    // A transaction in a block was charged, even if the words for a refusal before it deny that.
    return [what, refusal()?.charged ? t().common.charged : meaning, todo];
  };
  return (
    <Problem words={words()} requestId={refusal()?.requestId}>
      <Show when={props.again}>
        {(again) => (
          <button type="button" class="button" onClick={() => again()()}>
            {t().common.again}
          </button>
        )}
      </Show>
      {props.children}
    </Problem>
  );
}
