/** A dialog that pins a block to weights that the user types: one field and one slider a component, sum 1. */
import { pinWeights, type Ask, type CellContext } from './blockControls';
import { landmark, make, setText } from './dom';
import { controlRefusal } from './selectors';
import { makeButton, makeNumberField, setDisabled, type NumberField } from './toolkit';

export interface PinDialogHandlers {
  readonly control: (ask: Ask) => void;
  readonly onClose: () => void;
}

interface Line {
  readonly m: number;
  readonly field: NumberField;
  readonly slider: HTMLInputElement;
  readonly root: HTMLElement;
}

/** How far the sum may be from 1: three decimals of each field. */
const tolerance = 0.0015;

/** @param shown α of the block on show, which the fields begin with */
export function openPinDialog(
  context: CellContext,
  shown: { readonly weights: readonly number[]; readonly words: string },
  handlers: PinDialogHandlers,
): void {
  const title = `Pin block ${context.block + 1}`;
  const dialog = make('dialog', { class: 'dialog', 'aria-labelledby': 'pin-title' });
  const sum = make('p', { class: 'sum', role: 'status' });
  const lines = context.components.map((_, m) =>
    makeLine(context, m, shown.weights[m] ?? 0, () => check()),
  );
  const finish = (): void => {
    const weights = typedWeights(lines);
    dialog.close();
    if (weights) handlers.control(pinWeights(context, weights));
  };
  const accept = makeButton({ text: 'Pin', primary: true, onClick: finish });
  const refusal = controlRefusal(context.run);
  function check(): void {
    const weights = typedWeights(lines);
    const total = weights?.reduce((all, weight) => all + weight, 0);
    const fits = total !== undefined && Math.abs(total - 1) <= tolerance;
    setText(sum, refusal ?? sumWords(total, fits));
    sum.classList.toggle('bad', !fits || refusal !== undefined);
    setDisabled(accept, !fits || refusal !== undefined);
  }
  const fill = (weights: readonly number[]): void => {
    for (const line of lines) {
      const weight = context.marks.pruned.includes(line.m) ? 0 : (weights[line.m] ?? 0);
      line.field.setValue(rounded(weight));
      line.slider.value = String(weight);
    }
    check();
  };
  dialog.append(
    make('h2', { id: 'pin-title' }, title),
    make(
      'p',
      { class: 'caption' },
      'The search leaves its α alone from the next step on. Weights sum to 1.',
    ),
    make('div', { class: 'presets' }, ...presets(context, shown, fill)),
    make('div', { class: 'lines' }, ...lines.map(({ root }) => root)),
    sum,
    make(
      'div',
      { class: 'actions' },
      accept,
      makeButton({ text: 'Cancel', onClick: () => dialog.close() }),
    ),
  );
  dialog.addEventListener('keydown', (event) => {
    event.stopPropagation();
    if (event.key === 'Enter' && !accept.hasAttribute('disabled') && !isButton(event.target)) {
      event.preventDefault();
      finish();
    }
  });
  dialog.addEventListener('close', () => {
    dialog.remove();
    handlers.onClose();
  });
  landmark().append(dialog);
  check();
  dialog.showModal();
  lines[context.component]?.slider.focus();
}

const isButton = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && /^(vscode-)?button$/i.test(target.tagName);

const rounded = (weight: number): string => String(Math.round(weight * 1000) / 1000);

function sumWords(total: number | undefined, fits: boolean): string {
  if (total === undefined) return 'A weight is a number from 0 to 1.';
  const shown = total.toFixed(3).replace(/0+$/, '').replace(/\.$/, '');
  return fits ? `Sum ${shown}` : `Sum ${shown}: it has to be 1.`;
}

/** The weights, or `undefined` where one is no number from 0 to 1. */
function typedWeights(lines: readonly Line[]): number[] | undefined {
  const weights = lines.map(({ field }) => {
    const text = field.value().trim().replace(',', '.');
    return /^\d*\.?\d+(e-?\d+)?$|^\d+\.$/i.test(text) ? Number(text) : Number.NaN;
  });
  return weights.every((weight) => weight >= 0 && weight <= 1) ? weights : undefined;
}

function makeLine(context: CellContext, m: number, weight: number, onInput: () => void): Line {
  const name = context.components[m]!.name;
  const pruned = context.marks.pruned.includes(m);
  const slider = make('input', {
    type: 'range',
    min: 0,
    max: 1,
    step: 0.01,
    'aria-label': `Weight of ${name}`,
    disabled: pruned,
  });
  slider.value = String(pruned ? 0 : weight);
  const field = makeNumberField(
    `Weight of ${name}, typed`,
    rounded(pruned ? 0 : weight),
    (text) => {
      const typed = Number(text.replace(',', '.'));
      if (Number.isFinite(typed)) slider.value = String(typed);
      onInput();
    },
  );
  setDisabled(field.root, pruned);
  slider.addEventListener('input', () => {
    field.setValue(slider.value);
    onInput();
  });
  const root = make(
    'div',
    { class: 'weight-line' },
    make('span', { class: 'name', title: name }, name),
    pruned ? make('span', { class: 'quiet' }, 'pruned') : slider,
    field.root,
  );
  return { m, field, slider, root };
}

function presets(
  context: CellContext,
  shown: { readonly weights: readonly number[]; readonly words: string },
  fill: (weights: readonly number[]) => void,
): HTMLElement[] {
  const K = context.components.length;
  const live = K - context.marks.pruned.length;
  const name = context.components[context.component]?.name ?? '';
  const preset = (text: string, weights: readonly number[]): HTMLElement => {
    const button = make('button', { type: 'button', class: 'chip' }, text);
    button.addEventListener('click', () => fill(weights));
    return button;
  };
  const oneHot = context.components.map((_, m) => (m === context.component ? 1 : 0));
  const even = context.components.map((_, m) => (context.marks.pruned.includes(m) ? 0 : 1 / live));
  return [
    ...(context.marks.pruned.includes(context.component) ? [] : [preset(`Only ${name}`, oneHot)]),
    ...(shown.weights.length === K ? [preset(`α ${shown.words}`, shown.weights)] : []),
    preset('Equal', even),
  ];
}
