/** What a user does in a VS Code window, and what they see there. */
import { errors, type FrameLocator, type Locator, type Page } from 'playwright-core';
import { eventually } from './waiting';

export class Workbench {
  constructor(
    readonly page: Page,
    private readonly url: string,
  ) {}

  /** Opens a folder, or an empty window, and waits until it can be used. */
  async open(folder?: string, payload: readonly (readonly [string, string])[] = []): Promise<void> {
    const query = new URLSearchParams(folder === undefined ? { ew: 'true' } : { folder });
    if (payload.length > 0) query.set('payload', JSON.stringify(payload));
    await this.page.goto(`${this.url}/?${query.toString()}`);
    await this.ready();
  }

  /** Loads the window again; the editor keeps what is open by its own way down. */
  async reload(): Promise<void> {
    const loaded = this.page.waitForEvent('load');
    await this.run('Developer: Reload Window');
    await loaded;
    await this.ready();
  }

  async ready(): Promise<void> {
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor({ timeout: 120_000 });
    await this.page.locator('.monaco-workbench .part.editor').waitFor();
    // What extensions contribute comes later, the icon of their views among it.
    await this.page
      .locator('.activitybar .action-item')
      .and(this.page.getByRole('tab', { name: 'Manticore' }))
      .or(this.page.locator('.activitybar [aria-label="Manticore"]'))
      .first()
      .waitFor();
  }

  get editor(): Locator {
    return this.page.locator('.editor-instance .monaco-editor').first();
  }

  get quickInput(): Locator {
    return this.page.locator('.quick-input-widget');
  }

  /** The rows that the quick input offers. */
  get choices(): Locator {
    return this.quickInput.locator('.quick-input-list .monaco-list-row');
  }

  /** Opens a file of the folder in the first group, by its name. */
  async openFile(name: string): Promise<void> {
    await this.page.keyboard.press('Control+1');
    await this.pick('', name, this.choices.filter({ hasText: name }).first());
    await this.page.locator('.tab.active', { hasText: name }).first().waitFor();
    await this.editor.locator('.view-lines .view-line').first().waitFor();
  }

  /** Runs a command by its title from the palette. */
  async run(title: string): Promise<void> {
    await this.pick('>', `>${title}`, this.command(title));
  }

  /**
   * Opens the quick input, writes into it and takes a row. Again from the start when the row doesn't come: the list is that
   * of the moment in which it was opened, and a window that has just loaded takes the focus away.
   */
  private async pick(prefix: '' | '>', text: string, row: Locator): Promise<void> {
    await eventually(text, async () => {
      try {
        await this.show(prefix);
        await this.quickInput.locator('input[type=text]').fill(text, { timeout: 3_000 });
        if ((await this.focus(row)) === undefined) {
          throw new errors.TimeoutError(`the focus did not come to ${text}`);
        }
        await this.page.keyboard.press('Enter');
        // Taken: it is closed, or asks the next question.
        return await eventually(
          'the choice is taken',
          async () => {
            const open = await this.quickInput.isVisible();
            const value = open
              ? await this.quickInput.locator('input[type=text]').inputValue({ timeout: 3_000 })
              : '';
            return value === text ? undefined : true;
          },
          { everyMs: 30, limitMs: 5_000 },
        ).catch(() => undefined);
      } catch (error) {
        if (!(error instanceof errors.TimeoutError)) throw error;
        await this.page.keyboard.press('Escape');
        return undefined;
      }
    });
  }

  /**
   * Moves the focus of the list to a row, by keys, until it is found there twice: rows come and move while the list is
   * made, and a click lands on whichever is there by then.
   */
  private async focus(row: Locator): Promise<true | undefined> {
    await row.waitFor({ timeout: 3_000 });
    const focused = this.quickInput.locator('.monaco-list-row.focused');
    let found = 0;
    return eventually(
      'the focus on the row',
      async () => {
        if ((await row.and(focused).count()) > 0) return ++found === 2 ? true : undefined;
        found = 0;
        if ((await focused.count()) > 0) await this.page.keyboard.press('ArrowDown');
        return undefined;
      },
      { everyMs: 50, limitMs: 5_000 },
    ).catch(() => undefined);
  }

  private command(title: string): Locator {
    // The first part of a row's label is the title alone; a key binding follows it.
    return this.choices
      .filter({ has: this.page.locator('.label-name', { hasText: exactly(title) }) })
      .first();
  }

