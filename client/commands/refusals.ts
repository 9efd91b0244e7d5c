/** Why a command can't run here, in a sentence, and what would help. Pure. */

/** Where the command is called. */
export interface Place {
  readonly trusted: boolean;
  /** Every folder of the workspace is on some other file system than this machine's. */
  readonly virtual: boolean;
}

export interface Refusal {
  readonly sentence: string;
  /** A button, and the command behind it. */
  readonly wayOut: { readonly title: string; readonly command: string } | undefined;
}

const manageTrust = { title: 'Manage Workspace Trust', command: 'workbench.trust.manage' };

/** What runs programs or reads the network needs trust, and a disk. */
export function refuseToRun(what: string, place: Place): Refusal | undefined {
  if (!place.trusted) {
    return {
      sentence: `${what} needs a trusted workspace: it runs programs on this machine.`,
      wayOut: manageTrust,
    };
  }
  if (place.virtual) {
    return {
      sentence: `${what} needs files on this machine’s disk, and this workspace is a virtual one. Clone or download it, and open that folder.`,
      wayOut: { title: 'Open Folder…', command: 'vscode.openFolder' },
    };
  }
  return undefined;
}

/** Runs come with a folder, as hostile as that may be: they are read once somebody vouches for it. */
export function refuseToRead(place: Place): Refusal | undefined {
  if (place.trusted) return undefined;
  return {
    sentence: 'Runs are shown once this workspace is trusted: its folders may hold a stranger’s.',
    wayOut: manageTrust,
  };
}

/** No config to be found: by whether a folder is open at all. */
export function noConfig(hasWorkspace: boolean): Refusal {
  return hasWorkspace
    ? {
        sentence: 'There is no hybrid config (*.manticore.yaml) in this workspace. Make one first.',
        wayOut: { title: 'New Hybrid Config', command: 'manticore.newConfig' },
      }
    : {
        sentence:
          'No folder and no hybrid config (*.manticore.yaml) is open. Open one, or try the quickstart.',
        wayOut: { title: 'Open Quickstart', command: 'manticore.openQuickstart' },
      };
}

/** What a command needs of a sweep. */
export type SweepNeed = 'any' | 'active' | 'resumable';

export function noSweep(need: SweepNeed): Refusal {
  const run = { title: 'Run Manticore Search', command: 'manticore.runSearch' };
  switch (need) {
    case 'any':
      return {
        sentence: 'There is no sweep yet. Run a config that has the key `sweep`.',
        wayOut: run,
      };
    case 'active':
      return { sentence: 'No sweep is going on.', wayOut: undefined };
    case 'resumable':
      return {
        sentence: 'No sweep was stopped or has failed runs, so there is nothing to resume.',
        wayOut: undefined,
      };
  }
}

/** What a command needs of a run, for the sentence when there is none like that. */
export type Need = 'any' | 'active' | 'running' | 'resumable' | 'result';

export function noRun(need: Need): Refusal {
  const run = { title: 'Run Manticore Search', command: 'manticore.runSearch' };
  switch (need) {
    case 'any':
      return { sentence: 'There is no run yet. Run a search first.', wayOut: run };
    case 'active':
      return { sentence: 'No search is going on.', wayOut: run };
    case 'running':
      return { sentence: 'No search is running that could be paused.', wayOut: run };
    case 'resumable':
      return {
        sentence: 'No search is paused, stopped or failed, so there is nothing to resume.',
        wayOut: run,
      };
    case 'result':
      return {
        sentence: 'No search has ended with a result yet. Let one finish, or stop it.',
        wayOut: undefined,
      };
  }
}
