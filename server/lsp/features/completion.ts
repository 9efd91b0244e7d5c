/** Completion, with folders, files and models of the disk. */
import {
  CompletionItemKind,
  InsertTextFormat,
  InsertTextMode,
  MarkupKind,
  type CompletionItem,
  type CompletionList,
  type CompletionParams,
} from 'vscode-languageserver';
import { completionsAt } from '../../language/editor/completion';
import type { Completion, CompletionPlaces } from '../../language/editor/completionTypes';
import { aboutConfig } from '../answering';
import type { Snapshot } from '../checker';
import type { LanguageContext } from '../context';
import type { DiskKind, DiskQuestions } from '../disk/diskProtocol';
import { editOf } from '../positions';

export const TRIGGERS = [':', ' ', '/', '-', '[', '{', ','];

/** Milliseconds that a listing may take before the list is shown without it. */
const PATIENCE = 1000;

const KINDS: Readonly<Record<Completion['kind'], CompletionItemKind>> = {
  key: CompletionItemKind.Property,
  value: CompletionItemKind.EnumMember,
  component: CompletionItemKind.Class,
  family: CompletionItemKind.Enum,
  block: CompletionItemKind.Field,
  folder: CompletionItemKind.Folder,
  file: CompletionItemKind.File,
  hub: CompletionItemKind.Module,
  snippet: CompletionItemKind.Snippet,
};

export function registerCompletion(context: LanguageContext): void {
  context.connection.onCompletion(
    aboutConfig<CompletionParams, CompletionList>(
      context,
      'completion',
      { isIncomplete: false, items: [] },
      async (snapshot, { position }) => {
        const { checked, lines } = snapshot;
        const places = placesFor(context, snapshot);
        const found = await completionsAt(checked, lines.offsetAt(position), places);
        const isRich =
          context.client().textDocument?.completion?.completionItem?.snippetSupport === true;
        return {
          isIncomplete: places.isCut(),
          items: found.map((completion) => itemOf(completion, snapshot, isRich)),
        };
      },
    ),
  );
}

function itemOf(completion: Completion, { lines }: Snapshot, isRich: boolean): CompletionItem {
  const { label, kind, detail, documentation, edit, snippet, sortText, filterText, again } =
    completion;
  const isSnippet = snippet && isRich;
  const text = snippet && !isRich ? withoutPlaceholders(edit.text) : edit.text;
  return {
    label,
    kind: KINDS[kind],
    textEdit: editOf(lines, { span: edit.span, text }),
    insertTextFormat: isSnippet ? InsertTextFormat.Snippet : InsertTextFormat.PlainText,
    // The text brings its own indentation.
    insertTextMode: InsertTextMode.asIs,
    ...(filterText === undefined ? {} : { filterText }),
    ...(detail === undefined ? {} : { detail }),
    ...(documentation === undefined
      ? {}
      : { documentation: { kind: MarkupKind.Markdown, value: documentation } }),
    ...(sortText === undefined ? {} : { sortText }),
    ...(again === true
      ? { command: { title: 'Complete', command: 'editor.action.triggerSuggest' } }
      : {}),
  };
}

/** A snippet as plain text: `${1:name}` is `name`. */
function withoutPlaceholders(snippet: string): string {
  return snippet
    .replace(/\$\{\d+\|([^,|]*)[^}]*\}/g, '$1')
    .replace(/\$\{\d+:?([^}]*)\}/g, '$1')
    .replace(/\$\d+/g, '')
    .replace(/\\([$}\\])/g, '$1');
}

/** Listings that never keep a user waiting for long. */
function placesFor(
  context: LanguageContext,
  { place }: Snapshot,
): CompletionPlaces & { readonly isCut: () => boolean } {
  let isCut = false;
  const list = async <K extends DiskKind, R>(
    kind: K,
    of: DiskQuestions[K][0],
    none: R,
  ): Promise<DiskQuestions[K][1] | R> => {
    if (place.reads !== 'disk') return none;
    const reply = await inTime(context.disk.ask(kind, of, place.within));
    if (reply?.kind === 'answer') return reply.value;
    isCut = true;
    return none;
  };
  const { base } = place;
  return {
    folders: (relative) => list('folders', { relative, base }, []),
    files: (relative) => list('files', { relative, base }, []),
    hubModels: () => list('hubModels', {}, []),
    isCut: () => isCut,
  };
}

function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), PATIENCE);
    void work.then((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}
