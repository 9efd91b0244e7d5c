/**
 * What tests of the webgpu engine need, in the cache folder (`scripts/hostSetup.mjs`): Dawn where the engine looks for it, and
 * on Debian 12 a Vulkan driver that needs no GPU: Mesa's lavapipe of its backports, because that of Debian 12 itself gives
 * Dawn no adapter. Nothing is installed into the system. Elsewhere the system's own Vulkan driver is used.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { SetupError, cacheFolder, ensureTool } from '../hostSetup.mjs';

const backports = { debian: 'bookworm', suite: 'bookworm-backports' };

/** Of the system itself: a second C library beside the one that runs would be no help. */
const ofTheSystem = /^(libc6|libc-bin|libgcc-s1|gcc-\d+-base|libstdc\+\+6|libcrypt1)_/;

/** Drivers of real GPUs, and layers, that come in the same package. */
const unused = /^(libvulkan_(?!lvp)|libVkLayer_)/;

/** @returns the environment in which `engine: webgpu` opens */
export async function setUp() {
  ensureTool('dawn', {
    packageName: 'webgpu',
    folderName: path.join('engines', `webgpu-${process.platform}-${process.arch}`),
  });
  return {
    MANTICORE_ENGINES_DIR: path.join(cacheFolder(), 'engines'),
    ...(isDebian12() ? lavapipe() : systemVulkan()),
  };
}

function isDebian12() {
  if (process.platform !== 'linux' || !existsSync('/etc/os-release')) return false;
  const release = readFileSync('/etc/os-release', 'utf8');
  return /^ID=debian$/m.test(release) && release.includes(`VERSION_CODENAME=${backports.debian}`);
}

function systemVulkan() {
  console.error(
    "This is not Debian 12: the system's own GPU driver is used. Without a GPU, install Mesa 25 or newer (lavapipe).",
  );
  return {};
}

/** The environment of a driver in the cache, which is put there unless it stands there. */
function lavapipe() {
  const folder = path.join(cacheFolder(), 'lavapipe');
  const driver = path.join(folder, 'lvp_icd.json');
  if (!existsSync(driver)) install(folder);
  return {
    VK_ICD_FILENAMES: driver,
    LD_LIBRARY_PATH: [libraries(folder), process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    // It compiles programs for the processor, which takes longer than to run them: they are kept, and made for registers that
    // take a third of the time.
    MESA_SHADER_CACHE_DIR: path.join(cacheFolder(), 'lavapipe-programs'),
    LP_NATIVE_VECTOR_WIDTH: '128',
  };
}

/** Installed aside and renamed: a folder under its own name is whole. */
function install(folder) {
  const aside = `${folder}-${process.pid}`;
  console.error(`Installing a software Vulkan driver (Mesa lavapipe) into ${folder}…`);
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside, { recursive: true });
  try {
    const root = path.join(aside, 'root');
    for (const archive of download(path.join(aside, 'apt'))) {
      if (!ofTheSystem.test(path.basename(archive))) run('dpkg-deb', ['-x', archive, root]);
    }
    const kept = libraries(aside);
    for (const name of readdirSync(kept)) {
      if (unused.test(name)) rmSync(path.join(kept, name));
    }
    const driver = JSON.parse(readFileSync(manifestOf(root), 'utf8'));
    driver.ICD.library_path = path
      .join(libraries(aside), 'libvulkan_lvp.so')
      .replace(aside, folder);
    writeFileSync(path.join(aside, 'lvp_icd.json'), `${JSON.stringify(driver, null, 2)}\n`);
    rmSync(path.join(aside, 'apt'), { recursive: true });
    rmSync(path.join(root, 'usr', 'share'), { recursive: true });
    rmSync(folder, { recursive: true, force: true });
    renameSync(aside, folder);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** What tells the Vulkan loader of the driver. */
function manifestOf(root) {
  const folder = path.join(root, 'usr', 'share', 'vulkan', 'icd.d');
  const name = readdirSync(folder).find((each) => each.startsWith('lvp_icd'));
  if (name === undefined)
    throw new SetupError(`mesa-vulkan-drivers holds no lavapipe (${folder}).`);
  return path.join(folder, name);
}

/** `usr/lib/x86_64-linux-gnu`, or what this machine has. */
function libraries(folder) {
  const lib = path.join(folder, 'root', 'usr', 'lib');
  const triplet = readdirSync(lib).find((name) => /-linux-gnu/.test(name));
  return path.join(lib, triplet);
}

/** Downloads the driver with all that it needs by apt, in folders of its own; as any user. */
function download(folder) {
  const sources = path.join(folder, 'sources');
  for (const each of ['sources', 'lists/partial', 'archives/partial']) {
    mkdirSync(path.join(folder, each), { recursive: true });
  }
  // As if nothing were installed, so that whatever the driver needs comes along.
  writeFileSync(path.join(folder, 'status'), '');
  writeFileSync(path.join(sources, 'driver.sources'), sourcesText());
  const apt = (...args) =>
    run(
      'apt-get',
      [
        ...[`Dir::State::Lists=${folder}/lists`, `Dir::State::status=${folder}/status`],
        ...[
          `Dir::Cache=${folder}`,
          `Dir::Cache::archives=${folder}/archives`,
          'Dir::Log=/dev/null',
        ],
        ...['Dir::Etc::SourceList=/dev/null', `Dir::Etc::SourceParts=${sources}`],
        ...['APT::Sandbox::User=', 'Debug::NoLocking=1', 'Acquire::Retries=3'],
      ]
        .flatMap((option) => ['-o', option])
        .concat('-qq', ...args),
    );
  apt('update');
  const wanted = ['mesa-vulkan-drivers', 'libvulkan1'];
  const how = ['--yes', '--no-install-recommends', '--download-only', '-t', backports.suite];
  apt('install', ...how, ...wanted);
  const archives = path.join(folder, 'archives');
  return readdirSync(archives)
    .filter((name) => name.endsWith('.deb'))
    .map((name) => path.join(archives, name));
}

/** The mirror is the one that this machine has for Debian itself. */
function sourcesText() {
  const targets = run('apt-get', [
    ...['indextargets', '--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)', 'Created-By: Packages'],
  ]);
  const mirror = targets
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, release, component]) => release === backports.debian && component === 'main')?.[0];
  if (mirror === undefined) {
    throw new SetupError(
      `apt has no source of ${backports.debian} main: add the mirror that this machine is to use.`,
    );
  }
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
  return [
    'Types: deb',
    `URIs: ${mirror}`,
    `Suites: ${backports.debian} ${backports.suite}`,
    'Components: main',
    ...(existsSync(keys) ? [`Signed-By: ${keys}`] : []),
    '',
  ].join('\n');
}

function run(program, args) {
  try {
    return execFileSync(program, args, {
      encoding: 'utf8',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    const said = String(error.stderr ?? '')
      .trim()
      .split('\n')
      .slice(-5)
      .join('\n');
    throw new SetupError(`${program} failed: ${said || error.message}`);
  }
}
