/** The config's JSON Schema, for other editors: `dist/manticore.schema.json` is made of it. */
import { z } from 'zod';
import { configSchema } from './schema';

/** Draft 2020-12, of the config as it is written: keys with a default are optional. */
export function manticoreJsonSchema(): Readonly<Record<string, unknown>> {
  return {
    title: 'Manticore config',
    ...z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' }),
  };
}