  private async show(prefix: '' | '>'): Promise<void> {
    if (await this.quickInput.isVisible()) return;
    await this.page.keyboard.press(prefix === '>' ? 'F1' : 'Control+P');
    await this.quickInput.waitFor({ timeout: 3_000 });
  }

  /** Chooses the row of an open quick pick that holds `text`. */
  async choose(text: string | RegExp): Promise<void> {
    await this.choices.filter({ hasText: text }).first().click();
  }

  /** Runs a command of a file's menu in the explorer. */
  async runFromExplorer(name: string, title: string): Promise<void> {
    const file = this.page.locator('.explorer-folders-view .monaco-list-row', { hasText: name });
    const item = this.page.locator('.monaco-menu .action-label', { hasText: exactly(title) });
    // What extensions add to the menu comes with the next one that is opened; a click right after it opens is passed over.
    await eventually(`${title} in the menu of ${name}`, async () => {
      await file.first().click({ button: 'right' });
      try {
        await item.click({ timeout: 5_000 });
        await item.waitFor({ state: 'hidden', timeout: 5_000 });
        return true;
      } catch (error) {
        if (!(error instanceof errors.TimeoutError)) throw error;
        await this.page.keyboard.press('Escape');
        return undefined;
      }
    });
  }

  async chooseTheme(label: string): Promise<void> {
    await this.run('Preferences: Color Theme');
    await this.quickInput.locator('input[type=text]').fill(label);
    await this.choices.filter({ hasText: label }).first().click();
  }

  /** Opens a file from anywhere on the disk. */
  async openOutside(folder: string, name: string): Promise<void> {
    await this.run('File: Open File...');
    // The dialog looks into a folder once its path is whole.
    await this.quickInput.locator('input[type=text]').fill(`${folder}/`);
    await this.choose(name);
    await this.page.locator('.tab.active', { hasText: name }).first().waitFor();
  }

  /** A notification that holds `text`. */
  notification(text: string | RegExp): Locator {
    return this.page
      .locator(
        '.notifications-toasts .notification-toast, .notifications-center .notification-list-item',
      )
      .filter({ hasText: text })
      .first();
  }

  /** A button of whichever notification has it. */
  notificationButton(name: string): Locator {
    return this.page
      .locator('.notifications-toasts, .notifications-center')
      .getByRole('button', { name })
      .first();
  }

  /** Shows the view of runs. */
  async showRuns(): Promise<void> {
    await this.run('Manticore: Focus on Runs View');
    await this.page.locator('.part.sidebar .title', { hasText: /manticore/i }).waitFor();
  }

  /** Rows of the view of runs, by what they say of a state. */
  runRows(text: string | RegExp): Locator {
    return this.page.locator('.part.sidebar').getByRole('treeitem').filter({ hasText: text });
  }

  /** One such row. */
  runRow(text: string | RegExp): Locator {
    return this.runRows(text).first();
  }

  get statusBar(): Locator {
    return this.page.locator('.part.statusbar');
  }

  /** The page inside the webview that is in front. */
  get panel(): FrameLocator {
    return this.page
      .locator('iframe.webview.ready')
      .last()
      .contentFrame()
      .locator('iframe#active-frame')
      .contentFrame();
  }

  async closeNotifications(): Promise<void> {
    await this.run('Notifications: Clear All Notifications');
    await this.page.locator('.notifications-toasts .notification-toast').first().waitFor({
      state: 'detached',
    });
  }

  /** Puts the cursor behind `text` in the active editor, which must hold it once. */
  async putCursorBehind(text: string): Promise<void> {
    const find = this.page.locator('.find-widget.visible');
    await eventually('the find widget', async () => {
      // The first group's editor, whatever has the focus now.
      await this.page.keyboard.press('Control+1');
      await this.page.keyboard.press('Control+F');
      return find.waitFor({ timeout: 3_000 }).then(
        () => true,
        () => undefined,
      );
    });
    await find.locator('textarea.input').first().fill(text);
    await find.locator('.matchesCount', { hasText: '1 of 1' }).waitFor();
    await this.page.keyboard.press('Escape');
    await this.page.keyboard.press('ArrowRight');
  }
}

const exactly = (text: string): RegExp =>
  new RegExp(`^\\s*${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*$`);
