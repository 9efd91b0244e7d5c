/**
 * The controls of the panel. The only file that knows `@vscode/webview-ui-toolkit`: its package is archived, and a
 * successor replaces this file alone.
 */
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  vsCodeTextField,
} from '@vscode/webview-ui-toolkit';

/** What of a control is used beyond an element's own. */
type Checked = HTMLElement & { checked: boolean };
type Valued = HTMLElement & { value: string };

export function registerToolkit(): void {
  provideVSCodeDesignSystem().register(
    vsCodeButton(),
    vsCodeCheckbox(),
    vsCodeDropdown(),
    vsCodeOption(),
    vsCodeTextField(),
  );
}

export interface ButtonOptions {
  readonly text: string;
  readonly primary?: boolean;
  readonly icon?: SVGElement;
  readonly title?: string;
  readonly onClick: () => void;
}

export function makeButton(options: ButtonOptions): HTMLElement {
  const button = document.createElement('vscode-button');
  button.setAttribute('appearance', options.primary ? 'primary' : 'secondary');
  if (options.title) button.title = options.title;
  if (options.icon) {
    options.icon.setAttribute('slot', 'start');
    button.append(options.icon);
  }
  button.append(options.text);
  button.addEventListener('click', () => options.onClick());
  return button;
}

export const setDisabled = (control: HTMLElement, disabled: boolean): void => {
  if (control.hasAttribute('disabled') !== disabled) control.toggleAttribute('disabled', disabled);
};

export interface CheckboxControl {
  readonly root: HTMLElement;
  readonly setChecked: (checked: boolean) => void;
}

export function makeCheckbox(
  text: string,
  checked: boolean,
  onChange: (checked: boolean) => void,
): CheckboxControl {
  const box = document.createElement('vscode-checkbox') as unknown as Checked;
  box.append(text);
  box.checked = checked;
  // Setting `checked` from the state is a change, too: only what differs from the state is the user's.
  let known = checked;
  box.addEventListener('change', () => {
    if (box.checked === known) return;
    known = box.checked;
    onChange(known);
  });
  return {
    root: box,
    setChecked: (next) => {
      known = next;
      if (box.checked !== next) box.checked = next;
    },
  };
}

export interface Choice {
  readonly value: string;
  readonly text: string;
}

export interface ChoiceList {
  readonly root: HTMLElement;
  /** Redraws only what differs. */
  readonly update: (choices: readonly Choice[], chosen: string) => void;
}

export function makeDropdown(label: string, onChoose: (value: string) => void): ChoiceList {
  const dropdown = document.createElement('vscode-dropdown') as unknown as Valued;
  dropdown.setAttribute('aria-label', label);
  dropdown.addEventListener('change', () => onChoose(dropdown.value));
  let shown = '';
  return {
    root: dropdown,
    update: (choices, chosen) => {
      const key = JSON.stringify(choices);
      if (key !== shown) {
        shown = key;
        dropdown.replaceChildren(
          ...choices.map(({ value, text }) => {
            const option = document.createElement('vscode-option');
            option.setAttribute('value', value);
            option.textContent = text;
            return option;
          }),
        );
      }
      if (dropdown.value !== chosen) dropdown.value = chosen;
    },
  };
}

export interface NumberField {
  readonly root: HTMLElement;
  readonly value: () => string;
  readonly setValue: (value: string) => void;
}

export function makeNumberField(
  label: string,
  value: string,
  onInput: (value: string) => void,
): NumberField {
  const field = document.createElement('vscode-text-field') as unknown as Valued;
  // The control names itself after its text, over any label that is set before; the style hides the text.
  field.textContent = label;
  field.setAttribute('size', '6');
  field.value = value;
  field.addEventListener('input', () => onInput(field.value));
  return {
    root: field,
    value: () => field.value,
    setValue: (next) => {
      if (field.value !== next) field.value = next;
    },
  };
}
