/** What has to be let go of when the extension, a panel or a watch ends. */

export interface Disposable {
  dispose(): unknown;
}

/** Disposes in reverse order, once; what is added afterwards is disposed at once. */
export class DisposableList implements Disposable {
  private readonly items: Disposable[] = [];
  private disposed = false;

  add<T extends Disposable>(item: T): T {
    if (this.disposed) item.dispose();
    else this.items.push(item);
    return item;
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    for (const item of this.items.splice(0).reverse()) item.dispose();
  }
}
