import { assetsCommands } from './assets.ts';
import { bundleCommands } from './bundle.ts';
import type { Command } from './command.ts';
import { exportCommand } from './export.ts';
import { headsCommands } from './heads.ts';
import { ingestCommand } from './ingest.ts';
import { inspectCommand } from './inspect.ts';
import { maintenanceCommands } from './maintenance.ts';
import { peerCommands } from './peer.ts';
import { profileCommand } from './profile.ts';
import { queryCommand } from './query.ts';
import { spaceCommands } from './space.ts';
import { startCommand } from './start.ts';
import { syncCommands } from './sync.ts';
import { trailCommands } from './trail.ts';

/** Every command, in the order in which the overview lists them. */
export const commands: readonly Command[] = [
  startCommand,
  ingestCommand,
  queryCommand,
  ...assetsCommands,
  ...headsCommands,
  exportCommand,
  inspectCommand,
  profileCommand,
  ...trailCommands,
  ...spaceCommands,
  ...peerCommands,
  ...syncCommands,
  ...bundleCommands,
  ...maintenanceCommands,
];
