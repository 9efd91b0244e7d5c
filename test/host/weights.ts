/** The weights panel as a user sees it: found by roles and words, not by how it is made. */
import type { FrameLocator, Locator } from 'playwright-core';
import type { Workbench } from './workbench';
import { eventually } from './waiting';

export class Weights {
  constructor(private readonly workbench: Workbench) {}

  private get frame(): FrameLocator {
    return this.workbench.panel;
  }

  get grid(): Locator {
    return this.frame.getByRole('grid').first();
  }

  /** Waits until the heatmap is there. */
  async open(): Promise<void> {
    await this.grid.getByRole('gridcell').first().waitFor({ timeout: 120_000 });
  }

  /** Block from 1, component by its place from 0. */
  cell(block: number, component: number): Locator {
    return this.row(block).getByRole('gridcell').nth(component);
  }

  row(block: number): Locator {
    return this.grid
      .getByRole('row')
      .filter({ has: this.frame.getByRole('rowheader', { name: `Block ${block}` }) });
  }

  /** α of every cell as written, `pruned` where it is. */
  async numbers(): Promise<string[]> {
    const texts = await this.grid.getByRole('gridcell').allInnerTexts();
    return texts.map((text) => /pruned|\d?\.\d+|1/.exec(text)?.[0] ?? text);
  }

  /** The step that the head tells. */
  async step(): Promise<number> {
    const text = await this.words();
    return Number(/step ([\d,]+) of/i.exec(text)?.[1]?.replaceAll(',', '') ?? Number.NaN);
  }

  /** All that is written in the panel. */
  words(): Promise<string> {
    return this.frame.locator('body').innerText();
  }

  /** Waits until the panel says something. */
  async says(text: string | RegExp): Promise<void> {
    await eventually(`the panel says ${String(text)}`, async () => {
      const words = await this.words().catch(() => '');
      return (typeof text === 'string' ? words.includes(text) : text.test(words)) || undefined;
    });
  }

  /** Waits until the head is beyond a step. */
  async movesBeyond(step: number): Promise<number> {
    return eventually(`the panel beyond step ${step}`, async () => {
      const now = await this.step().catch(() => Number.NaN);
      return now > step ? now : undefined;
    });
  }

  /** Presses a button of the head. */
  async press(name: string): Promise<void> {
    await this.frame.getByRole('button', { name }).first().click();
  }

  /** A key on a cell. */
  async key(block: number, component: number, key: string): Promise<void> {
    const cell = this.cell(block, component);
    await cell.focus();
    await cell.press(key);
  }
}
