import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { describeIssue } from '#core/api/index.ts';
import { fromUtf8, GranaryError, isGranaryError } from '#core/kernel/index.ts';
import type { FileSystem } from '#core/platform/ports.ts';

export const CONFIG_FILE = 'granary.config.json';

/** The port people remember; free on most machines. */
const DEFAULT_PORT = 7420;

/** The port of sync, beside that of the API. */
const DEFAULT_LISTEN = ['/ip4/0.0.0.0/tcp/7421', '/ip6/::/tcp/7421'];

const MiB = 2 ** 20;

/** Half of the disk of the smallest server that is to be had. */
const DEFAULT_RELAY_BYTES = 10 * 2 ** 30;

const configSchema = z.strictObject({
  catalog: z
    .strictObject({
      /** `postgres://…` for a server; absent: PGlite inside the home. */
      url: z
        .string()
        .regex(/^postgres(ql)?:\/\//, 'must begin with postgres:// or postgresql://')
        .optional(),
    })
    .prefault({}),
  /** Folder of the segment files, absolute or relative to the home. */
  webmStoragePath: z.string().min(1).default('segments'),
  /** Audit entries older than this are pruned at start. */
  auditLogRetentionDays: z.int().min(1).max(36_500).default(365),
  /** Name of the replication slot that change data capture uses on a source. */
  cdcReplicationSlot: z
    .string()
    .regex(/^[a-z0-9_]{1,63}$/, 'must be lower-case letters, digits and underscores, 63 at most')
    .default('granary_cdc'),
  api: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      port: z.int().min(0).max(65_535).default(DEFAULT_PORT),
    })
    .prefault({}),
  sync: z
    .strictObject({
      /** What other members see this device called; the name of the machine when absent. */
      deviceName: z.string().min(1).max(100).optional(),
      /** Multiaddrs to listen on; a port that is taken is replaced by a free one. */
      listen: z.array(z.string().startsWith('/', 'must be a multiaddr')).default(DEFAULT_LISTEN),
      /** Says on the local network that this device is there, once it is in a space, and hears others. */
      discover: z.boolean().default(true),
      /** Multiaddrs of relays to be reached through, each with the id of its peer. */
      /** File with the key of a private network, absolute or relative to the home: devices without it get no line. */
      networkKeyFile: z.string().min(1).optional(),
      relays: z.array(z.string().startsWith('/', 'must be a multiaddr')).default([]),
      /** Is a relay for others: passes their lines on, and stores and forwards for the spaces that it may not read. */
      isRelay: z.boolean().default(false),
      /** Bytes of sealed segments that a relay keeps for each of those spaces. */
      relayBytes: z.int().min(0).default(DEFAULT_RELAY_BYTES),
      /** Bytes a second that segments may take, from all peers together and to each; no limit when absent. */
      bytesPerSecond: z.int().min(1024).optional(),
    })
    .prefault({}),
  query: z
    .strictObject({
      /** What the SQL engine may hold before it spills to disk. */
      memoryBytes: z
        .int()
        .min(64 * MiB)
        .default(256 * MiB),
      /** What decoded columns may take between queries, in files below the home. */
      cacheBytes: z
        .int()
        .min(0)
        .default(128 * MiB),
    })
    .prefault({}),
});

/** The settings of a node; every path is absolute. */
export type NodeConfig = z.output<typeof configSchema>;

/**
 * Reads `granary.config.json` of a home; without the file every setting has its default. Errors: `CONFIG_INVALID`,
 * naming the key.
 */
export async function readConfig(files: FileSystem, home: string): Promise<NodeConfig> {
  const path = join(home, CONFIG_FILE);
  const config = parseConfig(await readJson(files, path), path);
  const { webmStoragePath } = config;
  return { ...config, webmStoragePath: isAbsolute(webmStoragePath) ? webmStoragePath : join(home, webmStoragePath) };
}

async function readJson(files: FileSystem, path: string): Promise<unknown> {
  try {
    return JSON.parse(fromUtf8(await files.readFile(path))) as unknown;
  } catch (error) {
    if (isGranaryError(error, 'FILE_NOT_FOUND')) return {};
    if (isGranaryError(error)) throw error;
    throw new GranaryError('CONFIG_INVALID', `${path} is not JSON: ${(error as Error).message}.`, {}, { cause: error });
  }
}

/** Checks a parsed configuration. Errors: `CONFIG_INVALID`. */
export function parseConfig(value: unknown, path: string): NodeConfig {
  const result = configSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const key = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]].join('.') : issue.path.join('.');
  const what = issue.code === 'unrecognized_keys' ? `unknown key "${key}"` : describeIssue(issue);
  throw new GranaryError('CONFIG_INVALID', `${path}: ${what}.`, { key });
}
