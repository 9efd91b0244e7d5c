/** What a command was called with: by the palette nothing, by a menu its item, by a code lens or the panel a string. Pure. */

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** A run's folder, from a string or from a row of the tree. */
export function runDirOf(argument: unknown): string | undefined {
  if (typeof argument === 'string') return argument === '' ? undefined : argument;
  if (isFields(argument) && typeof argument['dir'] === 'string') return argument['dir'];
  return undefined;
}

/** Whether a file is a config, by its name. */
export function isConfigName(path: string): boolean {
  return /\.manticore\.ya?ml$/iu.test(path);
}
