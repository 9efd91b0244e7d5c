import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import {
  countCores,
  physicalCores,
  processorList,
  type CoreSources,
} from '../../server/runs/cores';

/** A machine by its files and what its commands print. */
const machine = (
  platform: NodeJS.Platform,
  available: number,
  files: Readonly<Record<string, string>> = {},
  commands: Readonly<Record<string, string>> = {},
): CoreSources => ({
  platform,
  available,
  read: (file) => files[file],
  print: (command, args) => commands[[command, ...args].join(' ')],
});

const status = (list: string) => `Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t${list}\n`;
const siblings = (groups: Readonly<Record<number, string>>) =>
  Object.fromEntries(
    Object.entries(groups).map(([processor, list]) => [
      `/sys/devices/system/cpu/cpu${processor}/topology/thread_siblings_list`,
      `${list}\n`,
    ]),
  );
const fourCoresOfTwo = siblings({
  ...{ 0: '0,4', 1: '1,5', 2: '2,6', 3: '3,7' },
  ...{ 4: '0,4', 5: '1,5', 6: '2,6', 7: '3,7' },
});

const cpuinfo = (entries: readonly (readonly [number, number, number])[]) =>
  entries
    .map(
      ([processor, socket, core]) =>
        `processor\t: ${processor}\nmodel name\t: Xeon\nphysical id\t: ${socket}\ncore id\t\t: ${core}\n`,
    )
    .join('\n');

describe('physical cores', () => {
  const cases: readonly [string, CoreSources, number][] = [
    [
      'counts groups of sibling threads on Linux',
      machine('linux', 8, { '/proc/self/status': status('0-7'), ...fourCoresOfTwo }),
      4,
    ],
    [
      'leaves out what the affinity mask leaves out',
      machine('linux', 3, { '/proc/self/status': status('0,4,6'), ...fourCoresOfTwo }),
      2,
    ],
    [
      'keeps within the share of a control group, version 2',
      machine('linux', 8, {
        ...{ '/proc/self/status': status('0-7'), '/sys/fs/cgroup/cpu.max': '250000 100000\n' },
        ...fourCoresOfTwo,
      }),
      2,
    ],
    [
      'knows a control group without a limit',
      machine('linux', 8, {
        ...{ '/proc/self/status': status('0-7'), '/sys/fs/cgroup/cpu.max': 'max 100000\n' },
        ...fourCoresOfTwo,
      }),
      4,
    ],
    [
      'keeps within the share of a control group, version 1, and takes at least one',
      machine('linux', 8, {
        '/proc/self/status': status('0-7'),
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '50000\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
        ...fourCoresOfTwo,
      }),
      1,
    ],
    [
      'knows that version 1 says −1 for no limit',
      machine('linux', 8, {
        '/proc/self/status': status('0-7'),
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
        ...fourCoresOfTwo,
      }),
      4,
    ],
    [
      'reads cpuinfo where the topology is hidden: two sockets of two cores of two threads',
      machine('linux', 8, {
        '/proc/self/status': status('0-7'),
        '/proc/cpuinfo': cpuinfo([
          ...[0, 1, 2, 3].map((p) => [p, p >> 1, p & 1] as const),
          ...[4, 5, 6, 7].map((p) => [p, (p - 4) >> 1, p & 1] as const),
        ]),
      }),
      4,
    ],
    [
      "takes Node's count where Linux tells nothing (an ARM cpuinfo)",
      machine('linux', 4, { '/proc/cpuinfo': 'processor\t: 0\nBogoMIPS\t: 48.00\n' }),
      4,
    ],
    [
      'is never more than Node may use',
      machine('linux', 2, { '/proc/self/status': status('0-7'), ...fourCoresOfTwo }),
      2,
    ],
    [
      'asks sysctl on macOS',
      machine('darwin', 16, {}, { '/usr/sbin/sysctl -n hw.physicalcpu': '8\n' }),
      8,
    ],
    ["takes Node's count where sysctl fails", machine('darwin', 10), 10],
    ["takes Node's count on Windows", machine('win32', 12), 12],
    ['is at least one', machine('win32', 0), 1],
  ];
  for (const [what, sources, cores] of cases) {
    it(what, () => {
      assert.equal(countCores(sources), cores);
    });
  }

  it('reads lists of processors, and nothing else', () => {
    assert.deepEqual(processorList('0-2,5,7-8\n'), [0, 1, 2, 5, 7, 8]);
    for (const text of ['', '0-', 'ff', '0,,1', '-1']) assert.equal(processorList(text), undefined);
  });

  it('finds some on this machine, no more than its logical processors', () => {
    assert.ok(physicalCores() >= 1 && physicalCores() <= availableParallelism());
  });
});
