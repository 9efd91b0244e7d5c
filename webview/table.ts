/** How every table of the panel is made. */
import { make } from './dom';

export interface Column {
  readonly head: string;
  readonly title?: string;
  /** Words rather than numbers. */
  readonly words?: boolean;
}

/** A table; the first cell of each row is its head. */
export function makeTable(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): HTMLElement {
  const className = ({ words }: Column): string | undefined => (words ? 'words' : undefined);
  const head = columns.map((column) =>
    make('th', { scope: 'col', class: className(column), title: column.title }, column.head),
  );
  const body = rows.map(([first, ...rest]) =>
    make(
      'tr',
      {},
      make('th', { scope: 'row' }, first),
      ...rest.map((text, at) => make('td', { class: className(columns[at + 1]!) }, text)),
    ),
  );
  return make(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    make(
      'table',
      {},
      make('caption', {}, caption),
      make('thead', {}, make('tr', {}, ...head)),
      make('tbody', {}, ...body),
    ),
  );
}
