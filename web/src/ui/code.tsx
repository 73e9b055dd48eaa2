import { t } from '../i18n';

/** The form of a code; the API has the last word. */
export const CODE = /^[A-HJKMNP-Z2-9]{6,12}$/;

/** Asks for the code that somebody was told. */
export function CodeField(props: {
  value?: string | undefined;
  wrong: boolean;
  use: (code: string) => void;
  refuse: () => void;
}) {
  return (
    <form
      class="panel-form"
      onSubmit={(event) => {
        event.preventDefault();
        const text = String(new FormData(event.currentTarget).get('code')).trim().toUpperCase();
        if (CODE.test(text)) props.use(text);
        else props.refuse();
      }}
    >
      <div class="field">
        <label for="code">{t().landing.typeCode}</label>
        <input
          id="code"
          name="code"
          value={props.value ?? ''}
          autocomplete="off"
          autocapitalize="characters"
          spellcheck={false}
          maxlength="12"
          aria-invalid={props.wrong}
          aria-describedby="code-hint"
        />
        <p id="code-hint" class="hint" classList={{ wrong: props.wrong }} role="status">
          {props.wrong ? t().landing.badCode : ''}
        </p>
      </div>
      <button class="button primary full">{t().landing.useCode}</button>
    </form>
  );
}
