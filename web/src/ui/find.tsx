/** The command bar: finds a code, wallet, order, conversion, signature or campaign by what is typed. */

import { createEffect, createSignal, For, on, onCleanup, onMount, Show } from 'solid-js';
import { render } from 'solid-js/web';

import { Refusal } from '../api/client';
import { locale } from '../i18n';
import { f, useFind } from '../i18n/find';
import { lookUp, namesOnce, pagesFor, type Found } from '../lib/lookup';

/** Milliseconds without typing before the API is asked. */
const PAUSE = 180;
let isOpen = false;

/** Shows it, and gives the focus back where it was when it closes. */
export async function openFinder(): Promise<void> {
  if (isOpen) return;
  isOpen = true;
  try {
    await useFind(locale());
  } catch {
    // Its words did not arrive: the next key asks again.
    isOpen = false;
    return;
  }
  const host = document.body.appendChild(document.createElement('div'));
  const stop = render(
    () => (
      <Finder
        close={() => {
          stop();
          host.remove();
          isOpen = false;
        }}
      />
    ),
    host,
  );
}

function Finder(props: { close: () => void }) {
  const [typed, setTyped] = createSignal('');
  const [found, setFound] = createSignal<readonly Found[]>([]);
  const [state, setState] = createSignal<'idle' | 'searching' | 'failed'>('idle');
  const [at, setAt] = createSignal(0);
  let dialog: HTMLDialogElement | undefined;
  onMount(() => dialog?.showModal());
  // The campaigns' names are asked for once while it is open.
  const campaigns = namesOnce();

  // Late results stand below, so that nothing moves under the chosen one.
  const all = () => [...pagesFor(typed()), ...found()];
  createEffect(
    on(typed, (typed) => {
      setAt(0);
      const text = typed.trim();
      setFound([]);
      setState('idle');
      if (text.length < 2) return;
      const stop = new AbortController();
      setState('searching');
      const timer = window.setTimeout(async () => {
        try {
          const answered = await lookUp(text, stop.signal, campaigns);
          if (stop.signal.aborted) return;
          setFound(answered);
          setState('idle');
        } catch (error) {
          if (stop.signal.aborted) return;
          setState(error instanceof Refusal ? 'failed' : 'idle');
        }
      }, PAUSE);
      onCleanup(() => {
        window.clearTimeout(timer);
        stop.abort();
      });
    }),
  );
  const move = (by: number) => {
    const { length } = all();
    if (length > 0) setAt((before) => (before + by + length) % length);
    dialog?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  };
  /** The router follows links of the document. */
  const go = ({ href, isOutside }: Found) => {
    dialog?.close();
    const link = document.body.appendChild(document.createElement('a'));
    link.href = href;
    if (isOutside) link.rel = 'external';
    link.click();
    link.remove();
  };
  const words = () => {
    if (state() === 'searching') return f().searching;
    if (state() === 'failed') return f().failed;
    if (all().length === 0) return f().none;
    return typed().trim() === '' ? f().hint : f().count(all().length);
  };

  return (
    <dialog class="finder" ref={dialog} aria-label={f().title} onClose={() => props.close()}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const chosen = all()[at()];
          if (chosen) go(chosen);
        }}
      >
        <input
          type="text"
          role="combobox"
          aria-label={f().label}
          aria-expanded="true"
          aria-controls="found"
          aria-activedescendant={all().length > 0 ? `found-${at()}` : undefined}
          placeholder={f().label}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          maxlength="200"
          autofocus
          value={typed()}
          onInput={(event) => setTyped(event.currentTarget.value)}
          onKeyDown={(event) => {
            const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
            if (step === undefined) return;
            event.preventDefault();
            move(step);
          }}
        />
      </form>
      <p class="small" role="status">
        {words()}
      </p>
      <ul id="found" role="listbox" aria-label={f().title}>
        <For each={all()}>
          {(one, index) => (
            <li
              id={`found-${index()}`}
              role="option"
              aria-selected={index() === at() ? 'true' : 'false'}
              onClick={() => go(one)}
            >
              <span>
                <bdi>{one.title}</bdi>
                <Show when={one.detail}>{(detail) => <small> {detail()}</small>}</Show>
              </span>
              <small>{f().kinds[one.kind]}</small>
            </li>
          )}
        </For>
      </ul>
    </dialog>
  );
}
