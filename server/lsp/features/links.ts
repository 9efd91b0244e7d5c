/** Links from a config to its model folders and data files, and to the pages of hub models. */
import { pathToFileURL } from 'node:url';
import path from 'node:path';
import type { DocumentLink, DocumentLinkParams } from 'vscode-languageserver';
import { isScalar } from 'yaml';
import { entriesOf, fits, innerSpan, type Entry } from '../../language/editor/entries';
import { isHubSource, parseHubId } from '../../weights/hubId';
import { CONFIG_FILE } from '../../weights/modelFolder';
import { SOURCE_KINDS } from '../../language/sourceChecks';
import { aboutConfig } from '../answering';
import type { Snapshot } from '../checker';
import type { LanguageContext } from '../context';
import { rangeOf, touches } from '../positions';

const SOURCES = [
  ['components', '*', 'source'],
  ['components', '*', 'tokenizer'],
];
const FILES = SOURCE_KINDS.map((kind) => ['data', '*', kind]);
/** A path only where it ends so. */
const TEMPLATE = ['data', '*', 'template'];

/** Problems that say that nothing is there to follow a link to. */
const DEAD: ReadonlySet<string> = new Set(['missing-model', 'missing-file', 'bad-source']);

export function registerLinks(context: LanguageContext): void {
  context.connection.onDocumentLinks(
    aboutConfig<DocumentLinkParams, DocumentLink[]>(context, 'links', [], (snapshot) =>
      entriesOf(snapshot.checked.document).flatMap((entry) => linkOf(entry, snapshot)),
    ),
  );
}

function linkOf(entry: Entry, { checked, lines, place }: Snapshot): DocumentLink[] {
  const { node, through } = entry;
  if (through || !isScalar(node) || typeof node.value !== 'string') return [];
  const isDead = checked.problems.some(
    ({ code, span }) => DEAD.has(code) && touches(span, entry.value),
  );
  const written = node.value;
  if (isDead || written === '') return [];
  const range = rangeOf(lines, innerSpan(node, checked.document.text));
  const isTemplate = fits(entry.path, TEMPLATE);
  if (isTemplate && !written.endsWith('.jinja')) return [];
  if (isTemplate || FILES.some((pattern) => fits(entry.path, pattern))) {
    if (place.reads !== 'disk') return [];
    return [
      {
        range,
        target: fileLink(path.resolve(place.base, written)),
        tooltip: isTemplate ? 'Open template' : 'Open data',
      },
    ];
  }
  if (!SOURCES.some((pattern) => fits(entry.path, pattern))) return [];
  if (isHubSource(written)) {
    const parsed = parseHubId(written);
    if (!parsed.ok) return [];
    const { id, revision } = parsed.model;
    const page = `https://huggingface.co/${id}${revision === 'main' ? '' : `/tree/${revision}`}`;
    return [{ range, target: page, tooltip: 'Open the model’s page' }];
  }
  if (place.reads !== 'disk') return [];
  const name = entry.path.at(-1) === 'tokenizer' ? 'tokenizer.json' : CONFIG_FILE;
  const file = path.resolve(place.base, written, name);
  return [{ range, target: fileLink(file), tooltip: `Open the model’s ${name}` }];
}

const fileLink = (file: string) => pathToFileURL(file).href;
