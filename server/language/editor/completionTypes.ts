/** What completion offers, and what it asks of the disk. */
import type { TextEdit } from '../../contract/problem';
import type { ConfigDocument } from '../configDocument';
import type { Caret } from './caret';

export interface Completion {
  readonly label: string;
  readonly kind:
    'key' | 'value' | 'component' | 'family' | 'block' | 'folder' | 'file' | 'hub' | 'snippet';
  readonly detail?: string;
  /** Markdown. */
  readonly documentation?: string;
  /** On one line, the caret inside. The text is whole as it is, its indentation included. */
  readonly edit: TextEdit;
  /** `edit.text` is a snippet, with `${1:…}`. */
  readonly snippet: boolean;
  readonly sortText?: string;
  /** What is typed is compared with this; absent: with the label. */
  readonly filterText?: string;
  /** Offer completions again behind it: in a folder, behind `key: `. */
  readonly again?: boolean;
}

/** What lies beside a config. Bounded, never rejects; `relative` starts from the config's folder and may be empty. */
export interface CompletionPlaces {
  readonly folders: (
    relative: string,
  ) => Promise<readonly { readonly name: string; readonly isModel: boolean }[]>;
  readonly files: (relative: string) => Promise<readonly string[]>;
  readonly hubModels: () => Promise<readonly { readonly id: string }[]>;
}

/** What the offers are made from. */
export interface CompletionScene {
  readonly document: ConfigDocument;
  readonly caret: Caret;
  /** Valid names of the config's components, in its order. */
  readonly components: readonly string[];
  /** Layers of the shallowest component, where a plan knows it. */
  readonly mostBlocks: number | undefined;
  readonly places: CompletionPlaces;
}
