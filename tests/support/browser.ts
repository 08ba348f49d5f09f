import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { inflate } from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** Where Chromium is looked for when the one that comes with the packages does not run here. */
const INSTALLED = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

interface Candidate {
  readonly executablePath: string;
  /** Folders of shared libraries and fonts that the browser brings along. */
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * A real, headless Chromium: the one of the development package (Linux on x86-64, with the shared libraries a bare system
 * lacks), else an installed one, else one from the system's package manager where we are root. Undefined when none of
 * them starts; tests then say so by `test.runIf(browser)`.
 */
export async function launchBrowser(): Promise<Browser | undefined> {
  for (const find of [packagedBrowser, installedBrowser, newlyInstalledBrowser]) {
    const candidate = await find().catch(() => undefined);
    const browser = candidate && (await launch(candidate).catch(() => undefined));
    if (browser) return browser;
  }
  return undefined;
}

const launch = ({ executablePath, environment = {} }: Candidate): Promise<Browser> =>
  chromium.launch({
    executablePath,
    // Chromium's own sandbox refuses to start as root, and a container has no GPU. Videos start without a click.
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--autoplay-policy=no-user-gesture-required'],
    env: { ...process.env, ...environment } as Record<string, string>,
  });

async function packagedBrowser(): Promise<Candidate | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const folder = dirname(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')));
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
  const cache = join(root, 'node_modules/.cache');
  const unpacked = join(cache, `chromium-${version}`);
  if (!existsSync(unpacked)) await unpack(join(folder, 'bin'), cache, unpacked);
  const environment = {
    LD_LIBRARY_PATH: join(unpacked, 'al2023/lib'),
    FONTCONFIG_PATH: join(unpacked, 'fonts'),
  };
  return { executablePath: join(unpacked, 'chromium'), environment };
}

/** Unpacks beside the target and renames, as several test processes may do it at once. */
async function unpack(archives: string, cache: string, target: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'chromium-unpacking-'));
  const before = process.env['TMPDIR'];
  try {
    // The package unpacks into the temporary folder and offers no other.
    process.env['TMPDIR'] = folder;
    for (const name of ['chromium.br', 'al2023.tar.br', 'fonts.tar.br']) await inflate(join(archives, name));
    await rename(folder, target).catch((error: unknown) => {
      if (!existsSync(target)) throw error;
    });
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    await rm(folder, { recursive: true, force: true });
  }
}

async function installedBrowser(): Promise<Candidate | undefined> {
  const folders = (process.env['PATH'] ?? '').split(process.platform === 'win32' ? ';' : ':');
  const known = [
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  ];
  const paths = [...folders.flatMap((folder) => INSTALLED.map((name) => join(folder, name))), ...known];
  const executablePath = paths.find((path) => existsSync(path));
  return executablePath === undefined ? undefined : { executablePath };
}

async function newlyInstalledBrowser(): Promise<Candidate | undefined> {
  await installPackages(['chromium']);
  return installedBrowser();
}

/** Installs Debian packages where we are root and there is a package manager; rejects elsewhere. */
export async function installPackages(names: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error(`Not root: ${names.join(', ')} cannot be installed.`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], { env });
  await install().catch(async () => {
    await run('apt-get', ['update', '-qq'], { env });
    await install();
  });
}
