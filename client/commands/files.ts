/** Files and folders that commands write: never over anything that is there. */
import { Uri, workspace } from 'vscode';

export async function exists(uri: Uri): Promise<boolean> {
  try {
    await workspace.fs.stat(uri);
    return true;
  } catch {
    // Whatever can't be looked at is treated as not there; writing it then says why.
    return false;
  }
}

/** `stem` in the folder, or `stem-2` and so on: the first that isn't there yet. */
export async function freePath(folder: Uri, stem: string, ending = ''): Promise<Uri> {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? `${stem}${ending}` : `${stem}-${number}${ending}`;
    const candidate = Uri.joinPath(folder, name);
    if (!(await exists(candidate))) return candidate;
  }
}
