/**
 * Where the spaces of this node lie in its store. Ids are UUIDs or hexadecimal digits and stand as they are.
 *
 * | key                                          | value                                                        |
 * | -------------------------------------------- | ------------------------------------------------------------ |
 * | `space/<space>`                              | the space as this node knows it, see `space-record.ts`       |
 * | `space-asset/<asset>`                        | which space an asset is in, see `shared-asset.ts`            |
 * | `space-replica/<space>/<asset>`              | what the operations about an asset amount to                 |
 * | `space-dirty/<space>/<asset>`                | the mark of a replica that the catalog has not taken in yet  |
 * | `space-applied/<space>/<author>/<log>`       | how far the operations of a data log have been applied       |
 * | `space-ended/<space>`                        | the control logs that had ended in a fork then, as text      |
 * | `space-retold/<space>/<log>/<asset>`         | which operations of an ended log were signed anew            |
 * | `space-refold/<space>/<asset>`               | empty: the asset is to be folded anew from all logs          |
 * | `space-refused/<space>`                      | how many operations have no effect, by reason                |
 * | `space-untold/<space>/<asset>`               | empty: the space has not been told of a change made here     |
 * | `space-untaken/<space>/<asset>`              | why the catalog cannot take in what the space says of it     |
 * | `space-published`                            | the number of the last journal entry that was published      |
 * | `space-seal/<segment>/<space>/<asset>`       | how the document of an asset says that a segment is sealed   |
 * | `space-seal-proved/<name>`                   | the sealed segment of that name, proved by this node         |
 * | `space-seal-of/<segment>/<name>`             | empty: the segment has that proved name                      |
 * | `space-wanted/<asset>`                       | what a person asked for: to have its rows here, or not       |
 * | `space-lacking/<asset>`                      | empty: its rows may be wanted here and not have come         |
 * | `space-announced/<space>/<author>/<slot>`    | a segment to be held without a key, see `announced-segments.ts` |
 * | `space-announced-count/<space>/<author>`     | how many announcements of a device were put into slots       |
 * | `space-announced-name/<name>/<space>/<size>` | the slot of an announced segment; empty where none is needed |
 * | `space-carried/<space>`                      | the last arrival that was looked through for announcements   |
 * | `space-carried-log/<space>/<author>/<log>`   | the same in one data log: the seq of the next operation      |
 */
export const SPACES = 'space/';
export const SHARED_ASSETS = 'space-asset/';
export const WANTED_ASSETS = 'space-wanted/';
export const LACKING_ROWS = 'space-lacking/';
export const PUBLISHED = 'space-published';

export const spaceKey = (space: string): string => SPACES + space;
export const sharedAssetKey = (asset: string): string => SHARED_ASSETS + asset;
export const replicaPrefix = (space: string): string => `space-replica/${space}/`;
export const replicaKey = (space: string, asset: string): string => replicaPrefix(space) + asset;
export const dirtyPrefix = (space: string): string => `space-dirty/${space}/`;
export const dirtyKey = (space: string, asset: string): string => dirtyPrefix(space) + asset;
export const appliedPrefix = (space: string): string => `space-applied/${space}/`;
export const appliedKey = (space: string, logPath: string): string => appliedPrefix(space) + logPath;
export const endedControlKey = (space: string): string => `space-ended/${space}`;
export const retoldKey = (space: string, logId: string, asset: string): string =>
  `space-retold/${space}/${logId}/${asset}`;
export const refoldPrefix = (space: string): string => `space-refold/${space}/`;
export const refoldKey = (space: string, asset: string): string => refoldPrefix(space) + asset;
export const refusedKey = (space: string): string => `space-refused/${space}`;
export const untoldPrefix = (space: string): string => `space-untold/${space}/`;
export const untoldKey = (space: string, asset: string): string => untoldPrefix(space) + asset;
export const untakenPrefix = (space: string): string => `space-untaken/${space}/`;
export const untakenKey = (space: string, asset: string): string => untakenPrefix(space) + asset;
export const sealedPrefix = (segment: string, space: string): string => `space-seal/${segment}/${space}/`;
export const sealedKey = (segment: string, space: string, asset: string): string =>
  sealedPrefix(segment, space) + asset;
export const provedKey = (name: string): string => `space-seal-proved/${name}`;
export const provedPrefix = (segment: string): string => `space-seal-of/${segment}/`;
export const provedSegmentKey = (segment: string, name: string): string => provedPrefix(segment) + name;
export const wantedKey = (asset: string): string => WANTED_ASSETS + asset;
export const lackingKey = (asset: string): string => LACKING_ROWS + asset;
export const announcedPrefix = (space: string): string => `space-announced/${space}/`;
export const announcedSlotKey = (space: string, author: string, slot: number): string =>
  `${announcedPrefix(space)}${author}/${String(slot).padStart(5, '0')}`;
export const announcedCountKey = (space: string, author: string): string => `space-announced-count/${space}/${author}`;
export const announcedNamePrefix = (name: string): string => `space-announced-name/${name}/`;
export const announcedNameKey = (name: string, space: string, byteCount: number): string =>
  `${announcedNamePrefix(name)}${space}/${byteCount}`;
export const carriedKey = (space: string): string => `space-carried/${space}`;
export const carriedLogKey = (space: string, logPath: string): string => `space-carried-log/${space}/${logPath}`;
