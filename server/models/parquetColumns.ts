/** What the columns of a Parquet file are, from its schema alone: for the editor's checks and for reading. Pure. */
import { parquetSchema, type FileMetaData, type SchemaTree } from 'hyparquet';

export interface ParquetColumn {
  readonly name: string;
  /** `messages`: a list of structs that have a role and a content. */
  readonly holds: 'text' | 'messages' | 'other';
}

/** The top-level columns of a file. @throws Error for a schema that contradicts itself */
export function parquetColumns(metadata: FileMetaData): ParquetColumn[] {
  return parquetSchema(metadata).children.map((tree) => ({
    name: tree.element.name,
    holds: isText(tree) ? 'text' : isMessages(tree) ? 'messages' : 'other',
  }));
}

function isText({ element, children }: SchemaTree): boolean {
  const { type, converted_type: converted, logical_type: logical, repetition_type } = element;
  return (
    children.length === 0 &&
    type === 'BYTE_ARRAY' &&
    repetition_type !== 'REPEATED' &&
    (converted === undefined || converted === 'UTF8') &&
    (logical === undefined || logical.type === 'STRING')
  );
}

/** `list<struct<role: string, content: string, …>>`, in the standard three levels. */
function isMessages({ element, children: [repeated] }: SchemaTree): boolean {
  if (element.converted_type !== 'LIST' && element.logical_type?.type !== 'LIST') return false;
  const [item] = repeated?.children ?? [];
  if (repeated?.element.repetition_type !== 'REPEATED' || repeated.children.length !== 1)
    return false;
  return ['role', 'content'].every((name) =>
    item?.children.some((field) => field.element.name === name && isText(field)),
  );
}

/** Most bytes of a footer that are read: a file of 100,000 row groups has about ten. */
export const MAX_FOOTER_BYTES = 64 * 2 ** 20;
