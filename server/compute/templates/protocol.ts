/** What the compute process and the process that renders templates say to each other. */
import type { Rendering, TemplateMessage, TemplatePair } from './spans';

export type TemplateExample = TemplatePair | { readonly messages: readonly TemplateMessage[] };

/** First, once: the template. */
export interface RenderStart {
  readonly kind: 'start';
  readonly id: number;
  readonly template: string;
  readonly tokens: Readonly<Record<string, string>>;
}

export interface RenderRequest {
  readonly kind: 'render';
  readonly id: number;
  readonly examples: readonly TemplateExample[];
}

/** One for each example; to a start none, or a problem. A problem is a clause that says what is wrong. */
export interface RenderAnswer {
  readonly id: number;
  readonly renderings: readonly (Rendering | { readonly problem: string })[];
}
